/* SPDX-License-Identifier: MIT */
/* preempt_signal_test.c - a host that puts its own handler in the place of the runtime's: nobody is stopped
 * any more, its handler is never run by us, and once ours is back all is as before. */
#include <signal.h>

#include "tests/runtime/help.h"

static _Atomic int strange; /* signals that reached the host's handler */
static _Atomic bool enough;
static _Atomic int ended;

static void note_signal(int signal)
{
    (void)signal;
    atomic_fetch_add(&strange, 1);
}

static struct gor_stats stats_now(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return stats;
}

static void spin(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
    }
    atomic_fetch_add(&ended, 1);
}

/* Computes for some slices, with others waiting. */
static void spin_a_while(void *arg)
{
    int64_t until = gor_after(5 * 10 * GOR_MILLISECOND);
    (void)arg;
    while (gor_now() < until) {
    }
    atomic_fetch_add(&ended, 1);
}

static void see_a_spinner_stopped(void)
{
    uint64_t stops = stats_now().preemptions;
    atomic_store(&enough, false);
    atomic_store(&ended, 0);
    spawn(spin, NULL);
    YIELD_UNTIL(stats_now().preemptions > stops)
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == 1)
}

static int take_the_signal(void *arg)
{
    struct sigaction theirs = {.sa_handler = note_signal};
    struct sigaction ours;
    int signal = stats_now().preempt_signal;
    (void)arg;
    if (signal == 0) {
        test_skip("no goroutine can be stopped here");
        return 0;
    }
    CHECK_INT(signal, <=, SIGRTMAX);
    CHECK_INT(signal, >=, SIGRTMIN);
    see_a_spinner_stopped();
    CHECK_EQ(sigaction(signal, &theirs, &ours), 0);
    CHECK(ours.sa_handler != SIG_DFL);
    YIELD_UNTIL(stats_now().preempt_signal == 0)
    int before = atomic_load(&strange);
    uint64_t stops = stats_now().preemptions;
    atomic_store(&ended, 0);
    spawn(spin_a_while, NULL);
    YIELD_UNTIL(atomic_load(&ended) == 1)
    CHECK_EQ(stats_now().preemptions, stops);
    CHECK_EQ(atomic_load(&strange), before);
    CHECK_EQ(sigaction(signal, &ours, NULL), 0);
    YIELD_UNTIL(stats_now().preempt_signal == signal)
    see_a_spinner_stopped();
    return 0;
}

TEST(host_that_takes_our_signal_is_let_have_it)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, take_the_signal, NULL), 0);
}

/* And keeps it when the runtime stops. */
static int take_it_for_good(void *arg)
{
    struct sigaction theirs = {.sa_handler = note_signal};
    *(int *)arg = stats_now().preempt_signal;
    if (*(int *)arg != 0) {
        CHECK_EQ(sigaction(*(int *)arg, &theirs, NULL), 0);
    }
    return 0;
}

TEST(handler_of_the_host_outlives_the_runtime)
{
    int taken = 0;
    int next = 0;
    struct sigaction now;
    CHECK_EQ(gor_run(NULL, take_it_for_good, &taken), 0);
    if (taken == 0) {
        test_skip("no goroutine can be stopped here");
        return;
    }
    CHECK_EQ(sigaction(taken, NULL, &now), 0);
    CHECK(now.sa_handler == note_signal);
    CHECK_EQ(gor_run(NULL, take_it_for_good, &next), 0);
    CHECK_INT(next, <, taken);
}
