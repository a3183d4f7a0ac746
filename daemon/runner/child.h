/* SPDX-License-Identifier: MIT */
/* child.h - a running job hands in jobs below it, and waits for jobs to end.
 *
 * A goroutine makes a request, the loop does it (by what the service told it to submit with), and wakes
 * the goroutine by another one, since only goroutines may touch a channel. One whose context ends gives up
 * waiting, and tells the loop by a second errand, for what it waits for may run for long. What it was handing
 * in is entered all the same, if it was still running when the loop heard of it, and ends with it.
 *
 * Threads     as each function says.
 * Ownership   counted references: the goroutine's, the loop's until it has answered, that of `given_up`.
 */
#ifndef GORD_RUNNER_CHILD_H
#define GORD_RUNNER_CHILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/runner/errand.h"
#include "daemon/runner/run.h"

enum { GORD_CHILD_TEXT = 640 };

/* How the job that was waited for ended. */
struct gord_child_end {
    Gor__V1__Outcome outcome;
    int exit_code;
    int signal;
    char *detail;               /* owned */
    struct gord_report *report; /* owned reference; NULL: it told nothing */
};

struct gord_child_request {
    struct gord_errand errand;
    struct gord_errand given_up; /* by whoever waited */
    atomic_uint refs;
    struct gord_run *run;   /* owned reference: whose request it is */
    struct gor_chan *ready; /* owned: closed when it is answered */
    uint64_t id;            /* submit: the answer; wait: the question */
    int error;              /* the answer */
    bool is_overdue;        /* by what is on record the time of who asks was over at the answer */
    char text[GORD_CHILD_TEXT];
    Gor__V1__JobSpec *spec;    /* submit: owned */
    struct gord_child_end end; /* wait: the answer */
    /* List link of those that wait, and what points to it there, NULL: it does not wait; loop only. */
    struct gord_child_request *next;
    struct gord_child_request **place;
};

/* Hand in a job below `run`; its parent is set here. 0 with the id; -EINVAL with the reason in `text`
 * (GORD_CHILD_TEXT bytes); -ECANCELED: the daemon stops; the error of its context; what the store answered;
 * -ENOMEM. Takes over the spec, which gor__v1__job_spec__free_unpacked frees. [goroutine] */
int gord_run_submit(struct gord_run *run, Gor__V1__JobSpec *spec, uint64_t *out_id, char *text);

/* Until job `id` has ended and that is on disk. 0; -ENOENT; -EDEADLK: it is `run` itself; the error of its
 * context; -ENOMEM. [goroutine] */
int gord_run_await(struct gord_run *run, uint64_t id, struct gord_child_end *out_end);
void gord_child_end_fini(struct gord_child_end *end);

/* It is answered, and waits no more; gives up the loop's reference. Loop. */
void gord_child_answer(struct gord_child_request *request, int error);

/* One more waits, or is answered at once. Loop. */
void gord_child_wait(struct gord_runner *runner, struct gord_child_request *request);

/* Put it in that list of those that wait, until it is answered or given up; answer those for `event`'s job.
 * Loop. */
void gord_child_line_up(struct gord_child_request **waiting, struct gord_child_request *request);
void gord_child_ended(struct gord_child_request **waiting, const struct gord_event *event);

#endif
