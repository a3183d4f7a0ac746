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

#include "daemon/event/clock.h"
#include "daemon/runner/runner.h"

enum { WHOSE = 48 };

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

bool gord_runner_is_overdue(struct gord_bus *bus, uint64_t id)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(bus), id);
    uint64_t of;
    int64_t deadline = job != NULL ? gord_runner_deadline(job, &of) : 0;

    return deadline != 0 && deadline <= gord_event_clock();
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

static const char *say_whose(const struct gord_standing *standing, char out[WHOSE])
{
    if (standing->deadline_of != 0) {
        snprintf(out, WHOSE, "the deadline of job %" PRIu64, standing->deadline_of);
    } else {
        snprintf(out, WHOSE, "its deadline");
    }
    return out;
}

/* The first moment at which its gate may open, held or not. */
static int64_t earliest(const struct gord_standing *standing, int64_t now)
{
    int64_t due = standing->due_boot != 0 ? now + gord_clock_due(standing) - gord_clock_boot()
                                          : standing->due_ns;
    return due > now ? due : now;
}

int gord_runner_too_late(const struct gord_spec *spec, const struct gord_job *parent, char *out,
                         size_t bytes)
{
    struct gord_standing *standing = NULL;
    char time[48];

    out[0] = '\0';
    int result = gord_spec_standing(spec, &standing);
    if (result == 0 && parent != NULL) {
        result = gord_runner_inherit(parent, &standing);
    }
    if (result != 0 || standing == NULL) {
        return result;
    }
    int64_t begin = earliest(standing, gord_event_clock());
    if (standing->expires_ns != 0 && standing->expires_ns <= begin) {
        snprintf(out, bytes, "it would never run: it is to start before %s",
                 gord_gates_time(standing->expires_ns, time, sizeof(time)));
    } else if (standing->deadline_ns != 0 && standing->deadline_ns <= begin) {
        char whose[WHOSE];
        snprintf(out, bytes, "it would never run: %s is %s", say_whose(standing, whose),
                 gord_gates_time(standing->deadline_ns, time, sizeof(time)));
    }
    gord_standing_unref(standing);
    return 0;
}

void gord_runner_deadline_text(const struct gord_standing *standing, char *out, size_t bytes)
{
    char time[48];
    char whose[WHOSE];

    snprintf(out, bytes, "%s, %s, passed", say_whose(standing, whose),
             gord_gates_time(standing->deadline_ns, time, sizeof(time)));
}
