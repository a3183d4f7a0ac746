/* SPDX-License-Identifier: MIT */
/* Jobs.Update: jobs that have not started are to do something else, or at another time or place. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/act.h"
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

/* Would it be taken today, as it is to be? What it stands below and runs after does not change. */
static bool is_accepted(struct gord_act *act, const Gor__V1__JobSpec *changed,
                        struct gord_refusal *out_why)
{
    Gor__V1__JobSpec alone = gord_submit_alone(changed);

    return gord_submit_accepts_change(act->many.service, &alone, out_why);
}

/* `standing` is taken over. */
static int update(struct gord_act *act, struct gord_job *job, const Gor__V1__JobSpec *former,
                  struct gord_standing *standing, char why[GORD_ACT_TEXT])
{
    char text[GORD_CAUSE_MAX + 512];
    char share[GORD_WORD_MAX + 1];
    struct gord_change change;
    struct gord_spec *spec = NULL;
    struct gord_refusal refusal;
    int result = gord_change_make(&change, former, standing, request_of(act));

    if (result == 0 && !is_accepted(act, &change.spec, &refusal)) {
        result = gord_act_refuse(why, refusal.text);
    }
    change.spec.share = gord_share_of(act->many.service, &change.spec, job->body->uid, share);
    result = result != 0 ? result : gord_spec_from_wire(&change.spec, job->body->spec->env, &spec);
    gord_change_fini(&change);
    if (result != 0) {
        gord_standing_unref(standing);
        return result;
    }
    say(act, standing->version, text, sizeof(text));
    snprintf(why, GORD_ACT_TEXT, "version %u", standing->version);
    result =
        gord_runner_update(act->many.service->runner, job, spec, standing, text, &act->many.seq);
    gord_spec_unref(spec);
    return result;
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
    if (job->kind == GORD_GROUP || job->body->spec->array_id != 0) {
        return act->by_kind ? GORD_ACT_NOT_MEANT
                            : gord_act_refuse(why, "an array is not changed: cancel it, and hand "
                                                   "it in as it is to be");
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
    result = update(act, job, former, standing, why);
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
            gord_fail(call, why.status, "%s", why.text);
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
