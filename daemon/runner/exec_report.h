/* SPDX-License-Identifier: MIT */
/* exec_report.h - two more pipes of a job's process: by one it tells how far it is, in lines
 * (progress.h), by the other it hands over its result, byte by byte.
 *
 * The process finds them as descriptors 3 and 4, and their numbers in its environment. What holds
 * them open after it does not keep the job: what was written by then is read, and that is all.
 * Most processes end before anybody could have looked: while one is young nobody reads, and the pipes
 * keep what it says.
 *
 * Threads     the job's goroutine; reading is done by goroutines of its own.
 * Ownership   the memory is the caller's, from open to end.
 */
#ifndef GORD_RUNNER_EXEC_REPORT_H
#define GORD_RUNNER_EXEC_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/runner/run.h"
#include "runtime/gor.h"

enum { GORD_PROGRESS_PIPE, GORD_RESULT_PIPE, GORD_REPORT_PIPES };

#define GORD_PROGRESS_FD_VARIABLE "GOR_PROGRESS_FD=3"
#define GORD_RESULT_FD_VARIABLE "GOR_RESULT_FD=4"

struct gord_exec_report {
    struct gord_run *run;             /* borrowed */
    int fds[GORD_REPORT_PIPES];       /* owned: where we read; -1: closed */
    int child_fds[GORD_REPORT_PIPES]; /* owned: where it writes; -1 once it has them */
    struct gor_ctx *over;             /* owned: ends the waits of the readers */
    struct gor_waitgroup readers;
    char line[1024]; /* the beginning of one, or the whole */
    size_t line_bytes;
    bool too_long; /* its result is, and is not kept */
};

/* How long nobody reads. */
#define GORD_REPORT_YOUTH_NS (50 * GOR_MILLISECOND)

/* 0, or the errno of pipe2, with nothing open. */
int gord_exec_report_open(struct gord_exec_report *report, struct gord_run *run);

/* The process has its ends. */
void gord_exec_report_close_child(struct gord_exec_report *report);

/* Begin to read, for the process has become old enough; an error of gor_go. */
int gord_exec_report_start(struct gord_exec_report *report);

/* Read no more for now; what was begun of a line stays. */
void gord_exec_report_pause(struct gord_exec_report *report);

/* The process has ended, or there was none: read what is there, and close. */
void gord_exec_report_end(struct gord_exec_report *report);

#endif
