/* SPDX-License-Identifier: MIT */
/* each_grow_test.c - gor_each shows everybody who lives throughout, also while the tables that
 * goroutines are kept in grow. */
#include <pthread.h>

#include "tests/runtime/help.h"

struct looking {
    _Atomic long started;
    _Atomic long ended; /* and none of them has run */
    _Atomic bool ready;
    _Atomic bool over;
};

static int count_one(void *arg, const struct gor_info *info)
{
    (void)info;
    ++*(long *)arg;
    return 0;
}

static void *look_always(void *arg)
{
    struct looking *looking = arg;
    atomic_store(&looking->ready, true);
    while (!atomic_load(&looking->over)) {
        long expected = atomic_load(&looking->started);
        long seen = 0;
        CHECK_EQ(gor_each(count_one, &seen), 0);
        CHECK_INT(seen, >=, expected - atomic_load(&looking->ended));
    }
    return NULL;
}

static void note_end(void *arg)
{
    atomic_fetch_add((_Atomic long *)arg, 1);
}

/* Hardly anybody runs, for we do not yield, so that each needs a place in the tables but no stack. */
static int start_many(void *unused)
{
    static struct looking looking; /* who has not run yet outlives this goroutine */
    pthread_t thread;
    (void)unused;
    CHECK_EQ(pthread_create(&thread, NULL, look_always, &looking), 0);
    while (!atomic_load(&looking.ready)) {
    }
    for (int i = 0; i < SCALED(100000, 40000, 20000); i++) {
        spawn(note_end, &looking.ended);
        atomic_fetch_add(&looking.started, 1);
    }
    atomic_store(&looking.over, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return 0;
}

TEST(each_misses_nobody_while_tables_grow)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, start_many, NULL), 0);
}
