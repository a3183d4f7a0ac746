/* SPDX-License-Identifier: MIT */
/* reporter.h - where a running job leaves its progress and its result, and the loop finds them.
 *
 * A job that tells nothing has none of this. Telling is a matter of some words behind a lock: nobody
 * is woken for it, whoever shows progress comes and looks, as seldom as it likes.
 *
 * Threads     tell, result: any. The rest: loop thread.
 * Ownership   a reporter belongs to its run, made by the first word of the job's.
 */
#ifndef GORD_RUNNER_REPORTER_H
#define GORD_RUNNER_REPORTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/event/report.h"
#include "daemon/runner/errand.h"

struct gord_run;

struct gord_reporter {
    struct gord_run *run;       /* borrowed: its owner */
    pthread_mutex_t lock;       /* guards the next five; held for moments */
    struct gord_report *latest; /* owned reference: the progress; NULL: none so far */
    uint64_t told;              /* times there was progress */
    uint8_t *result;            /* owned */
    size_t result_bytes;
    bool has_result;
    struct gord_errand announce; /* to the loop, once */
    uint64_t seen;               /* of `told`, by the loop */
    uint64_t order;              /* of what was seen, over all jobs; 0: none yet */
    struct list_link link;       /* list link of gord_reporters */
};

/* Those of the jobs that run; loop. */
struct gord_reporters {
    struct list_link list; /* by order: changed longest ago first */
    uint64_t order;        /* the newest given */
};

void gord_reporters_init(struct gord_reporters *reporters);

/* How far the job is, which is a sign of life as well. -ENOMEM. [any thread] */
int gord_run_tell(struct gord_run *run, uint64_t done, uint64_t total, const char *text);

/* What came out of it: in place of what was there, or behind it. -EMSGSIZE: more than
 * GORD_RESULT_BYTES, with nothing changed. -ENOMEM. [any thread] */
int gord_run_set_result(struct gord_run *run, const void *bytes, size_t length);
int gord_run_add_result(struct gord_run *run, const void *bytes, size_t length);

/* There is none after all. [any thread] */
void gord_run_drop_result(struct gord_run *run);

/* The progress alone, or everything for the end; a reference for the caller. NULL: it told nothing,
 * or there is no memory. [any thread] */
struct gord_report *gord_run_progress(const struct gord_run *run);
struct gord_report *gord_run_report(const struct gord_run *run);

void gord_reporter_free(struct gord_reporter *reporter); /* NULL is fine */

/* Of a job that runs; once. */
void gord_reporters_add(struct gord_reporters *reporters, struct gord_reporter *reporter);

/* The job has ended. NULL is fine. */
void gord_reporters_remove(struct gord_reporter *reporter);

/* See what is new; then visit what has changed since *cursor (0: everything), oldest first, and move
 * the cursor, until visit answers non-zero, which is then the answer. */
void gord_reporters_look(struct gord_reporters *reporters);
int gord_reporters_each(const struct gord_reporters *reporters, uint64_t *cursor,
                        int (*visit)(void *arg, const struct gord_run *run,
                                     const struct gord_report *report),
                        void *arg);

#endif
