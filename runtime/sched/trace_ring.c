/* SPDX-License-Identifier: MIT */
/* trace_ring.c - see trace_ring.h. */
#include "runtime/sched/trace_ring.h"

#include <string.h>

void gor__trace_ring_push(struct gor__trace_ring *ring, const struct gor__trace_record *records,
                          uint32_t count)
{
    uint64_t written = __atomic_load_n(&ring->written, __ATOMIC_RELAXED);
    gor__store_fence(); /* as in gor__trace_ring_put */
    for (uint32_t i = 0; i < count; i++) {
        struct gor__trace_record *place = gor__trace_place(ring, written + i * sizeof *place);
        __atomic_store_n(&place->ticks, records[i].ticks, __ATOMIC_RELAXED);
        __atomic_store_n(&place->id, records[i].id, __ATOMIC_RELAXED);
        __atomic_store_n(&place->what, records[i].what, __ATOMIC_RELAXED);
        __atomic_store_n(&place->b, records[i].b, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&ring->written, written + count * sizeof *records, __ATOMIC_RELEASE);
}

/* The oldest record that cannot be being overwritten when `head` is read. */
static uint64_t oldest_whole(const struct gor__trace_ring *ring, uint64_t head)
{
    uint64_t kept = gor__trace_ring_size(ring) - GOR__TRACE_UNIT_MAX;
    return head > kept ? head - kept : 0;
}

static void skip_to(uint64_t index, uint64_t *from, uint64_t *lost)
{
    if (index > *from) {
        *lost += index - *from;
        *from = index;
    }
}

static void copy(const struct gor__trace_ring *ring, uint64_t index, struct gor__trace_record *out)
{
    const struct gor__trace_record *place = gor__trace_place(ring, index * sizeof *place);
    out->ticks = __atomic_load_n(&place->ticks, __ATOMIC_RELAXED);
    out->id = __atomic_load_n(&place->id, __ATOMIC_RELAXED);
    out->what = __atomic_load_n(&place->what, __ATOMIC_RELAXED);
    out->b = __atomic_load_n(&place->b, __ATOMIC_RELAXED);
}

size_t gor__trace_ring_read(const struct gor__trace_ring *ring, uint64_t *from,
                            struct gor__trace_record *out, size_t room, uint64_t *lost)
{
    uint64_t head = gor__trace_ring_head(ring);
    skip_to(oldest_whole(ring, head), from, lost);
    uint64_t first = *from;
    size_t count = head - first < room ? (size_t)(head - first) : room;
    for (size_t i = 0; i < count; i++) {
        copy(ring, first + i, &out[i]);
    }
    /* Of what was read before it, nothing is newer than the head that is read after it. */
    gor__fence();
    head = gor__trace_ring_head(ring);
    uint64_t whole = oldest_whole(ring, head);
    size_t torn = whole > first ? (size_t)(whole - first) : 0;
    if (torn > count) {
        torn = count;
    }
    memmove(out, out + torn, (count - torn) * sizeof *out);
    *lost += torn;
    *from = first + count;
    return count - torn;
}
