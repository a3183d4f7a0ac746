/* SPDX-License-Identifier: MIT */
/* why.h - what would keep a job from starting, for a dry run.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_WHY_H
#define GORD_SERVICE_WHY_H

#include "daemon/job/queues.h"
#include "daemon/service/submit.h"

/* Of a job that was accepted and is not entered. *out borrows from *why. -ENOMEM. */
int gord_why_new(struct gord_service *service, const Gor__V1__JobSpec *spec, uint32_t uid,
                 struct gord_why *why, Gor__V1__WhyReply *out);

#endif
