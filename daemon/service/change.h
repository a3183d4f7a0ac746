/* SPDX-License-Identifier: MIT */
/* change.h - what of a job can be changed while it waits, and how its spec is after it.
 *
 * Threads     any; plain data.
 */
#ifndef GORD_SERVICE_CHANGE_H
#define GORD_SERVICE_CHANGE_H

#include <stddef.h>

#include "daemon/event/standing.h"
#include "gor/v1/jobs.pb-c.h"

/* A job's spec and standing on their way to what is wanted. */
struct gord_change {
    Gor__V1__JobSpec
        spec; /* borrows from the former one, from the request, and from what follows */
    Gor__V1__RetryPolicy retry;
    Gor__V1__JobSpec__LabelsEntry **labels; /* owned array */
    struct gord_standing *standing;         /* borrowed; changed too */
};

/* Can all of the fields be changed? Else -EINVAL with a sentence in `error`, also when there is
 * nothing to change. */
int gord_change_check(const Gor__V1__UpdateRequest *request, char *error, size_t error_bytes);

/* What the spec `former` comes to, with its new version in the standing. The request must have passed
 * the check. -ENOMEM. */
int gord_change_make(struct gord_change *change, const Gor__V1__JobSpec *former,
                     struct gord_standing *standing, const Gor__V1__UpdateRequest *request);
void gord_change_fini(struct gord_change *change);

#endif
