/* SPDX-License-Identifier: MIT */
/* histogram.c - see histogram.h. The buckets are those of Go's runtime/metrics for times: each power of
 * two is cut into four, so a bucket is at most a quarter as wide as it is high; below 256 ns they are
 * 64 ns wide, and what lasts for more than 39 hours comes into the last. */
#include "runtime/sched/histogram.h"

#include <string.h>

enum {
    PARTS_BITS = 2, /* of a power of two */
    PARTS = 1 << PARTS_BITS,
    LINEAR_BITS = 8, /* below 1 << LINEAR_BITS all are equally wide */
    OVERFLOW_BUCKET = GOR_HISTOGRAM_BUCKETS - 1,
};

int64_t gor_histogram_bound(unsigned bucket)
{
    if (bucket >= GOR_HISTOGRAM_BUCKETS) {
        return GOR_NEVER;
    }
    unsigned power = bucket / PARTS;
    int64_t part = bucket % PARTS;
    if (power == 0) {
        return part << (LINEAR_BITS - PARTS_BITS);
    }
    return (PARTS + part) << (LINEAR_BITS - PARTS_BITS + power - 1);
}

static unsigned bucket_of(uint64_t ns)
{
    unsigned bits = ns == 0 ? 0 : 64 - (unsigned)__builtin_clzll(ns);
    unsigned power = bits > LINEAR_BITS ? bits - LINEAR_BITS : 0;
    unsigned shift = LINEAR_BITS - PARTS_BITS + (power > 0 ? power - 1 : 0);
    unsigned bucket = power * PARTS + (unsigned)(ns >> shift) % PARTS;
    return bucket < OVERFLOW_BUCKET ? bucket : OVERFLOW_BUCKET;
}

void gor__histogram_add(struct gor__histogram *histogram, int64_t ns, uint64_t weight)
{
    uint64_t duration = ns > 0 ? (uint64_t)ns : 0;
    __atomic_fetch_add(&histogram->counts[bucket_of(duration)], weight, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->sum_ns, duration * weight, __ATOMIC_RELAXED);
}

void gor__histogram_read(const struct gor__histogram *histogram,
                         struct gor_histogram *out_histogram)
{
    out_histogram->count = 0;
    for (unsigned i = 0; i < GOR_HISTOGRAM_BUCKETS; i++) {
        uint64_t count = __atomic_load_n(&histogram->counts[i], __ATOMIC_RELAXED);
        out_histogram->buckets[i] = count;
        out_histogram->count += count;
    }
    out_histogram->sum_ns = (int64_t)__atomic_load_n(&histogram->sum_ns, __ATOMIC_RELAXED);
}

void gor__histogram_clear(struct gor__histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}
