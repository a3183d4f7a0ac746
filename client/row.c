/* SPDX-License-Identifier: MIT */
#include "client/row.h"

#include <stdlib.h>

#include "client/screen.h"
#include "client/text.h"
#include "client/when.h"

void gorctl_row_id(struct gorctl_table *table, const Gor__V1__Job *job)
{
    gorctl_table_number(table, job->id);
}

void gorctl_row_status(struct gorctl_table *table, const Gor__V1__Job *job)
{
    char status[GORCTL_WORD_ROOM];
    gorctl_status_text(job, status);
    gorctl_table_cell(table, status, gorctl_status_style(job->state, job->outcome));
}

void gorctl_row_took(struct gorctl_table *table, const Gor__V1__Job *job, int64_t now_ns)
{
    char text[GORCTL_WHEN_ROOM] = "-";
    if (job->started_ns != 0) {
        gorctl_duration_text(gorctl_job_took(job, now_ns), text);
    }
    gorctl_table_cell(table, text, NULL);
}

void gorctl_row_name(struct gorctl_table *table, const Gor__V1__Job *job)
{
    gorctl_table_text(table, job->spec != NULL ? job->spec->name : "");
}

void gorctl_row_command(struct gorctl_table *table, const Gor__V1__Job *job)
{
    char *command = gorctl_command_text(job->spec);
    gorctl_table_cell(table, command, NULL);
    free(command);
}

void gorctl_row_why(struct gorctl_table *table, const Gor__V1__Job *job)
{
    char *why = gorctl_text_first_line(job->detail[0] != '\0' ? job->detail : job->reason);
    gorctl_table_cell(table, why, NULL);
    free(why);
}

void gorctl_row_what(struct gorctl_table *table, const Gor__V1__Job *job)
{
    gorctl_row_name(table, job);
    gorctl_row_command(table, job);
    gorctl_row_why(table, job);
}
