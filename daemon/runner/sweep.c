/* SPDX-License-Identifier: MIT */
#include "daemon/runner/sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/grow.h"
#include "daemon/base/log.h"
#include "daemon/event/clock.h"
#include "daemon/event/event.h"
#include "daemon/job/queues.h"
#include "daemon/runner/handover.h"
#include "daemon/runner/proc.h"
#include "daemon/runner/retry.h"
#include "daemon/runner/runner.h"
#include "daemon/runner/unborn.h"
#include "runtime/gor.h"

#define EXEC_WITHIN_NS GOR_SECOND /* for one to become another program, which takes moments */
#define EVENTS_MAX 1000 /* the newest of a job, among which a request to end it is looked for */

/* A job that had started when the last daemon ended. */
struct left {
    uint64_t id;
    bool program;
    pid_t pid; /* 0: none on record */
    uint64_t pid_start;
    int64_t started_ns;
};

struct left_list {
    struct left *items; /* owned */
    size_t count;
    size_t room;
    const struct gord_handed *handed; /* borrowed; who is among these is not left */
};

static int collect(void *arg, struct gord_job *job)
{
    struct left_list *list = arg;

    if ((job->state != GOR__V1__JOB_STATE__RUNNING && job->state != GOR__V1__JOB_STATE__WAITING) ||
        gord_handed_has(list->handed, job->id)) {
        return 0;
    }
    if (gord_grow(&list->items, list->count, &list->room, sizeof(*list->items)) != 0) {
        return -ENOMEM;
    }
    list->items[list->count++] = (struct left){job->id, job->kind == GORD_EXEC, job->body->pid,
                                               job->body->pid_start, job->body->started_ns};
    return 0;
}

/* Processes by group, for the groups whose leader has gone. */
struct group_member {
    pid_t group;
    pid_t pid;
};

struct group_list {
    struct group_member *items; /* owned */
    size_t count;
    size_t room;
};

static int add_member(void *arg, pid_t pid)
{
    struct group_list *list = arg;
    struct gord_proc proc;

    if (gord_proc_read(pid, &proc) != 0 || proc.group == pid || proc.group == getpgrp()) {
        return 0;
    }
    if (gord_grow(&list->items, list->count, &list->room, sizeof(*list->items)) != 0) {
        return 0; /* what is not found is not killed */
    }
    list->items[list->count++] = (struct group_member){proc.group, pid};
    return 0;
}

/* Whether process group `left->pid` is still the job's. */
static bool group_is_ours(const struct left *left, const struct group_list *members)
{
    struct gord_proc proc;

    if (gord_proc_read(left->pid, &proc) == 0) {
        return proc.start_ticks == left->pid_start && proc.group == left->pid;
    }
    for (size_t i = 0; i < members->count; i++) {
        if (members->items[i].group == left->pid &&
            gord_proc_carries_id(members->items[i].pid, left->id, EXEC_WITHIN_NS, NULL)) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ processes not on record */

/* Between a process and its number on record the daemon may die. It is found by what it was given, when
 * it was made, and that it leads its group under a parent that is no other daemon: none, or the one that
 * this was before it was replaced. */
#define UNRECORDED_BEFORE_NS \
    (2 * GOR_SECOND) /* clocks are read one after the other, and in ticks */
#define UNRECORDED_AFTER_NS (60 * GOR_SECOND) /* the record would have been there by then */

struct search {
    const struct left *left;
    int64_t booted_ns; /* wall clock */
    pid_t found;
};

static bool is_a_gord(pid_t pid)
{
    char path[64];
    char name[16] = "";

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        (void)fgets(name, sizeof(name), file);
        fclose(file);
    }
    return strncmp(name, "gord", 4) == 0;
}

static int look_for_unrecorded(void *arg, pid_t pid)
{
    struct search *search = arg;
    struct gord_proc proc;

    if (gord_proc_read(pid, &proc) != 0 || proc.group != pid || proc.state == 'Z') {
        return 0;
    }
    int64_t made_ns =
        search->booted_ns + (int64_t)proc.start_ticks * (GOR_SECOND / sysconf(_SC_CLK_TCK));
    int64_t after_ns = made_ns - search->left->started_ns;
    /* The former daemon in our place may have waited for long before it made it. */
    bool is_child = proc.parent == getpid();
    if (after_ns < -UNRECORDED_BEFORE_NS || (!is_child && after_ns > UNRECORDED_AFTER_NS) ||
        !gord_proc_carries_id(pid, search->left->id, EXEC_WITHIN_NS, NULL) ||
        (!is_child && is_a_gord(proc.parent))) {
        return 0;
    }
    search->found = pid;
    return 1;
}

/* The process of a job of which none is on record; 0: it has none. */
static pid_t find_unrecorded(const struct left *left)
{
    struct search search = {.left = left, .booted_ns = gord_event_clock() - gord_clock_boot()};

    if (left->program && left->pid == 0) {
        gord_proc_each(look_for_unrecorded, &search);
    }
    return search.found;
}

/* ------------------------------------------------------------------ settling */

/* What had been asked of a job. */
struct asked {
    struct gord_event *cancel; /* owned reference; NULL: not to end */
    bool to_requeue;           /* by a stop of the daemon, which did not come to its end */
};

static int take_asked(void *arg, struct gord_event *event, const char *name)
{
    struct asked *asked = arg;

    (void)name;
    if ((event->kind == GORD_EVENT_CANCEL_REQUESTED ||
         event->kind == GORD_EVENT_TERMINATE_REQUESTED) &&
        asked->cancel == NULL) {
        asked->cancel = gord_event_ref(event);
    } else if (event->kind == GORD_EVENT_STATE && strcmp(event->text, GORD_STOP_REQUEUES) == 0) {
        asked->to_requeue = true;
    } else if (event->kind == GORD_EVENT_REQUEUED || event->kind == GORD_EVENT_RETRYING ||
               (event->kind == GORD_EVENT_RECOVERED && strcmp(event->text, GORD_TAKEN_OVER) == 0)) {
        asked->to_requeue = false;
    }
    return 0;
}

static int run_again(struct gord_bus *bus, const struct gord_job *job, const char *detail,
                     bool is_loss)
{
    struct gord_standing *standing = gord_standing_copy(job->body->standing);
    char text[192];

    if (standing != NULL && is_loss) {
        standing->losses++;
    }
    snprintf(text, sizeof(text), "%s; it is run again", detail);
    return gord_bus_emit(bus, gord_event_standing(GORD_EVENT_REQUEUED, job->id, standing, text),
                         NULL);
}

int gord_sweep_cause(struct gord_bus *bus, uint64_t id, struct gord_event **out_cancel)
{
    struct asked asked = {0};
    int result = gord_reader_job_events(gord_bus_reader(bus), id, EVENTS_MAX, take_asked, &asked);

    *out_cancel = asked.cancel;
    return result == -ENOENT ? 0 : result;
}

/* What becomes of a job that a daemon died under: somebody had asked it to end, or it runs again, or
 * it is lost. */
static int end_or_requeue(struct gord_bus *bus, uint64_t id, const char *detail)
{
    struct gord_job *job = gord_job_find(gord_bus_table(bus), id);
    struct asked asked = {0};
    char text[192];

    int result = gord_reader_job_events(gord_bus_reader(bus), id, EVENTS_MAX, take_asked, &asked);
    if (result != 0 && result != -ENOENT) {
        return result;
    }
    if (asked.cancel != NULL) {
        result = gord_bus_emit(
            bus, gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 0, asked.cancel->text),
            NULL);
        gord_event_unref(asked.cancel);
        return result;
    }
    if (asked.to_requeue) {
        return run_again(bus, job, detail, false);
    }
    uint32_t losses = job->body->standing != NULL ? job->body->standing->losses : 0;
    if (!job->body->spec->requeues || losses >= GORD_LOSSES_MAX) {
        snprintf(text, sizeof(text), "%s%s", detail,
                 losses > 0 ? "; it was lost so often that it is not run again" : "");
        return gord_bus_emit(bus, gord_event_finished(id, GOR__V1__OUTCOME__LOST, 0, 0, text),
                             NULL);
    }
    return run_again(bus, job, detail, true);
}

static int settle(struct gord_bus *bus, const struct left *left, const struct group_list *members)
{
    char remark[160] = "found as running when the daemon started";
    const char *detail = "the daemon ended while it ran";

    pid_t group = left->pid > 1 && group_is_ours(left, members) ? left->pid : find_unrecorded(left);
    if (group > 1 && kill(-group, SIGKILL) == 0) {
        snprintf(remark, sizeof(remark),
                 "found running when the daemon started; process group %d "
                 "was killed",
                 group);
        detail = "the daemon ended while it ran; its processes were killed";
    }
    gord_log_of(GORD_LOG_WARNING, left->id, gord_queues_of(gord_bus_table(bus), left->id), "%s",
                remark);
    int result = gord_bus_emit(bus, gord_event_new(GORD_EVENT_RECOVERED, left->id, remark), NULL);
    return result == 0 ? end_or_requeue(bus, left->id, detail) : result;
}

static void count(struct gord_bus *bus, uint64_t id, struct gord_swept *swept)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(bus), id);

    if (job != NULL && job->state != GOR__V1__JOB_STATE__TERMINATED) {
        swept->requeued++;
    } else if (job != NULL && job->outcome == GOR__V1__OUTCOME__CANCELLED) {
        swept->cancelled++;
    } else {
        swept->lost++;
    }
}

int gord_sweep(struct gord_bus *bus, const struct gord_handed *handed, struct gord_swept *out)
{
    struct gord_swept swept = {0};
    struct left_list left = {.handed = handed};
    struct group_list members = {0};
    int result = gord_job_each_taken(gord_bus_table(bus), collect, &left);

    if (result == 0 && left.count > 0) {
        gord_unborn_kill(handed); /* what our former self has left of those */
        gord_proc_each(add_member, &members);
    }
    for (size_t i = 0; i < left.count && result == 0; i++) {
        result = settle(bus, &left.items[i], &members);
        count(bus, left.items[i].id, &swept);
    }
    *out = swept;
    free(left.items);
    free(members.items);
    return result;
}
