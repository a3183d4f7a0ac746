/* SPDX-License-Identifier: MIT */
/* object_pool_test.c - objects to be used again: each has one owner at a time, none is lost. */
#include "tests/runtime/help.h"

struct object {
    _Atomic int owners;
    int number;
};

static struct {
    _Atomic int made;
    _Atomic int destroyed;
    _Atomic int refuse; /* make answers NULL */
} counts;

static void *make(void *arg)
{
    CHECK(arg == &counts);
    if (atomic_load(&counts.refuse) != 0) {
        return NULL;
    }
    struct object *object = calloc(1, sizeof *object);
    object->number = atomic_fetch_add(&counts.made, 1);
    return object;
}

static void destroy(void *object, void *arg)
{
    CHECK(arg == &counts);
    CHECK_EQ(atomic_load(&((struct object *)object)->owners), 0);
    atomic_fetch_add(&counts.destroyed, 1);
    free(object);
}

static struct gor_pool *new_pool(void)
{
    atomic_store(&counts.made, 0);
    atomic_store(&counts.destroyed, 0);
    struct gor_pool *pool = gor_pool_new(make, destroy, &counts);
    CHECK(pool != NULL);
    return pool;
}

static struct object *get(struct gor_pool *pool)
{
    struct object *object = gor_pool_get(pool);
    CHECK(object != NULL);
    CHECK_EQ(atomic_fetch_add(&object->owners, 1), 0);
    return object;
}

static void put(struct gor_pool *pool, struct object *object)
{
    CHECK_EQ(atomic_fetch_sub(&object->owners, 1), 1);
    gor_pool_put(pool, object);
}

GO_TEST(object_pool_gives_back_what_was_put)
{
    struct gor_pool *pool = new_pool();
    struct object *object = get(pool);
    put(pool, object);
    /* On whatever P: the only one there is. */
    CHECK(get(pool) == object);
    CHECK_EQ(atomic_load(&counts.made), 1);
    put(pool, object);
    gor_pool_free(pool);
    CHECK_EQ(atomic_load(&counts.destroyed), 1);
    gor_pool_free(NULL);
}

GO_TEST(object_pool_makes_when_there_is_none)
{
    struct gor_pool *pool = new_pool();
    struct object *a = get(pool);
    struct object *b = get(pool);
    CHECK(a != b);
    put(pool, a);
    put(pool, b);
    gor_pool_put(pool, NULL);
    atomic_store(&counts.refuse, 1);
    (void)get(pool);
    (void)get(pool);
    CHECK(gor_pool_get(pool) == NULL);
    atomic_store(&counts.refuse, 0);
    gor_pool_free(pool);
    CHECK_EQ(atomic_load(&counts.destroyed), 0);
    free(a);
    free(b);
}

GO_TEST(object_pool_without_functions)
{
    int object = 0;
    struct gor_pool *pool = gor_pool_new(NULL, NULL, NULL);
    CHECK(pool != NULL);
    CHECK(gor_pool_get(pool) == NULL);
    gor_pool_put(pool, &object);
    CHECK(gor_pool_get(pool) == &object);
    gor_pool_put(pool, &object);
    gor_pool_trim(pool);
    CHECK(gor_pool_get(pool) == NULL);
    gor_pool_put(pool, &object);
    gor_pool_free(pool);
}

GO_TEST(object_pool_keeps_a_bounded_number)
{
    enum { MANY = 5000 };
    static struct object *all[MANY];
    struct gor_pool *pool = new_pool();
    for (int i = 0; i < MANY; i++) {
        all[i] = get(pool);
    }
    for (int i = 0; i < MANY; i++) {
        put(pool, all[i]);
    }
    int kept = MANY - atomic_load(&counts.destroyed);
    CHECK_INT(kept, >=, 1);
    CHECK_INT(kept, <=, 129 * gor_num_cpu());
    gor_pool_trim(pool);
    CHECK_EQ(atomic_load(&counts.destroyed), MANY);
    gor_pool_trim(pool);
    put(pool, get(pool));
    gor_pool_free(pool);
    CHECK_EQ(atomic_load(&counts.destroyed), MANY + 1);
}

/* ---- many at once */

static struct {
    struct gor_pool *pool;
    struct gor_waitgroup workers;
    uint64_t seed;
    int rounds;
} race;

static void work(void *arg)
{
    enum { HELD = 8 };
    struct object *held[HELD] = {NULL};
    uint64_t random = race.seed + (uint64_t)(intptr_t)arg;
    for (int i = 0; i < race.rounds; i++) {
        int at = random_below(&random, HELD);
        if (held[at] == NULL) {
            held[at] = get(race.pool);
        } else {
            put(race.pool, held[at]);
            held[at] = NULL;
        }
        if (random_below(&random, 16) == 0) {
            gor_yield();
        }
        if (random_below(&random, 1000) == 0) {
            gor_pool_trim(race.pool);
        }
    }
    for (int at = 0; at < HELD; at++) {
        if (held[at] != NULL) {
            put(race.pool, held[at]);
        }
    }
}

static void race_once(int procs)
{
    race.pool = new_pool();
    for (int i = 0; i < 16; i++) {
        CHECK_EQ(gor_waitgroup_go(&race.workers, work, (void *)(intptr_t)i), 0);
        if (procs != 0 && i % 4 == 3) {
            (void)gor_gomaxprocs(1 + (i + procs) % 7);
        }
    }
    gor_waitgroup_wait(&race.workers);
    gor_pool_free(race.pool);
    CHECK_EQ(atomic_load(&counts.made), atomic_load(&counts.destroyed));
}

GO_TEST(object_pool_gives_each_object_to_one_at_a_time)
{
    race.seed = test_seed();
    race.rounds = SCALED(20000, 5000, 2000);
    race_once(0);
}

GO_TEST(object_pool_works_while_processors_come_and_go)
{
    int former = gor_gomaxprocs(0);
    race.seed = test_seed();
    race.rounds = SCALED(5000, 1000, 500);
    for (int i = 0; i < 4; i++) {
        race_once(i + 1);
    }
    (void)gor_gomaxprocs(former);
}

static int free_outside(void *arg)
{
    gor_pool_free(arg);
    return 0;
}

GO_TEST(object_pool_may_be_freed_from_anywhere)
{
    struct gor_pool *pool = new_pool();
    put(pool, get(pool));
    CHECK_EQ(gor_blocking(free_outside, pool), 0);
    CHECK_EQ(atomic_load(&counts.destroyed), 1);
}
