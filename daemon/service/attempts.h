/* SPDX-License-Identifier: MIT */
/* attempts.h - the runs of a job, put together from its events.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_ATTEMPTS_H
#define GORD_SERVICE_ATTEMPTS_H

#include <stddef.h>

#include "daemon/service/state.h"

/* As many as are told of one job. */
enum { GORD_ATTEMPTS_MAX = 100 };

struct gord_attempts {
    Gor__V1__Attempt **items; /* owned, as what they point to */
    size_t count;
};

/* Those of a job with that view, from the view alone if it ran once. -ENOMEM, or the reader's error. */
int gord_attempts_read(struct gord_service *service, const Gor__V1__Job *job,
                       struct gord_attempts *out_attempts);
void gord_attempts_fini(struct gord_attempts *attempts);

#endif
