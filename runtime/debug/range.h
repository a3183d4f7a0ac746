/* SPDX-License-Identifier: MIT */
/* range.h - which of some pieces of memory an address lies in.
 *
 * No source of its own: who asks runs without a sanitizer's eyes (runtime/CMakeLists.txt), and once for
 * each word of the program's memory.
 *
 * Threads     whoever guards what is looked through.
 */
#ifndef GOR_DEBUG_RANGE_H
#define GOR_DEBUG_RANGE_H

#include <stddef.h>
#include <stdint.h>

/* Which of `count` things in an array, `stride` bytes from one to the next, holds `address`; `count`: none
 * does. They lie by address, and apart; `starts` and `ends` are of the first. */
static inline size_t gor__range_find(const uintptr_t *starts, const uintptr_t *ends, size_t count,
                                     size_t stride, uintptr_t address)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (*(const uintptr_t *)((const char *)ends + middle * stride) <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && *(const uintptr_t *)((const char *)starts + low * stride) <= address
               ? low
               : count;
}

#endif
