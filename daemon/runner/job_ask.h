/* SPDX-License-Identifier: MIT */
/* job_ask.h - what a running job asks of the loop about other jobs: take one below it, tell how one ended.
 *
 * The goroutine posts an errand and waits on a channel; the loop answers by a goroutine that closes
 * it, for only those may. Whoever asked may leave before (cancelled, too late): he tells the loop so by a
 * second errand, for a job that he waited for may run for long. Cancelled he waits for no answer any more:
 * what he was handing in is entered all the same, if he still ran when the loop heard of it, and ends with him.
 *
 * Threads     submit, wait: goroutines of the job's. The rest: loop thread.
 * Ownership   counted references: the asker's, the loop's until it has answered, that of `leaving`.
 */
#ifndef GORD_RUNNER_JOB_ASK_H
#define GORD_RUNNER_JOB_ASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/runner/errand.h"
#include "daemon/runner/run.h"

enum { GORD_JOB_ANSWER_TEXT = 640 };

struct gord_job_answer {
    int error;                       /* 0, or a negative errno, and */
    char text[GORD_JOB_ANSWER_TEXT]; /* what is wrong; "": no more than that says */
    uint64_t id;                     /* of what was handed in */
    /* How what was waited for ended. */
    Gor__V1__Outcome outcome;
    int exit_code;
    int signal;
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    char *detail;               /* owned */
    struct gord_report *report; /* owned reference; NULL: it told nothing */
};

void gord_job_answer_fini(struct gord_job_answer *answer);

struct gord_job_ask {
    struct gord_errand errand;
    struct gord_errand leaving; /* of who asked */
    atomic_uint refs;
    struct gord_run *run; /* owned reference: who asks */
    /* A script waits for jobs below its own only; it is told of what has ended while the store refuses that,
     * and nothing any more once the daemon stops. */
    bool is_script;
    Gor__V1__JobSpec *spec; /* owned: what to hand in; NULL: wait for `id` */
    uint64_t id;
    atomic_bool left; /* nobody waits for the answer any more */
    bool is_overdue;  /* by what is on record the time of who asks was over at the answer */
    struct gor_chan *answered; /* owned; closed when `answer` is there */
    struct gord_job_answer answer;
    /* Of a list of those that wait, for the loop to put it in; out of it once it is answered, or who asked has
     * left. Loop only. */
    struct list_link link;
};

/* Hand in `spec`, which is copied, below the run's job. 0: the loop has answered, and *out_answer, zeros
 * before, is the caller's; else he was not told: the error of its context; -ENOMEM. [goroutine] */
int gord_job_ask_submit(struct gord_run *run, bool is_script, const Gor__V1__JobSpec *spec,
                        struct gord_job_answer *out_answer);

/* Wait until a job has ended. As above; also -ETIMEDOUT by the deadline, here or as the answer.
 * [goroutine] */
int gord_job_ask_wait(struct gord_run *run, bool is_script, uint64_t id, int64_t deadline,
                      struct gord_job_answer *out_answer);

/* ask->answer is complete: it waits no more; tell who asked, and give up the loop's reference. */
void gord_job_ask_answer(struct gord_job_ask *ask);

/* The same with an error and a text. */
void gord_job_ask_refuse(struct gord_job_ask *ask, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
