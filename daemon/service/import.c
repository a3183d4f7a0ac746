/* SPDX-License-Identifier: MIT */
/* Store.Import: jobs of another daemon on a stream, each taken as a whole, answered when it is on disk.
 *
 * A job is taken when the message after it has come, for until then its output may. What is to be
 * answered waits in a list until the call takes it; while there is much of that, and much on its way to
 * the disk, the client's messages are held back.
 */
#include "daemon/service/import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/job/job.h"
#include "daemon/runner/logtake.h"
#include "daemon/service/quota.h"
#include "daemon/service/redact.h"
#include "daemon/service/scope.h"
#include "daemon/store/output.h"

#define UNANSWERED_MAX 256
#define ID_MAX (UINT64_C(1) << 53) /* beyond it ids would be no numbers to programs in JavaScript */

struct import;

struct answer {
    struct answer *next; /* list link of the import, once it is known */
    struct import *import;
    Gor__V1__ImportResult result; /* its message is `text` or empty */
    bool lives;                   /* entered to run here */
    char text[GORD_ERROR_BYTES + 64];
};

struct import {
    struct gord_service *service;
    struct rpc_call *call; /* NULL: it is over */
    struct rpc_link link;  /* in the service's imports, while the call lasts */
    uint32_t uid;
    uint64_t number;       /* among all imports */
    struct gord_idmap ids; /* of jobs taken, and of those known */
    Gor__V1__ImportOptions__Live live;
    bool dry_run;
    uint64_t dry_id;      /* the next id, were this none */
    uint64_t asked;       /* messages */
    uint64_t unanswered;  /* of them; with those in `known` and on the way to the disk */
    uint64_t pending;     /* of those, on the way to the disk; each keeps the import */
    bool ended;           /* the client sends no more */
    struct answer *known; /* owned list */
    struct answer **known_end;
    Gor__V1__ImportRequest *job; /* owned; the last job, not taken yet; NULL: none */
    uint64_t job_index;
    struct gord_logtake output; /* its */
    int output_error;           /* 0, or why it cannot be taken with its output */
};

/* ------------------------------------------------------------------ life */

static void drop_job(struct import *import)
{
    if (import->job != NULL) {
        gor__v1__import_request__free_unpacked(import->job, NULL);
        import->job = NULL;
    }
    gord_logtake_drop(&import->output);
    import->output_error = 0;
}

static void free_if_unused(struct import *import)
{
    if (import->call != NULL || import->pending > 0) {
        return;
    }
    while (import->known != NULL) {
        struct answer *answer = import->known;
        import->known = answer->next;
        free(answer);
    }
    gord_idmap_fini(&import->ids);
    free(import);
}

/* The call is over, whoever ended it. What is on its way to the disk stays. */
static void leave(struct import *import)
{
    import->call = NULL;
    rpc_list_remove(&import->link);
    drop_job(import);
    free_if_unused(import);
}

/* ------------------------------------------------------------------ answers */

/* Of message `index`. NULL: out of memory, and the call is ended; the import may be gone. */
static struct answer *new_answer(struct import *import, uint64_t index)
{
    struct answer *answer = calloc(1, sizeof(*answer));

    if (answer == NULL) {
        gord_fail(import->call, WIRE_RESOURCE_EXHAUSTED, "out of memory; nothing more was taken");
        leave(import);
        return NULL;
    }
    answer->import = import;
    gor__v1__import_result__init(&answer->result);
    answer->result.index = index;
    return answer;
}

static void know(struct import *import, struct answer *answer)
{
    if (answer->text[0] != '\0') {
        answer->result.message = answer->text;
    }
    *import->known_end = answer;
    import->known_end = &answer->next;
}

static void refuse(struct answer *answer, const struct gord_refusal *why)
{
    answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__REFUSED;
    answer->result.code = (uint32_t)why->status;
    answer->result.id = 0;
    snprintf(answer->text, sizeof(answer->text), "%s", why->text);
}

/* Send what is known, as far as the call takes it, and let more come or not; ends the call after the
 * last, after which the import may be gone. */
static void go_on(struct import *import)
{
    while (import->known != NULL && rpc_call_writable(import->call)) {
        struct answer *answer = import->known;
        if (rpc_call_send(import->call, &answer->result.base) < 0) {
            break;
        }
        import->known = answer->next;
        import->known_end = import->known != NULL ? import->known_end : &import->known;
        import->unanswered--;
        free(answer);
    }
    if (import->ended && import->unanswered == 0) {
        rpc_call_finish(import->call, WIRE_OK, NULL);
        leave(import);
        return;
    }
    rpc_call_hold(import->call, import->unanswered >= UNANSWERED_MAX);
}

static void committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct answer *answer = ack->data;
    struct import *import = answer->import;
    struct gord_refusal why;
    const char *text = "";

    import->pending--;
    if (error != 0 && answer->lives) {
        gord_submit_failed(service, ack, error, &why);
        refuse(answer, &why);
    } else if (error != 0) {
        gord_bus_store_error(service->bus, &text);
        (void)gord_refuse(&why, gord_store_status_code(error),
                          "the store refuses: %s; whether the job was kept shows when it "
                          "does not",
                          error == -ECANCELED ? "the daemon stops" : text);
        refuse(answer, &why);
    }
    know(import, answer);
    if (import->call == NULL) {
        free_if_unused(import);
    } else {
        go_on(import);
    }
}

/* The job is entered, and answered once all up to `seq` is on disk. */
static int await_commit(struct import *import, struct answer *answer, uint64_t seq)
{
    struct gord_ack ack = {
        .fn = committed, .data = answer, .first_id = answer->result.id, .count = 1, .seq = seq};

    import->pending++;
    int result = gord_acks_add(import->service, &ack);
    import->pending -= result != 0;
    return result;
}

/* ------------------------------------------------------------------ taking a job */

/* The id it would have here. */
static uint64_t id_for(const struct import *import, uint64_t old_id)
{
    uint64_t next = gord_job_peek_id(gord_bus_table(import->service->bus));

    next = import->dry_run && import->dry_id > next ? import->dry_id : next;
    return old_id >= next && old_id < ID_MAX ? old_id : next;
}

/* Is the very job here already? By id and moment: two jobs do not have both. */
static bool is_here(struct import *import, const Gor__V1__Job *job)
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
static bool enter_history(struct import *import, struct answer *answer, struct gord_refusal *why)
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
    int result = gord_logtake_keep(&import->output, root, answer->result.id);
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
    /* Without memory for the acknowledgement it is taken all the same, and told so before its time. */
    return await_commit(import, answer, seq) == 0 ||
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

static bool take_ended(struct import *import, struct answer *answer, struct gord_refusal *why)
{
    Gor__V1__Job *job = import->job->job;
    char error[GORD_ERROR_BYTES];

    struct aside aside = set_aside(job->spec);
    int result = gord_check_past_spec(job->spec, error, sizeof(error));
    put_back(job->spec, &aside);
    if (result != 0) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "job.%s", error);
    }
    size_t lost = gord_import_point(job->spec, &import->ids, answer->result.id != job->id);
    if (lost > 0) {
        snprintf(answer->text, sizeof(answer->text),
                 "%zu references to jobs that were not taken were left out", lost);
    }
    return enter_history(import, answer, why);
}

/* To run here: as anything that is submitted. */
static bool enter_live(struct import *import, struct answer *answer, struct gord_refusal *why)
{
    struct gord_service *service = import->service;
    Gor__V1__JobSpec *spec = import->job->job->spec;
    uint64_t id, seq;

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
    int result = gord_submit_enter(service, spec, import->job->job->uid, NULL, &id, &seq);
    if (result == 0) {
        answer->lives = true;
        result = await_commit(import, answer, seq);
    }
    if (result != 0) {
        gord_submit_withdraw(service, id, 1);
        return gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "not submitted: out of memory");
    }
    return true;
}

static bool take_live(struct import *import, struct answer *answer, struct gord_refusal *why)
{
    struct gord_service *service = import->service;
    Gor__V1__JobSpec *spec = import->job->job->spec;
    const char *name;
    size_t length;

    bool of_array = spec->kind_case == GOR__V1__JOB_SPEC__KIND_GROUP || spec->task != NULL;
    if (import->live == GOR__V1__IMPORT_OPTIONS__LIVE__SKIP || of_array) {
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
    spec->held = spec->held || import->live == GOR__V1__IMPORT_OPTIONS__LIVE__HOLD;
    if (!gord_import_point_live(service, spec, &import->ids, why)) {
        return false;
    }
    struct aside aside = set_aside(spec);
    size_t n_after = spec->n_after;
    spec->n_after = import->dry_run ? 0 : n_after; /* those would be there */
    bool accepted = gord_submit_accepts(service, "job.", spec, import->job->job->uid, NULL, why) &&
                    gord_submit_fits_quota(service, import->job->job->uid, 1, why) &&
                    gord_submit_has_places(service, gord_submit_kind(spec), 1, why);
    put_back(spec, &aside);
    spec->n_after = n_after;
    return accepted && enter_live(import, answer, why);
}

/* False: refused. An answer that is awaited is known later. */
static bool take(struct import *import, struct answer *answer, struct gord_refusal *why)
{
    const Gor__V1__Job *job = import->job->job;

    if (job->spec == NULL || job->id == 0 || job->state <= 0 ||
        job->state > GOR__V1__JOB_STATE__TERMINATED) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "job needs an id, a spec and a state; is this what `gorctl "
                           "export` writes?");
    }
    answer->result.old_id = job->id;
    answer->result.id = gord_idmap_get(&import->ids, job->id);
    if (answer->result.id != 0) {
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__EXISTS;
        return true;
    }
    if (import->uid != 0 && import->uid != (uint32_t)geteuid() && import->uid != job->uid) {
        return gord_refuse(why, WIRE_PERMISSION_DENIED,
                           "job %" PRIu64 " is user %u's: only root and the daemon's user "
                           "may import others' jobs",
                           job->id, job->uid);
    }
    if (is_here(import, job)) {
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
    answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__TAKEN;
    answer->result.id = id_for(import, job->id);
    return job->state == GOR__V1__JOB_STATE__TERMINATED ? take_ended(import, answer, why)
                                                        : take_live(import, answer, why);
}

/* The last job has come as a whole. False: the call was ended, and the import may be gone. */
static bool take_job(struct import *import)
{
    struct gord_refusal why;

    if (import->job == NULL) {
        return true;
    }
    uint64_t old_id = import->job->job->id;
    uint64_t pending = import->pending;
    struct answer *answer = new_answer(import, import->job_index);
    if (answer == NULL) {
        return false;
    }
    if (!take(import, answer, &why)) {
        refuse(answer, &why);
    } else if (answer->result.id != 0) {
        import->dry_id = answer->result.id + 1;
        if (gord_idmap_put(&import->ids, old_id, answer->result.id) != 0) {
            snprintf(answer->text, sizeof(answer->text),
                     "out of memory: jobs that refer to it will not find it");
        }
    }
    drop_job(import);
    if (import->pending == pending) {
        know(import, answer);
    }
    return true;
}

/* ------------------------------------------------------------------ messages */

/* So that what comes next can be put to it. */
static int keep_job(struct import *import, const Gor__V1__ImportRequest *request)
{
    size_t bytes = gor__v1__import_request__get_packed_size(request);
    uint8_t *packed = malloc(bytes + 1);

    if (packed == NULL) {
        return -ENOMEM;
    }
    gor__v1__import_request__pack(request, packed);
    import->job = gor__v1__import_request__unpack(NULL, bytes, packed);
    import->job_index = import->asked - 1;
    free(packed);
    return import->job != NULL ? 0 : -ENOMEM;
}

static bool set_options(struct import *import, const Gor__V1__ImportOptions *options,
                        struct gord_refusal *why)
{
    if (import->asked > 1) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "options are for the first message of the stream only");
    }
    if ((unsigned)options->live > GOR__V1__IMPORT_OPTIONS__LIVE__SKIP) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "options.live %d is not known; they are HOLD, SUBMIT, SKIP",
                           (int)options->live);
    }
    import->live = options->live;
    import->dry_run = options->dry_run;
    for (size_t i = 0; i < options->n_known; i++) {
        if (options->known[i]->old_id == 0 || options->known[i]->id == 0) {
            return gord_refuse(why, WIRE_INVALID_ARGUMENT, "options.known[%zu]: an id is 0", i);
        }
        if (gord_idmap_put(&import->ids, options->known[i]->old_id, options->known[i]->id) != 0) {
            return gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        }
    }
    return true;
}

static void add_output(struct import *import, const Gor__V1__LogChunk *chunk)
{
    struct gord_frame frame = {.stream = (enum gord_stream)chunk->stream,
                               .length = (uint32_t)chunk->data.len,
                               .at_ns = chunk->at_ns};

    if (import->output_error != 0 || import->dry_run ||
        import->job->job->state != GOR__V1__JOB_STATE__TERMINATED) {
        return;
    }
    import->output_error =
        chunk->data.len > GORD_FRAME_MAX
            ? -EINVAL
            : gord_logtake_append(&import->output, gord_runner_log_root(import->service->runner),
                                  import->number, &frame, chunk->data.data);
}

/* A message that is no job. */
static bool take_other(struct import *import, const Gor__V1__ImportRequest *request,
                       struct gord_refusal *why)
{
    if (request->options != NULL) {
        return set_options(import, request->options, why);
    }
    if (request->output == NULL) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "neither job nor output");
    }
    if (import->job == NULL) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "output without a job before it");
    }
    add_output(import, request->output);
    return true;
}

void gord_store_imported(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    struct import *import = rpc_call_user(call);
    const Gor__V1__ImportRequest *request = (const Gor__V1__ImportRequest *)message;
    struct gord_refusal why = {.status = WIRE_RESOURCE_EXHAUSTED, .text = "out of memory"};
    bool good;

    (void)user;
    import->asked++;
    import->unanswered++;
    if (request->job != NULL && !take_job(import)) {
        return;
    }
    good =
        request->job != NULL ? keep_job(import, request) == 0 : take_other(import, request, &why);
    if (!good || request->job == NULL) {
        struct answer *answer = new_answer(import, import->asked - 1);
        if (answer == NULL) {
            return;
        }
        if (!good) {
            refuse(answer, &why);
        }
        know(import, answer);
    }
    go_on(import);
}

void gord_store_import_ends(struct rpc_call *call, void *user)
{
    struct import *import = rpc_call_user(call);

    (void)user;
    import->ended = true;
    if (take_job(import)) {
        go_on(import);
    }
}

/* ------------------------------------------------------------------ the call */

static void on_writable(struct rpc_call *call, void *user)
{
    (void)call;
    go_on(user);
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    leave(user);
}

void gord_imports_end(struct gord_service *service)
{
    for (struct rpc_link *link = service->imports.next, *next; link != &service->imports;
         link = next) {
        struct import *import = RPC_OF(link, struct import, link);
        next = link->next;
        gord_fail(import->call, WIRE_UNAVAILABLE,
                  "the daemon stops; go on with what was not answered when it is back");
        leave(import);
    }
}

GORD_METHOD(gord_store_import)
{
    struct gord_service *service = user;
    struct import *import = calloc(1, sizeof(*import));

    (void)message;
    if (gord_scope_is_narrow(service, call)) {
        free(import);
        gord_fail(call, WIRE_PERMISSION_DENIED,
                  "your token is for certain queues only, and importing takes jobs of any");
        return;
    }
    if (import == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    import->service = service;
    import->call = call;
    import->uid = gord_submit_uid(call);
    import->number = ++service->import_count;
    import->known_end = &import->known;
    gord_logtake_init(&import->output);
    rpc_list_append(&service->imports, &import->link);
    rpc_call_on(call, on_writable, on_end, import);
}
