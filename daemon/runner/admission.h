/* SPDX-License-Identifier: MIT */
/* admission.h - whether there are places for goroutines of jobs, and which jobs wait for one.
 *
 * Native and Lua jobs and what they start count in a quota of libgor's, if gord was told one. What gord itself
 * runs, and what it runs for processes, does not: the daemon works on whatever its jobs do. The memory
 * of stacks has a ceiling for all of them together.
 *
 * A job is started only while there is a place, as far as that can be known before its start is on
 * record. One that finds none then stands in line here, and no further one is started meanwhile.
 *
 * Nothing here waits: it runs on the loop. While somebody wants a place the loop looks again every few
 * milliseconds, for places come free without a word when goroutines end.
 *
 * Threads     loop thread.
 * Ownership   open/close; part of the runner.
 */
#ifndef GORD_RUNNER_ADMISSION_H
#define GORD_RUNNER_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/event/spec.h"
#include "daemon/job/job.h"
#include "runtime/gor.h"

struct gord_admission {
    struct gor_quota *quota;              /* owned; NULL: jobs may start as many as they like */
    const struct gord_job_counts *counts; /* borrowed */
    uint64_t counted_running; /* jobs taken that count in it, whose goroutine has been started */
    uint64_t *line;           /* owned; ids of those that found no place, in their order */
    size_t line_first;
    size_t line_count;
    size_t line_room;
    uv_timer_t look_again;
    void (*look)(void *arg);
    void *arg;
};

/* `most` 0: no quota. -ENOMEM. */
int gord_admission_open(struct gord_admission *admission, uint64_t most, uv_loop_t *loop,
                        const struct gord_job_counts *counts);

/* Have look(arg) called when there may be places. */
void gord_admission_on_look(struct gord_admission *admission, void (*look)(void *arg), void *arg);

/* The loop must run once more before fini. */
void gord_admission_close(struct gord_admission *admission);
void gord_admission_fini(struct gord_admission *admission);

/* How many more jobs of that kind may be started now. */
uint64_t gord_admission_room(const struct gord_admission *admission, enum gord_job_kind kind);

/* Why there is none, for people; "" if there is some. */
void gord_admission_why(const struct gord_admission *admission, enum gord_job_kind kind, char *out,
                        size_t out_bytes);

/* The quota that a job of that kind counts in; NULL: none. */
struct gor_quota *gord_admission_quota(const struct gord_admission *admission,
                                       enum gord_job_kind kind);

/* A job has found no place: it comes last in line. -ENOMEM. */
int gord_admission_line_up(struct gord_admission *admission, uint64_t id);

/* The first in line; 0: nobody waits. */
uint64_t gord_admission_first(const struct gord_admission *admission);
void gord_admission_drop_first(struct gord_admission *admission);

/* Somebody wants a place: look again soon. */
void gord_admission_want(struct gord_admission *admission);

#endif
