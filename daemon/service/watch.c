/* SPDX-License-Identifier: MIT */
/* Jobs.Watch: a cursor over the sequence of all events. It reads from memory what is recent, from
 * the store what is not, and waits at the end for what is committed next; so a slow reader costs
 * no memory, and there is no seam between history and life.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/order.h"
#include "daemon/job/group.h"
#include "daemon/service/state.h"
#include "daemon/service/view.h"

#define IDS_MAX 10000
#define PAGE 256             /* events read from the store at a time */
#define EVENTS_PER_TURN 4096 /* sent to one watcher before the others get their turn */
#define POSITION_EVENTS 1000 /* so many that are not wanted, then it is told how far it is */

#define GONE_FORMAT                                                                               \
    "event %" PRIu64 " is no longer kept: its job was removed; the oldest from which on none is " \
    "missing is %" PRIu64

struct watched {
    uint64_t id;         /* first, for it is what they are sorted by */
    bool ended;          /* its end has been sent, or was before where the watch began */
    uint32_t tasks_told; /* of an array: so many have ended, as was sent last, and 1 */
};

struct gord_watch {
    struct gord_service *service;
    struct rpc_call *call;
    uint64_t next_seq;      /* the first event not yet looked at */
    uint64_t told_seq;      /* with_position: the last seq that was sent */
    uint64_t progress_seen; /* see gord_reporters_each */
    bool until_terminated;
    bool with_progress;
    bool with_position;
    bool began;      /* its first position was sent */
    bool from_first; /* nothing seen yet, and it began with whatever is the first */
    bool full;       /* the call's queue has no room */
    int error;       /* of reading the store */
    unsigned budget;
    size_t left; /* ids that have not ended */
    size_t count;
    struct list_link link; /* in the service's watches */
    struct watched ids[];  /* sorted; none: every job */
};

static struct watched *find(struct gord_watch *watch, uint64_t id)
{
    struct watched key = {.id = id};

    return bsearch(&key, watch->ids, watch->count, sizeof(key), gord_by_rising_id);
}

static void mark_ended(struct gord_watch *watch, struct watched *watched)
{
    if (!watched->ended) {
        watched->ended = true;
        watch->left--;
    }
}

/* What the call's queue says to a message. */
static void note_sent(struct gord_watch *watch, int sent)
{
    /* -EPIPE: it is over, on_end is about to be called. */
    bool full = sent == 0 || sent == -EAGAIN || sent == -EPIPE;

    watch->full = full;
    watch->error = sent < 0 && !full ? sent : 0;
}

/* How far it has looked. What is not committed may yet be lost, and its numbers be others'. */
static void tell_position(struct gord_watch *watch)
{
    uint64_t committed = gord_bus_committed(watch->service->bus);
    uint64_t seen = watch->next_seq - 1 < committed ? watch->next_seq - 1 : committed;
    Gor__V1__Event event = GOR__V1__EVENT__INIT;

    if (watch->with_position && !watch->full && watch->error == 0 &&
        (seen > watch->told_seq || !watch->began)) {
        event.seq = seen;
        watch->told_seq = seen;
        watch->began = true;
        note_sent(watch, rpc_call_send(watch->call, &event.base));
    }
}

/* Send one event if it is wanted. Non-zero: look at no more for now. */
static int visit(void *arg, struct gord_event *event, const char *name)
{
    struct gord_watch *watch = arg;
    struct watched *watched = NULL;
    struct gord_event_view view;

    if (event->seq > gord_bus_committed(watch->service->bus)) {
        return 1;
    }
    if (event->seq != watch->next_seq) {
        watch->error = -ESTALE;
        return 1;
    }
    if (watch->count > 0) {
        watched = find(watch, event->job_id);
    }
    if (watch->count == 0 || watched != NULL) {
        gord_view_event(event, name, &view);
        int sent = rpc_call_send(watch->call, &view.event.base);
        if (sent < 0) {
            /* -EPIPE: it is over, on_end is about to be called. */
            watch->full = true;
            watch->error = sent == -EAGAIN || sent == -EPIPE ? 0 : sent;
            return 1;
        }
        watch->full = sent == 0;
        watch->told_seq = event->seq;
    }
    watch->next_seq = event->seq + 1;
    watch->from_first = false;
    if (watched != NULL && event->kind == GORD_EVENT_FINISHED) {
        mark_ended(watch, watched);
    }
    if (watch->budget > 0) {
        watch->budget--;
    }
    if (watch->next_seq - watch->told_seq > POSITION_EVENTS) {
        tell_position(watch);
    }
    return watch->full || watch->budget == 0;
}

/* The oldest event from which on none is missing. */
static uint64_t kept_from(struct gord_service *service)
{
    struct gord_reader_totals totals;
    int result = gord_reader_totals(gord_bus_reader(service->bus), &totals);

    return result == 0 ? totals.kept_from : 1;
}

/* A page from the store; false when there is nothing to go on with. */
static bool read_page(struct gord_watch *watch)
{
    uint64_t first = watch->from_first ? kept_from(watch->service) : 0;

    watch->next_seq = watch->next_seq < first ? first : watch->next_seq;
    uint64_t before = watch->next_seq;
    int result = gord_reader_events(gord_bus_reader(watch->service->bus), watch->next_seq - 1, PAGE,
                                    visit, watch);

    if (result < 0) {
        watch->error = result;
    }
    return watch->next_seq > before;
}

static void advance(struct gord_watch *watch)
{
    struct gord_bus *bus = watch->service->bus;

    watch->budget = EVENTS_PER_TURN;
    while (!watch->full && watch->budget > 0 && watch->error == 0 &&
           watch->next_seq <= gord_bus_committed(bus)) {
        struct gord_event *event = gord_bus_recent(bus, watch->next_seq);
        if (event == NULL) {
            if (!read_page(watch)) {
                break;
            }
        } else if (visit(watch, event, event->spec != NULL ? event->spec->name : "") != 0) {
            break;
        }
    }
}

/* ------------------------------------------------------------------ progress
 *
 * It is looked for ten times a second while somebody wants it, so that the fastest job costs no more
 * than that; only the newest is sent, and never after the job's end.
 */

#define PROGRESS_PERIOD_MS 100

static int send_progress(void *arg, const struct gord_run *run, const struct gord_report *report)
{
    struct gord_watch *watch = arg;
    Gor__V1__Event event = GOR__V1__EVENT__INIT;
    Gor__V1__Progress progress;

    if (watch->count > 0 && find(watch, run->id) == NULL) {
        return 0;
    }
    gord_view_progress(report, &progress);
    event.job_id = run->id;
    event.at_ns = progress.at_ns;
    event.state = run->shown;
    event.name = (char *)(uintptr_t)run->spec->name;
    event.progress = &progress;
    int sent = rpc_call_send(watch->call, &event.base);
    note_sent(watch, sent);
    return sent < 0;
}

/* Of an array that was named: how many of its tasks have ended. */
static void send_group(struct gord_watch *watch, struct watched *watched)
{
    const struct gord_job *job =
        watched->ended ? NULL : gord_job_find(gord_bus_table(watch->service->bus), watched->id);
    Gor__V1__Event event = GOR__V1__EVENT__INIT;
    Gor__V1__Progress progress;

    if (job == NULL || job->kind != GORD_GROUP || job->state == GOR__V1__JOB_STATE__TERMINATED ||
        gord_group_ended(job) + 1 == watched->tasks_told) {
        return;
    }
    struct gord_report *report = gord_runner_group_report(job);
    if (report == NULL) {
        return; /* the next time, perhaps */
    }
    gord_view_progress(report, &progress);
    event.job_id = job->id;
    event.at_ns = progress.at_ns;
    event.state = (Gor__V1__JobState)job->state;
    event.name = (char *)(uintptr_t)job->body->spec->name;
    event.progress = &progress;
    int sent = rpc_call_send(watch->call, &event.base);
    note_sent(watch, sent);
    watched->tasks_told = sent >= 0 ? gord_group_ended(job) + 1 : watched->tasks_told;
    gord_report_unref(report);
}

static void advance_progress(struct gord_watch *watch)
{
    for (size_t i = 0; i < watch->count && watch->with_progress; i++) {
        if (!watch->full && watch->error == 0) {
            send_group(watch, &watch->ids[i]);
        }
    }
    if (watch->with_progress && !watch->full && watch->error == 0) {
        (void)gord_reporters_each(gord_runner_reporters(watch->service->runner),
                                  &watch->progress_seen, send_progress, watch);
    }
}

static void on_progress_time(uv_timer_t *timer)
{
    struct gord_service *service = timer->data;
    bool wanted = false;

    gord_reporters_look(gord_runner_reporters(service->runner));
    for (struct list_link *link = service->watches.next; link != &service->watches;
         link = link->next) {
        struct gord_watch *watch = CONTAINER_OF(link, struct gord_watch, link);
        wanted |= watch->with_progress;
        advance_progress(watch);
    }
    gord_bus_wake(service->bus); /* an error found is dealt with there */
    if (!wanted) {
        uv_timer_stop(timer);
    }
}

static void want_progress(struct gord_service *service)
{
    if (!uv_is_active((const uv_handle_t *)&service->progress_timer)) {
        uv_timer_start(&service->progress_timer, on_progress_time, 0, PROGRESS_PERIOD_MS);
    }
}

/* ------------------------------------------------------------------ the whole */

/* Go on, and end it if that is due; true when it is gone. */
static bool pump(struct gord_watch *watch)
{
    advance(watch);
    bool caught_up = watch->next_seq > gord_bus_committed(watch->service->bus);
    bool done = watch->until_terminated && watch->left == 0 && caught_up;
    if (!done && watch->error == 0) {
        if (!watch->full && !caught_up) {
            gord_bus_wake(watch->service->bus); /* its turn was over, not its events */
        }
        return false;
    }
    list_remove(&watch->link);
    if (watch->error == -ESTALE) {
        gord_fail(watch->call, WIRE_OUT_OF_RANGE, GONE_FORMAT, watch->next_seq,
                  kept_from(watch->service));
    } else if (watch->error != 0) {
        gord_fail(watch->call, wire_status_from_errno(watch->error), "cannot read events: %s",
                  strerror(-watch->error));
    } else {
        rpc_call_finish(watch->call, WIRE_OK, NULL);
    }
    free(watch);
    return true;
}

void gord_watches_flush(struct gord_service *service)
{
    for (struct list_link *link = service->watches.next, *next; link != &service->watches;
         link = next) {
        struct gord_watch *watch = CONTAINER_OF(link, struct gord_watch, link);
        next = link->next;
        if (!watch->full) {
            pump(watch);
        }
    }
}

void gord_watches_end(struct gord_service *service)
{
    for (struct list_link *link = service->watches.next, *next; link != &service->watches;
         link = next) {
        struct gord_watch *watch = CONTAINER_OF(link, struct gord_watch, link);
        next = link->next;
        tell_position(watch);
        gord_fail(watch->call, WIRE_UNAVAILABLE,
                  "the daemon stops; watch again with after_seq %" PRIu64, watch->next_seq - 1);
        free(watch);
    }
    list_init(&service->watches);
}

static void on_writable(struct rpc_call *call, void *user)
{
    struct gord_watch *watch = user;

    (void)call;
    watch->full = false;
    pump(watch);
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    struct gord_watch *watch = user;

    (void)call;
    (void)why;
    list_remove(&watch->link);
    free(watch);
}

static bool request_ok(struct gord_service *service, struct rpc_call *call,
                       const Gor__V1__WatchRequest *request)
{
    uint64_t last = gord_bus_last_seq(service->bus);

    if (request->n_ids > IDS_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids has %zu entries, at most %d are watched",
                  request->n_ids, IDS_MAX);
        return false;
    }
    if (request->until_terminated && request->n_ids == 0) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "until_terminated needs ids");
        return false;
    }
    if (!request->from_now && request->after_seq > last) {
        gord_fail(call, WIRE_OUT_OF_RANGE,
                  "after_seq is %" PRIu64 ", but the newest event is %" PRIu64
                  ": it is another daemon's",
                  request->after_seq, last);
        return false;
    }
    if (!request->from_now && request->after_seq > 0 &&
        request->after_seq + 1 < kept_from(service)) {
        gord_fail(call, WIRE_OUT_OF_RANGE, GONE_FORMAT, request->after_seq + 1, kept_from(service));
        return false;
    }
    for (size_t i = 0; i < request->n_ids; i++) {
        if (!gord_knows_or_fail(service, call, request->ids[i])) {
            return false;
        }
    }
    return true;
}

/* Those that have ended before the first event this watch will see. */
static void mark_those_ended(struct gord_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        struct watched *watched = &watch->ids[i];
        const struct gord_job *job =
            gord_job_find(gord_bus_table(watch->service->bus), watched->id);
        if (job == NULL ||
            (job->state == GOR__V1__JOB_STATE__TERMINATED && job->last_seq < watch->next_seq)) {
            mark_ended(watch, watched);
        }
    }
}

GORD_METHOD(gord_jobs_watch)
{
    struct gord_service *service = user;
    const Gor__V1__WatchRequest *request = (const Gor__V1__WatchRequest *)message;

    if (!request_ok(service, call, request)) {
        return;
    }
    struct gord_watch *watch = calloc(1, sizeof(*watch) + request->n_ids * sizeof(struct watched));
    if (watch == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    watch->service = service;
    watch->call = call;
    watch->until_terminated = request->until_terminated;
    watch->with_progress = request->with_progress;
    watch->with_position = request->with_position;
    watch->next_seq =
        1 + (request->from_now ? gord_bus_last_seq(service->bus) : request->after_seq);
    watch->from_first = !request->from_now && request->after_seq == 0;
    for (size_t i = 0; i < request->n_ids; i++) {
        watch->ids[i].id = request->ids[i];
    }
    qsort(watch->ids, request->n_ids, sizeof(struct watched), gord_by_rising_id);
    for (size_t i = 0; i < request->n_ids; i++) {
        if (i == 0 || watch->ids[i].id != watch->ids[i - 1].id) {
            watch->ids[watch->count++] = watch->ids[i];
        }
    }
    watch->left = watch->count;
    mark_those_ended(watch);
    tell_position(watch);
    list_append(&service->watches, &watch->link);
    rpc_call_on(call, on_writable, on_end, watch);
    if (!pump(watch) && request->with_progress) {
        want_progress(service);
    }
}
