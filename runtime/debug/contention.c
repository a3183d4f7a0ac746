/* SPDX-License-Identifier: MIT */
/* contention.c - the block and the mutex profile: the tables of all Ps, added up. */
#include <errno.h>
#include <string.h>

#include "runtime/debug/profile.h"
#include "runtime/debug/trim.h"

/* Counts are fractions, and small ones add up: they are rounded when all is said. */
static int add_bucket(void *arg, const struct gor__contention_bucket *bucket)
{
    enum { ROUND_UP = 2 };
    struct gor__sample_key key;
    const int64_t values[GOR__SAMPLE_VALUES] = {
        (int64_t)(gor__contention_count(bucket) + 1.0 / ROUND_UP),
        (int64_t)__atomic_load_n(&bucket->delay_ns, __ATOMIC_RELAXED),
    };
    if (values[0] == 0) {
        return 0;
    }
    memset(&key, 0, sizeof key);
    key.reason = bucket->reason;
    key.frame_count = bucket->frame_count;
    for (uint16_t i = 0; i < bucket->frame_count; i++) {
        key.frames[i] = bucket->frames[i] - 1;
    }
    if (bucket->frame_count == 0) {
        key.frames[0] = GOR__PLACE_OTHER;
        key.frame_count = 1;
    }
    return gor__samples_add(arg, &key, NULL, values) ? 0 : -ENOMEM;
}

int gor__profile_contention(struct gor__pprof *head, struct gor__samples *samples,
                            enum gor__contention kind)
{
    struct gor__samples whole = {0};
    head->values[0] = (struct gor__pprof_type){"contentions", "count"};
    head->values[1] = (struct gor__pprof_type){"delay", "nanoseconds"};
    head->period_type = head->values[0];
    head->period = 1;
    int result = gor__contention_each(kind, add_bucket, &whole);
    enum gor__trim trim = kind == GOR__CONTENTION_BLOCK ? GOR__TRIM_WAITERS : GOR__TRIM_UNLOCKERS;
    if (result == 0 && !gor__samples_trim(samples, &whole, trim)) {
        result = -ENOMEM;
    }
    gor__samples_fini(&whole);
    return result;
}
