/* SPDX-License-Identifier: MIT */
/* history.c - see history.h.
 *
 * Rejected: to apply the events to a job in the table, as if it lived now. Runner and services would
 * take its start for one of theirs, and its end for news to those who wait.
 */
#include "daemon/job/history.h"

#include "daemon/base/assert.h"
#include "daemon/job/table.h"

/* Where a life stands. */
struct life {
    struct gord_job job; /* kind, state and taken only, what gord_job_allows looks at */
    int64_t started_ns;
    int32_t pid;
};

/* May it come next? Only what has ended is revived, and then it is as if it had begun. */
static bool allows(const struct life *life, enum gord_event_kind kind)
{
    bool born = life->job.state != GOR__V1__JOB_STATE__JOB_STATE_UNSPECIFIED;
    if (kind == GORD_EVENT_REVIVED) {
        return life->job.state == GOR__V1__JOB_STATE__TERMINATED;
    }
    return gord_job_allows(born ? &life->job : NULL, kind);
}

static bool step(struct life *life, struct gord_event *event)
{
    if (!allows(life, (enum gord_event_kind)event->kind) ||
        (event->kind == GORD_EVENT_STATE && event->state != GOR__V1__JOB_STATE__RUNNING &&
         event->state != GOR__V1__JOB_STATE__WAITING)) {
        return false;
    }
    life->job.state = (uint8_t)gord_job_state_after(&life->job, event);
    if (event->kind == GORD_EVENT_STARTED) {
        life->job.taken = life->job.kind != GORD_GROUP;
        life->started_ns = life->started_ns != 0 ? life->started_ns : event->at_ns;
        life->pid = event->pid != 0 ? event->pid : life->pid;
    } else if (event->kind == GORD_EVENT_RETRYING || event->kind == GORD_EVENT_REQUEUED ||
               event->kind == GORD_EVENT_REVIVED) {
        life->job.taken = false;
        life->started_ns = 0;
        life->pid = 0;
    }
    event->state = life->job.state;
    event->started_ns = life->started_ns;
    event->pid = life->pid;
    return true;
}

size_t gord_history_complete(struct gord_event *const *events, size_t count)
{
    struct life life = {.job = {.kind = count > 0 ? events[0]->job_kind & 3U : 0}};
    for (size_t i = 0; i < count; i++) {
        if (!step(&life, events[i])) {
            return i;
        }
        events[i]->job_kind = events[0]->job_kind;
        if (i > 0) {
            events[i]->spec = gord_spec_ref(events[0]->spec);
        }
    }
    bool ended = life.job.state == GOR__V1__JOB_STATE__TERMINATED;
    return ended || count == 0 ? count : count - 1;
}

void gord_history_number(struct gord_job_table *table, struct gord_event *const *events,
                         size_t count)
{
    uint64_t prev_seq = 0;
    for (size_t i = 0; i < count; i++) {
        GORD_ASSERT(events[i]->seq == 0);
        events[i]->seq = table->next_seq++;
        events[i]->prev_seq = prev_seq;
        prev_seq = events[i]->seq;
    }
}
