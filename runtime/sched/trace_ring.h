/* SPDX-License-Identifier: MIT */
/* trace_ring.h - the last so many records of one writer, read by others while it goes on.
 *
 * The oldest record is overwritten by the newest, and nobody is asked whether it was read: writing
 * costs the same whether somebody reads or not. A reader copies, looks how far the writer has come
 * meanwhile, and drops what may have been overwritten under its hands; so what it keeps is whole, and
 * it knows how much it has missed.
 *
 * Why it is whole: say the reader sees a word of record j where it looks for record i, so that j is at
 * least i + size. Before the words of j the writer has stored a `head` of at least j less what one unit
 * has, and a store fence lies between; the reader's load of that word is followed by a fence and by its
 * second look at `head`, which therefore is at least i + size - GOR__TRACE_UNIT_MAX + 1: i is dropped.
 * That a record is complete, the first look says: `head` is stored with release after its words.
 *
 * Invariants  records[i & mask] holds record i for the last mask + 1 - GOR__TRACE_UNIT_MAX of them;
 *             `head` is the number of the next one, and only grows.
 * Threads     one writer at a time, which is the caller's to see to; any readers.
 */
#ifndef GOR_SCHED_TRACE_RING_H
#define GOR_SCHED_TRACE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/lock.h"

/* Two of them fill a cache line. */
struct gor__trace_record {
    uint64_t ticks; /* gor__cpu_ticks() */
    uint64_t id;    /* usually a goroutine's */
    uint64_t what;  /* the event, 8 bits, and `a` above it, 56; as trace.h says */
    uint64_t b;
};

enum {
    GOR__TRACE_UNIT_MAX = 32, /* records that are written, and come to be seen, as one */
    GOR__TRACE_EVENT_BITS = 8,
    GOR__TRACE_AHEAD_BYTES = 256, /* so far before it is written a line is asked for */
};

/* How the next wake-up is noted down when none is left out. It shares a word with the address of the one
 * that is, so that one look tells what to do; no goroutine has such an address. */
enum gor__trace_wake {
    GOR__TRACE_WAKE_TIMED,   /* with its time: switches come slowly, or there was none since */
    GOR__TRACE_WAKE_UNTIMED, /* with the time of the last switch */
    GOR__TRACE_WAKE_LATER,   /* with the next switch, if it is the one that goes on then */
};

struct gor__trace_ring {
    struct gor__trace_record *records; /* borrowed; NULL: nothing is recorded */
    uint64_t mask;                     /* their bytes, a power of two, less one */
    uint64_t written;                  /* bytes, ever; atomic */

    /* The writer's own; see trace.h. */
    uintptr_t woken;     /* the goroutine whose READY is not written yet; or enum gor__trace_wake */
    uint64_t last_ticks; /* of the last switch, while that is GOR__TRACE_WAKE_TIMED */
    uint64_t paced;      /* ticks of the switch at which the pace was looked at */
    bool fences;         /* gor__fences_work() */
} __attribute__((aligned(64)));

/* Where the record lies whose first byte is that one of all. */
static inline struct gor__trace_record *gor__trace_place(const struct gor__trace_ring *ring,
                                                         uint64_t byte)
{
    return (struct gor__trace_record *)((char *)ring->records + (byte & ring->mask));
}

/* The number of the next record. Acquire: those before it are complete. */
static inline uint64_t gor__trace_ring_head(const struct gor__trace_ring *ring)
{
    return __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE) / sizeof(struct gor__trace_record);
}

static inline uint64_t gor__trace_ring_size(const struct gor__trace_ring *ring)
{
    return (ring->mask + 1) / sizeof(struct gor__trace_record);
}

static inline void gor__trace_ring_init(struct gor__trace_ring *ring,
                                        struct gor__trace_record *records, uint64_t count)
{
    ring->mask = count * sizeof *records - 1;
    __atomic_store_n(&ring->written, 0, __ATOMIC_RELEASE);
    ring->records = records;
}

static inline uint64_t gor__trace_what(uint32_t event, uint64_t a)
{
    return a << GOR__TRACE_EVENT_BITS | event;
}

/* Append one, word by word, for somebody may be reading: a torn record is found out by `head`. */
static inline void gor__trace_ring_put(struct gor__trace_ring *ring,
                                       const struct gor__trace_record *record)
{
    uint64_t written = __atomic_load_n(&ring->written, __ATOMIC_RELAXED);
    struct gor__trace_record *place = gor__trace_place(ring, written);
    /* A ring is larger than the first cache, and a store that misses holds up those behind it. */
    __builtin_prefetch((const char *)place + GOR__TRACE_AHEAD_BYTES, 1);
    /* A reader that sees a word of this sees `head` too, as the last call has left it; the partner is
     * the fence in gor__trace_ring_read. */
    gor__store_fence();
    __atomic_store_n(&place->ticks, record->ticks, __ATOMIC_RELAXED);
    __atomic_store_n(&place->id, record->id, __ATOMIC_RELAXED);
    __atomic_store_n(&place->what, record->what, __ATOMIC_RELAXED);
    __atomic_store_n(&place->b, record->b, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->written, written + sizeof *place, __ATOMIC_RELEASE);
}

/* Append up to GOR__TRACE_UNIT_MAX, which are seen together or not at all. */
void gor__trace_ring_push(struct gor__trace_ring *ring, const struct gor__trace_record *records,
                          uint32_t count);

/* Copy records *from, *from + 1, ... up to the newest, at most `room`, to `out`: how many. *from is
 * advanced beyond them, and beyond what had been overwritten, which is added to *lost. */
size_t gor__trace_ring_read(const struct gor__trace_ring *ring, uint64_t *from,
                            struct gor__trace_record *out, size_t room, uint64_t *lost);

#endif
