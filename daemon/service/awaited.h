/* SPDX-License-Identifier: MIT */
/* awaited.h - jobs whose submitter has said that it is about to follow them, and to hold them back.
 *
 * Between its two calls the job may start, and write more than is kept. So its run, if it has one by
 * then, expects that follower (daemon/runner/hold.h).
 * Threads     loop.
 * Ownership   the list is the service's.
 */
#ifndef GORD_SERVICE_AWAITED_H
#define GORD_SERVICE_AWAITED_H

#include <stdint.h>

struct gord_service;

/* Without memory, or with a thousand others since, nobody waits for it. */
void gord_awaited_add(struct gord_service *service, uint64_t id);

/* Its follower is there. */
void gord_awaited_came(struct gord_service *service, uint64_t id);

/* It may have a run now, or no longer. */
void gord_awaited_look(struct gord_service *service, uint64_t id);

void gord_awaited_fini(struct gord_service *service);

#endif
