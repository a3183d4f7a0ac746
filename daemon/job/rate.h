/* SPDX-License-Identifier: MIT */
/* rate.h - how often jobs may start: a bucket that tokens drip into, of which each start takes some.
 *
 * Only one time is kept, that at which the bucket is full again; what is in it follows. So nothing
 * need be done as tokens come, and a clock that is read late loses none.
 * Threads     pure functions; times are of any clock that only goes forward.
 */
#ifndef GORD_JOB_RATE_H
#define GORD_JOB_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GORD_RATE_COUNT_MAX = 1000000 };

/* No bucket takes longer than this to fill. */
#define GORD_RATE_FILL_NS ((int64_t)10 * 365 * 86400 * 1000000000)

struct gord_rate_limit {
    uint32_t count; /* tokens that come in per_ns; 0: there is no limit */
    uint32_t burst; /* that the bucket holds; at least 1 */
    int64_t per_ns;
};

struct gord_rate {
    struct gord_rate_limit limit;
    int64_t full_at_ns;
};

/* 0, or -EINVAL with what is wrong with it. */
int gord_rate_check(const struct gord_rate_limit *limit, char *error, size_t error_bytes);

/* Another limit: what is in the bucket stays, as far as it holds that; one that had no limit is full. */
void gord_rate_change(struct gord_rate *rate, const struct gord_rate_limit *limit, int64_t now_ns);

/* What is in it now. */
uint32_t gord_rate_tokens(const struct gord_rate *rate, int64_t now_ns);

/* When so many tokens will have come, if none are taken; in the past if they are there. */
int64_t gord_rate_when(const struct gord_rate *rate, uint64_t tokens);

/* They must be there. */
void gord_rate_take(struct gord_rate *rate, uint32_t tokens, int64_t now_ns);

/* "10/s, burst 20"; `out` has room for it. */
enum { GORD_RATE_TEXT = 64 };
const char *gord_rate_text(const struct gord_rate_limit *limit, char out[GORD_RATE_TEXT]);

#endif
