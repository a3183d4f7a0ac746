/* SPDX-License-Identifier: MIT */
/* gor.v1.Queues: queues, pools of tokens and rates, answered once they are on disk. */
#include "daemon/job/queues.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/keeping.h"
#include "daemon/service/queues_view.h"
#include "daemon/service/state.h"
#include "daemon/service/weights.h"
#include "gor/v1/queues.pb-c.h"

#define PAUSE_OVER_NS \
    (24 * 3600 * INT64_C(1000000000)) /* what ended longer ago was never meant to be a pause */

/* A change on its way to the disk. */
struct setting {
    struct gord_service *service;
    struct gord_keeping keeping;
    struct gord_setting content;
};

static struct gord_job_table *table_of(struct gord_service *service)
{
    return gord_bus_table(service->bus);
}

static const char *noun(enum gord_resource_kind what)
{
    return what == GORD_QUEUE ? "queue" : what == GORD_POOL ? "pool" : "rate";
}

/* ------------------------------------------------------------------ answers */

static void answer_removed(struct rpc_call *call, enum gord_resource_kind what)
{
    Gor__V1__RemoveQueueReply queue = GOR__V1__REMOVE_QUEUE_REPLY__INIT;
    Gor__V1__RemovePoolReply pool = GOR__V1__REMOVE_POOL_REPLY__INIT;
    Gor__V1__RemoveRateReply rate = GOR__V1__REMOVE_RATE_REPLY__INIT;

    rpc_call_reply(call, what == GORD_QUEUE  ? &queue.base
                         : what == GORD_POOL ? &pool.base
                                             : &rate.base);
}

static void answer_resource(struct rpc_call *call, const struct gord_job_table *table,
                            const struct gord_resource *resource)
{
    Gor__V1__RateLimit limit;

    if (resource->what == GORD_QUEUE) {
        Gor__V1__Queue queue;
        struct gord_weight_list weights;
        if (gord_weights_list(table, resource->name, &weights) != 0) {
            gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "done, but out of memory");
            return;
        }
        gord_queues_fill_queue(resource, &limit, &queue);
        gord_weights_fill(&weights, &queue);
        rpc_call_reply(call, &queue.base);
        gord_weights_fini(&weights);
    } else if (resource->what == GORD_POOL) {
        Gor__V1__Pool pool;
        gord_queues_fill_pool(resource, &pool);
        rpc_call_reply(call, &pool.base);
    } else {
        Gor__V1__Rate rate;
        gord_queues_fill_rate(table, resource, &limit, &rate);
        rpc_call_reply(call, &rate.base);
    }
}

static void answer(const struct setting *setting)
{
    enum gord_resource_kind what = (enum gord_resource_kind)setting->content.what;
    const struct gord_resource *resource =
        gord_queues_find(table_of(setting->service), what, setting->content.name);

    if (setting->content.gone) {
        answer_removed(setting->keeping.call, what);
    } else if (resource == NULL) {
        gord_fail(setting->keeping.call, WIRE_ABORTED, "%s '%s' was removed meanwhile", noun(what),
                  setting->content.name);
    } else {
        answer_resource(setting->keeping.call, table_of(setting->service), resource);
    }
}

static void stored(void *arg, int error)
{
    struct setting *setting = arg;
    struct rpc_call *call = gord_keeping_done(&setting->keeping);

    if (call != NULL && error == 0) {
        answer(setting);
    } else if (call != NULL) {
        gord_fail(call, gord_store_status_code(error),
                  "done for now, but after a restart it will be forgotten: %s", strerror(-error));
    }
    free(setting);
}

/* What a queue, a pool or a rate is to be. */
struct wish {
    enum gord_resource_kind what;
    const char *name;
    uint64_t capacity;
    const struct gord_rate_limit *limit; /* NULL: as it was */
    const char *fair;                    /* "": as it was */
    Gor__V1__Share *const *shares;       /* whose weights change */
    size_t share_count;
};

/* Keep it as it is now, with the weights that change, and answer then. */
static void store(struct gord_service *service, struct rpc_call *call, const struct wish *wish)
{
    const char *name = wish->name;
    const struct gord_resource *resource = gord_queues_find(table_of(service), wish->what, name);
    struct setting *setting = calloc(1, sizeof(*setting));
    int result = -ENOMEM;

    gord_runner_queues_changed(service->runner);
    if (setting != NULL) {
        setting->service = service;
        setting->content.what = (uint8_t)wish->what;
        snprintf(setting->content.name, sizeof(setting->content.name), "%s", name);
        setting->content.gone = resource == NULL;
        if (resource != NULL) {
            gord_queues_fill_setting(resource, &setting->content);
        }
        result = gord_weights_keep(wish->shares, wish->share_count, &setting->content);
    }
    if (result == 0) {
        result = gord_store_set(gord_bus_store(service->bus), &setting->content, stored, setting);
        free((void *)(uintptr_t)setting->content.weights);
        setting->content.weights = NULL;
        setting->content.weight_count = 0;
    }
    if (result == 0) {
        gord_keeping_begin(service, &setting->keeping, call);
    } else {
        free(setting);
        gord_fail(call, wire_status_from_errno(result), "cannot keep that: %s", strerror(-result));
    }
}

/* ------------------------------------------------------------------ checks */

static bool is_open(struct gord_service *service, struct rpc_call *call, const char *name)
{
    if (gord_service_is_closing(service)) {
        gord_fail(call, WIRE_UNAVAILABLE, "the daemon is stopping; try again when it is back");
        return false;
    }
    if (!gord_word_ok(name)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "name: '%.63s' is none: it has 1 to 63 of a-z, 0-9, '.', '_', '-' and begins "
                  "with a letter or digit",
                  name);
        return false;
    }
    return true;
}

static void count_one(void *arg, const struct gord_resource *resource)
{
    (void)resource;
    ++*(size_t *)arg;
}

static size_t count_of(struct gord_service *service, enum gord_resource_kind what)
{
    size_t count = 0;

    gord_queues_each(table_of(service), what, count_one, &count);
    return count;
}

static void unknown(struct rpc_call *call, enum gord_resource_kind what, const char *name)
{
    gord_fail(call, WIRE_NOT_FOUND, "there is no %s '%s'; `gorctl queues` lists them", noun(what),
              name);
}

/* May it be made or changed as asked? */
static bool mode_allows(struct gord_service *service, struct rpc_call *call,
                        enum gord_resource_kind what, const char *name, Gor__V1__SetMode mode)
{
    bool there = gord_queues_find(table_of(service), what, name) != NULL;

    if (there && mode == GOR__V1__SET_MODE__CREATE) {
        gord_fail(call, WIRE_ALREADY_EXISTS,
                  "there is a %s '%s' already; `gorctl %s set` changes it", noun(what), name,
                  noun(what));
    } else if (!there && mode == GOR__V1__SET_MODE__CHANGE) {
        unknown(call, what, name);
    } else if ((int)mode < 0 || mode > GOR__V1__SET_MODE__CHANGE) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "mode is %d; it is 0 to 2", (int)mode);
    } else if (!there && count_of(service, what) >= GORD_RESOURCES_MAX) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "there are %d %ss, which is the most",
                  GORD_RESOURCES_MAX, noun(what));
    } else {
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ methods */

/* The limit, if one is asked for and right. */
static bool limit_is_ok(struct rpc_call *call, const Gor__V1__RateLimit *asked, const char *field,
                        struct gord_rate_limit *out)
{
    char error[128];

    *out = (struct gord_rate_limit){.count = 0};
    if (asked == NULL) {
        return true;
    }
    *out =
        (struct gord_rate_limit){asked->count, asked->burst > 0 ? asked->burst : 1, asked->per_ns};
    if (gord_rate_check(out, error, sizeof(error)) != 0) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "%s: %s", field, error);
        return false;
    }
    return true;
}

static bool fair_is_ok(struct rpc_call *call, const char *fair)
{
    if (strcmp(fair, "off") == 0 || gord_queues_is_fair(fair)) {
        return true;
    }
    gord_fail(call, WIRE_INVALID_ARGUMENT,
              "fair: '%.60s' is not off, owner, or label:KEY with a key of at most %d bytes", fair,
              (int)GORD_FAIR_MAX - 6);
    return false;
}

static int fulfil(struct gord_service *service, const struct wish *wish)
{
    int result = gord_queues_set(table_of(service), wish->what, wish->name, wish->capacity);

    if (result == 0 && wish->limit != NULL) {
        result = gord_queues_limit(table_of(service), wish->what, wish->name, wish->limit);
    }
    if (result == 0 && wish->fair[0] != '\0') {
        result = gord_queues_set_fair(table_of(service), wish->name,
                                      strcmp(wish->fair, "off") == 0 ? "" : wish->fair);
    }
    if (result == 0) {
        result = gord_weights_set(service, wish->name, wish->shares, wish->share_count);
    }
    return result;
}

static void set(struct gord_service *service, struct rpc_call *call, const struct wish *wish)
{
    int result = fulfil(service, wish);

    if (result != 0) {
        gord_fail(call, wire_status_from_errno(result), "%s '%s' cannot be made: %s",
                  noun(wish->what), wish->name, strerror(-result));
        return;
    }
    store(service, call, wish);
}

GORD_METHOD(gord_queues_set_queue)
{
    const Gor__V1__SetQueueRequest *request = (const Gor__V1__SetQueueRequest *)message;
    struct gord_rate_limit limit;

    if (!is_open(user, call, request->name) ||
        !mode_allows(user, call, GORD_QUEUE, request->name, request->mode)) {
        return;
    }
    if (request->slots > GORD_CAPACITY_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "slots is %" PRIu64 "; it is 0 (no limit) to %d",
                  request->slots, GORD_CAPACITY_MAX);
        return;
    }
    if (!limit_is_ok(call, request->rate, "rate", &limit) || !fair_is_ok(call, request->fair)) {
        return;
    }
    const struct gord_resource *queue = gord_queues_find(table_of(user), GORD_QUEUE, request->name);
    const char *fair = queue != NULL ? queue->fair : "";
    fair = strcmp(request->fair, "off") == 0 ? "" : request->fair[0] != '\0' ? request->fair : fair;
    if (!gord_weights_ok(user, call, request, fair)) {
        return;
    }
    uint64_t slots = request->slots != 0 ? request->slots : GORD_UNLIMITED;
    slots = request->keep_slots && queue != NULL ? queue->capacity : slots;
    set(user, call,
        &(struct wish){GORD_QUEUE, request->name, slots, request->rate != NULL ? &limit : NULL,
                       request->fair, request->shares, request->n_shares});
}

GORD_METHOD(gord_queues_set_pool)
{
    const Gor__V1__SetPoolRequest *request = (const Gor__V1__SetPoolRequest *)message;

    if (!is_open(user, call, request->name) ||
        !mode_allows(user, call, GORD_POOL, request->name, request->mode)) {
        return;
    }
    if (request->tokens > GORD_CAPACITY_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "tokens is %" PRIu64 "; it is 0 to %d",
                  request->tokens, GORD_CAPACITY_MAX);
        return;
    }
    set(user, call, &(struct wish){GORD_POOL, request->name, request->tokens, NULL, "", NULL, 0});
}

GORD_METHOD(gord_queues_set_rate)
{
    const Gor__V1__SetRateRequest *request = (const Gor__V1__SetRateRequest *)message;
    struct gord_rate_limit limit;

    if (!is_open(user, call, request->name) ||
        !mode_allows(user, call, GORD_RATE, request->name, request->mode)) {
        return;
    }
    if (request->limit == NULL || request->limit->count == 0) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "limit: a rate has 1 to %d tokens in some time; Queues.RemoveRate ends one",
                  (int)GORD_RATE_COUNT_MAX);
    } else if (limit_is_ok(call, request->limit, "limit", &limit)) {
        set(user, call,
            &(struct wish){GORD_RATE, request->name, GORD_UNLIMITED, &limit, "", NULL, 0});
    }
}

static void remove_one(struct gord_service *service, struct rpc_call *call,
                       enum gord_resource_kind what, const char *name)
{
    if (!is_open(service, call, name)) {
        return;
    }
    switch (gord_queues_remove(table_of(service), what, name)) {
    case 0:
        store(service, call, &(struct wish){.what = what, .name = name});
        break;
    case -EPERM:
        gord_fail(call, WIRE_FAILED_PRECONDITION,
                  "queue 'default' stays: it is for jobs that name none");
        break;
    case -EBUSY: {
        const struct gord_resource *resource = gord_queues_find(table_of(service), what, name);
        uint64_t running, queued = gord_queues_count(table_of(service), resource, &running);
        gord_fail(call, WIRE_FAILED_PRECONDITION,
                  "%s '%s' is in use: %" PRIu64 " job%s for it and %" PRIu64 " run%s", noun(what),
                  name, queued, queued == 1 ? " waits" : "s wait", running,
                  running == 1 ? "s" : "");
        break;
    }
    default:
        unknown(call, what, name);
    }
}

GORD_METHOD(gord_queues_remove_queue)
{
    remove_one(user, call, GORD_QUEUE, ((const Gor__V1__RemoveQueueRequest *)message)->name);
}

GORD_METHOD(gord_queues_remove_pool)
{
    remove_one(user, call, GORD_POOL, ((const Gor__V1__RemovePoolRequest *)message)->name);
}

GORD_METHOD(gord_queues_remove_rate)
{
    remove_one(user, call, GORD_RATE, ((const Gor__V1__RemoveRateRequest *)message)->name);
}

static void set_paused(struct gord_service *service, struct rpc_call *call, const char *name,
                       bool paused, int64_t until_ns)
{
    if (!is_open(service, call, name)) {
        return;
    }
    if (gord_queues_pause(table_of(service), name, paused, until_ns) != 0) {
        unknown(call, GORD_QUEUE, name);
        return;
    }
    store(service, call, &(struct wish){.what = GORD_QUEUE, .name = name});
}

/* What cannot be meant; NULL: it can. Requests take their time, so a moment may be over when they come. */
static const char *wrong_pause(const Gor__V1__PauseQueueRequest *request, int64_t now_ns)
{
    if (request->for_ns < 0 || request->for_ns > INT64_MAX - now_ns) {
        return "for_ns is out of range";
    }
    if (request->for_ns == 0 && request->until_ns != 0 &&
        request->until_ns < now_ns - PAUSE_OVER_NS) {
        return "until_ns is more than a day in the past";
    }
    return NULL;
}

/* Others may have paused it, for longer. */
static void leave_as_it_is(struct gord_service *service, struct rpc_call *call, const char *name)
{
    if (!is_open(service, call, name)) {
        return;
    }
    const struct gord_resource *queue = gord_queues_find(table_of(service), GORD_QUEUE, name);
    if (queue == NULL) {
        unknown(call, GORD_QUEUE, name);
        return;
    }
    gord_fail(call, WIRE_FAILED_PRECONDITION,
              "the time until which queue '%s' was to be paused is over; it is left as it is, %s",
              name, gord_resource_is_paused(queue) ? "paused" : "not paused");
}

GORD_METHOD(gord_queues_pause_queue)
{
    const Gor__V1__PauseQueueRequest *request = (const Gor__V1__PauseQueueRequest *)message;
    int64_t now_ns = gord_event_clock();
    const char *wrong = wrong_pause(request, now_ns);

    if (wrong != NULL) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "%s", wrong);
        return;
    }
    int64_t until_ns = request->for_ns != 0 ? now_ns + request->for_ns : request->until_ns;
    if (until_ns != 0 && until_ns <= now_ns) {
        leave_as_it_is(user, call, request->name);
        return;
    }
    set_paused(user, call, request->name, true, until_ns);
}

GORD_METHOD(gord_queues_resume_queue)
{
    set_paused(user, call, ((const Gor__V1__ResumeQueueRequest *)message)->name, false, 0);
}
