/* SPDX-License-Identifier: MIT */
/* The service Crons: its methods. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/base/url.h"
#include "daemon/service/cron_change.h"
#include "daemon/service/owner.h"
#include "daemon/service/redact.h"
#include "daemon/service/request.h"
#include "daemon/service/scope.h"

enum { SECOND_NS = 1000000000, PREVIEW_COUNT = 5, PREVIEW_MOST = 1000 };

/* The entry of that name, that is there; else the call has been answered. */
static struct gord_cron *find(struct gord_service *service, struct rpc_call *call, const char *name)
{
    struct gord_cron *cron = gord_crons_find(service->crons, name);

    if (cron == NULL || cron->fresh) {
        gord_fail(call, WIRE_NOT_FOUND, "there is no cron entry '%s'; `gorctl cron ls` lists them",
                  name);
        return NULL;
    }
    return cron;
}

/* Its jobs are of whom it is of, so it is his alone to change. */
static bool is_own(struct gord_service *service, struct rpc_call *call,
                   const struct gord_cron *cron)
{
    struct gord_refusal why;

    if (gord_owner_may_all(call)) {
        return true;
    }
    if (cron->uid == gord_submit_uid(call)) {
        bool in_scope = gord_scope_takes(service, call, "", cron->spec->job, &why);
        if (!in_scope) {
            gord_refusal_tell(call, &why);
        }
        return in_scope;
    }
    gord_fail(call, WIRE_PERMISSION_DENIED,
              "cron entry '%s' is another user's, and it takes an operator or admin to change it",
              cron->spec->name);
    return false;
}

/* The same of one that the caller can change now. */
static struct gord_cron *find_free(struct gord_service *service, struct rpc_call *call,
                                   const char *name)
{
    struct gord_cron *cron = find(service, call, name);

    if (cron != NULL && service->draining) {
        gord_fail(call, WIRE_UNAVAILABLE, "the daemon is stopping; try again when it is back");
        return NULL;
    }
    if (cron != NULL && cron->changing) {
        gord_fail(call, WIRE_UNAVAILABLE,
                  "cron entry '%s' is being changed by somebody else; try again in a moment", name);
        return NULL;
    }
    return cron != NULL && is_own(service, call, cron) ? cron : NULL;
}

/* ------------------------------------------------------------------ showing */

/* An entry without what is large or secret; it borrows all the rest. */
struct shown {
    char *url; /* owned: what may be shown of it; NULL: there is none */
    Gor__V1__Cron cron;
    Gor__V1__CronSpec spec;
    Gor__V1__JobSpec job;
    union {
        Gor__V1__ExecSpec exec;
        Gor__V1__NativeSpec native;
        Gor__V1__LuaSpec lua;
    } kind;
};

static void leave_out_large(struct shown *shown)
{
    switch (shown->job.kind_case) {
    case GOR__V1__JOB_SPEC__KIND_EXEC:
        shown->kind.exec = *shown->job.exec;
        shown->kind.exec.n_env = 0;
        shown->kind.exec.n_rlimits = 0;
        shown->job.exec = &shown->kind.exec;
        break;
    case GOR__V1__JOB_SPEC__KIND_NATIVE:
        shown->kind.native = *shown->job.native;
        shown->kind.native.input = (ProtobufCBinaryData){0, NULL};
        shown->job.native = &shown->kind.native;
        break;
    case GOR__V1__JOB_SPEC__KIND_LUA:
        shown->kind.lua = *shown->job.lua;
        shown->kind.lua.script = (ProtobufCBinaryData){0, NULL};
        shown->job.lua = &shown->kind.lua;
        break;
    default:
        break;
    }
}

static void leave_out_url(struct shown *shown)
{
    static char hidden[] = GORD_URL_HIDDEN;
    bool there = shown->job.on_finish_url[0] != '\0';

    shown->url = there ? gord_url_hide(shown->job.on_finish_url) : NULL;
    if (there) {
        shown->job.on_finish_url = shown->url != NULL ? shown->url : hidden;
    }
}

static void show_state(const struct gord_cron *cron, Gor__V1__Cron *out)
{
    const struct gord_cron_state *state = &cron->state;

    gor__v1__cron__init(out);
    out->uid = cron->uid;
    out->made_ns = cron->made_ns;
    out->paused = state->paused;
    out->next_ns = cron->next_s * SECOND_NS;
    out->last_ns = state->last_s * SECOND_NS;
    out->last_job = state->last_job;
    out->fired = state->fired;
    out->skipped = state->skipped;
    out->missed = state->missed;
    out->why = (char *)(uintptr_t)state->why;
    out->covered_ns = state->covered_s * SECOND_NS;
}

static void show(const struct gord_cron *cron, struct shown *shown)
{
    show_state(cron, &shown->cron);
    shown->spec = *cron->spec;
    shown->job = *cron->spec->job;
    shown->cron.spec = &shown->spec;
    shown->spec.job = &shown->job;
    leave_out_large(shown);
    leave_out_url(shown);
}

static void end_show(struct shown *shown)
{
    free(shown->url);
}

void gord_cron_reply(struct rpc_call *call, const struct gord_cron *cron)
{
    struct shown shown;

    show(cron, &shown);
    rpc_call_reply(call, &shown.cron.base);
    end_show(&shown);
}

GORD_METHOD(gord_crons_list)
{
    struct gord_service *service = user;
    Gor__V1__ListCronsReply reply = GOR__V1__LIST_CRONS_REPLY__INIT;
    struct shown *shown = calloc(service->crons->count + 1, sizeof(*shown));
    Gor__V1__Cron **pointers = calloc(service->crons->count + 1, sizeof(*pointers));

    (void)message;
    if (shown == NULL || pointers == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        for (const struct gord_cron *cron = service->crons->first; cron != NULL;
             cron = cron->next) {
            if (!cron->fresh) {
                show(cron, &shown[reply.n_crons]);
                pointers[reply.n_crons] = &shown[reply.n_crons].cron;
                reply.n_crons++;
            }
        }
        reply.crons = pointers;
        rpc_call_reply(call, &reply.base);
        for (size_t i = 0; i < reply.n_crons; i++) {
            end_show(&shown[i]);
        }
    }
    free(shown);
    free(pointers);
}

Gor__V1__CronSpec *gord_cron_copy_spec(const Gor__V1__CronSpec *spec)
{
    uint8_t *packed = malloc(gor__v1__cron_spec__get_packed_size(spec) + 1);
    Gor__V1__CronSpec *copy = NULL;

    if (packed != NULL) {
        size_t bytes = gor__v1__cron_spec__pack(spec, packed);
        copy = gor__v1__cron_spec__unpack(NULL, bytes, packed);
    }
    free(packed);
    return copy;
}

/* As of a job's: they go back to whom they came from, if he can be told apart. */
static bool may_reveal(struct rpc_call *call, const struct gord_cron *cron)
{
    const struct rpc_peer *peer = rpc_call_peer(call);

    if (peer->local && (peer->uid == 0 || peer->uid == cron->uid)) {
        return true;
    }
    gord_fail(call, WIRE_PERMISSION_DENIED,
              "cron entry '%s' is user %u's: only that user and root may see its secrets, over the "
              "daemon's Unix socket",
              cron->spec->name, cron->uid);
    return false;
}

GORD_METHOD(gord_crons_show)
{
    struct gord_service *service = user;
    const Gor__V1__ShowCronRequest *request = (const Gor__V1__ShowCronRequest *)message;
    const struct gord_cron *cron = find(service, call, request->name);
    Gor__V1__Cron reply;

    if (cron == NULL || (request->reveal && !may_reveal(call, cron))) {
        return;
    }
    show_state(cron, &reply);
    reply.spec = gord_cron_copy_spec(cron->spec);
    if (reply.spec == NULL ||
        (!request->reveal && gord_redact(reply.spec->job, service->hide_env) < 0)) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        rpc_call_reply(call, &reply.base);
    }
    gor__v1__cron_spec__free_unpacked(reply.spec, NULL);
}

/* ------------------------------------------------------------------ making */

static bool may_put(struct gord_service *service, const Gor__V1__PutCronRequest *request,
                    const struct gord_cron *there, struct gord_refusal *out_why)
{
    if (gord_cron_check(service, request->spec, true, out_why) != 0) {
        return false;
    }
    if (!gord_submit_is_open(service, 0, out_why)) {
        return false;
    }
    if (there != NULL && there->changing) {
        out_why->status = WIRE_UNAVAILABLE;
        snprintf(out_why->text, sizeof(out_why->text),
                 "cron entry '%s' is being changed by somebody else; try again in a moment",
                 request->spec->name);
        return false;
    }
    if (there != NULL && !request->replace) {
        out_why->status = WIRE_ALREADY_EXISTS;
        snprintf(out_why->text, sizeof(out_why->text),
                 "there is a cron entry '%s' already; to replace it, set `replace` (gorctl: "
                 "--replace), or choose another name",
                 request->spec->name);
        return false;
    }
    if (there == NULL && service->crons->count >= GORD_CRONS_MOST) {
        out_why->status = WIRE_RESOURCE_EXHAUSTED;
        snprintf(out_why->text, sizeof(out_why->text),
                 "there are %d cron entries, which is the most; remove some", GORD_CRONS_MOST);
        return false;
    }
    return true;
}

GORD_METHOD(gord_crons_put)
{
    struct gord_service *service = user;
    const Gor__V1__PutCronRequest *request = (const Gor__V1__PutCronRequest *)message;
    struct gord_cron *there =
        request->spec != NULL ? gord_crons_find(service->crons, request->spec->name) : NULL;
    const Gor__V1__JobSpec *job = request->spec != NULL ? request->spec->job : NULL;
    struct gord_refusal why;

    /* There is a job in what may be put. */
    if (!may_put(service, request, there, &why) ||
        (job != NULL && !gord_scope_takes(service, call, "", job, &why))) {
        gord_refusal_tell(call, &why);
        return;
    }
    if (there != NULL && !is_own(service, call, there)) {
        return;
    }
    Gor__V1__CronSpec *spec = gord_cron_copy_spec(request->spec);
    struct gord_cron *cron =
        spec != NULL ? gord_cron_new(spec, gord_submit_uid(call), gord_event_clock()) : NULL;
    if (cron == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "nothing was changed: out of memory");
        return;
    }
    struct gord_cron_change change = {
        .kind = GORD_CRON_MAKE, .service = service, .call = call, .cron = cron};
    if (there != NULL) {
        int64_t covered = cron->state.covered_s;
        change.kind = GORD_CRON_REPLACE;
        change.cron = there;
        change.other = cron;
        cron->state = there->state;
        cron->state.covered_s = covered;
        cron->state.why[0] = '\0';
    } else {
        cron->fresh = true;
        gord_crons_insert(service->crons, cron);
    }
    cron->state.version++;
    cron->state.paused |= request->paused;
    gord_cron_change(&change);
}

/* ------------------------------------------------------------------ steering */

GORD_METHOD(gord_crons_delete)
{
    struct gord_service *service = user;
    struct gord_cron *cron =
        find_free(service, call, ((const Gor__V1__DeleteCronRequest *)message)->name);

    if (cron != NULL) {
        gord_cron_change(&(struct gord_cron_change){
            .kind = GORD_CRON_DELETE, .service = service, .call = call, .cron = cron});
    }
}

/* Fires that passed while it was paused are settled: nothing came of them. */
static void set_paused(struct gord_service *service, struct rpc_call *call, const char *name,
                       bool paused)
{
    struct gord_cron *cron = find_free(service, call, name);

    if (cron == NULL) {
        return;
    }
    if (cron->state.paused == paused) {
        gord_cron_reply(call, cron);
        return;
    }
    struct gord_cron_change change = {
        .kind = GORD_CRON_PAUSE, .service = service, .call = call, .cron = cron};
    change.state = cron->state;
    change.state.version++;
    change.state.paused = paused;
    if (!paused) {
        change.state.covered_s = gord_event_clock() / SECOND_NS;
    }
    gord_cron_change(&change);
}

GORD_METHOD(gord_crons_pause)
{
    set_paused(user, call, ((const Gor__V1__PauseCronRequest *)message)->name, true);
}

GORD_METHOD(gord_crons_resume)
{
    set_paused(user, call, ((const Gor__V1__ResumeCronRequest *)message)->name, false);
}

/* ------------------------------------------------------------------ by hand */

static void run_committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    Gor__V1__RunCronReply reply = GOR__V1__RUN_CRON_REPLY__INIT;
    struct gord_refusal why;

    if (error != 0) {
        gord_submit_failed(service, ack, error, &why);
        gord_refusal_tell(ack->call, &why);
        return;
    }
    reply.id = ack->first_id;
    reply.durability = gord_submit_durability(service);
    rpc_call_reply(ack->call, &reply.base);
}

/* The name that the client gave it, or one by chance. */
static bool name_run(const ProtobufCBinaryData *id, struct gord_cron_fire *fire)
{
    if (id->len == GORD_REQUEST_BYTES) {
        memcpy(fire->request, id->data, GORD_REQUEST_BYTES);
        return true;
    }
    return getrandom(fire->request, GORD_REQUEST_BYTES, 0) == GORD_REQUEST_BYTES;
}

static bool make_run(struct gord_service *service, struct gord_cron *cron,
                     const ProtobufCBinaryData *id, struct gord_ack *ack,
                     struct gord_refusal *out_why)
{
    struct gord_cron_fire fire = {.at_s = gord_event_clock() / SECOND_NS,
                                  .covered_s = cron->state.covered_s,
                                  .by_hand = true};

    if (!gord_submit_is_open(service, 1, out_why)) {
        return false;
    }
    if (!name_run(id, &fire)) {
        out_why->status = WIRE_INTERNAL;
        snprintf(out_why->text, sizeof(out_why->text), "the kernel has no random bytes");
        return false;
    }
    if (gord_cron_fire(service, cron, &fire, &ack->first_id, &ack->seq, out_why) !=
        GORD_CRON_MADE) {
        gord_cron_save(service, cron);
        return false;
    }
    return true;
}

GORD_METHOD(gord_crons_run)
{
    struct gord_service *service = user;
    const Gor__V1__RunCronRequest *request = (const Gor__V1__RunCronRequest *)message;
    struct gord_ack ack = {.call = call, .fn = run_committed, .count = 1};
    struct gord_request_known known;
    struct gord_refusal why;
    struct gord_cron *cron = find_free(service, call, request->name);

    if (cron == NULL) {
        return;
    }
    int found = gord_request_find(service, &request->request_id, cron->uid, &known, &why);
    if (found < 0 || (found == 0 && !make_run(service, cron, &request->request_id, &ack, &why))) {
        gord_refusal_tell(call, &why);
        return;
    }
    if (found > 0) {
        ack.first_id = known.first_id;
        ack.seq = known.seq;
    }
    if (gord_acks_add(service, &ack) != 0) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED,
                  "job %" PRIu64 " is made, but there is no memory to wait for the disk",
                  ack.first_id);
    }
}

/* ------------------------------------------------------------------ preview */

static void preview(struct rpc_call *call, const struct gord_cron_entry *entry, const char *zone,
                    const Gor__V1__PreviewCronRequest *request)
{
    Gor__V1__PreviewCronReply reply = GOR__V1__PREVIEW_CRON_REPLY__INIT;
    size_t count = request->count != 0 ? request->count : PREVIEW_COUNT;
    int64_t at = (request->from_ns != 0 ? request->from_ns : gord_event_clock()) / SECOND_NS;
    Gor__V1__CronTime *times = calloc(count, sizeof(*times));
    Gor__V1__CronTime **pointers = calloc(count, sizeof(*pointers));

    while (times != NULL && pointers != NULL && reply.n_times < count &&
           gord_cron_entry_next(entry, at, &at) == 0) {
        Gor__V1__CronTime *time = &times[reply.n_times];
        gor__v1__cron_time__init(time);
        time->at_ns = at * SECOND_NS;
        time->offset_s = gord_zone_offset(entry->rule.zone, at);
        time->due_ns = gord_cron_due_ns(entry, at);
        pointers[reply.n_times++] = time;
    }
    reply.times = pointers;
    reply.zone = (char *)(uintptr_t)(zone[0] != '\0' ? zone : "UTC");
    if (times != NULL && pointers != NULL) {
        rpc_call_reply(call, &reply.base);
    } else {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    }
    free(times);
    free(pointers);
}

static void preview_spec(struct gord_service *service, struct rpc_call *call,
                         const Gor__V1__PreviewCronRequest *request)
{
    struct gord_cron_entry entry;
    struct gord_zone *zone = NULL;
    struct gord_refusal why = {.status = WIRE_INVALID_ARGUMENT};
    int64_t now = gord_event_clock() / SECOND_NS;

    if (gord_cron_check(service, request->spec, false, &why) != 0 ||
        gord_cron_times(request->spec, now, &entry, &zone, why.text, sizeof(why.text)) != 0) {
        gord_refusal_tell(call, &why);
        return;
    }
    if (request->from_ns == 0 && gord_cron_future(&entry, why.text, sizeof(why.text)) != 0) {
        gord_refusal_tell(call, &why);
        gord_zone_free(zone);
        return;
    }
    preview(call, &entry, request->spec->zone, request);
    gord_zone_free(zone);
}

GORD_METHOD(gord_crons_preview)
{
    struct gord_service *service = user;
    const Gor__V1__PreviewCronRequest *request = (const Gor__V1__PreviewCronRequest *)message;

    if (request->count > PREVIEW_MOST) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "count is %u; at most %d fires are told",
                  request->count, PREVIEW_MOST);
        return;
    }
    if (request->from_ns < 0 || request->from_ns / SECOND_NS > GORD_CRON_END_S) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "from_ns is out of range: 0 (now) to the year 2250");
        return;
    }
    if (request->what_case == GOR__V1__PREVIEW_CRON_REQUEST__WHAT_SPEC) {
        preview_spec(service, call, request);
        return;
    }
    if (request->what_case != GOR__V1__PREVIEW_CRON_REQUEST__WHAT_NAME) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "`what` is not set: it needs 'name' or 'spec'");
        return;
    }
    const struct gord_cron *cron = find(service, call, request->name);
    if (cron != NULL && cron->zone == NULL) {
        gord_fail(call, WIRE_FAILED_PRECONDITION, "%s", cron->state.why);
    } else if (cron != NULL) {
        preview(call, &cron->entry, cron->spec->zone, request);
    }
}
