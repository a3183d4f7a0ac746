/* SPDX-License-Identifier: MIT */
/* machine_refused_test.c - the system gives no thread for goroutines, and the runtime is stopped before it
 * has said so: nothing is left of the thread that never was. Or it gives one later: then all runs. */
#include <pthread.h>
#include <unistd.h>

#include "runtime/sched/sched.h"
#include "tests/runtime/help.h"
#include "tests/runtime/maker.h"

static _Atomic int refusals; /* left to be made */
static _Atomic bool asked;
static _Atomic bool await_stop;

bool maker_is_refused(void)
{
    if (atomic_load(&refusals) == 0) {
        return false;
    }
    atomic_fetch_sub(&refusals, 1);
    atomic_store(&asked, true);
    while (atomic_load(&await_stop) && !__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
        usleep(100);
    }
    return true;
}

static int answer_five(void *arg)
{
    (void)arg;
    return 5;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

TEST(thread_that_was_refused_while_the_runtime_stops_is_not_joined)
{
    for (int i = 0; i < 20; i++) {
        atomic_store(&asked, false);
        atomic_store(&await_stop, true);
        atomic_store(&refusals, 1);
        CHECK_EQ(gor_start(NULL), 0);
        CHECK_EQ(gor_go(do_nothing, NULL), 0);
        while (!atomic_load(&asked)) {
            usleep(100);
        }
        CHECK_EQ(gor_stop(), 0);
        CHECK_EQ(gor_run(NULL, answer_five, NULL), 5);
    }
}

TEST(thread_that_was_refused_is_asked_for_again)
{
    atomic_store(&await_stop, false);
    atomic_store(&refusals, 3);
    CHECK_EQ(gor_run(NULL, answer_five, NULL), 5);
    CHECK_EQ(atomic_load(&refusals), 0);
}
