/* SPDX-License-Identifier: MIT */
/* Verbs on many jobs: Jobs.Hold, Jobs.Release, Jobs.Terminate; Jobs.Rerun is in rerun.c. Each job is done by itself and told of by itself. */
#include "daemon/service/act.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/text.h"
#include "daemon/service/check.h"

#define IDS_MAX 100000
#define PORTION 1000       /* jobs before others get their turn: some milliseconds */
#define RESULTS_MAX 250000 /* some MiB of reply */

static void free_act(struct gord_act *act)
{
    if (act == NULL) {
        return;
    }
    for (size_t i = 0; i < act->count; i++) {
        if (act->results[i].message != protobuf_c_empty_string) {
            free(act->results[i].message);
        }
    }
    free(act->ids);
    free(act->results);
    free(act->pointers);
    free(act);
}

static struct gord_act *new_act(struct gord_service *service, struct rpc_call *call, size_t room)
{
    struct gord_act *act = calloc(1, sizeof(*act));

    if (act == NULL) {
        return NULL;
    }
    act->service = service;
    act->call = call;
    act->ids = calloc(room + 1, sizeof(*act->ids));
    act->results = calloc(room + 1, sizeof(*act->results));
    act->pointers = calloc(room + 1, sizeof(Gor__V1__ActResult *));
    if (act->ids == NULL || act->results == NULL || act->pointers == NULL) {
        free_act(act);
        return NULL;
    }
    return act;
}

/* "held by user 1000: wait for disks" */
static void set_cause(struct gord_act *act, const char *cause)
{
    const struct rpc_peer *peer = rpc_call_peer(act->call);
    char who[128];
    char clean[GORD_CAUSE_MAX + 64];

    if (peer->local) {
        snprintf(who, sizeof(who), "user %u", peer->uid);
    } else {
        snprintf(who, sizeof(who), "%s", peer->address);
    }
    gord_text_clean(cause, strlen(cause), clean, sizeof(clean));
    snprintf(act->cause, sizeof(act->cause), "%s by %s%s%s", act->verb->done, who,
             clean[0] != '\0' ? ": " : "", clean);
}

/* ------------------------------------------------------------------ each job */

static void note(struct gord_act *act, uint64_t id, Gor__V1__ActResult__Status status,
                 const char *message)
{
    if (act->count == RESULTS_MAX) {
        return;
    }
    Gor__V1__ActResult *result = &act->results[act->count];
    gor__v1__act_result__init(result);
    result->id = id;
    result->status = status;
    result->new_id = act->new_id;
    char *copy = message[0] != '\0' ? strdup(message) : NULL;
    if (copy != NULL) {
        result->message = copy;
    }
    act->pointers[act->count++] = result;
}

/* 0, or the error of a job that could not be looked up. */
static int do_one(struct gord_act *act, uint64_t id)
{
    char why[GORD_ACT_TEXT] = "";
    act->new_id = 0;
    int result = act->verb->act(act, id, why);

    switch (result) {
    case 0:
        note(act, id, GOR__V1__ACT_RESULT__STATUS__DONE, why);
        return 0;
    case -EALREADY:
        note(act, id, GOR__V1__ACT_RESULT__STATUS__UNCHANGED, why);
        return 0;
    case -EPERM:
        note(act, id, GOR__V1__ACT_RESULT__STATUS__REFUSED, why);
        return 0;
    case -ENOENT:
        note(act, id, GOR__V1__ACT_RESULT__STATUS__UNKNOWN, "");
        return 0;
    default:
        return result;
    }
}

/* The answer waits for the disk. */
static void act_committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct gord_act *act = ack->data;
    Gor__V1__ActReply reply = GOR__V1__ACT_REPLY__INIT;

    (void)service;
    if (error == -ECANCELED) {
        gord_fail(ack->call, WIRE_UNAVAILABLE, "the daemon stops");
    } else {
        reply.n_results = act->count;
        reply.results = act->pointers;
        rpc_call_reply(ack->call, &reply.base);
    }
    free_act(act);
}

static void finish_act(struct gord_act *act, int error)
{
    struct gord_service *service = act->service;
    struct gord_ack ack = {.seq = service->store_error == 0 ? act->seq : 0,
                           .call = act->call,
                           .fn = act_committed,
                           .data = act};

    if (error == 0) {
        error = gord_acks_add(service, &ack);
    }
    if (error != 0) {
        gord_fail(act->call, wire_status_from_errno(error), "cannot %s all of them: %s",
                  act->verb->name, strerror(-error));
        free_act(act);
    }
}

/* A portion; true: finished, and gone. */
static bool go_on(struct gord_act *act)
{
    size_t stop = act->id_count - act->done > PORTION ? act->done + PORTION : act->id_count;
    int error = 0;

    while (act->done < stop && error == 0) {
        error = do_one(act, act->ids[act->done++]);
    }
    if (error != 0 || act->done == act->id_count) {
        finish_act(act, error);
        return true;
    }
    gord_bus_wake(act->service->bus);
    return false;
}

void gord_acts_flush(struct gord_service *service)
{
    for (struct gord_act **link = &service->acts; *link != NULL;) {
        struct gord_act *act = *link;
        struct gord_act *next = act->next;
        if (go_on(act)) {
            *link = next;
        } else {
            link = &act->next;
        }
    }
}

void gord_acts_end(struct gord_service *service)
{
    struct gord_act *next;

    for (struct gord_act *act = service->acts; act != NULL; act = next) {
        next = act->next;
        gord_fail(act->call, WIRE_UNAVAILABLE, "the daemon stops; not all have been reached");
        free_act(act);
    }
    service->acts = NULL;
}

/* ------------------------------------------------------------------ the request */

static int add_id(void *arg, struct gord_job *job)
{
    struct gord_act *act = arg;

    if (act->verb->fits(job)) {
        act->ids[act->id_count++] = job->id;
    }
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static size_t live_jobs(struct gord_service *service)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));
    size_t live = 0;

    for (int state = 0; state < GORD_STATE_COUNT; state++) {
        live += counts->by_state[state];
    }
    return live;
}

static bool request_ok(const struct gord_act_verb *verb, struct rpc_call *call,
                       const Gor__V1__ActRequest *request)
{
    if (request->n_ids == 0 && !request->all) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids is empty and 'all' is not set");
    } else if (request->n_ids > 0 && request->all) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids and 'all' exclude each other");
    } else if (request->all && verb->fits == NULL) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "'all' is not for this: name the jobs");
    } else if (request->n_ids > IDS_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids has %zu entries, at most %d are taken",
                  request->n_ids, IDS_MAX);
    } else if (strlen(request->cause) > GORD_CAUSE_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "cause has %zu bytes, at most %d are kept",
                  strlen(request->cause), GORD_CAUSE_MAX);
    } else {
        return true;
    }
    return false;
}

void gord_act_begin(struct gord_service *service, const struct gord_act_verb *verb,
                    struct rpc_call *call, const Gor__V1__ActRequest *request)
{
    if (!request_ok(verb, call, request)) {
        return;
    }
    struct gord_act *act =
        new_act(service, call, request->all ? live_jobs(service) : request->n_ids);
    if (act == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    act->verb = verb;
    set_cause(act, request->cause);
    if (request->all) {
        gord_job_each(gord_bus_table(service->bus), add_id, act);
        qsort(act->ids, act->id_count, sizeof(uint64_t), compare_ids);
    } else {
        memcpy(act->ids, request->ids, request->n_ids * sizeof(uint64_t));
        act->id_count = request->n_ids;
    }
    if (!go_on(act)) {
        act->next = service->acts;
        service->acts = act;
    }
}

int gord_act_refuse(char why[GORD_ACT_TEXT], const char *text)
{
    snprintf(why, GORD_ACT_TEXT, "%s", text);
    return -EPERM;
}

int gord_act_find(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT],
                  struct gord_job **out_job)
{
    struct gord_job *job = gord_job_find(gord_bus_table(act->service->bus), id);

    if (job != NULL && job->state != GOR__V1__JOB_STATE__TERMINATED) {
        *out_job = job;
        return 0;
    }
    int result = job != NULL ? 0 : gord_knows(act->service, id);
    return result != 0 ? result : gord_act_refuse(why, "it has ended");
}

/* ------------------------------------------------------------------ hold, release */

static int settle_hold(int result, char why[GORD_ACT_TEXT], const char *already)
{
    if (result == -EBUSY) {
        return gord_act_refuse(why, "it has started already");
    }
    if (result == -EALREADY) {
        snprintf(why, GORD_ACT_TEXT, "%s", already);
    }
    return result;
}

static int hold_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    struct gord_job *job = NULL;
    int result = gord_act_find(act, id, why, &job);

    if (result == 0) {
        result = gord_runner_hold(act->service->runner, job, act->cause, &act->seq);
        result = settle_hold(result, why, "it was held already");
    }
    return result;
}

static int release_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    struct gord_job *job = NULL;
    int result = gord_act_find(act, id, why, &job);

    if (result == 0) {
        result = gord_runner_release(act->service->runner, job, act->cause, &act->seq);
        result = settle_hold(result, why, "it was not held");
    }
    return result;
}

static bool can_be_held(const struct gord_job *job)
{
    return job->state != GOR__V1__JOB_STATE__TERMINATED && !job->taken &&
           (job->body == NULL || job->body->standing == NULL || !job->body->standing->held);
}

static bool is_held(const struct gord_job *job)
{
    return job->state != GOR__V1__JOB_STATE__TERMINATED && !job->taken && job->body != NULL &&
           job->body->standing != NULL && job->body->standing->held;
}

GORD_METHOD(gord_jobs_hold)
{
    static const struct gord_act_verb verb = {"hold", "held", hold_one, can_be_held};

    gord_act_begin(user, &verb, call, (const Gor__V1__ActRequest *)message);
}

GORD_METHOD(gord_jobs_release)
{
    static const struct gord_act_verb verb = {"release", "released", release_one, is_held};

    gord_act_begin(user, &verb, call, (const Gor__V1__ActRequest *)message);
}

/* ------------------------------------------------------------------ terminate */

static int terminate_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    struct gord_job *job = NULL;
    int result = gord_act_find(act, id, why, &job);

    if (result == 0) {
        result = gord_runner_terminate(act->service->runner, job, act->cause, &act->seq);
        result = settle_hold(result, why, "it is being terminated already");
    }
    return result;
}

static bool lives(const struct gord_job *job)
{
    return job->state != GOR__V1__JOB_STATE__TERMINATED;
}

GORD_METHOD(gord_jobs_terminate)
{
    static const struct gord_act_verb verb = {"terminate", "terminated", terminate_one, lives};

    gord_act_begin(user, &verb, call, (const Gor__V1__ActRequest *)message);
}
