/* SPDX-License-Identifier: MIT */
/* columns.h - which facts of a job a list shows, and how each is written. */
#ifndef GOR_CLIENT_COLUMNS_H
#define GOR_CLIENT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/table.h"
#include "gor/v1/jobs.pb-c.h"

enum { GORCTL_COLUMNS_MAX = 40 };

struct gorctl_columns {
    uint8_t which[GORCTL_COLUMNS_MAX]; /* indexes into the table of all there are */
    size_t count;
};

/* What ls shows, what history shows, and all that --long shows. */
extern const struct gorctl_columns gorctl_columns_live;
extern const struct gorctl_columns gorctl_columns_progress; /* live, and how far jobs are */
extern const struct gorctl_columns gorctl_columns_ended;
extern const struct gorctl_columns gorctl_columns_runs; /* what history --attempts shows */
extern const struct gorctl_columns gorctl_columns_long;

bool gorctl_columns_are_live(const struct gorctl_columns *columns);

/* Names with commas between. NULL, or a copy of the name that is unknown or one too many. */
char *gorctl_columns_parse(const char *names, struct gorctl_columns *out_columns);

/* Every name with what it shows. */
void gorctl_columns_help(FILE *out);

/* The name of the i-th column of all there are, and what it shows; NULL: there are no more. */
const char *gorctl_columns_name(size_t i, const char **out_shows);

/* Does one of them need Job.use? */
bool gorctl_columns_need_use(const struct gorctl_columns *columns);

/* An empty table with these heads; one more row of it. */
struct gorctl_table *gorctl_columns_table(const struct gorctl_columns *columns);
void gorctl_columns_row(const struct gorctl_columns *columns, struct gorctl_table *table,
                        const Gor__V1__Job *job, int64_t now_ns);

#endif
