/* SPDX-License-Identifier: MIT */
/* gates.h - what keeps accepted jobs from the queue: a hold, a time, other jobs, a pause before a
 * retry; and the time after which a job that has not started is over.
 *
 * Invariants  a job that is CREATED, or waits for a retry, has a gate, and so has one that is to
 *             start before some time, or has a deadline, and has not started; nothing else has one. What a gate knows is
 *             in the job's standing, so that it can be made again after a restart.
 * Threads     loop thread.
 * Ownership   open/close/fini; part of the runner. The gates own what body->gate points to.
 * See also    docs/job-lifecycle.md, "Gates"
 */
#ifndef GORD_RUNNER_GATES_H
#define GORD_RUNNER_GATES_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/runner/after.h"
#include "daemon/runner/alarm.h"
#include "daemon/runner/bus.h"

/* Room for what keeps a job, as a text. */
enum { GORD_GATE_TEXT = 320 };

struct gord_gates {
    struct gord_bus *bus; /* borrowed; where jobs that are waited for are looked up */
    struct gord_after_index index;
    struct gord_gate_news *news; /* owned; ends and starts that somebody waits for */
    size_t news_count;
    size_t news_room;
    struct gord_alarm wall;     /* times of the wall clock */
    struct gord_alarm boot;     /* delays */
    struct gord_alarm expiries; /* times to have started by, and deadlines; by the wall clock */
    /* Nothing keeps the job any more. */
    void (*opened)(void *arg, struct gord_job *job);
    /* What it was to run after can no longer come. */
    void (*failed)(void *arg, struct gord_job *job, const char *detail);
    /* It has not started in time, or its deadline has passed before it did. */
    void (*expired)(void *arg, struct gord_job *job);
    void *arg;
    /* What became of a job that has ended and is not in the store, not yet or no longer; false: that is
     * not known. NULL: there are none such. */
    bool (*recall)(void *arg, uint64_t id, struct gord_after_facts *out);
    void *recall_arg;
};

int gord_gates_open(struct gord_gates *gates, struct gord_bus *bus);
void gord_gates_close(struct gord_gates *gates);
void gord_gates_fini(struct gord_gates *gates);

/* Make the job's gate as its standing says, or make it anew after that has changed. 1: it is kept
 * from the queue; 0: it is not; -ENOMEM. Its spec must be there. */
int gord_gates_enter(struct gord_gates *gates, struct gord_job *job);

/* The conditions that the job will have with that spec, as they stand now; NULL with 0: none. What has a
 * gate now has one afterwards, for gord_gates_adopt once the spec is the job's. -ENOMEM, or the
 * reader's error, with nothing changed. */
int gord_gates_plan(struct gord_gates *gates, struct gord_job *job, const struct gord_spec *spec,
                    struct gord_after **out_after);

/* They take the place of those it had; or they are given up. */
void gord_gates_adopt(struct gord_gates *gates, struct gord_job *job, struct gord_after *after);
void gord_gates_give_up(struct gord_gates *gates, struct gord_after *after);

/* Call visit(arg, id, condition) for all jobs that a live one is to run after, whether or not they have come
 * to that; see gord_after_each. Its spec must be there. -ENOMEM. */
int gord_gates_each(const struct gord_job *job,
                    int (*visit)(void *arg, uint64_t id, Gor__V1__Dependency__Condition condition),
                    void *arg);

/* The job has started or is over. */
void gord_gates_leave(struct gord_gates *gates, struct gord_job *job);

/* Open the gate or fail the job, if that is what its dependencies have come to. */
void gord_gates_look(struct gord_gates *gates, struct gord_job *job);

/* A job has started or ended; those that wait for it learn it in the next flush. -ENOMEM. */
int gord_gates_tell(struct gord_gates *gates, const struct gord_job *job);
void gord_gates_flush(struct gord_gates *gates);

/* What keeps it, for people: "held; until 2026-03-01 12:30:00 +0100". */
const char *gord_gates_why(const struct gord_job *job, char out[GORD_GATE_TEXT]);

/* The same of a job with that spec that is not there yet, or why it would never run; "": nothing would
 * keep it. -ENOMEM, or the reader's error. */
int gord_gates_would(struct gord_gates *gates, const struct gord_spec *spec,
                     char out[GORD_GATE_TEXT]);

/* What the conditions on other jobs come to for a job with that spec. -ENOMEM, or the reader's error. */
int gord_gates_would_hold(struct gord_gates *gates, const struct gord_spec *spec,
                          enum gord_after_verdict *out_verdict);

/* "2026-03-01 12:30:00 +0100" */
const char *gord_gates_time(int64_t at_ns, char *out, size_t bytes);

#endif
