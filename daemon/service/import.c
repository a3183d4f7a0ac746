/* SPDX-License-Identifier: MIT */
/* Store.Import: jobs of another daemon on a stream, each taken as a whole, answered when it is on disk.
 *
 * A job is taken when the message after it has come, for until then its output may. What is to be
 * answered waits in a list until the call takes it; while there is much of that, and much on its way to
 * the disk, the client's messages are held back. Once the daemon stops nothing more is taken, nor answered:
 * what is not answered when the stream ends by that was not taken.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/text.h"
#include "daemon/service/import_inside.h"
#include "daemon/service/scope.h"

#define UNANSWERED_MAX 256

/* ------------------------------------------------------------------ life */

static void drop_job(struct gord_import *import)
{
    if (import->job != NULL) {
        gor__v1__import_request__free_unpacked(import->job, NULL);
        import->job = NULL;
    }
    gord_logtake_drop(&import->output);
    import->output_error = 0;
}

static void free_if_unused(struct gord_import *import)
{
    if (import->call != NULL || import->pending > 0) {
        return;
    }
    while (import->known != NULL) {
        struct gord_import_answer *answer = import->known;
        import->known = answer->next;
        free(answer);
    }
    list_remove(&import->link);
    gord_import_free_arrays(import);
    gord_idmap_fini(&import->ids);
    gord_idmap_fini(&import->ends);
    free(import);
}

/* The call is over, whoever ended it. What is on its way to the disk stays, and who took it is known until
 * it is there. */
static void leave(struct gord_import *import)
{
    import->call = NULL;
    drop_job(import);
    free_if_unused(import);
}

/* ------------------------------------------------------------------ answers */

/* Of message `index`. NULL: out of memory, and the call is ended; the import may be gone. */
static struct gord_import_answer *new_answer(struct gord_import *import, uint64_t index)
{
    struct gord_import_answer *answer = calloc(1, sizeof(*answer));

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

static void know(struct gord_import *import, struct gord_import_answer *answer)
{
    if (answer->text[0] != '\0') {
        answer->result.message = answer->text;
    }
    if (answer->what[0] != '\0') {
        answer->result.what = answer->what;
    }
    *import->known_end = answer;
    import->known_end = &answer->next;
}

void gord_import_refuse(struct gord_import_answer *answer, const struct gord_refusal *why)
{
    answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__REFUSED;
    answer->result.code = (uint32_t)why->status;
    answer->result.id = 0;
    snprintf(answer->text, sizeof(answer->text), "%s", why->text);
}

/* Send what is known, as far as the call takes it, and let more come or not; ends the call after the
 * last, after which the import may be gone. */
static void go_on(struct gord_import *import)
{
    while (import->known != NULL && rpc_call_writable(import->call)) {
        struct gord_import_answer *answer = import->known;
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

void gord_import_settled(struct gord_import_answer *answer, const struct gord_refusal *why)
{
    struct gord_import *import = answer->import;

    import->pending--;
    if (why != NULL) {
        gord_import_refuse(answer, why);
    }
    know(import, answer);
    if (import->call == NULL) {
        free_if_unused(import);
    } else {
        go_on(import);
    }
}

void gord_import_name(struct gord_import_answer *answer, const char *noun, const char *name)
{
    char clean[GORD_IMPORT_WHAT - 16];

    snprintf(answer->what, sizeof(answer->what), "%s %s", noun,
             gord_text_clean(name, strlen(name), clean, sizeof(clean)));
}

static void committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct gord_import_answer *answer = ack->data;
    struct gord_refusal why;
    const char *text = "";

    if (error != 0 && answer->lives) {
        gord_submit_failed(service, ack, error, &why);
    } else if (error != 0) {
        gord_bus_store_error(service->bus, &text);
        (void)gord_refuse(&why, gord_store_status_code(error),
                          "the store refuses: %s; whether the job was kept shows when it "
                          "does not",
                          error == -ECANCELED ? "the daemon stops" : text);
    }
    gord_import_settled(answer, error != 0 ? &why : NULL);
}

int gord_import_await(struct gord_import *import, struct gord_import_answer *answer, uint64_t seq)
{
    struct gord_ack ack = {
        .fn = committed, .data = answer, .first_id = answer->result.id, .count = 1, .seq = seq};

    import->pending++;
    int result = gord_acks_add(import->service, &ack);
    import->pending -= result != 0;
    return result;
}

/* The last job has come as a whole. False: the call was ended, and the import may be gone. */
static bool take_job(struct gord_import *import)
{
    struct gord_refusal why;

    if (import->job == NULL) {
        return true;
    }
    uint64_t old_id = import->job->job->id;
    uint64_t pending = import->pending;
    struct gord_import_answer *answer = new_answer(import, import->job_index);
    if (answer == NULL) {
        return false;
    }
    if (!gord_import_take(import, answer, &why)) {
        gord_import_refuse(answer, &why);
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
static int keep_job(struct gord_import *import, const Gor__V1__ImportRequest *request)
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

static bool add_known(struct gord_import *import, Gor__V1__ImportedJob *const *known, size_t count,
                      const char *where, struct gord_refusal *why)
{
    for (size_t i = 0; i < count; i++) {
        if (known[i]->old_id == 0 || known[i]->id == 0) {
            return gord_refuse(why, WIRE_INVALID_ARGUMENT, "%sknown[%zu]: an id is 0", where, i);
        }
        if (gord_idmap_put(&import->ids, known[i]->old_id, known[i]->id) != 0) {
            return gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        }
    }
    return true;
}

static bool set_options(struct gord_import *import, const Gor__V1__ImportOptions *options,
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
    if (!gord_import_set_request(import, &options->request_id, why)) {
        return false;
    }
    import->live = options->live;
    import->dry_run = options->dry_run;
    return add_known(import, options->known, options->n_known, "options.", why);
}

static bool set_more_known(struct gord_import *import, const Gor__V1__ImportRequest *request,
                           struct gord_refusal *why)
{
    if (import->begun) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "known comes before the first job, or whatever else is to be taken");
    }
    return add_known(import, request->known, request->n_known, "", why);
}

/* What says how to take the others. */
static bool set_up(struct gord_import *import, const Gor__V1__ImportRequest *request,
                   struct gord_refusal *why)
{
    return (request->options == NULL || set_options(import, request->options, why)) &&
           (request->n_known == 0 || set_more_known(import, request, why));
}

static void add_output(struct gord_import *import, const Gor__V1__LogChunk *chunk)
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
static bool take_other(struct gord_import *import, const Gor__V1__ImportRequest *request,
                       struct gord_import_answer *answer, struct gord_refusal *why)
{
    if (request->cron != NULL) {
        return gord_import_take_cron(import, request->cron, answer, why);
    }
    if (request->queue != NULL) {
        return gord_import_take_queue(import, request->queue, answer, why);
    }
    if (request->pool != NULL) {
        return gord_import_take_pool(import, request->pool, answer, why);
    }
    if (request->rate != NULL) {
        return gord_import_take_rate(import, request->rate, answer, why);
    }
    if (request->output == NULL) {
        return request->options != NULL || request->n_known > 0 ||
               gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "neither job nor output, cron, queue, pool or rate");
    }
    if (import->job == NULL) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "output without a job before it");
    }
    add_output(import, request->output);
    return true;
}

static bool takes_something(const Gor__V1__ImportRequest *request)
{
    return request->job != NULL || request->output != NULL || request->cron != NULL ||
           request->queue != NULL || request->pool != NULL || request->rate != NULL;
}

/* Without its options nothing that comes on it could be taken as it is meant. */
static void end_refused(struct gord_import *import, const struct gord_refusal *why)
{
    gord_fail(import->call, why->status, "%s", why->text);
    leave(import);
}

void gord_store_imported(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    struct gord_import *import = rpc_call_user(call);
    const Gor__V1__ImportRequest *request = (const Gor__V1__ImportRequest *)message;
    struct gord_refusal why = {.status = WIRE_RESOURCE_EXHAUSTED, .text = "out of memory"};

    (void)user;
    import->asked++;
    import->unanswered++;
    if (import->service->draining) {
        go_on(import);
        return;
    }
    if (!set_up(import, request, &why)) {
        end_refused(import, &why);
        return;
    }
    import->begun = import->begun || takes_something(request);
    if (request->output == NULL && !take_job(import)) {
        return;
    }
    if (request->job == NULL || keep_job(import, request) != 0) {
        struct gord_import_answer *answer = new_answer(import, import->asked - 1);
        uint64_t pending = import->pending;
        if (answer == NULL) {
            return;
        }
        answer->result.once = request->options != NULL;
        if (request->job != NULL || !take_other(import, request, answer, &why)) {
            gord_import_refuse(answer, &why);
        }
        if (import->pending == pending) {
            know(import, answer);
        }
    }
    go_on(import);
}

/* Answers to no request. False: out of memory, and the call is ended. */
static bool tell_lacks(struct gord_import *import)
{
    struct gord_import_array *at = import->arrays;
    char text[GORD_ERROR_BYTES];

    while (gord_import_lacks(import, &at, text, sizeof(text))) {
        struct gord_import_answer *answer = new_answer(import, import->asked);
        if (answer == NULL) {
            return false;
        }
        snprintf(answer->text, sizeof(answer->text), "%s", text);
        import->unanswered++;
        know(import, answer);
    }
    return true;
}

void gord_store_import_ends(struct rpc_call *call, void *user)
{
    struct gord_import *import = rpc_call_user(call);

    (void)user;
    if (import->service->draining) {
        return; /* gord_imports_end() */
    }
    import->ended = true;
    if (take_job(import) && tell_lacks(import)) {
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
    for (struct list_link *link = service->imports.next, *next; link != &service->imports;
         link = next) {
        struct gord_import *import = CONTAINER_OF(link, struct gord_import, link);
        next = link->next;
        if (import->call != NULL) {
            gord_fail(import->call, WIRE_UNAVAILABLE,
                      "the daemon stops; go on with what was not answered when it is back");
            leave(import);
        }
    }
}

GORD_METHOD(gord_store_import)
{
    struct gord_service *service = user;
    struct gord_import *import = calloc(1, sizeof(*import));

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
    list_append(&service->imports, &import->link);
    rpc_call_on(call, on_writable, on_end, import);
}
