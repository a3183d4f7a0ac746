/* SPDX-License-Identifier: MIT */
/* submit.h - what all ways to hand in jobs share: a job that is taken (accept.h) is entered here.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_SUBMIT_H
#define GORD_SERVICE_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/service/accept.h"
#include "daemon/service/state.h"

/* The spec of a job that is to run, if its unique key is taken, once those that have it have ended: it
 * waits for each of them. -ENOMEM. */
int gord_submit_spec(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                     struct gord_spec **out_spec);

/* The same of one that is about to be entered as job `id`: it counts in its share, and whoever has its key
 * is cancelled if it is to replace them. -ENOMEM. */
int gord_submit_prepare(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                        uint64_t id, struct gord_spec **out_spec);

/* Enter an accepted job, or an array with its tasks: SUBMITTED, then QUEUED or GATED; *out_seq is that of the last event. An id is used up in
 * any case. `request` is taken over; NULL: the submission has no id, or is not the first of its
 * request. -ENOMEM. */
int gord_submit_enter(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                      struct gord_request *request, uint64_t *out_id, uint64_t *out_seq);

/* Ids that follow each other, whatever else is entered between their jobs, as hooks of those that end
 * meanwhile are. The first; they are used up. */
uint64_t gord_submit_reserve(struct gord_service *service, uint64_t count);

/* The same as gord_submit_enter, with a reserved id, but of an array only the group: its tasks are to follow in the
 * same transaction. */
int gord_submit_enter_group(struct gord_service *service, const Gor__V1__JobSpec *wire,
                            uint32_t uid, struct gord_request *request, uint64_t id,
                            uint64_t *out_seq);

/* Enter a job that has no key, by its spec, with a reserved id; `request` as above. -ENOMEM. */
int gord_submit_enter_spec(struct gord_service *service, uint64_t id, struct gord_spec *spec,
                           uint32_t uid, struct gord_request *request, uint64_t *out_seq);

/* What the job's unique key comes to. */
enum gord_conflict { GORD_CONFLICT_NONE, GORD_CONFLICT_SKIP, GORD_CONFLICT_REFUSED };

/* SKIP: the id of the job that has the key in *out_id, the seq of its newest event in *out_seq. */
enum gord_conflict gord_submit_conflict(struct gord_service *service, const Gor__V1__JobSpec *spec,
                                        uint32_t uid, uint64_t *out_id, uint64_t *out_seq,
                                        struct gord_refusal *out_why);

/* Cancel those of the owner that have the key, for job `by`. What is queued ends at once. -ENOMEM. */
int gord_submit_replace(struct gord_service *service, uint32_t uid, const char *key, uint64_t by);

/* What was entered and promised to nobody must not run. */
void gord_submit_withdraw(struct gord_service *service, uint64_t first_id, uint64_t count);

/* What became of an acknowledgement that the store's error or the daemon's end overtook. `withdraw`
 * whatever is not promised then. */
void gord_submit_failed(struct gord_service *service, const struct gord_ack *ack, int error,
                        struct gord_refusal *out_why);

/* For whom: the user at the other end, or the daemon's own where that cannot be told. */
uint32_t gord_submit_uid(struct rpc_call *call);

Gor__V1__Durability gord_submit_durability(const struct gord_service *service);

#endif
