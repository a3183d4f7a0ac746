/* SPDX-License-Identifier: MIT */
/* submit.h - what all ways to hand in jobs share: whether a job is taken, and its entry.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_SUBMIT_H
#define GORD_SERVICE_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/service/check.h"
#include "daemon/service/state.h"

/* Why something is not taken, for its client. */
struct gord_refusal {
    enum wire_status status;
    char text[GORD_ERROR_BYTES + 64];
};

/* Fill it in; false, always. */
bool gord_refuse(struct gord_refusal *out_why, enum wire_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Does the service take work at all, and is there room for `count` more jobs? */
bool gord_submit_is_open(struct gord_service *service, size_t count, struct gord_refusal *out_why);

/* The jobs of one request that stand before another. */
struct gord_earlier {
    size_t count;
    Gor__V1__JobSpec *const *specs;
};

/* Is the job right, does its parent live, are there the jobs it is to run after? `where` begins the
 * text; `earlier` is NULL where there is no request of many. */
bool gord_submit_accepts(struct gord_service *service, const char *where,
                         const Gor__V1__JobSpec *spec, uint32_t uid,
                         const struct gord_earlier *earlier, struct gord_refusal *out_why);

/* All of these for one request by itself. */
bool gord_submit_takes(struct gord_service *service, const Gor__V1__JobSpec *spec, uint32_t uid,
                       struct gord_refusal *out_why);

/* What of a job that was there already is to be checked as if it were handed in by itself: not what gord
 * has set, nor what it stands below and runs after. Borrows from `wire`. */
Gor__V1__JobSpec gord_submit_alone(const Gor__V1__JobSpec *wire);

/* The same of a job that is there and would be so, also while no new ones are taken. */
bool gord_submit_accepts_change(struct gord_service *service, const Gor__V1__JobSpec *spec,
                                struct gord_refusal *out_why);

/* May `count` more of that kind be queued, as far as their goroutines go? */
bool gord_submit_has_places(struct gord_service *service, enum gord_job_kind kind, uint64_t count,
                            struct gord_refusal *out_why);

/* Whose the live job is, as his are those below it; (uint32_t)-1, nobody's: it does not live. */
uint32_t gord_submit_uid_of(struct gord_service *service, uint64_t id);

enum gord_job_kind gord_submit_kind(const Gor__V1__JobSpec *spec);

/* The spec of a job that is to run, if its unique key is taken, once those that have it have ended: it
 * waits for each of them. -ENOMEM. */
int gord_submit_spec(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                     struct gord_spec **out_spec);

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

/* Enter a job that has no key, by its spec, with a reserved id. -ENOMEM. */
int gord_submit_enter_spec(struct gord_service *service, uint64_t id, struct gord_spec *spec,
                           uint32_t uid, uint64_t *out_seq);

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
