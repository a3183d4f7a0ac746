/* SPDX-License-Identifier: MIT */
/* change.h - what of a job can be changed while it waits, and how its spec is after it.
 *
 * Threads     any; plain data.
 */
#ifndef GORD_SERVICE_CHANGE_H
#define GORD_SERVICE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/event/standing.h"
#include "gor/v1/jobs.pb-c.h"

/* A job's spec and standing on their way to what is wanted. */
struct gord_change {
    Gor__V1__JobSpec
        spec; /* borrows from the former one, from the request, and from what follows */
    Gor__V1__RetryPolicy retry;
    Gor__V1__JobSpec__LabelsEntry **labels; /* owned array */
    Gor__V1__AnyOf **clauses;               /* owned array; NULL: spec.after is borrowed */
    struct gord_standing *standing;         /* borrowed; changed too */
    bool after;                             /* what it is to run after has been changed */
};

/* Can all of the fields be changed? Else -EINVAL with a sentence in `error`, also when there is
 * nothing to change. */
int gord_change_check(const Gor__V1__UpdateRequest *request, char *error, size_t error_bytes);

/* What the spec `former` comes to, with its new version in the standing. The request must have passed
 * the check. -ENOMEM. */
int gord_change_make(struct gord_change *change, const Gor__V1__JobSpec *former,
                     struct gord_standing *standing, const Gor__V1__UpdateRequest *request);

/* Where that changes what it is to run after: it goes on waiting for those of the jobs `ids`, which have
 * its unique key, that it waits for because of that. -ENOMEM. */
int gord_change_keep(struct gord_change *change, const Gor__V1__JobSpec *former,
                     const uint64_t *ids, size_t count);

/* Does the request change that field? */
bool gord_change_names(const Gor__V1__UpdateRequest *request, const char *field);

void gord_change_fini(struct gord_change *change);

#endif
