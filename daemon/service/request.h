/* SPDX-License-Identifier: MIT */
/* request.h - submissions known by the id that their client gave them, so that one whose reply was
 * lost can be repeated without a second job.
 *
 * Those on their way to the disk are here; the others are in the store, for a day.
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_REQUEST_H
#define GORD_SERVICE_REQUEST_H

#include "daemon/service/submit.h"

/* What was answered, or is about to be. */
struct gord_request_known {
    uint64_t first_id;
    uint64_t count;
    uint64_t seq;    /* of its last event; 0: it is on disk */
    uint64_t digest; /* of what was handed in; 0: not known */
};

/* Is this a repetition? 1 with *out_known; 0: no, or it has no id; -EINVAL with the reason in *out_why:
 * the id is none, or the store cannot be read. */
int gord_request_find(struct gord_service *service, const ProtobufCBinaryData *id, uint32_t uid,
                      struct gord_request_known *out_known, struct gord_refusal *out_why);

/* A digest of what is handed in with an id, to tell another thing under the same id; 0: it has no id, or
 * there is no memory. The environment, umask and limits that go along by themselves are left out, and
 * moments, which who repeats it may reckon from another now. */
uint64_t gord_request_digest(const ProtobufCBinaryData *id, Gor__V1__JobSpec *const *specs,
                             size_t count);

/* What is handed in with an id. */
struct gord_request_what {
    Gor__V1__JobSpec *const *specs; /* borrowed */
    size_t count;
    uint64_t digest;
};

/* Is a repetition with that digest one of what is known? If not, ALREADY_EXISTS in *out_why, which names the
 * fields that differ if the jobs are still as they were handed in. Of what has no digest it is not known,
 * and taken for one. */
bool gord_request_is_same(struct gord_service *service, const struct gord_request_known *known,
                          const struct gord_request_what *what, struct gord_refusal *out_why);

/* For the event of the first of `count` jobs; NULL without an id, or without memory, which
 * *out_error tells. */
struct gord_request *gord_request_new(const ProtobufCBinaryData *id, uint64_t count,
                                      uint64_t digest, int *out_error);

/* Remember a submission that is on its way. Without memory for it a repetition is not known before
 * it is on disk. */
void gord_request_add(struct gord_service *service, const ProtobufCBinaryData *id, uint32_t uid,
                      const struct gord_request_known *known);

/* Everything up to the committed seq is the store's to know; with an error, nothing is on its way. */
void gord_requests_settle(struct gord_service *service, int error);

#endif
