/* SPDX-License-Identifier: MIT */
#include "daemon/base/clock.h"

#include "daemon/base/assert.h"

#define SECOND_NS INT64_C(1000000000)

int64_t gord_clock_ns(clockid_t clock)
{
    struct timespec now;

    int result = clock_gettime(clock, &now);
    GORD_ASSERT(result == 0);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}
