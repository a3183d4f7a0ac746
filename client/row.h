/* SPDX-License-Identifier: MIT */
/* row.h - a job as cells of a table, the same in every command that shows jobs in rows. */
#ifndef GOR_CLIENT_ROW_H
#define GOR_CLIENT_ROW_H

#include <stdint.h>

#include "client/table.h"
#include "gor/v1/jobs.pb-c.h"

/* One cell each: its id; its state or how it ended, in colour; how long it has run, "-" before that. */
void gorctl_row_id(struct gorctl_table *table, const Gor__V1__Job *job);
void gorctl_row_status(struct gorctl_table *table, const Gor__V1__Job *job);
void gorctl_row_took(struct gorctl_table *table, const Gor__V1__Job *job, int64_t now_ns);

/* Its name; what it runs; why it is as it is, the first line of that. */
void gorctl_row_name(struct gorctl_table *table, const Gor__V1__Job *job);
void gorctl_row_command(struct gorctl_table *table, const Gor__V1__Job *job);
void gorctl_row_why(struct gorctl_table *table, const Gor__V1__Job *job);

/* Those three. */
void gorctl_row_what(struct gorctl_table *table, const Gor__V1__Job *job);

#endif
