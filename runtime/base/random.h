/* SPDX-License-Identifier: MIT */
/* random.h - a small fast generator for choices that need no secrecy.
 *
 * xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).
 * Threads     whoever owns the state.
 */
#ifndef GOR_BASE_RANDOM_H
#define GOR_BASE_RANDOM_H

#include <stdint.h>

struct gor__random {
    uint64_t state; /* never 0 */
};

static inline void gor__random_seed(struct gor__random *random, uint64_t seed)
{
    random->state = seed * 0x9e3779b97f4a7c15u + 1;
    if (random->state == 0) {
        random->state = 1;
    }
}

static inline uint32_t gor__random_next(struct gor__random *random)
{
    uint64_t x = random->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return (uint32_t)((x * 0x2545f4914f6cdd1du) >> 32);
}

/* A number below `bound`, by multiplication (Lemire, 2019); its bias of bound / 2^32 is far below
 * what anybody could see in a choice among cases. */
static inline uint32_t gor__random_below(struct gor__random *random, uint32_t bound)
{
    return (uint32_t)(((uint64_t)gor__random_next(random) * bound) >> 32);
}

#endif
