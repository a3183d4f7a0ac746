/* SPDX-License-Identifier: MIT */
/* hash.h - FNV-1a, for tables in memory and for numbers that stand for bytes.
 *
 * What one version of gord writes down or tells the next one has to find again, so no result may ever
 * change. On disk are the checks of a log's frames and tail (runner/logframe.c), the hash of an
 * environment (event/spec.c), the number of a boot (event/clock.c), the name of a share whose label's
 * value cannot be one (event/ask.c), and the names of a cron entry's fires, whose jitter comes of the
 * same (cron/plan.c). tests/daemon/hash_test.c has a value of each.
 *
 * Equal hashes need not mean equal bytes, least of all where others choose them.
 * Threads     any.
 */
#ifndef GOR_BASE_HASH_H
#define GOR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of nothing; what all others begin with. */
#define HASH_FNV1A64_BASIS UINT64_C(0xcbf29ce484222325)
#define HASH_FNV1A64_PRIME UINT64_C(0x100000001b3)
#define HASH_FNV1A32_BASIS UINT32_C(0x811c9dc5)
#define HASH_FNV1A32_PRIME UINT32_C(0x1000193)

/* That of what `hash` is of and `count` bytes behind it. */
static inline uint64_t hash_fnv1a64(uint64_t hash, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ at[i]) * HASH_FNV1A64_PRIME;
    }
    return hash;
}

static inline uint32_t hash_fnv1a32(uint32_t hash, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ at[i]) * HASH_FNV1A32_PRIME;
    }
    return hash;
}

#endif
