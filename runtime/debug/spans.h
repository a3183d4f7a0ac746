/* SPDX-License-Identifier: MIT */
/* spans.h - which stretch of addresses is what: functions, pieces of line tables, units.
 *
 * Invariants  after gor__spans_sort sorted by `low`; spans may overlap.
 * Threads     one at a time, but for gor__spans_find.
 */
#ifndef GOR_DEBUG_SPANS_H
#define GOR_DEBUG_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/debug/bump.h"

struct gor__span {
    uint64_t low;
    uint64_t high;   /* behind the last address */
    uint64_t what;   /* the owner's: an offset of a name, a unit, ... */
    uint32_t detail; /* the owner's */
    uint32_t rank;   /* of those with the same `low`, the highest is preferred */
};

struct gor__spans {
    struct gor__span *list;
    size_t count;
    size_t room;
};

/* False: out of memory. */
bool gor__spans_add(struct gor__spans *spans, struct gor__bump *bump, struct gor__span span);

void gor__spans_sort(struct gor__spans *spans);

/* The one that begins closest before `address` and reaches over it; NULL: none. */
const struct gor__span *gor__spans_find(const struct gor__spans *spans, uint64_t address);

#endif
