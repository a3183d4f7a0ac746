/* SPDX-License-Identifier: MIT */
/* share.h - whose share of a fair queue a job counts in.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_SHARE_H
#define GORD_SERVICE_SHARE_H

#include "daemon/service/state.h"

/* The name of it, or "" where its queue has no shares; `room` has GORD_WORD_MAX + 1. */
char *gord_share_of(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                    char *room);

#endif
