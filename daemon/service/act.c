/* SPDX-License-Identifier: MIT */
/* Verbs on many jobs: Jobs.Hold, Jobs.Release, Jobs.Terminate; others are in files of their own. Each job is
 * done by itself and told of by itself. */
#include "daemon/service/act.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/order.h"
#include "daemon/service/check.h"

static void fini_act(struct gord_many *many)
{
    struct gord_act *act = (struct gord_act *)many;

    for (size_t i = 0; i < many->count; i++) {
        const Gor__V1__ActResult *result = (const Gor__V1__ActResult *)many->results[i];
        if (result->message != protobuf_c_empty_string) {
            free(result->message);
        }
    }
    gord_act_array_done(act);
    free(act->later);
    free(act->named);
    gord_circle_fini(&act->circle);
    protobuf_c_message_free_unpacked(act->more, NULL);
}

/* ------------------------------------------------------------------ each job */

void gord_act_note(struct gord_act *act, uint64_t id, Gor__V1__ActResult__Status status,
                   const char *message)
{
    Gor__V1__ActResult *result = gord_many_result(&act->many);

    if (result == NULL) {
        return;
    }
    gor__v1__act_result__init(result);
    result->id = id;
    result->status = status;
    result->new_id = act->new_id;
    result->for_now = status == GOR__V1__ACT_RESULT__STATUS__REFUSED && act->for_now;
    char *copy = message[0] != '\0' ? strdup(message) : NULL;
    if (copy != NULL) {
        result->message = copy;
    }
}

/* 0, or the error of a job that could not be looked up. */
static int do_one(struct gord_many *many, uint64_t id)
{
    struct gord_act *act = (struct gord_act *)many;
    char why[GORD_ACT_TEXT] = "";
    act->new_id = 0;
    act->for_now = false;
    int result = act->verb->act(act, id, why);

    switch (result) {
    case 0:
        gord_act_note(act, id, GOR__V1__ACT_RESULT__STATUS__DONE, why);
        return 0;
    case -EALREADY:
        gord_act_note(act, id, GOR__V1__ACT_RESULT__STATUS__UNCHANGED, why);
        return 0;
    case -EPERM:
        gord_act_note(act, id, GOR__V1__ACT_RESULT__STATUS__REFUSED, why);
        return 0;
    case GORD_ACT_LATER:
    case GORD_ACT_NOT_MEANT:
        return 0;
    case -ENOENT:
        gord_act_note(act, id, GOR__V1__ACT_RESULT__STATUS__UNKNOWN, "");
        return 0;
    default:
        return result;
    }
}

static void reply_acted(struct gord_many *many)
{
    Gor__V1__ActReply reply = GOR__V1__ACT_REPLY__INIT;

    reply.n_results = many->count;
    reply.results = (Gor__V1__ActResult **)many->results;
    rpc_call_reply(many->call, &reply.base);
}

static bool do_rest(struct gord_many *many)
{
    struct gord_act *act = (struct gord_act *)many;

    if (act->later_count == 0) {
        return false;
    }
    act->verb->rest(act);
    return true;
}

void gord_act_end(struct gord_act *act, int error)
{
    if (act->many.call == NULL) {
        /* It was answered when the service ended. */
    } else if (error == 0) {
        reply_acted(&act->many);
    } else {
        gord_fail(act->many.call, gord_store_status_code(error), "cannot %s: %s", act->verb->what,
                  strerror(-error));
    }
    gord_many_free(&act->many);
}

int gord_act_later(struct gord_act *act, uint64_t id)
{
    if (act->later_count == act->later_room) {
        size_t room = act->later_room > 0 ? act->later_room * 2 : 64;
        uint64_t *later = realloc(act->later, room * sizeof(*later));
        if (later == NULL) {
            return -ENOMEM;
        }
        act->later = later;
        act->later_room = room;
    }
    act->later[act->later_count++] = id;
    return GORD_ACT_LATER;
}

int gord_act_names(struct gord_act *act, uint64_t id)
{
    const struct gord_many *many = &act->many;

    if (act->named == NULL) {
        act->named = calloc(many->id_count + 1, sizeof(id));
        if (act->named == NULL) {
            return -ENOMEM;
        }
        memcpy(act->named, many->ids, many->id_count * sizeof(id));
        act->named_count = many->id_count;
        qsort(act->named, act->named_count, sizeof(id), gord_by_rising_id);
    }
    return bsearch(&id, act->named, act->named_count, sizeof(id), gord_by_rising_id) != NULL;
}

void gord_act_array_done(struct gord_act *act)
{
    if (act->array != 0 && !act->many.service->ended) {
        gord_runner_tasks_entered(act->many.service->runner, act->array);
    }
    act->array = 0;
}

/* ------------------------------------------------------------------ the request */

void gord_act_begin(struct gord_service *service, const struct gord_act_verb *verb,
                    struct rpc_call *call, const Gor__V1__ActRequest *request)
{
    gord_act_begin_with(service, verb, call, request, NULL);
}

void gord_act_begin_with(struct gord_service *service, const struct gord_act_verb *verb,
                         struct rpc_call *call, const Gor__V1__ActRequest *request,
                         ProtobufCMessage *more)
{
    static const struct gord_many_kind kind = {.size = sizeof(struct gord_act),
                                               .result_bytes = sizeof(Gor__V1__ActResult),
                                               .portion = 1000,
                                               .one = do_one,
                                               .rest = do_rest,
                                               .reply = reply_acted,
                                               .fini = fini_act,
                                               .reached = "reached"};
    struct gord_many_request common = {.n_ids = request->n_ids,
                                       .ids = request->ids,
                                       .all = request->all,
                                       .cause = request->cause,
                                       .selector = request->selector,
                                       .fits = verb->fits,
                                       .in_order = verb->in_order};
    char by_whom[GORD_BY_WHOM];
    struct gord_act *act =
        (struct gord_act *)gord_many_new(&kind, service, call, verb->what, &common);

    if (act == NULL) {
        protobuf_c_message_free_unpacked(more, NULL);
        return;
    }
    act->verb = verb;
    act->more = more;
    act->by_kind = request->n_ids == 0 && !request->all && request->selector->n_ids == 0;
    act->delay_ns = request->delay_ns;
    gord_by_whom(call, request->cause, by_whom);
    snprintf(act->cause, sizeof(act->cause), "%s %s", verb->done, by_whom);
    gord_many_begin(&act->many, &common);
}

int gord_act_refuse(char why[GORD_ACT_TEXT], const char *text)
{
    snprintf(why, GORD_ACT_TEXT, "%.*s", (int)GORD_ACT_TEXT - 1, text);
    return -EPERM;
}

int gord_act_not_taken(struct gord_act *act, char why[GORD_ACT_TEXT],
                       const struct gord_refusal *refusal)
{
    act->for_now =
        refusal->status == WIRE_RESOURCE_EXHAUSTED || refusal->status == WIRE_UNAVAILABLE;
    return gord_act_refuse(why, refusal->text);
}

int gord_act_find(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT],
                  struct gord_job **out_job)
{
    struct gord_job *job = gord_job_find(gord_bus_table(act->many.service->bus), id);

    if (job != NULL && job->state != GOR__V1__JOB_STATE__TERMINATED) {
        *out_job = job;
        return 0;
    }
    int result = job != NULL ? 0 : gord_knows(act->many.service, id);
    return result != 0 ? result : gord_act_refuse(why, "it has ended");
}

/* ------------------------------------------------------------------ hold, release */

/* What the runner does to a live job; `already` is said where there is nothing to do. */
static int do_to_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT],
                     int (*act_on)(struct gord_runner *runner, struct gord_job *job,
                                   const char *cause, uint64_t *out_seq),
                     const char *already)
{
    struct gord_job *job = NULL;
    int result = gord_act_find(act, id, why, &job);

    if (result != 0) {
        return result;
    }
    result = act_on(act->many.service->runner, job, act->cause, &act->many.seq);
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
    return do_to_one(act, id, why, gord_runner_hold, "it was held already");
}

static int release_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    return do_to_one(act, id, why, gord_runner_release, "it was not held");
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
    static const struct gord_act_verb verb = {"hold all of them", "held", hold_one,
                                              can_be_held,        NULL,   true};

    gord_act_begin(user, &verb, call, (const Gor__V1__ActRequest *)message);
}

GORD_METHOD(gord_jobs_release)
{
    static const struct gord_act_verb verb = {
        "release all of them", "released", release_one, is_held, NULL, true};

    gord_act_begin(user, &verb, call, (const Gor__V1__ActRequest *)message);
}

/* ------------------------------------------------------------------ terminate */

static int terminate_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    return do_to_one(act, id, why, gord_runner_terminate, "it is being terminated already");
}

GORD_METHOD(gord_jobs_terminate)
{
    static const struct gord_act_verb verb = {"terminate all of them", "terminated", terminate_one,
                                              gord_many_lives,         NULL,         false};

    gord_act_begin(user, &verb, call, (const Gor__V1__ActRequest *)message);
}
