/* SPDX-License-Identifier: MIT */
/* awaited.h - jobs whose submitter has said that it is about to follow them, and to hold them back.
 *
 * Between its two calls the job may start, and write more than is kept. So its run, if it has one by
 * then, expects that follower (daemon/runner/hold.h).
 * Invariants  the owner of many takes nobody else's place: where there is no room for one more, the oldest
 *             goes of whoever has the most.
 * Threads     loop.
 * Ownership   the caller's from {0} to fini.
 */
#ifndef GORD_SERVICE_AWAITED_H
#define GORD_SERVICE_AWAITED_H

#include <stdbool.h>
#include <stdint.h>

/* Of all owners. */
enum { GORD_AWAITED_MAX = 1000 };

struct gord_awaited {
    struct gord_awaited_job *jobs;     /* owned; NULL: there were none */
    struct gord_awaited_owner *owners; /* owned; of those jobs */
    unsigned count;
    unsigned owner_count;
};

/* For GORD_HOLD_EXPECTED_NS. Without memory nobody waits for it. */
void gord_awaited_add(struct gord_awaited *awaited, uint64_t id, uint32_t owner);

/* Its follower is there. */
void gord_awaited_drop(struct gord_awaited *awaited, uint64_t id);

/* The job has a run: is that to expect the follower? It is asked once of each. */
bool gord_awaited_take(struct gord_awaited *awaited, uint64_t id);

/* It has none, or none any more. */
void gord_awaited_give_back(struct gord_awaited *awaited, uint64_t id);

void gord_awaited_fini(struct gord_awaited *awaited);

#endif
