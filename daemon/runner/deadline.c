/* SPDX-License-Identifier: MIT */
/* deadline.c - when jobs must be over, and what those below them inherit of that.
 *
 * While a parent runs, its context holds for its children as well. What they inherit is kept besides,
 * as a moment of the wall clock, so that it holds for a run that is made after the parent has gone, by
 * a retry or by another daemon.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/runner/runner.h"

int64_t gord_runner_deadline(const struct gord_job *job, uint64_t *out_of)
{
    const struct gord_job_body *body = job->body;
    int64_t deadline = 0;

    *out_of = job->id;
    if (body == NULL) {
        return 0;
    }
    if (body->standing != NULL && body->standing->deadline_ns != 0) {
        deadline = body->standing->deadline_ns;
        *out_of = body->standing->deadline_of != 0 ? body->standing->deadline_of : job->id;
    }
    const struct gord_spec *spec = body->spec;
    if (body->started_ns != 0 && spec != NULL && spec->timeout_ns > 0 && !spec->skips_pauses) {
        int64_t own = body->started_ns + spec->timeout_ns; /* ten years at most */
        if (deadline == 0 || own < deadline) {
            deadline = own;
            *out_of = job->id;
        }
    }
    return deadline;
}

int gord_runner_inherit(const struct gord_job *parent, struct gord_standing **standing)
{
    uint64_t of = 0;
    int64_t deadline = gord_runner_deadline(parent, &of);

    if (deadline == 0 || (*standing != NULL && (*standing)->deadline_ns != 0 &&
                          (*standing)->deadline_ns <= deadline)) {
        return 0;
    }
    if (*standing == NULL) {
        *standing = gord_standing_copy(NULL);
    }
    if (*standing == NULL) {
        return -ENOMEM;
    }
    (*standing)->deadline_ns = deadline;
    (*standing)->deadline_of = of;
    return 0;
}

void gord_runner_deadline_text(const struct gord_standing *standing, char *out, size_t bytes)
{
    char time[48];
    char whose[48] = "its deadline";

    if (standing->deadline_of != 0) {
        snprintf(whose, sizeof(whose), "the deadline of job %" PRIu64, standing->deadline_of);
    }
    snprintf(out, bytes, "%s, %s, passed", whose,
             gord_gates_time(standing->deadline_ns, time, sizeof(time)));
}
