/* SPDX-License-Identifier: MIT */
/* timer.c - see timer.h. Four children a node: the heap of a million timers is ten levels deep, and
 * siblings share a cache line. A timing wheel was rejected: it rounds, and it must be ticked. */
#include "runtime/sched/timer.h"

#include <string.h>

#include "runtime/cpu/memory.h"
#include "runtime/gor.h"
#include "runtime/sched/machine.h"
#include "runtime/sched/proc.h"

enum { ARITY = 4, FIRST_CAPACITY = 512 };

void gor__timers_init(struct gor__timers *heap)
{
    memset(heap, 0, sizeof *heap);
    heap->first = GOR_NEVER;
}

void gor__timers_fini(struct gor__timers *heap)
{
    /* A timer may outlive the runtime, in a context or a gor_timer that the host program still has:
     * it must not be looked for here by the next one. */
    for (size_t i = 0; i < heap->count; i++) {
        __atomic_store_n(&heap->entries[i]->heap, NULL, __ATOMIC_RELAXED);
    }
    if (heap->entries != NULL) {
        gor__memory_release(heap->entries, heap->capacity * sizeof(struct gor__timer *));
    }
    gor__timers_init(heap);
}

static void publish_first(struct gor__timers *heap)
{
    int64_t first = heap->count > 0 ? heap->entries[0]->when : GOR_NEVER;
    __atomic_store_n(&heap->first, first, __ATOMIC_RELEASE);
}

static void put_at(struct gor__timers *heap, size_t index, struct gor__timer *timer)
{
    heap->entries[index] = timer;
    timer->index = index;
}

static void sift_up(struct gor__timers *heap, size_t index)
{
    struct gor__timer *timer = heap->entries[index];
    while (index > 0) {
        size_t parent = (index - 1) / ARITY;
        if (heap->entries[parent]->when <= timer->when) {
            break;
        }
        put_at(heap, index, heap->entries[parent]);
        index = parent;
    }
    put_at(heap, index, timer);
}

static size_t earliest_child(const struct gor__timers *heap, size_t index)
{
    size_t first = index * ARITY + 1;
    size_t end = first + ARITY < heap->count ? first + ARITY : heap->count;
    size_t best = first;
    for (size_t child = first + 1; child < end; child++) {
        if (heap->entries[child]->when < heap->entries[best]->when) {
            best = child;
        }
    }
    return best;
}

static void sift_down(struct gor__timers *heap, size_t index)
{
    struct gor__timer *timer = heap->entries[index];
    while (index * ARITY + 1 < heap->count) {
        size_t child = earliest_child(heap, index);
        if (timer->when <= heap->entries[child]->when) {
            break;
        }
        put_at(heap, index, heap->entries[child]);
        index = child;
    }
    put_at(heap, index, timer);
}

static void grow(struct gor__timers *heap)
{
    size_t capacity = heap->capacity > 0 ? heap->capacity * 2 : FIRST_CAPACITY;
    struct gor__timer **entries = gor__memory_reserve(capacity * sizeof *entries, 1);
    if (entries == NULL) {
        gor__die("no memory for %lu timers", (unsigned long)capacity);
    }
    if (heap->count > 0) {
        memcpy(entries, heap->entries, heap->count * sizeof *entries);
    }
    if (heap->entries != NULL) {
        gor__memory_release(heap->entries, heap->capacity * sizeof *entries);
    }
    heap->entries = entries;
    heap->capacity = capacity;
}

static void remove_at(struct gor__timers *heap, size_t index)
{
    struct gor__timer *last = heap->entries[--heap->count];
    if (index < heap->count) {
        put_at(heap, index, last);
        sift_down(heap, index);
        sift_up(heap, last->index);
    }
}

static void insert(struct gor__timers *heap, struct gor__timer *timer)
{
    if (heap->count == heap->capacity) {
        grow(heap);
    }
    __atomic_store_n(&timer->heap, heap, __ATOMIC_RELEASE);
    put_at(heap, heap->count++, timer);
    sift_up(heap, timer->index);
    publish_first(heap);
}

void gor__timer_start_locked(struct gor__timers *heap, struct gor__timer *timer)
{
    GOR_ASSERT(timer->heap == NULL);
    insert(heap, timer);
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
    remove_at(heap, timer->index);
    __atomic_store_n(&timer->heap, NULL, __ATOMIC_RELEASE);
    publish_first(heap);
    gor__unlock(&heap->lock);
    return true;
}

size_t gor__timers_run(struct gor__timers *heap, int64_t now)
{
    size_t fired = 0;
    while (gor__timers_first(heap) <= now) {
        gor__lock(&heap->lock);
        if (heap->count == 0 || heap->entries[0]->when > now) {
            gor__unlock(&heap->lock);
            break;
        }
        struct gor__timer *timer = heap->entries[0];
        void (*fire)(void *, uint64_t) = timer->fire;
        void *arg = timer->arg;
        uint64_t token = timer->token;
        remove_at(heap, 0);
        __atomic_store_n(&timer->heap, NULL, __ATOMIC_RELEASE);
        publish_first(heap);
        gor__unlock(&heap->lock);
        fire(arg, token);
        fired++;
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
        insert(to, from->entries[--from->count]);
    }
    publish_first(from);
    gor__unlock(&to->lock);
    gor__unlock(&from->lock);
}
