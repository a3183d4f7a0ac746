/* SPDX-License-Identifier: MIT */
/* Jobs.Get and Jobs.List: looking. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"
#include "daemon/service/owner.h"
#include "daemon/service/redact.h"
#include "daemon/service/select.h"
#include "daemon/service/state.h"
#include "daemon/service/view.h"

#define LIST_DEFAULT 50
#define LIST_MAX 1000
#define LIST_ATTEMPTS_MAX 100
#define EVENTS_MAX 10000
#define REPLY_BYTES_MAX ((size_t)3 * 1024 * 1024) /* clients take 4 MiB by default */

static void fail_lookup(struct rpc_call *call, uint64_t id, int error)
{
    if (error == -ENOENT) {
        gord_fail(call, WIRE_NOT_FOUND, "there is no job %" PRIu64, id);
    } else {
        gord_fail(call, wire_status_from_errno(error), "cannot read job %" PRIu64 ": %s", id,
                  strerror(-error));
    }
}

/* ------------------------------------------------------------------ events of one job */

struct event_list {
    Gor__V1__Event **items; /* owned, and their texts */
    size_t count;
    size_t room;
    size_t bytes;
};

static void free_event(Gor__V1__Event *event)
{
    if (event != NULL) {
        gor__v1__event__free_unpacked(event, NULL);
    }
}

static Gor__V1__Event *copy_event(const struct gord_event *event, const char *name)
{
    struct gord_event_view borrowed;
    uint8_t stack[2048];
    uint8_t *buffer = stack;

    gord_view_event(event, name, &borrowed);
    size_t bytes = gor__v1__event__get_packed_size(&borrowed.event);
    if (bytes > sizeof(stack)) {
        buffer = malloc(bytes);
    }
    if (buffer == NULL) {
        return NULL;
    }
    gor__v1__event__pack(&borrowed.event, buffer);
    Gor__V1__Event *copy = gor__v1__event__unpack(NULL, bytes, buffer);
    if (buffer != stack) {
        free(buffer);
    }
    return copy;
}

static int add_event(void *arg, struct gord_event *event, const char *name)
{
    struct event_list *list = arg;

    if (gord_grow(&list->items, list->count, &list->room, sizeof(*list->items)) != 0) {
        return -ENOMEM;
    }
    Gor__V1__Event *copy = copy_event(event, name);
    if (copy == NULL) {
        return -ENOMEM;
    }
    list->items[list->count++] = copy;
    list->bytes += gor__v1__event__get_packed_size(copy) + 8;
    return 0;
}

static void free_list(struct event_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free_event(list->items[i]);
    }
    free(list->items);
}

/* What the store has, then what is not committed yet. */
static int read_events(struct gord_service *service, uint64_t id, struct event_list *list)
{
    uint64_t last = gord_bus_last_seq(service->bus);
    int result =
        gord_reader_job_events(gord_bus_reader(service->bus), id, EVENTS_MAX, add_event, list);
    uint64_t seen = list->count > 0 ? list->items[list->count - 1]->seq : 0;

    if (result == -ENOENT) {
        result = 0; /* just submitted */
    }
    for (uint64_t seq = gord_bus_committed(service->bus) + 1; result == 0 && seq <= last; seq++) {
        struct gord_event *event = gord_bus_recent(service->bus, seq);
        if (event != NULL && event->job_id == id && event->seq > seen) {
            result = add_event(list, event, event->spec != NULL ? event->spec->name : "");
        }
    }
    return result;
}

/* Secrets go back to whom they came from, if he can be told apart. */
static bool may_reveal(struct rpc_call *call, const Gor__V1__Job *job)
{
    const struct rpc_peer *peer = rpc_call_peer(call);

    return peer->local && (peer->uid == 0 || peer->uid == job->uid);
}

/* Make the view fit to be shown to the caller; false: the call is answered. */
static bool hide_secrets(struct gord_service *service, struct rpc_call *call, bool reveal,
                         struct gord_view *view)
{
    if (reveal && !may_reveal(call, &view->job)) {
        gord_fail(call, WIRE_PERMISSION_DENIED,
                  "job %" PRIu64 " is user %u's: only that user and root may see its secrets, over "
                  "the daemon's Unix socket",
                  view->job.id, view->job.uid);
        return false;
    }
    if (!reveal && gord_redact(view->spec, service->hide_env) < 0) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return false;
    }
    return true;
}

GORD_METHOD(gord_jobs_get)
{
    struct gord_service *service = user;
    const Gor__V1__GetRequest *request = (const Gor__V1__GetRequest *)message;
    Gor__V1__GetReply reply = GOR__V1__GET_REPLY__INIT;
    struct event_list events = {0};
    struct gord_view view;

    int result = gord_view_make(service, request->id, true, &view);
    if (result != 0) {
        fail_lookup(call, request->id, result);
        return;
    }
    if (!hide_secrets(service, call, request->reveal, &view)) {
        gord_view_fini(&view);
        return;
    }
    result = gord_view_add_use(service, &view);
    /* Of others it is told that there is one, and no more. */
    if (result == 0 && request->with_result && gord_owner_check(service, call, request->id) == 0) {
        result = gord_view_add_result(service, &view);
    }
    if (result == 0 && request->with_attempts) {
        result = gord_view_add_attempts(service, &view);
    }
    if (result == 0 && request->with_events) {
        result = read_events(service, request->id, &events);
    }
    if (result == 0) {
        /* The oldest go first when it would be too much: an event is small, a reason may not be. */
        size_t skip = 0;
        while (events.bytes > REPLY_BYTES_MAX && skip < events.count) {
            events.bytes -= gor__v1__event__get_packed_size(events.items[skip++]) + 8;
        }
        reply.job = &view.job;
        reply.n_events = events.count - skip;
        reply.events = events.items + skip;
        rpc_call_reply(call, &reply.base);
    } else {
        fail_lookup(call, request->id, result);
    }
    free_list(&events);
    gord_view_fini(&view);
}

/* ------------------------------------------------------------------ list */

struct lister {
    struct gord_service *service;
    struct gord_views views;
    bool with_env;
    uint64_t last_id;
};

enum { PAGE_FULL = 1 };

static int add_row(void *arg, struct gord_row *row)
{
    struct lister *lister = arg;
    struct gord_view view;

    if (lister->views.bytes > REPLY_BYTES_MAX / 2) {
        return PAGE_FULL;
    }
    int result = gord_view_from_row(lister->service, row, lister->with_env, &view);
    if (result != 0) {
        return result;
    }
    result = lister->with_env ? gord_redact(view.spec, lister->service->hide_env) : 0;
    result = result < 0 ? result : gord_views_add(&lister->views, &view);
    if (result != 0) {
        gord_view_fini(&view);
    }
    lister->last_id = row->id;
    return result;
}

/* What the request itself asks for, put into its selector: one way from here on. Shallow. False:
 * something is there twice, and the call is answered. */
static bool merge_selector(struct rpc_call *call, const Gor__V1__ListRequest *request,
                           Gor__V1__Selector *selector)
{
    if ((request->n_states > 0 && selector->n_states > 0) ||
        (request->n_outcomes > 0 && selector->n_outcomes > 0) ||
        (request->name_contains[0] != '\0' && selector->name_contains[0] != '\0') ||
        (request->created_from_ns != 0 && selector->created_from_ns != 0) ||
        (request->created_to_ns != 0 && selector->created_to_ns != 0)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "states, outcomes, name_contains, created_from_ns and created_to_ns: set each in "
                  "the request or in its selector, not in both");
        return false;
    }
    if (request->n_states > 0) {
        selector->n_states = request->n_states;
        selector->states = request->states;
    }
    if (request->n_outcomes > 0) {
        selector->n_outcomes = request->n_outcomes;
        selector->outcomes = request->outcomes;
    }
    if (request->name_contains[0] != '\0') {
        selector->name_contains = request->name_contains;
    }
    selector->created_from_ns |= request->created_from_ns; /* one of the two is 0 */
    selector->created_to_ns |= request->created_to_ns;
    return true;
}

/* False: the call is answered. */
static bool begin_list(struct rpc_call *call, const Gor__V1__ListRequest *request,
                       struct gord_select *out_select)
{
    Gor__V1__Selector selector = GOR__V1__SELECTOR__INIT;

    unsigned most = request->with_attempts ? LIST_ATTEMPTS_MAX : LIST_MAX;
    if (request->limit > most) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "limit is %u; it is at most %u%s", request->limit,
                  most, request->with_attempts ? " with attempts" : "");
        return false;
    }
    if (request->selector != NULL) {
        selector = *request->selector;
    }
    if (!merge_selector(call, request, &selector) ||
        !gord_select_init(out_select, call, &selector, false)) {
        return false;
    }
    out_select->filter.before_id = request->before_id;
    out_select->filter.with_env = !request->without_env;
    out_select->filter.without_spec = false;
    return true;
}

/* Not while they are listed: no visitor may call the reader. */
static int add_more(struct lister *lister, const Gor__V1__ListRequest *request)
{
    int result = 0;

    for (size_t i = 0; i < lister->views.count && result == 0; i++) {
        if (request->with_use) {
            result = gord_view_add_use(lister->service, lister->views.items[i]);
        }
        if (result == 0 && request->with_attempts) {
            result = gord_view_add_attempts(lister->service, lister->views.items[i]);
        }
    }
    return result;
}

GORD_METHOD(gord_jobs_list)
{
    struct lister lister = {.service = user};
    const Gor__V1__ListRequest *request = (const Gor__V1__ListRequest *)message;
    struct gord_reader *reader = gord_bus_reader(lister.service->bus);
    struct gord_reader_totals totals = {0};
    Gor__V1__ListReply reply = GOR__V1__LIST_REPLY__INIT;
    struct gord_select select;

    if (!begin_list(call, request, &select)) {
        return;
    }
    lister.with_env = select.filter.with_env;
    int result = gord_reader_totals(reader, &totals);
    if (result == 0) {
        result =
            gord_select_each(&select, lister.service,
                             request->limit > 0 ? request->limit : LIST_DEFAULT, add_row, &lister);
        reply.next_before_id = select.done ? 0 : select.filter.before_id;
    }
    if (result == PAGE_FULL) {
        reply.next_before_id = lister.last_id;
        result = 0;
    }
    result = result == 0 ? add_more(&lister, request) : result;
    if (result == 0) {
        reply.n_jobs = lister.views.count;
        reply.jobs = lister.views.jobs;
        reply.total_live = totals.live;
        reply.total_terminated = totals.terminated;
        rpc_call_reply(call, &reply.base);
    } else {
        gord_fail(call, wire_status_from_errno(result), "cannot list the jobs: %s",
                  strerror(-result));
    }
    gord_views_fini(&lister.views);
    gord_select_fini(&select);
}
