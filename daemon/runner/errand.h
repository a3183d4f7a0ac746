/* SPDX-License-Identifier: MIT */
/* errand.h - what goroutines have the loop do for them.
 *
 * Threads     post: any. `fn` runs on the loop.
 * Ownership   an errand is embedded in a record of the poster's, and the loop's from post until `fn`
 *             is called with it.
 */
#ifndef GORD_RUNNER_ERRAND_H
#define GORD_RUNNER_ERRAND_H

#include "daemon/base/inbox.h"

struct gord_runner;

struct gord_errand {
    struct gord_inbox_item link;
    void (*fn)(struct gord_runner *runner, struct gord_errand *errand);
};

static inline void gord_errand_post(struct gord_inbox *errands, struct gord_errand *errand)
{
    gord_inbox_post(errands, &errand->link);
}

#endif
