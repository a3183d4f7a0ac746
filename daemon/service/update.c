/* SPDX-License-Identifier: MIT */
/* Jobs.Update: jobs that have not started are to do something else, or at another time or place. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job/group.h"
#include "daemon/service/act.h"
#include "daemon/service/behind.h"
#include "daemon/service/change.h"
#include "daemon/service/scope.h"
#include "daemon/service/share.h"
#include "daemon/service/submit.h"

static const Gor__V1__UpdateRequest *request_of(const struct gord_act *act)
{
    return (const Gor__V1__UpdateRequest *)act->more;
}

/* "updated by user 1000: why (version 2: queue, priority)" */
static void say(const struct gord_act *act, uint32_t version, char *out, size_t bytes)
{
    const Gor__V1__UpdateRequest *request = request_of(act);
    int used = snprintf(out, bytes, "%s (version %u:", act->cause, version);

    for (size_t i = 0; i < request->n_fields && (size_t)used < bytes; i++) {
        used += snprintf(out + used, bytes - (size_t)used, "%s %s", i > 0 ? "," : "",
                         request->fields[i]);
    }
    if (request->n_fields == 0 && (size_t)used < bytes) {
        used += snprintf(out + used, bytes - (size_t)used, " labels");
    }
    if ((size_t)used < bytes) {
        snprintf(out + used, bytes - (size_t)used, ")");
    }
}

/* Those that have its unique key, which it may wait for: an owned array. */
static int find_key_holders(const struct gord_service *service, const struct gord_job *job,
                            uint64_t **out_ids, size_t *out_count)
{
    const char *key = job->body->spec->unique;

    *out_ids = NULL;
    *out_count =
        key[0] != '\0' ? gord_unique_find(&service->unique, job->body->uid, key, NULL, 0) : 0;
    if (*out_count > 0) {
        *out_ids = calloc(*out_count, sizeof(**out_ids));
        if (*out_ids == NULL) {
            return -ENOMEM;
        }
        gord_unique_find(&service->unique, job->body->uid, key, *out_ids, *out_count);
    }
    return 0;
}

static int make_change(const struct gord_act *act, const struct gord_job *job,
                       const Gor__V1__JobSpec *former, struct gord_standing *standing,
                       struct gord_change *change)
{
    uint64_t *ids = NULL;
    size_t count;
    int result = gord_change_make(change, former, standing, request_of(act));

    if (result == 0 && change->after) {
        result = find_key_holders(act->many.service, job, &ids, &count);
        result = result == 0 ? gord_change_keep(change, former, ids, count) : result;
        free(ids);
    }
    return result;
}

/* Would it wait for itself? What the request names is looked at once for all of its jobs, as long as nobody
 * else changes anything: those that were changed like that are none of what they wait for. */
static int check_circle(struct gord_act *act, const struct gord_job *job,
                        const struct gord_change *change, char why[GORD_ACT_TEXT])
{
    struct gord_service *service = act->many.service;
    bool own = change->clauses != NULL;
    struct gord_circle alone;
    struct gord_circle *circle = own ? &alone : &act->circle;
    struct gord_refusal refusal;
    int result = 0;

    if (own) {
        gord_circle_init(circle);
    }
    if (own || act->circle_seq != gord_bus_last_seq(service->bus)) {
        gord_circle_fini(circle);
        result = gord_behind_walk(service, &change->spec, circle);
        act->circle_seq = own || result != 0 ? 0 : gord_bus_last_seq(service->bus);
    }
    if (result == 0 &&
        !gord_behind_accepts(service, circle, job->id, change->spec.parent_id, &refusal)) {
        result = gord_act_refuse(why, refusal.text);
    }
    if (own) {
        gord_circle_fini(circle);
    }
    return result;
}

/* Would it be taken today, as it is to be? What it stands below does not change. */
static int check(struct gord_act *act, const struct gord_job *job, const struct gord_change *change,
                 char why[GORD_ACT_TEXT])
{
    struct gord_service *service = act->many.service;
    struct gord_refusal refusal;
    Gor__V1__JobSpec alone = gord_submit_alone(&change->spec);

    if (job->kind != GORD_GROUP && !gord_submit_accepts_change(service, &alone, &refusal)) {
        return gord_act_refuse(why, refusal.text);
    }
    if (!change->after) {
        return 0;
    }
    if (job->body->standing != NULL &&
        job->body->standing->attempt + job->body->standing->losses > 0) {
        return gord_act_refuse(why, "it has run before, so what it was to run after has come: that "
                                    "cannot be changed any more");
    }
    return gord_submit_accepts_after(service, &change->spec, &refusal)
               ? check_circle(act, job, change, why)
               : gord_act_refuse(why, refusal.text);
}

/* What it comes to, once it is entered. */
static void tell(const struct gord_act *act, uint64_t id, uint32_t version, char why[GORD_ACT_TEXT])
{
    const struct gord_job *job = gord_job_find(gord_bus_table(act->many.service->bus), id);
    bool ended = job != NULL && job->state == GOR__V1__JOB_STATE__TERMINATED;

    snprintf(why, GORD_ACT_TEXT, "version %u%s%.200s", version,
             ended ? "; it will never run: " : "", ended ? gord_job_reason(job) : "");
}

/* `standing` is taken over. */
static int enter(struct gord_act *act, struct gord_job *job, struct gord_change *change,
                 char why[GORD_ACT_TEXT])
{
    char text[GORD_CAUSE_MAX + 512];
    char share[GORD_WORD_MAX + 1];
    uint64_t id = job->id;
    uint32_t version = change->standing->version;
    struct gord_spec *spec = NULL;

    if (job->kind != GORD_GROUP) {
        change->spec.share = gord_share_of(act->many.service, &change->spec, job->body->uid, share);
    }
    int result = gord_spec_from_wire(&change->spec, job->body->spec->env, &spec);
    if (result != 0) {
        gord_standing_unref(change->standing);
        return result;
    }
    say(act, version, text, sizeof(text));
    struct gord_runner_update update = {spec, change->standing, text, change->after};
    bool seen = act->circle_seq != 0;
    result = gord_runner_update(act->many.service->runner, job, &update, &act->many.seq);
    gord_spec_unref(spec);
    if (result == 0) {
        act->circle_seq = seen ? gord_bus_last_seq(act->many.service->bus) : 0;
        tell(act, id, version, why);
    }
    return result;
}

/* `standing` is taken over. */
static int update(struct gord_act *act, struct gord_job *job, const Gor__V1__JobSpec *former,
                  struct gord_standing *standing, char why[GORD_ACT_TEXT])
{
    struct gord_change change;
    int result = make_change(act, job, former, standing, &change);

    result = result == 0 ? check(act, job, &change, why) : result;
    if (result != 0) {
        gord_standing_unref(standing);
    } else {
        result = enter(act, job, &change, why);
    }
    gord_change_fini(&change);
    return result;
}

static bool has_corr(const Gor__V1__JobSpec *spec)
{
    for (size_t i = 0; i < spec->n_after; i++) {
        for (size_t k = 0; k < spec->after[i]->n_of; k++) {
            if (spec->after[i]->of[k]->condition == GOR__V1__DEPENDENCY__CONDITION__CORR) {
                return true;
            }
        }
    }
    return false;
}

/* Of an array only what it waits for as a whole is changed, and while it does. NULL: it can be. */
static const char *why_not_array(const Gor__V1__UpdateRequest *request, const struct gord_job *job,
                                 const Gor__V1__JobSpec *former)
{
    bool only_after = request->n_fields == 1 && strcmp(request->fields[0], "after") == 0 &&
                      request->n_unset_labels == 0;

    if (job->kind != GORD_GROUP) {
        return "a task of an array is not changed by itself";
    }
    if (!only_after) {
        return "of an array only what it is to run after is changed: cancel it, and hand it in as "
               "it is to be";
    }
    if (gord_group_is_coming(job)) {
        return "its tasks have not all been imported yet";
    }
    if (has_corr(former) || has_corr(request->spec)) {
        return "what its tasks are to run after one by one, with CORR, is found out when it is "
               "handed in, and stays";
    }
    bool begun = job->state != GOR__V1__JOB_STATE__CREATED || job->body->started_ns != 0;
    return begun ? "it has begun already" : NULL;
}

static int update_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    const Gor__V1__UpdateRequest *request = request_of(act);
    struct gord_job *job = NULL;
    int result = gord_act_find(act, id, why, &job);

    if (result != 0) {
        return result;
    }
    if (job->taken) {
        return gord_act_refuse(why, "it has started already");
    }
    result = gord_runner_need_spec(act->many.service->runner, job);
    if (result != 0) {
        return result;
    }
    struct gord_standing *standing = gord_standing_copy(job->body->standing);
    if (standing != NULL && request->if_version && standing->version != request->version) {
        snprintf(why, GORD_ACT_TEXT, "its version is %u, not %u: it was changed meanwhile",
                 standing->version, request->version);
        gord_standing_unref(standing);
        return -EPERM;
    }
    Gor__V1__JobSpec *former = standing != NULL ? gord_spec_to_wire(job->body->spec, 1) : NULL;
    if (former == NULL) {
        gord_standing_unref(standing);
        return -ENOMEM;
    }
    const char *not_array = job->kind == GORD_GROUP || job->body->spec->array_id != 0
                                ? why_not_array(request, job, former)
                                : NULL;
    if (not_array != NULL) {
        gord_standing_unref(standing);
        result = act->by_kind ? GORD_ACT_NOT_MEANT : gord_act_refuse(why, not_array);
    } else {
        result = update(act, job, former, standing, why);
    }
    gor__v1__job_spec__free_unpacked(former, NULL);
    return result;
}

static bool can_be_changed(const struct gord_job *job)
{
    return job->state != GOR__V1__JOB_STATE__TERMINATED && !job->taken;
}

static ProtobufCMessage *copy_of(const ProtobufCMessage *message)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(bytes + 1);

    if (packed == NULL) {
        return NULL;
    }
    protobuf_c_message_pack(message, packed);
    ProtobufCMessage *copy = protobuf_c_message_unpack(message->descriptor, NULL, bytes, packed);
    free(packed);
    return copy;
}

/* False: the call has been answered. */
static bool stays_in_scope(struct gord_service *service, struct rpc_call *call,
                           const Gor__V1__UpdateRequest *request)
{
    struct gord_refusal why;

    for (size_t i = 0; i < request->n_fields; i++) {
        if (strcmp(request->fields[i], "queue") == 0 &&
            !gord_scope_takes(service, call, "", request->spec, &why)) {
            gord_refusal_tell(call, &why);
            return false;
        }
    }
    return true;
}

GORD_METHOD(gord_jobs_update)
{
    static const struct gord_act_verb verb = {"update all of them", "updated", update_one,
                                              can_be_changed,       NULL,      true};
    const Gor__V1__UpdateRequest *request = (const Gor__V1__UpdateRequest *)message;
    Gor__V1__ActRequest common = GOR__V1__ACT_REQUEST__INIT;
    char error[GORD_ERROR_BYTES];

    if (gord_change_check(request, error, sizeof(error)) != 0) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "%s", error);
        return;
    }
    if (!stays_in_scope(user, call, request)) {
        return;
    }
    common.n_ids = request->n_ids;
    common.ids = request->ids;
    common.all = request->all;
    common.cause = request->cause;
    common.selector = request->selector;
    ProtobufCMessage *copy = copy_of(message); /* the request goes while the call goes on */
    if (copy == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    gord_act_begin_with(user, &verb, call, &common, copy);
}
