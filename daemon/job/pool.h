/* SPDX-License-Identifier: MIT */
/* pool.h - memory for jobs: many small, equal pieces that come and go in about the order they came.
 *
 * Pieces lie in chunks of their own, apart from everything short-lived, so that a million queued jobs
 * leave no holes behind; a chunk whose last piece is given back goes back to the system.
 * Threads     loop thread.
 */
#ifndef GORD_JOB_POOL_H
#define GORD_JOB_POOL_H

#include <stddef.h>

#include "base/list.h"

struct gord_pool {
    struct list_link roomy; /* owned: the chunks with free pieces */
    size_t piece_bytes;     /* a multiple of 8, at least 16 */
    size_t chunks;          /* mapped now */
};

void gord_pool_init(struct gord_pool *pool, size_t piece_bytes);

/* Every piece must be back. */
void gord_pool_fini(struct gord_pool *pool);

/* A zeroed piece. NULL: out of memory. */
void *gord_pool_get(struct gord_pool *pool);
void gord_pool_put(struct gord_pool *pool, void *piece);

#endif
