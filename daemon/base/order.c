/* SPDX-License-Identifier: MIT */
#include "daemon/base/order.h"

#include <stdint.h>

int gord_by_rising_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

int gord_by_falling_id(const void *a, const void *b)
{
    return gord_by_rising_id(b, a);
}
