/* SPDX-License-Identifier: MIT */
/* subjob.h - what a job's goroutine asks of the loop about jobs below its own: hand one in, wait for one.
 *
 * The goroutine posts an errand and waits on a channel; the loop answers by a goroutine that closes
 * it, for only those may. Whoever asked may leave before (cancelled, too late): he tells the loop so by a
 * second errand, for a job that he waited for may run for long. Cancelled he waits for no answer any more.
 *
 * Threads     ask: goroutines. The rest: loop thread.
 * Ownership   counted references: the asker's, the loop's until it has answered, that of `leaving`.
 */
#ifndef GORD_RUNNER_SUBJOB_H
#define GORD_RUNNER_SUBJOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/lua/script.h"
#include "daemon/runner/errand.h"
#include "runtime/gor.h"

struct gord_run;
struct gord_runner;

struct gord_subjob {
    struct gord_errand errand;
    struct gord_errand leaving; /* of who asked */
    atomic_uint refs;
    uint64_t parent_id;     /* who asks */
    Gor__V1__JobSpec *spec; /* owned: what to hand in; NULL: wait for `id` */
    uint64_t id;
    atomic_bool left; /* nobody waits for the answer any more */
    bool is_overdue;  /* by what is on record the time of who asks was over at the answer */
    struct gor_chan *answered; /* owned; closed when `answer` is there */
    struct gord_lua_answer answer;
    /* List link of those that wait, and what points to it there, NULL: it does not wait; loop only. */
    struct gord_subjob *next;
    struct gord_subjob **place;
};

/* Who answers; the service. It ends with gord_subjob_answer, now or later. */
struct gord_subjob_handler {
    void (*ask)(void *arg, struct gord_subjob *subjob);
    void *arg;
};

/* Hand in `spec` below the run's job; it is copied. As gord_lua_host.submit. [goroutine] */
void gord_subjob_submit(struct gord_run *run, const Gor__V1__JobSpec *spec,
                        struct gord_lua_answer *out_answer);

/* Wait for a job below the run's. As gord_lua_host.wait. [goroutine] */
void gord_subjob_wait(struct gord_run *run, uint64_t id, int64_t deadline,
                      struct gord_lua_answer *out_answer);

/* Put it in that list of those that wait, until it is answered, or who asked has left. */
void gord_subjob_line_up(struct gord_subjob **waiting, struct gord_subjob *subjob);

/* subjob->answer is complete: it waits no more; tell who asked, and give up the loop's reference. */
void gord_subjob_answer(struct gord_subjob *subjob);

/* The same with an error and a text. */
void gord_subjob_refuse(struct gord_subjob *subjob, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
