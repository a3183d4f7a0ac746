/* SPDX-License-Identifier: MIT */
/* world_test.c - the world is stopped again and again, and everything else goes on. */
#include <pthread.h>

#include "tests/runtime/help.h"

enum { PROCS = 256 }; /* the more, the longer each stop takes */

static _Atomic bool enough;

/* By a thread of the host's. */
static void *stop_again_and_again(void *unused)
{
    while (!atomic_load(&enough)) {
        CHECK_EQ(gor_stacks_release(), 0);
    }
    return unused;
}

/* Each sleep is long enough for everybody else to sleep, too: then only the thread in the poller knows of
 * it, and may find the world stopped when it is over. */
GO_TEST(sleeps_end_though_the_world_is_stopped_meanwhile)
{
    pthread_t thread;
    int procs = gor_gomaxprocs(PROCS);
    atomic_store(&enough, false);
    CHECK_EQ(pthread_create(&thread, NULL, stop_again_and_again, NULL), 0);
    for (int i = 0; i < SCALED(20, 8, 8); i++) {
        CHECK_EQ(gor_sleep(150 * GOR_MILLISECOND), 0);
    }
    atomic_store(&enough, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    (void)gor_gomaxprocs(procs);
}
