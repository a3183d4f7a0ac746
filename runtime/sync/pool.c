/* SPDX-License-Identifier: MIT */
/* pool.c - objects to be used again: a shelf for each processor of the machine.
 *
 * What a goroutine gives back is most likely asked for next on the same P: it goes to the one place
 * in front of the shelf, which takes no lock, and from there nobody but a P whose own shelf is empty
 * takes it. What does not find room there goes to a ring of bounded size, taken from newest first by
 * its own P and oldest first by others; what does not find room there either is destroyed.
 *
 * A P beyond the number of shelves shares one with another, so any number of them will do: there are
 * as many shelves as CPUs, and no more Ps than those run at once. Shelves that grow with GOMAXPROCS
 * were rejected: they would have to be allocated where nothing can be.
 *
 * Threads     `front` is atomic; `lock` guards the ring, whose count may be read without.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"

enum { RING = 128, BATCH = 32 };

struct shelf {
    void *front; /* owned, as all here; NULL: free */
    struct gor__lock lock;
    uint32_t count;
    uint32_t oldest; /* index in ring */
    void *ring[RING];
} __attribute__((aligned(128)));

struct gor_pool {
    void *(*make)(void *arg);
    void (*destroy)(void *object, void *arg);
    void *arg;
    unsigned count;
    struct shelf shelves[];
};

struct gor_pool *gor_pool_new(void *(*make)(void *arg), void (*destroy)(void *object, void *arg),
                              void *arg)
{
    int cpus = gor_num_cpu();
    unsigned count = cpus < GOR__PROCS_MAX ? (unsigned)cpus : GOR__PROCS_MAX;
    size_t bytes = sizeof(struct gor_pool) + count * sizeof(struct shelf);
    struct gor_pool *pool = aligned_alloc(_Alignof(struct gor_pool), bytes);
    if (pool != NULL) {
        memset(pool, 0, bytes);
        pool->make = make;
        pool->destroy = destroy;
        pool->arg = arg;
        pool->count = count;
    }
    return pool;
}

/* ---- one shelf; inside */

static void *take_front(struct shelf *s)
{
    void *object = __atomic_load_n(&s->front, __ATOMIC_RELAXED);
    if (object == NULL) {
        return NULL;
    }
    if (gor__solo) {
        s->front = NULL;
        return object;
    }
    return __atomic_exchange_n(&s->front, NULL, __ATOMIC_ACQ_REL);
}

static bool put_front(struct shelf *s, void *object)
{
    return __atomic_load_n(&s->front, __ATOMIC_RELAXED) == NULL &&
           gor__cas64((uint64_t *)(void *)&s->front, 0, (uint64_t)(uintptr_t)object);
}

static void set_count(struct shelf *s, uint32_t count)
{
    __atomic_store_n(&s->count, count, __ATOMIC_RELAXED);
}

static bool seems_empty(const struct shelf *s)
{
    return __atomic_load_n(&s->count, __ATOMIC_RELAXED) == 0;
}

static void *take_newest(struct shelf *s)
{
    void *object = NULL;
    if (seems_empty(s)) {
        return NULL;
    }
    gor__lock(&s->lock);
    if (s->count > 0) {
        set_count(s, s->count - 1);
        object = s->ring[(s->oldest + s->count) % RING];
    }
    gor__unlock(&s->lock);
    return object;
}

static void *take_oldest(struct shelf *s)
{
    void *object = NULL;
    if (seems_empty(s)) {
        return NULL;
    }
    gor__lock(&s->lock);
    if (s->count > 0) {
        object = s->ring[s->oldest];
        s->oldest = (s->oldest + 1) % RING;
        set_count(s, s->count - 1);
    }
    gor__unlock(&s->lock);
    return object;
}

static bool put_newest(struct shelf *s, void *object)
{
    gor__lock(&s->lock);
    bool room = s->count < RING;
    if (room) {
        s->ring[(s->oldest + s->count) % RING] = object;
        set_count(s, s->count + 1);
    }
    gor__unlock(&s->lock);
    return room;
}

/* ---- all of them */

static void *take(struct gor_pool *pool, unsigned own)
{
    void *object = take_front(&pool->shelves[own]);
    if (object == NULL) {
        object = take_newest(&pool->shelves[own]);
    }
    for (unsigned i = 1; object == NULL && i < pool->count; i++) {
        struct shelf *other = &pool->shelves[(own + i) % pool->count];
        object = take_oldest(other);
        if (object == NULL) {
            object = take_front(other);
        }
    }
    return object;
}

void *gor_pool_get(struct gor_pool *pool)
{
    struct gor__m *m = gor__enter();
    void *object = take(pool, m->p->index % pool->count);
    gor__leave_machine(m);
    if (object == NULL && pool->make != NULL) {
        object = pool->make(pool->arg);
    }
    return object;
}

static void destroy(struct gor_pool *pool, void *object)
{
    if (pool->destroy != NULL) {
        pool->destroy(object, pool->arg);
    }
}

void gor_pool_put(struct gor_pool *pool, void *object)
{
    if (object == NULL) {
        return;
    }
    struct gor__m *m = gor__enter();
    struct shelf *own = &pool->shelves[m->p->index % pool->count];
    bool kept = put_front(own, object) || put_newest(own, object);
    gor__leave_machine(m);
    if (!kept) {
        destroy(pool, object);
    }
}

/* The number taken. */
static size_t take_batch(struct shelf *s, void **batch)
{
    struct gor__m *m = gor__enter();
    size_t count = 0;
    while (count < BATCH && (batch[count] = take_oldest(s)) != NULL) {
        count++;
    }
    if (count == 0 && (batch[0] = take_front(s)) != NULL) {
        count = 1;
    }
    gor__leave_machine(m);
    return count;
}

void gor_pool_trim(struct gor_pool *pool)
{
    void *batch[BATCH];
    for (unsigned i = 0; i < pool->count; i++) {
        size_t count = 0;
        while ((count = take_batch(&pool->shelves[i], batch)) > 0) {
            for (size_t k = 0; k < count; k++) {
                destroy(pool, batch[k]);
            }
        }
    }
}

/* Nobody else has it: no locks, and no need of a P. */
void gor_pool_free(struct gor_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (unsigned i = 0; i < pool->count; i++) {
        struct shelf *s = &pool->shelves[i];
        for (uint32_t k = 0; k < s->count; k++) {
            destroy(pool, s->ring[(s->oldest + k) % RING]);
        }
        if (s->front != NULL) {
            destroy(pool, s->front);
        }
    }
    free(pool);
}
