/* SPDX-License-Identifier: MIT */
/* unique.h - which live jobs of whom have which unique key. Everybody has keys of his own.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_UNIQUE_H
#define GORD_SERVICE_UNIQUE_H

#include <stddef.h>
#include <stdint.h>

struct gord_unique_holder;

struct gord_unique {
    struct gord_unique_holder **buckets; /* owned; by hash of the key; NULL: none yet */
    size_t bucket_count;                 /* a power of two */
    size_t count;
};

/* The job has the key from now on. -ENOMEM. */
int gord_unique_add(struct gord_unique *unique, uint32_t uid, const char *key, uint64_t id);

/* No longer; nothing if it did not. */
void gord_unique_remove(struct gord_unique *unique, uint32_t uid, const char *key, uint64_t id);

/* The jobs with that key, the newest first: the number of them, of which at most `room` are in
 * out_ids. */
size_t gord_unique_find(const struct gord_unique *unique, uint32_t uid, const char *key,
                        uint64_t *out_ids, size_t room);

void gord_unique_fini(struct gord_unique *unique);

#endif
