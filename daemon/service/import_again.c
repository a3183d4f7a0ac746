/* SPDX-License-Identifier: MIT */
/* Jobs that another import of the same request id took, whose answers the client may not have: it was the
 * daemon that was killed, or the connection that broke. Each job that is taken has a request id as a
 * submission may have, made of the import's and of what tells the job there from others, and kept as those
 * are. It is a digest: ids that people choose may differ in little, from each other's and from those of
 * submissions, and so may ids of jobs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/import_inside.h"
#include "daemon/service/request.h"
#include "rpc/digest.h"

bool gord_import_set_request(struct gord_import *import, const ProtobufCBinaryData *id,
                             struct gord_refusal *why)
{
    if (id->len != 0 && id->len != GORD_REQUEST_BYTES) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "options.request_id has %zu bytes; it is %d, or none", id->len,
                           GORD_REQUEST_BYTES);
    }
    import->has_request = id->len != 0;
    if (import->has_request) {
        memcpy(import->request, id->data, GORD_REQUEST_BYTES);
    }
    return true;
}

static uint8_t *put_number(uint8_t *at, uint64_t number)
{
    for (size_t i = 0; i < sizeof(number); i++) {
        *at++ = (uint8_t)(number >> (8 * i));
    }
    return at;
}

void gord_import_name_job(const uint8_t import[GORD_REQUEST_BYTES], const Gor__V1__Job *job,
                          uint8_t out[GORD_REQUEST_BYTES])
{
    static const char domain[] = "gor import job 1"; /* nothing else is digested with it before */
    uint8_t text[sizeof(domain) + GORD_REQUEST_BYTES + 2 * sizeof(uint64_t)];
    uint8_t digest[RPC_DIGEST_BYTES];

    memcpy(text, domain, sizeof(domain));
    memcpy(text + sizeof(domain), import, GORD_REQUEST_BYTES);
    uint8_t *at = put_number(text + sizeof(domain) + GORD_REQUEST_BYTES, job->id);
    (void)put_number(at, (uint64_t)job->created_ns);
    rpc_digest(text, sizeof(text), digest);
    memcpy(out, digest, GORD_REQUEST_BYTES);
}

void gord_import_exists(struct gord_import *import, struct gord_import_answer *answer, uint64_t id)
{
    struct gord_after_facts facts;
    bool is_gone = gord_knows(import->service, id) == -ENOENT &&
                   !gord_import_recall(import->service, id, &facts);

    answer->result.id = id;
    answer->result.status =
        is_gone ? GOR__V1__IMPORT_RESULT__STATUS__REMOVED : GOR__V1__IMPORT_RESULT__STATUS__EXISTS;
    if (is_gone) {
        snprintf(answer->text, sizeof(answer->text),
                 "it was taken as job %" PRIu64 ", which has been removed since; it does not come "
                 "back but by an import of another name that does not know of it",
                 id);
    }
}

/* That of the last job, into `bytes`. */
static ProtobufCBinaryData request_of_job(const struct gord_import *import,
                                          uint8_t bytes[GORD_REQUEST_BYTES])
{
    if (import->has_request) {
        gord_import_name_job(import->request, import->job->job, bytes);
    }
    return (ProtobufCBinaryData){import->has_request ? GORD_REQUEST_BYTES : 0, bytes};
}

int gord_import_find_taken(struct gord_import *import, struct gord_import_answer *answer,
                           struct gord_refusal *why)
{
    const Gor__V1__Job *job = import->job->job;
    uint8_t bytes[GORD_REQUEST_BYTES];
    ProtobufCBinaryData id = request_of_job(import, bytes);
    struct gord_request_known known;
    int result = gord_request_find(import->service, &id, job->uid, &known, why);

    if (result <= 0) {
        return result;
    }
    gord_import_exists(import, answer, known.first_id);
    if (known.seq != 0 && gord_import_await(import, answer, known.seq) != 0) {
        (void)gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "out of memory; import it again");
        return -ENOMEM;
    }
    if (job->state == GOR__V1__JOB_STATE__TERMINATED) {
        gord_import_remember(import, job, known.first_id);
    }
    return 1;
}

struct gord_request *gord_import_new_request(const struct gord_import *import, int *out_error)
{
    uint8_t bytes[GORD_REQUEST_BYTES];
    ProtobufCBinaryData id = request_of_job(import, bytes);
    struct gord_request *request = gord_request_new(&id, 1, 0, out_error);

    if (request != NULL) {
        request->at_ns = gord_event_clock(); /* the history of a job that had ended is old */
    }
    return request;
}

void gord_import_entered(struct gord_import *import, uint64_t id, uint64_t seq)
{
    uint8_t bytes[GORD_REQUEST_BYTES];
    ProtobufCBinaryData request = request_of_job(import, bytes);
    struct gord_request_known known = {.first_id = id, .count = 1, .seq = seq};

    gord_request_add(import->service, &request, import->job->job->uid, &known);
}
