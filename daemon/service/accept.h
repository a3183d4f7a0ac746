/* SPDX-License-Identifier: MIT */
/* accept.h - whether a job is taken: there is room for it, it is right, and what it names is there.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_ACCEPT_H
#define GORD_SERVICE_ACCEPT_H

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

/* Answer the call with it. */
void gord_refusal_tell(struct rpc_call *call, const struct gord_refusal *why);

/* Does the service take work at all, and is there room for `count` more jobs? */
bool gord_submit_is_open(struct gord_service *service, size_t count, struct gord_refusal *out_why);

/* The same for these, which may all stand below what an upgrade awaits. */
bool gord_submit_is_open_for(struct gord_service *service, Gor__V1__JobSpec *const *specs,
                             size_t count, struct gord_refusal *out_why);

/* Whether such a job is taken as far as the daemon does not go, or awaits what it stands below. */
bool gord_submit_is_served(struct gord_service *service, const Gor__V1__JobSpec *spec);

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

/* Is what it is to run after right, and are there those jobs? */
bool gord_submit_accepts_after(struct gord_service *service, const Gor__V1__JobSpec *spec,
                               struct gord_refusal *out_why);

/* May `count` more of that kind be queued, as far as their goroutines go? */
bool gord_submit_has_places(struct gord_service *service, enum gord_job_kind kind, uint64_t count,
                            struct gord_refusal *out_why);

/* Whose the live job is, as his are those below it; (uint32_t)-1, nobody's: it does not live. */
uint32_t gord_submit_uid_of(struct gord_service *service, uint64_t id);

enum gord_job_kind gord_submit_kind(const Gor__V1__JobSpec *spec);

#endif
