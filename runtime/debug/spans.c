/* SPDX-License-Identifier: MIT */
/* spans.c - see spans.h. The C library's qsort takes memory from malloc, which is not to be had when
 * a debugger has halted whoever holds malloc's lock; so this has a sort of its own (heap sort). */
#include "runtime/debug/spans.h"

enum { LOOK_BACK = 64 }; /* spans that may begin within another one */

bool gor__spans_add(struct gor__spans *spans, struct gor__bump *bump, struct gor__span span)
{
    struct gor__span *list =
        gor__bump_grow(bump, spans->list, sizeof *list, spans->count, &spans->room);
    if (list == NULL) {
        return false;
    }
    spans->list = list;
    list[spans->count++] = span;
    return true;
}

static bool is_before(const struct gor__span *a, const struct gor__span *b)
{
    return a->low != b->low ? a->low < b->low : a->rank < b->rank;
}

/* Let the span at `at` sink to its place among the first `count`, a heap with the last one on top. */
static void sink(struct gor__span *list, size_t at, size_t count)
{
    struct gor__span span = list[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && is_before(&list[child], &list[child + 1])) {
            child++;
        }
        if (!is_before(&span, &list[child])) {
            break;
        }
        list[at] = list[child];
        at = child;
    }
    list[at] = span;
}

void gor__spans_sort(struct gor__spans *spans)
{
    struct gor__span *list = spans->list;
    for (size_t i = spans->count / 2; i > 0; i--) {
        sink(list, i - 1, spans->count);
    }
    for (size_t last = spans->count; last > 1; last--) {
        struct gor__span greatest = list[0];
        list[0] = list[last - 1];
        list[last - 1] = greatest;
        sink(list, 0, last - 1);
    }
}

const struct gor__span *gor__spans_find(const struct gor__spans *spans, uint64_t address)
{
    size_t low = 0;
    size_t high = spans->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spans->list[middle].low <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (size_t back = 0; back < LOOK_BACK && low > back; back++) {
        const struct gor__span *span = &spans->list[low - back - 1];
        if (address < span->high) {
            return span;
        }
    }
    return NULL;
}
