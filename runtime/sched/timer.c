/* SPDX-License-Identifier: MIT */
/* timer.c - see timer.h. Four children a node: the heap of a million timers is ten levels deep, and
 * siblings share a cache line. A timing wheel was rejected: it rounds, and it must be ticked. */
#include "runtime/sched/timer.h"

#include <string.h>

#include "runtime/cpu/memory.h"
#include "runtime/gor.h"
#include "runtime/sched/machine.h"
#include "runtime/sched/proc.h"

enum {
    ARITY = 4,
    FIRST_CAPACITY = 128,
    BATCH = 16, /* timers taken off under one lock */
    /* Before entries[0]: siblings, from entries[1] on, begin with a cache line. */
    LEAD_BYTES = 64 - sizeof(struct gor__timer_entry),
    SLOT_BYTES = sizeof(struct gor__timer_entry) + sizeof(struct gor__timer *) + sizeof(uint32_t),
};

__attribute__((no_sanitize_thread)) static size_t memory_bytes(uint32_t capacity)
{
    return LEAD_BYTES + (size_t)capacity * SLOT_BYTES;
}

void gor__timers_init(struct gor__timers *heap)
{
    memset(heap, 0, sizeof *heap);
    heap->first = GOR_NEVER;
    heap->free_slot = GOR__TIMER_NO_SLOT;
}

void gor__timers_fini(struct gor__timers *heap)
{
    /* A timer may outlive the runtime, in a context or a gor_timer that the host program still has:
     * it must not be looked for here by the next one. */
    for (uint32_t i = 0; i < heap->count; i++) {
        __atomic_store_n(&heap->owners[heap->entries[i].slot]->heap, NULL, __ATOMIC_RELAXED);
    }
    if (heap->memory != NULL) {
        gor__memory_release(heap->memory, memory_bytes(heap->capacity));
    }
    gor__timers_init(heap);
}

__attribute__((no_sanitize_thread)) void
gor__timers_each(const struct gor__timers *heap,
                 void (*visit)(void *arg, const struct gor__timer *timer), void *arg)
{
    for (uint32_t i = 0; i < heap->count; i++) {
        visit(arg, heap->owners[heap->entries[i].slot]);
    }
}

/* It belongs to the heap's lock, which not everybody may take: a word read as it is. */
__attribute__((noinline, no_sanitize_thread)) uint32_t
gor__timers_count(const struct gor__timers *heap)
{
    return *(const volatile uint32_t *)&heap->count;
}

__attribute__((no_sanitize_thread)) size_t gor__timers_bytes(const struct gor__timers *heap)
{
    return heap->memory != NULL ? memory_bytes(heap->capacity) : 0;
}

static void publish_first(struct gor__timers *heap)
{
    int64_t first = heap->count > 0 ? heap->entries[0].when : GOR_NEVER;
    __atomic_store_n(&heap->first, first, __ATOMIC_RELEASE);
}

/* ---- the heap */

/* Without a branch, which the processor would have to guess. */
static inline bool before(const struct gor__timer_entry *a, const struct gor__timer_entry *b)
{
    return (a->when < b->when) | ((a->when == b->when) & (a->draw < b->draw));
}

static inline void put_at(struct gor__timers *heap, uint32_t index, struct gor__timer_entry entry)
{
    heap->entries[index] = entry;
    heap->places[entry.slot] = index;
}

/* Where `entry` belongs on the way from the hole at `index` up to the root. */
static void sift_up(struct gor__timers *heap, uint32_t index, struct gor__timer_entry entry)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / ARITY;
        if (!before(&entry, &heap->entries[parent])) {
            break;
        }
        put_at(heap, index, heap->entries[parent]);
        index = parent;
    }
    put_at(heap, index, entry);
}

/* Of the children at `first` and on. */
static inline uint32_t earliest_child(const struct gor__timers *heap, uint32_t first)
{
    const struct gor__timer_entry *child = &heap->entries[first];
    uint32_t best = 0;
    if (GOR_LIKELY(first + ARITY <= heap->count)) {
        uint32_t left = before(&child[1], &child[0]);
        uint32_t right = 2 + (uint32_t)before(&child[3], &child[2]);
        return first + (before(&child[right], &child[left]) ? right : left);
    }
    for (uint32_t i = 1; first + i < heap->count; i++) {
        best = before(&child[i], &child[best]) ? i : best;
    }
    return first + best;
}

/* Have the processor fetch the children of the children at `first`, of which it will need some. */
static inline void fetch_ahead(const struct gor__timers *heap, uint32_t first)
{
    const struct gor__timer_entry *grandchild = &heap->entries[first * ARITY + 1];
    for (uint32_t i = 0; i < ARITY; i++) {
        __builtin_prefetch(&grandchild[i * ARITY]);
    }
}

/* The hole at `index` goes down to where no child is. What is put there came from the end of the heap
 * and would hardly have stopped on the way, so it is not compared on it. */
static uint32_t sink_hole(struct gor__timers *heap, uint32_t index)
{
    uint32_t first = index * ARITY + 1;
    while (first < heap->count) {
        fetch_ahead(heap, first);
        uint32_t child = earliest_child(heap, first);
        put_at(heap, index, heap->entries[child]);
        index = child;
        first = index * ARITY + 1;
    }
    return index;
}

static void remove_at(struct gor__timers *heap, uint32_t index)
{
    uint32_t slot = heap->entries[index].slot;
    heap->places[slot] = heap->free_slot;
    heap->free_slot = slot;
    struct gor__timer_entry last = heap->entries[--heap->count];
    if (index < heap->count) {
        sift_up(heap, sink_hole(heap, index), last);
    }
}

static void grow(struct gor__timers *heap)
{
    struct gor__timers old = *heap;
    uint32_t capacity = old.capacity > 0 ? old.capacity * 2 : FIRST_CAPACITY;
    char *memory = NULL;
    if (capacity < GOR__TIMER_NO_SLOT / ARITY) {
        memory = gor__memory_reserve(memory_bytes(capacity), 1);
    }
    if (memory == NULL) {
        gor__die("no memory for more than %lu timers", (unsigned long)old.capacity);
    }
    heap->memory = memory;
    heap->capacity = capacity;
    heap->entries = (struct gor__timer_entry *)(void *)(memory + LEAD_BYTES);
    heap->owners = (struct gor__timer **)(void *)(heap->entries + capacity);
    heap->places = (uint32_t *)(void *)(heap->owners + capacity);
    if (old.capacity > 0) {
        memcpy(heap->entries, old.entries, old.capacity * sizeof *old.entries);
        memcpy(heap->owners, old.owners, old.capacity * sizeof *old.owners);
        memcpy(heap->places, old.places, old.capacity * sizeof *old.places);
        gor__memory_release(old.memory, memory_bytes(old.capacity));
    }
}

static uint32_t take_slot(struct gor__timers *heap)
{
    uint32_t slot = heap->free_slot;
    if (slot == GOR__TIMER_NO_SLOT) {
        return heap->slots_made++;
    }
    heap->free_slot = heap->places[slot];
    return slot;
}

static void insert(struct gor__timers *heap, struct gor__timer *timer, uint32_t draw)
{
    if (GOR_UNLIKELY(heap->count == heap->capacity)) {
        grow(heap);
    }
    struct gor__timer_entry entry = {take_slot(heap), draw, timer->when};
    heap->owners[entry.slot] = timer;
    timer->slot = entry.slot;
    __atomic_store_n(&timer->heap, heap, __ATOMIC_RELEASE);
    sift_up(heap, heap->count++, entry);
    publish_first(heap);
}

/* ---- start, stop, fire */

void gor__timer_start_locked(struct gor__timers *heap, struct gor__timer *timer)
{
    GOR_ASSERT(timer->heap == NULL);
    insert(heap, timer, gor__random_next(&gor__m_self()->random));
}

void gor__timer_start(struct gor__timer *timer)
{
    struct gor__timers *heap = &gor__m_self()->p->timers;
    gor__lock(&heap->lock);
    gor__timer_start_locked(heap, timer);
    gor__unlock(&heap->lock);
}

/* The heap the timer is on, locked; NULL when it is on none. */
static struct gor__timers *lock_heap_of(struct gor__timer *timer)
{
    for (;;) {
        struct gor__timers *heap = __atomic_load_n(&timer->heap, __ATOMIC_ACQUIRE);
        if (heap == NULL) {
            return NULL;
        }
        gor__lock(&heap->lock);
        if (__atomic_load_n(&timer->heap, __ATOMIC_RELAXED) == heap) {
            return heap;
        }
        gor__unlock(&heap->lock);
    }
}

bool gor__timer_stop(struct gor__timer *timer)
{
    struct gor__timers *heap = lock_heap_of(timer);
    if (heap == NULL) {
        return false;
    }
    remove_at(heap, heap->places[timer->slot]);
    __atomic_store_n(&timer->heap, NULL, __ATOMIC_RELEASE);
    publish_first(heap);
    gor__unlock(&heap->lock);
    return true;
}

/* A timer taken off to be fired: as it was, for its owner may start it anew meanwhile. */
struct due {
    void (*fire)(void *arg, uint64_t token);
    void *arg;
    uint64_t token;
};

/* Take off what is due, at most BATCH; how many. Each timer is a cache miss, and whatever it wakes
 * another: the processor fetches them while the heap is put in order. */
static uint32_t take_due(struct gor__timers *heap, int64_t now, struct due *due)
{
    struct gor__timer *timers[BATCH];
    uint32_t count = 0;
    gor__lock(&heap->lock);
    while (count < BATCH && heap->count > 0 && heap->entries[0].when <= now) {
        timers[count] = heap->owners[heap->entries[0].slot];
        __builtin_prefetch(timers[count++]);
        remove_at(heap, 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        due[i] = (struct due){timers[i]->fire, timers[i]->arg, timers[i]->token};
        __builtin_prefetch(due[i].arg);
        __atomic_store_n(&timers[i]->heap, NULL, __ATOMIC_RELEASE);
    }
    publish_first(heap);
    gor__unlock(&heap->lock);
    return count;
}

size_t gor__timers_run(struct gor__timers *heap, int64_t now)
{
    size_t fired = 0;
    while (gor__timers_first(heap) <= now) {
        struct due due[BATCH];
        uint32_t count = take_due(heap, now, due);
        for (uint32_t i = 0; i < count; i++) {
            due[i].fire(due[i].arg, due[i].token);
        }
        fired += count;
    }
    return fired;
}

void gor__timers_move(struct gor__timers *from, struct gor__timers *to)
{
    /* Two heaps are locked nowhere else, and `from` belongs to a P that is being retired. */
    gor__lock(&from->lock);
    gor__lock(&to->lock);
    while (from->count > 0) {
        /* From heap to heap in one step: gor__timer_stop looks at the heap before it has a lock, and
         * would take a timer in between for one that has fired. */
        const struct gor__timer_entry *last = &from->entries[--from->count];
        insert(to, from->owners[last->slot], last->draw);
    }
    from->slots_made = 0;
    from->free_slot = GOR__TIMER_NO_SLOT;
    publish_first(from);
    gor__unlock(&to->lock);
    gor__unlock(&from->lock);
}
