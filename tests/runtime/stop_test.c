/* SPDX-License-Identifier: MIT */
/* stop_test.c - gor_stop while goroutines are in foreign code: stopped in the middle of it, blocked in
 * the kernel, on the way back. It answers, and where it answers 0 the next runtime starts. */
#include <pthread.h>
#include <unistd.h>

#include "tests/runtime/child.h"
#include "tests/runtime/help.h"

static _Atomic bool enough; /* tells code that makes no calls of ours to make some */
static _Atomic int begun;
static _Atomic bool ready; /* to stop */

static void start(unsigned procs, uint64_t seed)
{
    atomic_store(&enough, false);
    atomic_store(&begun, 0);
    atomic_store(&ready, false);
    CHECK_EQ(gor_start(&(struct gor_opts){.gomaxprocs = procs, .seed = seed}), 0);
}

static void await(const _Atomic bool *event)
{
    while (!atomic_load(event)) {
        usleep(100);
    }
}

/* ---- goroutines that would go on for ever */

static void spin_then_yield(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
    }
    for (;;) {
        gor_yield();
    }
}

/* Stopped anywhere in there, it holds malloc's lock, which the maker of threads wants too. */
static void allocate_then_yield(void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg + 1;
    void *kept[64] = {NULL};
    atomic_fetch_add(&begun, 1);
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
        int i = random_below(&random, 64);
        free(kept[i]);
        kept[i] = malloc((size_t)random_below(&random, 20000) + 1);
    }
    for (int i = 0; i < 64; i++) {
        free(kept[i]);
    }
    for (;;) {
        gor_yield();
    }
}

static void sleep_in_libc(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    for (;;) {
        CHECK_EQ(usleep(2000), 0);
        gor_yield();
    }
}

static void park_bound(void *arg)
{
    gor_lock_os_thread();
    atomic_fetch_add(&begun, 1);
    (void)gor_chan_recv(arg, NULL);
    CHECK(!"it went on");
}

static void yield_bound(void *arg)
{
    (void)arg;
    gor_lock_os_thread();
    atomic_fetch_add(&begun, 1);
    for (;;) {
        gor_yield();
    }
}

/* Calls that neither park nor switch. */
static void lock_always(void *arg)
{
    struct gor_mutex mutex = {{0}};
    (void)arg;
    atomic_fetch_add(&begun, 1);
    for (;;) {
        gor_mutex_lock(&mutex);
        gor_mutex_unlock(&mutex);
    }
}

static void look_always(void *arg)
{
    atomic_fetch_add(&begun, 1);
    for (;;) {
        CHECK_EQ(gor_chan_try_recv(arg, NULL), -EAGAIN);
    }
}

enum { KINDS = 7, EACH = 2 };

static void begin_all(void *arg)
{
    static void (*const kinds[KINDS])(void *arg) = {
        spin_then_yield, allocate_then_yield, sleep_in_libc, park_bound,
        yield_bound,     lock_always,         look_always};
    for (int i = 0; i < KINDS * EACH; i++) {
        spawn(kinds[i % KINDS], arg);
    }
    YIELD_UNTIL(atomic_load(&begun) == KINDS * EACH)
    atomic_store(&ready, true);
}

/* Some are stopped at that moment, some wait for a processor, some sleep. */
static void stop_all(unsigned procs)
{
    struct gor_chan *c = new_chan(0, 0);
    start(procs, 0);
    CHECK_EQ(gor_go(begin_all, c), 0);
    await(&ready);
    atomic_store(&enough, true);
    CHECK_EQ(gor_stop(), 0);
    gor_chan_unref(c);
}

TEST(stop_finds_goroutines_in_foreign_code_on_one_processor)
{
    for (int i = 0; i < SCALED(40, 20, 5); i++) {
        stop_all(1);
    }
}

TEST(stop_finds_goroutines_in_foreign_code_on_four_processors)
{
    for (int i = 0; i < SCALED(40, 20, 5); i++) {
        stop_all(4);
    }
}

/* ---- the root returns */

static int leave_them_alone(void *arg)
{
    begin_all(arg);
    atomic_store(&enough, true);
    return 3;
}

TEST(run_ends_with_goroutines_in_foreign_code)
{
    for (int i = 0; i < SCALED(20, 10, 4); i++) {
        struct gor_chan *c = new_chan(0, 0);
        atomic_store(&enough, false);
        atomic_store(&begun, 0);
        CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = i % 2 == 0 ? 1 : 4}, leave_them_alone, c),
                 3);
        gor_chan_unref(c);
    }
}

/* ---- in the seeded mode, which takes nothing from anybody */

static void begin_seeded(void *arg)
{
    (void)arg;
    spawn(lock_always, NULL);
    spawn(lock_always, NULL);
    YIELD_UNTIL(atomic_load(&begun) == 2)
    atomic_store(&ready, true);
}

TEST(stop_of_a_seeded_runtime_finds_who_only_locks)
{
    for (unsigned i = 1; i < 10; i++) {
        start(0, i);
        CHECK_EQ(gor_go(begin_seeded, NULL), 0);
        await(&ready);
        CHECK_EQ(gor_stop(), 0);
    }
}

/* ---- the world is being stopped */

static void resize_always(void *arg)
{
    (void)arg;
    for (int i = 0;; i++) {
        (void)gor_gomaxprocs(1 + i % 4);
        atomic_fetch_add(&begun, 1);
        gor_yield();
    }
}

static void begin_resizing(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        spawn(resize_always, NULL);
        spawn(spin_then_yield, NULL);
    }
    YIELD_UNTIL(atomic_load(&begun) > 10)
    atomic_store(&ready, true);
}

static int resize_once(void *arg)
{
    int former = gor_gomaxprocs(3);
    (void)arg;
    CHECK_EQ(gor_gomaxprocs(0), 3);
    return former;
}

/* Whoever holds the world's lock at that moment does not keep it from the next runtime. */
TEST(stop_in_the_middle_of_resizes)
{
    for (int i = 0; i < SCALED(40, 20, 5); i++) {
        start(2, 0);
        CHECK_EQ(gor_go(begin_resizing, NULL), 0);
        await(&ready);
        atomic_store(&enough, true);
        CHECK_EQ(gor_stop(), 0);
        CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 2}, resize_once, NULL), 2);
    }
}

/* ---- those who never come back */

static void spin_for_ever(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    for (;;) {
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
}

static void sleep_for_ever(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    (void)pause();
}

/* In a child, whose exit code tells. */
static void refuse_to_stop(void (*fn)(void *arg))
{
    atomic_store(&begun, 0);
    CHECK_EQ(gor_go(fn, NULL), 0);
    CHECK_EQ(gor_go(fn, NULL), 0);
    while (atomic_load(&begun) < 2) {
        usleep(100);
    }
    CHECK_EQ(gor_stop(), -EBUSY);
    CHECK_EQ(gor_start(NULL), -EBUSY);
    CHECK_EQ(gor_stop(), 0);
}

static void stop_beside_spinners(void)
{
    refuse_to_stop(spin_for_ever);
}

static void stop_beside_sleepers(void)
{
    refuse_to_stop(sleep_for_ever);
}

TEST(stop_answers_busy_beside_those_who_never_call)
{
    CHECK_EQ(status_of_child(stop_beside_spinners), 0);
    CHECK_EQ(status_of_child(stop_beside_sleepers), 0);
}
