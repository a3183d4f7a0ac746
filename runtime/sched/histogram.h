/* SPDX-License-Identifier: MIT */
/* histogram.h - durations counted by length, in the buckets of gor_histogram_bound.
 *
 * Threads     any, without a lock: a reader may see a duration's count before its sum.
 */
#ifndef GOR_SCHED_HISTOGRAM_H
#define GOR_SCHED_HISTOGRAM_H

#include <stdint.h>

#include "runtime/gor.h"

struct gor__histogram {
    uint64_t counts[GOR_HISTOGRAM_BUCKETS]; /* atomic */
    uint64_t sum_ns;                        /* atomic */
};

/* Count `weight` durations of `ns`; a negative one, for clocks that do not agree, is none. */
void gor__histogram_add(struct gor__histogram *histogram, int64_t ns, uint64_t weight);

void gor__histogram_read(const struct gor__histogram *histogram,
                         struct gor_histogram *out_histogram);

void gor__histogram_clear(struct gor__histogram *histogram);

#endif
