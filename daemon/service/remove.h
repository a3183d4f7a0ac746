/* SPDX-License-Identifier: MIT */
/* remove.h - jobs that are on their way out.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_REMOVE_H
#define GORD_SERVICE_REMOVE_H

#include "daemon/service/state.h"

/* What is said of a job that has not ended. */
#define GORD_REMOVE_LIVES "it has not ended: cancel it first"

/* Whether the store is about to remove the job, so that it must not be brought back. */
bool gord_is_being_removed(const struct gord_service *service, uint64_t id);

#endif
