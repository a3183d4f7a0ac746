/* SPDX-License-Identifier: MIT */
/* runner_why.c - why a job waits, and whether one that is handed in could be had. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/job/queues.h"
#include "daemon/runner/limits.h"
#include "daemon/runner/privs.h"
#include "daemon/runner/runner_inside.h"

/* Whether nothing that is below that job (0: none) starts before the next daemon. */
static bool is_left_to_next(const struct gord_runner *runner, uint64_t parent_id)
{
    return runner->draining && !gord_runner_takes_below(runner, parent_id);
}

const char *gord_runner_why_queued(const struct gord_runner *runner, enum gord_job_kind kind,
                                   uint64_t parent_id, char *out, size_t out_bytes)
{
    static const char *const articles[] = {
        [GORD_EXEC] = "an exec", [GORD_NATIVE] = "a native", [GORD_LUA] = "a Lua"};
    uint64_t taken = gord_job_counts(gord_bus_table(runner->bus))->taken[kind];

    out[0] = '\0';
    if (is_left_to_next(runner, parent_id)) {
        snprintf(out, out_bytes, "the daemon stops; it starts with the next one");
    } else if (runner->paused) {
        snprintf(out, out_bytes, "starting jobs is paused");
    } else if (runner->store_error != 0) {
        snprintf(out, out_bytes, "the store refuses to write: %s", strerror(-runner->store_error));
    } else if (taken >= runner->slots[kind]) {
        snprintf(out, out_bytes, "waits for %s slot (%" PRIu64 " of %u busy)", articles[kind],
                 taken, runner->slots[kind]);
    } else {
        gord_admission_why(&runner->admission, kind, out, out_bytes);
    }
    return out;
}

const char *gord_runner_why(const struct gord_runner *runner, const struct gord_job *job, char *out,
                            size_t out_bytes)
{
    struct gord_why why;
    uint64_t parent_id = gord_job_parent_id(job);

    if (!is_left_to_next(runner, parent_id) && !runner->paused && runner->store_error == 0) {
        gord_queues_why_short(gord_bus_table(runner->bus), job, &why);
        if (why.text[0] != '\0') {
            snprintf(out, out_bytes, "%s", why.text);
            return out;
        }
    }
    return gord_runner_why_queued(runner, (enum gord_job_kind)job->kind, parent_id, out, out_bytes);
}

bool gord_runner_refuses(const struct gord_runner *runner, enum gord_job_kind kind, uint64_t count,
                         char *out, size_t out_bytes)
{
    uint64_t queued = gord_job_counts(gord_bus_table(runner->bus))->queued[kind];
    uint64_t room = 0;

    if (!runner->refuse_at_ceiling || count == 0) {
        return false;
    }
    room = gord_admission_room(&runner->admission, kind);
    if (count <= room && queued <= room - count) {
        return false;
    }
    gord_admission_why(&runner->admission, kind, out, out_bytes);
    if (out[0] == '\0') {
        snprintf(out, out_bytes,
                 "there are places for %" PRIu64 " more job%s, and %" PRIu64 " %s queued already",
                 room, room == 1 ? "" : "s", queued, queued == 1 ? "is" : "are");
    }
    return true;
}

bool gord_runner_can_gain(const struct gord_runner *runner, Gor__V1__NewPrivs asked, char *out,
                          size_t out_bytes)
{
    int policy = atomic_load_explicit(&runner->env.new_privs, memory_order_relaxed);

    return gord_privs_can_have((enum gord_new_privs)policy, asked, out, out_bytes);
}

bool gord_runner_can_hold(const struct gord_runner *runner, const Gor__V1__Limits *limits,
                          char *out, size_t out_bytes)
{
    return gord_limits_can_hold(limits, &runner->env.cgroups, out, out_bytes);
}

bool gord_runner_quota(const struct gord_runner *runner, struct gor_quota_stats *out_stats)
{
    if (runner->admission.quota == NULL) {
        return false;
    }
    gor_quota_stats_get(runner->admission.quota, out_stats);
    return true;
}

void gord_runner_webhooks(const struct gord_runner *runner,
                          uint64_t out_counts[GORD_WEBHOOK_RESULTS])
{
    for (int i = 0; i < GORD_WEBHOOK_RESULTS; i++) {
        out_counts[i] = atomic_load_explicit(&runner->env.webhooks[i], memory_order_relaxed);
    }
}

uint64_t gord_runner_in_line(const struct gord_runner *runner)
{
    return runner->admission.line_count;
}
