/* SPDX-License-Identifier: MIT */
/* list.h - pages of jobs as a table or as JSON; shared by ls and history. */
#ifndef GOR_CLIENT_LIST_H
#define GOR_CLIENT_LIST_H

#include <argp.h>
#include <stddef.h>
#include <stdint.h>

#include "client/columns.h"
#include "client/gorctl.h"
#include "gor/v1/jobs.pb-c.h"

enum { GORCTL_LIST_FILTERS = 16 };

struct gorctl_list {
    uint64_t most; /* rows; 0: all */
    Gor__V1__JobState states[GORCTL_LIST_FILTERS];
    size_t state_count;
    Gor__V1__Outcome outcomes[GORCTL_LIST_FILTERS];
    size_t outcome_count;
    const char *name;
    uint64_t before;
    int64_t since_ns, until_ns;
    struct gorctl_columns columns;
};

/* -n, -o, --long, --name, --before, --since, --until, --outcome; the input is a struct gorctl_list with its
 * defaults set. */
extern const struct argp gorctl_list_argp;

/* --state and --outcome take words with commas; an unknown one ends with GORCTL_EXIT_USAGE. */
void gorctl_list_add_states(struct argp_state *state, struct gorctl_list *list, char *words);

/* An exit code. */
int gorctl_list_show(struct gorctl *ctl, const struct gorctl_list *list);

#endif
