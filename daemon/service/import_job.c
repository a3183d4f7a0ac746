/* SPDX-License-Identifier: MIT */
/* Jobs that come on an import: those that had ended with their history, the others anew. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/url.h"
#include "daemon/event/array.h"
#include "daemon/job/job.h"
#include "daemon/runner/webhook.h"
#include "daemon/service/array.h"
#include "daemon/service/import_inside.h"
#include "daemon/service/owner.h"
#include "daemon/service/quota.h"
#include "daemon/service/redact.h"
#include "daemon/store/output.h"

#define ID_MAX (UINT64_C(1) << 53) /* beyond it ids would be no numbers to programs in JavaScript */

/* The id it would have here. */
static uint64_t id_for(const struct gord_import *import, uint64_t old_id)
{
    uint64_t next = gord_job_peek_id(gord_bus_table(import->service->bus));

    next = import->dry_run && import->dry_id > next ? import->dry_id : next;
    return old_id >= next && old_id < ID_MAX ? old_id : next;
}

/* Is the very job here already? By id and moment: two jobs do not have both. */
static bool is_here(struct gord_import *import, const Gor__V1__Job *job)
{
    struct gord_row row;

    if (gord_reader_job(gord_bus_reader(import->service->bus), job->id, false, &row) != 0) {
        return false;
    }
    bool same = row.created_ns == job->created_ns && row.uid == job->uid;
    gord_row_fini(&row);
    return same;
}

/* Enter the history; the answer is awaited then. */
static bool enter_history(struct gord_import *import, struct gord_import_answer *answer,
                          struct gord_refusal *why)
{
    struct gord_bus *bus = import->service->bus;
    const char *root = gord_runner_log_root(import->service->runner);
    struct gord_event **events;
    size_t count;
    uint64_t seq = 0;
    bool made_up;

    if (!gord_import_history(import->job, answer->result.id, &events, &count, &made_up, why)) {
        return false;
    }
    if (made_up) {
        size_t used = strlen(answer->text);
        snprintf(answer->text + used, sizeof(answer->text) - used,
                 "%sits history did not begin with its submission, and was left out",
                 used > 0 ? "; " : "");
    }
    if (import->dry_run) {
        gord_import_history_free(events, count);
        return true;
    }
    int result = 0;
    events[0]->request = gord_import_new_request(import, &result);
    if (result != 0) {
        gord_import_history_free(events, count);
        return gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    }
    result = gord_logtake_keep(&import->output, root, answer->result.id);
    if (result != 0) {
        gord_import_history_free(events, count);
        return gord_refuse(why, gord_store_status_code(result),
                           "its output cannot be kept in %s: %s", root, strerror(-result));
    }
    gord_job_skip_to_id(gord_bus_table(bus), answer->result.id + 1);
    result = gord_bus_enter_history(bus, events, count, &seq);
    free(events);
    if (result != 0) {
        (void)gord_output_remove(root, answer->result.id);
        return gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    }
    gord_import_entered(import, answer->result.id, seq);
    gord_import_remember(import, import->job->job, answer->result.id);
    /* Without memory for the acknowledgement it is taken all the same, and told so before its time. */
    return gord_import_await(import, answer, seq) == 0 ||
           gord_refuse(why, WIRE_RESOURCE_EXHAUSTED,
                       "out of memory; it may have been taken as job %" PRIu64, answer->result.id);
}

/* What only gord may set. */
struct aside {
    uint64_t rerun_of;
    Gor__V1__HookOf *hook_of;
    Gor__V1__CronFire *cron;
    Gor__V1__ArrayTask *task;
    Gor__V1__Array *array; /* of a group only: others are handed in with theirs */
};

static struct aside set_aside(Gor__V1__JobSpec *spec)
{
    bool is_group = spec->kind_case == GOR__V1__JOB_SPEC__KIND_GROUP;
    struct aside aside = {spec->rerun_of, spec->hook_of, spec->cron, spec->task, spec->array};

    spec->rerun_of = 0;
    spec->hook_of = NULL;
    spec->cron = NULL;
    spec->task = NULL;
    spec->array = is_group ? NULL : spec->array;
    return aside;
}

static void put_back(Gor__V1__JobSpec *spec, const struct aside *aside)
{
    spec->rerun_of = aside->rerun_of;
    spec->hook_of = aside->hook_of;
    spec->cron = aside->cron;
    spec->task = aside->task;
    spec->array = aside->array;
}

bool gord_import_may_bring(const struct gord_import *import, const char *what, uint32_t uid,
                           struct gord_refusal *why)
{
    return import->uid == 0 || import->uid == (uint32_t)geteuid() || import->uid == uid ||
           gord_refuse(why, WIRE_PERMISSION_DENIED,
                       "%s is user %u's: only root and the daemon's user may import others' %s",
                       what, uid, strncmp(what, "job", 3) == 0 ? "jobs" : "entries");
}

/* A task of an array that is on its way goes to its place there. */
static bool enter_ended(struct gord_import *import, struct gord_import_answer *answer, bool joins,
                        struct gord_refusal *why)
{
    Gor__V1__Job *job = import->job->job;
    uint64_t old_id = job->spec->task != NULL ? job->spec->task->array_id : 0;
    uint64_t array_id = gord_idmap_get(&import->ids, old_id);

    size_t lost = gord_import_point(job->spec, &import->ids, answer->result.id != job->id);
    if (lost > 0) {
        snprintf(answer->text, sizeof(answer->text),
                 "%zu reference%s to jobs that were not taken %s left out", lost,
                 lost == 1 ? "" : "s", lost == 1 ? "was" : "were");
    }
    if (!enter_history(import, answer, why)) {
        return false;
    }
    if (joins) {
        job->spec->task->array_id = old_id;
        gord_import_came(import, job->spec);
    }
    if (joins && !import->dry_run) {
        gord_import_joined(import, array_id, (int)job->outcome);
    }
    return true;
}

/* Is what it says of an array right, if it is a group or a task? Others have none here: they are handed in
 * with theirs. */
static bool is_array_right(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    const Gor__V1__ArrayTask *task = spec->task;

    if (spec->kind_case != GOR__V1__JOB_SPEC__KIND_GROUP) {
        if (task == NULL || (task->array_id != 0 && task->index <= GORD_ARRAY_INDEX_MAX &&
                             task->count > 0 && task->count <= GORD_ARRAY_MAX)) {
            return true;
        }
        snprintf(error, bytes,
                 "spec.task needs the id of its array, an index up to %d, and a count of 1 to %d",
                 (int)GORD_ARRAY_INDEX_MAX, (int)GORD_ARRAY_MAX);
        return false;
    }
    if (spec->array == NULL || task != NULL) {
        snprintf(error, bytes, "spec.array is missing, but it is the group of one");
        return false;
    }
    return gord_array_check(spec->array, error, bytes) == 0;
}

static bool take_ended(struct gord_import *import, struct gord_import_answer *answer,
                       struct gord_refusal *why)
{
    Gor__V1__Job *job = import->job->job;
    char error[GORD_ERROR_BYTES];

    enum gord_import_place place = gord_import_place(import, why);
    if (place == GORD_IMPORT_NO_PLACE) {
        return false;
    }
    if (place == GORD_IMPORT_LEFT_OUT) {
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__SKIPPED;
        answer->result.id = 0;
        return true;
    }
    if (!is_array_right(job->spec, error, sizeof(error))) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "job.%s", error);
    }
    struct aside aside = set_aside(job->spec);
    int result = gord_check_past_spec(job->spec, error, sizeof(error));
    put_back(job->spec, &aside);
    if (result != 0) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "job.%s", error);
    }
    return enter_ended(import, answer, place == GORD_IMPORT_PLACE, why);
}

/* As anything that is submitted. */
bool gord_import_enter_live(struct gord_import *import, struct gord_import_answer *answer,
                            struct gord_refusal *why)
{
    struct gord_service *service = import->service;
    Gor__V1__JobSpec *spec = import->job->job->spec;
    uint64_t id = 0, seq = 0;

    switch (gord_submit_conflict(service, spec, import->job->job->uid, &id, &seq, why)) {
    case GORD_CONFLICT_REFUSED:
        return false;
    case GORD_CONFLICT_SKIP:
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__EXISTS;
        answer->result.id = id;
        return true;
    case GORD_CONFLICT_NONE:
        break;
    }
    if (import->dry_run) {
        return true;
    }
    gord_job_skip_to_id(gord_bus_table(service->bus), answer->result.id);
    int result = 0;
    struct gord_request *request = gord_import_new_request(import, &result);
    if (result == 0) {
        result = gord_submit_enter(service, spec, import->job->job->uid, request, &id, &seq);
    }
    if (result == 0) {
        answer->lives = true;
        gord_import_entered(import, id, seq);
        result = gord_import_await(import, answer, seq);
    }
    if (result != 0) {
        gord_submit_withdraw(service, id, 1);
        return gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "not submitted: out of memory");
    }
    return true;
}

/* What would be there, were this no dry run, is not asked for. */
bool gord_import_would_run(struct gord_import *import, const Gor__V1__JobSpec *wire,
                           struct gord_refusal *why)
{
    Gor__V1__JobSpec spec = *wire;

    (void)set_aside(&spec);
    if (wire->task != NULL) {
        spec.parent_id = 0; /* its array, which takes no others */
    }
    if (import->dry_run) {
        spec.n_after = 0;
    }
    if (import->dry_settings) {
        spec.queue = (char *)(uintptr_t)protobuf_c_empty_string;
        spec.slots = 0;
        spec.n_tokens = 0;
        spec.n_rates = 0;
    }
    if (!gord_submit_accepts(import->service, "job.", &spec, import->job->job->uid, NULL, why)) {
        return false;
    }
    uint64_t count = gord_array_tasks(&spec);
    return gord_submit_is_open(import->service, count, why) &&
           (gord_import_is_promised(import) ||
            gord_submit_fits_replacing(import->service, import->job->job->uid, &wire, 1, count,
                                       why)) &&
           gord_submit_has_places(import->service, gord_submit_kind(&spec), count, why);
}

/* What a later gord may know, which need not be so because somebody says it here. */
static void drop_unknown(ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        free(message->unknown_fields[i].data);
    }
    free(message->unknown_fields);
    message->unknown_fields = NULL;
    message->n_unknown_fields = 0;
}

/* What it sends, if it is a webhook. Hidden URLs are for those that have ended. Our signature says that we
 * made the document, which is to be taken on trust from those only who may change anything anyway. */
static bool sends_right(const struct gord_import *import, const Gor__V1__JobSpec *spec,
                        struct gord_refusal *why)
{
    Gor__V1__HookOf *of = spec->hook_of;
    char wrong[GORD_URL_WHY];

    if (of == NULL) {
        return true;
    }
    drop_unknown(&of->base);
    if (import->call == NULL || !gord_owner_may_all(import->call)) {
        of->made_case = GOR__V1__HOOK_OF__MADE__NOT_SET;
    }
    if (of->url[0] == '\0') {
        return true;
    }
    if (!gord_url_check(of->url, wrong)) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "job.spec.hook_of.url %s", wrong);
    }
    return strlen(of->document) <= GORD_WEBHOOK_MAX ||
           gord_refuse(why, WIRE_INVALID_ARGUMENT,
                       "job.spec.hook_of.document has %zu bytes, at most %d are kept",
                       strlen(of->document), GORD_WEBHOOK_MAX);
}

static bool take_live(struct gord_import *import, struct gord_import_answer *answer,
                      struct gord_refusal *why)
{
    Gor__V1__JobSpec *spec = import->job->job->spec;
    const char *name;
    size_t length;

    if (import->live == GOR__V1__IMPORT_OPTIONS__LIVE__SKIP) {
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__SKIPPED;
        answer->result.id = 0;
        return true;
    }
    if (gord_is_redacted(spec, &name, &length)) {
        return gord_refuse(why, WIRE_FAILED_PRECONDITION,
                           "the value of %.*s was hidden when it was exported, so it cannot "
                           "run as it should; export it with --reveal",
                           length < 60 ? (int)length : 60, name);
    }
    if (spec->kind_case == GOR__V1__JOB_SPEC__KIND_GROUP) {
        return gord_import_take_group(import, answer, why);
    }
    if (spec->task != NULL) {
        return gord_import_take_task(import, answer, why);
    }
    spec->held = spec->held || import->live == GOR__V1__IMPORT_OPTIONS__LIVE__HOLD;
    return gord_import_point_live(import->service, spec, &import->ids, why) &&
           gord_import_would_run(import, spec, why) && gord_import_enter_live(import, answer, why);
}

bool gord_import_take(struct gord_import *import, struct gord_import_answer *answer,
                      struct gord_refusal *why)
{
    const Gor__V1__Job *job = import->job->job;
    char what[32];

    if (job->spec == NULL || job->id == 0 || job->state <= 0 ||
        job->state > GOR__V1__JOB_STATE__TERMINATED) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "job needs an id, a spec and a state; is this what `gorctl "
                           "export` writes?");
    }
    answer->result.old_id = job->id;
    uint64_t known = gord_idmap_get(&import->ids, job->id);
    if (known != 0) {
        gord_import_exists(import, answer, known);
        gord_import_came(import, job->spec);
        return true;
    }
    snprintf(what, sizeof(what), "job %" PRIu64, job->id);
    if (!gord_import_may_bring(import, what, job->uid, why)) {
        return false;
    }
    int taken = gord_import_find_taken(import, answer, why);
    if (taken < 0) {
        return false;
    }
    if (taken > 0) {
        gord_import_came(import, job->spec);
        return true;
    }
    if (!gord_import_joins(import) && is_here(import, job)) {
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__EXISTS;
        answer->result.id = job->id;
        return true;
    }
    if (import->output_error != 0) {
        return gord_refuse(
            why,
            import->output_error == -EINVAL ? WIRE_INVALID_ARGUMENT
                                            : gord_store_status_code(import->output_error),
            "its output cannot be taken: %s",
            import->output_error == -EINVAL ? "a chunk is empty, too long, or of no stream"
                                            : strerror(-import->output_error));
    }
    if (!gord_submit_is_open(import->service, 1, why)) {
        return false;
    }
    if (!sends_right(import, job->spec, why)) {
        return false;
    }
    answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__TAKEN;
    answer->result.id = id_for(import, job->id);
    return job->state == GOR__V1__JOB_STATE__TERMINATED ? take_ended(import, answer, why)
                                                        : take_live(import, answer, why);
}
