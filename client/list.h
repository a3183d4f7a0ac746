/* SPDX-License-Identifier: MIT */
/* list.h - pages of jobs as a table or as JSON; shared by ls and history. */
#ifndef GOR_CLIENT_LIST_H
#define GOR_CLIENT_LIST_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/columns.h"
#include "client/gorctl.h"
#include "client/selector.h"
#include "client/template.h"

struct gorctl_list {
    uint64_t most; /* rows; 0: all */
    struct gorctl_selector selector;
    uint64_t before;
    struct gorctl_columns columns;
    bool attempts;                        /* a row for each run of a job */
    bool no_heading;                      /* rows only */
    bool as_table;                        /* -o, --long or --no-header was said */
    struct gorctl_template_option format; /* instead of a table; its ctl and of are set */
};

/* -n, -o, --long, --no-header, --format, --before; the input is a struct gorctl_list with its defaults set. */
extern const struct argp gorctl_list_argp;

/* An exit code. */
int gorctl_list_show(struct gorctl *ctl, const struct gorctl_list *list);

#endif
