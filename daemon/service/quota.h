/* SPDX-License-Identifier: MIT */
/* quota.h - whether an owner may have more jobs that wait; see daemon/job/quota.h.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_QUOTA_H
#define GORD_SERVICE_QUOTA_H

#include "daemon/service/accept.h"

/* May `count` more of his be queued? What is a job already, and waits again, is not asked. */
bool gord_submit_fits_quota(struct gord_service *service, uint32_t uid, uint64_t count,
                            struct gord_refusal *out_why);

/* The same of the jobs that these make, `count` with the tasks of arrays; those that wait and that they
 * replace make room for them. */
bool gord_submit_fits_replacing(struct gord_service *service, uint32_t uid,
                                const Gor__V1__JobSpec *const *specs, size_t spec_count,
                                uint64_t count, struct gord_refusal *out_why);

#endif
