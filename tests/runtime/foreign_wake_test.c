/* SPDX-License-Identifier: MIT */
/* foreign_wake_test.c - an idle runtime is woken for every goroutine that a foreign thread starts,
 * also when another thread is about to wake it at the same moment. */
#include <pthread.h>
#include <sched.h>

#include "tests/runtime/help.h"

enum { THREADS = 3 };

static void post(void *arg)
{
    atomic_store((_Atomic int *)arg, 1);
}

/* One at a time: nothing else of this thread would wake the runtime for the goroutine before. */
static void *start_and_await(void *unused)
{
    (void)unused;
    for (int i = 0; i < SCALED(5000, 1000, 500); i++) {
        _Atomic int ran = 0;
        CHECK_EQ(gor_go(post, &ran), 0);
        while (atomic_load(&ran) == 0) {
            sched_yield();
        }
    }
    return NULL;
}

TEST(foreign_threads_wake_an_idle_runtime_every_time)
{
    pthread_t threads[THREADS];
    CHECK_EQ(gor_start(NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, start_and_await, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_EQ(gor_stop(), 0);
}
