/* SPDX-License-Identifier: MIT */
/* Nobody starves the others: goroutines that compute, block, allocate or hold locks in foreign code
 * without ever calling the runtime. All on one processor, where each of them would be the end. */
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static const struct gor_opts one_proc = {.gomaxprocs = 1};

static void run_on_one(int (*fn)(void *arg))
{
    CHECK_EQ(gor_run(&one_proc, fn, NULL), 0);
}

/* Tells a goroutine in foreign code to end, without a call into the runtime. */
static _Atomic bool enough;
static _Atomic int ended;
static _Atomic int begun;

static void reset(void)
{
    atomic_store(&enough, false);
    atomic_store(&ended, 0);
    atomic_store(&begun, 0);
}

static void spin(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
    }
    atomic_fetch_add(&ended, 1);
}

/* Sleeps end, one after the other, whatever the rest does. */
static void sleep_often(int times)
{
    for (int i = 0; i < times; i++) {
        CHECK_EQ(gor_sleep(GOR_MILLISECOND), 0);
    }
}

static uint64_t preemptions(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return stats.preemptions;
}

static uint64_t handoffs(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return stats.handoffs;
}

/* ---- computing */

static int sleep_beside_a_spinner(void *arg)
{
    (void)arg;
    reset();
    spawn(spin, NULL);
    sleep_often(20);
    CHECK_INT(preemptions(), >, 0);
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == 1)
    return 0;
}

TEST(spin_without_calls_leaves_the_processor_to_sleepers)
{
    run_on_one(sleep_beside_a_spinner);
}

static int share_among_spinners(void *arg)
{
    enum { SPINNERS = 5 };
    (void)arg;
    reset();
    for (int i = 0; i < SPINNERS; i++) {
        spawn(spin, NULL);
    }
    /* Each of them gets a turn although none ever ends. */
    YIELD_UNTIL(atomic_load(&begun) == SPINNERS)
    sleep_often(5);
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == SPINNERS)
    return 0;
}

TEST(spinners_take_turns_with_each_other_and_the_rest)
{
    run_on_one(share_among_spinners);
}

/* A spinner must get on as well, beside others that always have something to do. */
static _Atomic long progress;

static void count_without_calls(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&progress, 1, memory_order_relaxed);
    }
    atomic_fetch_add(&ended, 1);
}

static void yield_until_enough(void *arg)
{
    (void)arg;
    YIELD_UNTIL(atomic_load(&enough))
    atomic_fetch_add(&ended, 1);
}

static int spin_beside_the_busy(void *arg)
{
    (void)arg;
    reset();
    atomic_store(&progress, 0);
    spawn(count_without_calls, NULL);
    spawn(yield_until_enough, NULL);
    for (int turn = 0; turn < 5; turn++) {
        /* It was stopped at some point, and goes on from there. */
        uint64_t stops = preemptions();
        YIELD_UNTIL(preemptions() > stops)
        long before = atomic_load(&progress);
        YIELD_UNTIL(atomic_load(&progress) > before)
    }
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == 2)
    return 0;
}

TEST(spinner_goes_on_beside_goroutines_that_are_always_runnable)
{
    run_on_one(spin_beside_the_busy);
}

static int io_beside_a_spinner(void *arg)
{
    int ends[2];
    char byte = 0;
    (void)arg;
    reset();
    CHECK_EQ(pipe(ends), 0);
    spawn(spin, NULL);
    YIELD_UNTIL(atomic_load(&begun) == 1)
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(gor_read(ends[0], &byte, 1, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
        CHECK_EQ(gor_write(ends[1], "x", 1, GOR_NEVER), 1);
        CHECK_EQ(gor_read(ends[0], &byte, 1, GOR_NEVER), 1);
    }
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == 1)
    CHECK_EQ(gor_close(ends[0]), 0);
    CHECK_EQ(gor_close(ends[1]), 0);
    return 0;
}

TEST(spinner_does_not_keep_the_poller_out)
{
    run_on_one(io_beside_a_spinner);
}

/* Spinners lose their P to the resize, get one, and lose it again, also before they have noticed. */
static int resize_beside_spinners(void *arg)
{
    enum { SPINNERS = 4 };
    (void)arg;
    reset();
    for (int i = 0; i < SPINNERS; i++) {
        spawn(spin, NULL);
    }
    for (int i = 0; i < SCALED(200, 100, 20); i++) {
        CHECK_EQ(gor_gomaxprocs(i % 2 == 0 ? 8 : 1), i % 2 == 0 ? 1 : 8);
        if (i % 4 < 2) {
            sleep_often(1);
        }
    }
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == SPINNERS)
    return 0;
}

TEST(world_stops_for_a_resize_although_goroutines_spin)
{
    run_on_one(resize_beside_spinners);
}

/* ---- blocking */

static void sleep_in_libc(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    CHECK_EQ(sleep(1), 0);
    atomic_fetch_add(&ended, 1);
}

static int sleep_beside_sleepers_in_libc(void *arg)
{
    enum { SLEEPERS = 3 };
    (void)arg;
    reset();
    for (int i = 0; i < SLEEPERS; i++) {
        spawn(sleep_in_libc, NULL);
    }
    YIELD_UNTIL(atomic_load(&begun) == SLEEPERS)
    CHECK_EQ(atomic_load(&ended), 0);
    /* Each has lost the processor to us: mostly as blocked, on a slow machine maybe before that. */
    CHECK_INT(handoffs() + preemptions(), >=, SLEEPERS);
    CHECK_INT(handoffs(), >, 0);
    YIELD_UNTIL(atomic_load(&ended) == SLEEPERS)
    return 0;
}

TEST(blocking_in_libc_leaves_the_processor_to_others)
{
    run_on_one(sleep_beside_sleepers_in_libc);
}

/* Woken by another goroutine, through the kernel alone. */
static int raw_pipe[2];

static void read_in_libc(void *arg)
{
    char byte = 0;
    (void)arg;
    CHECK_EQ(read(raw_pipe[0], &byte, 1), 1);
    atomic_fetch_add(&ended, 1);
}

static int write_to_readers_in_libc(void *arg)
{
    enum { READERS = 20 };
    (void)arg;
    reset();
    CHECK_EQ(pipe(raw_pipe), 0);
    for (int i = 0; i < READERS; i++) {
        spawn(read_in_libc, NULL);
    }
    sleep_often(5);
    for (int i = 0; i < READERS; i++) {
        CHECK_EQ(write(raw_pipe[1], "x", 1), 1);
    }
    YIELD_UNTIL(atomic_load(&ended) == READERS)
    CHECK_EQ(close(raw_pipe[0]), 0);
    CHECK_EQ(close(raw_pipe[1]), 0);
    return 0;
}

TEST(blocked_readers_are_woken_by_goroutines_on_the_same_processor)
{
    run_on_one(write_to_readers_in_libc);
}

/* Nothing else waits, then a foreign thread brings work: the processor must have come free. */
static _Atomic bool told;

static void tell(void *arg)
{
    (void)arg;
    atomic_store(&told, true);
}

static void *start_one(void *arg)
{
    (void)arg;
    CHECK_EQ(gor_go(tell, NULL), 0);
    return NULL;
}

static int block_alone(void *arg)
{
    pthread_t thread;
    (void)arg;
    atomic_store(&told, false);
    CHECK_EQ(pthread_create(&thread, NULL, start_one, NULL), 0);
    while (!atomic_load(&told)) {
        CHECK_EQ(usleep(1000), 0);
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return 0;
}

TEST(work_from_outside_runs_while_the_only_goroutine_blocks)
{
    run_on_one(block_alone);
}

/* ---- locks of foreign code */

static pthread_mutex_t foreign_lock = PTHREAD_MUTEX_INITIALIZER;

static void hold_and_spin(void *arg)
{
    (void)arg;
    CHECK_EQ(pthread_mutex_lock(&foreign_lock), 0);
    atomic_fetch_add(&begun, 1);
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
    }
    CHECK_EQ(pthread_mutex_unlock(&foreign_lock), 0);
    atomic_fetch_add(&ended, 1);
}

static void want_lock(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    CHECK_EQ(pthread_mutex_lock(&foreign_lock), 0);
    CHECK_EQ(pthread_mutex_unlock(&foreign_lock), 0);
    atomic_fetch_add(&ended, 1);
}

static int contend_for_a_foreign_lock(void *arg)
{
    enum { WANTERS = 4 };
    (void)arg;
    reset();
    spawn(hold_and_spin, NULL);
    YIELD_UNTIL(atomic_load(&begun) == 1)
    for (int i = 0; i < WANTERS; i++) {
        spawn(want_lock, NULL);
    }
    YIELD_UNTIL(atomic_load(&begun) == 1 + WANTERS)
    sleep_often(5);
    CHECK_EQ(atomic_load(&ended), 0);
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == 1 + WANTERS)
    return 0;
}

TEST(holder_of_a_pthread_mutex_that_was_stopped_goes_on)
{
    run_on_one(contend_for_a_foreign_lock);
}

static void allocate_always(void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg + 1;
    void *kept[64] = {NULL};
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
        int i = random_below(&random, 64);
        free(kept[i]);
        kept[i] = malloc((size_t)random_below(&random, 20000) + 1);
    }
    for (int i = 0; i < 64; i++) {
        free(kept[i]);
    }
    atomic_fetch_add(&ended, 1);
}

/* Blocks now and then, so that threads are made while others are stopped inside malloc. */
static void block_now_and_then(void *arg)
{
    (void)arg;
    while (!atomic_load(&enough)) {
        CHECK_EQ(usleep(2000), 0);
    }
    atomic_fetch_add(&ended, 1);
}

static int sleep_in_a_malloc_storm(void *arg)
{
    enum { STORMERS = 4, BLOCKERS = 4 };
    (void)arg;
    reset();
    for (int i = 0; i < STORMERS; i++) {
        spawn(allocate_always, &foreign_lock);
        spawn(block_now_and_then, NULL);
    }
    for (int i = 0; i < 20; i++) {
        struct gor_chan *c = gor_chan_new(1, 1);
        CHECK(c != NULL);
        gor_chan_unref(c);
        sleep_often(1);
    }
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == STORMERS + BLOCKERS)
    return 0;
}

TEST(malloc_storms_stop_nobody_for_good)
{
    run_on_one(sleep_in_a_malloc_storm);
}

/* ---- what foreign code must not notice */

/* Computes for longer than a slice, then blocks, again and again: no call may end early. */
static void compute_and_block(void *arg)
{
    struct timespec short_nap = {.tv_nsec = 3000000};
    struct pollfd nothing = {.fd = -1};
    (void)arg;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&enough)) {
        int64_t until = gor_after(15 * GOR_MILLISECOND);
        while (gor_now() < until) {
        }
        CHECK_EQ(nanosleep(&short_nap, NULL), 0);
        CHECK_EQ(poll(&nothing, 1, 2), 0);
    }
    atomic_fetch_add(&ended, 1);
}

static int preempt_around_system_calls(void *arg)
{
    enum { WORKERS = 3 };
    (void)arg;
    reset();
    for (int i = 0; i < WORKERS; i++) {
        spawn(compute_and_block, NULL);
    }
    uint64_t before = preemptions();
    uint64_t goal = (uint64_t)SCALED(40, 20, 5);
    while (preemptions() - before < goal) {
        sleep_often(1);
    }
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == WORKERS)
    return 0;
}

TEST(system_calls_never_see_our_signal)
{
    run_on_one(preempt_around_system_calls);
}

/* errno and thread-locals belong to the thread while foreign code runs. */
static __thread int mine;

static void check_own_state(void *arg)
{
    int tag = *(int *)arg;
    int64_t until = gor_after(30 * GOR_MILLISECOND);
    mine = tag;
    errno = tag;
    while (gor_now() < until) {
        CHECK_EQ(errno, tag);
        CHECK_EQ(mine, tag);
    }
    CHECK_EQ(usleep(5000), 0);
    CHECK_EQ(errno, tag);
    CHECK_EQ(mine, tag);
    atomic_fetch_add(&ended, 1);
}

static int keep_errno(void *arg)
{
    enum { WORKERS = 6 };
    static int tags[WORKERS];
    (void)arg;
    reset();
    for (int i = 0; i < WORKERS; i++) {
        tags[i] = i + 1;
        spawn(check_own_state, &tags[i]);
    }
    while (atomic_load(&ended) < WORKERS) {
        sleep_often(1);
    }
    return 0;
}

TEST(errno_and_thread_locals_survive_being_stopped)
{
    run_on_one(keep_errno);
}

/* A compiler keeps the address of errno within a function. */
__attribute__((noinline)) static void set_errno(int value)
{
    errno = value;
}

__attribute__((noinline)) static int get_errno(void)
{
    return errno;
}

static void migrate(void *arg)
{
    int tag = *(int *)arg;
    for (int i = 0; i < SCALED(250000, 50000, 5000); i++) {
        set_errno(tag);
        gor_yield();
        CHECK_EQ(get_errno(), tag);
    }
    atomic_fetch_add(&ended, 1);
}

/* A million moves at least: eight processors, which steal from each other all the time. */
static int migrate_often(void *arg)
{
    enum { MOVERS = 8 };
    static int tags[MOVERS];
    (void)arg;
    reset();
    for (int i = 0; i < MOVERS; i++) {
        tags[i] = i + 1;
        spawn(migrate, &tags[i]);
    }
    YIELD_UNTIL(atomic_load(&ended) == MOVERS)
    return 0;
}

TEST(errno_goes_along_through_a_million_migrations)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 8}, migrate_often, NULL), 0);
}

/* Registers too: sums that live in them come out the same however often they were stopped. */
static void sum_in_registers(void *arg)
{
    double *out = arg;
    int64_t until = gor_after(60 * GOR_MILLISECOND);
    bool right = true;
    while (gor_now() < until) {
        double a = 0;
        double b = 1;
        for (int i = 0; i < 1000; i++) {
            a += b;
            b += 0.5;
        }
        right = right && a == 250750.0 && b == 501.0;
    }
    *out = right ? 1 : -1;
    atomic_fetch_add(&ended, 1);
}

static int compute_side_by_side(void *arg)
{
    double results[3] = {0};
    (void)arg;
    reset();
    for (int i = 0; i < 3; i++) {
        spawn(sum_in_registers, &results[i]);
    }
    while (atomic_load(&ended) < 3) {
        sleep_often(1);
    }
    for (int i = 0; i < 3; i++) {
        CHECK(results[i] > 0);
    }
    return 0;
}

TEST(registers_survive_being_stopped)
{
    run_on_one(compute_side_by_side);
}

/* ---- the program's own */

/* Whoever opens gets the lowest free descriptor; programs count on it. A thread of the host's, so that
 * the runtime is at work meanwhile, looking at spinners and blocked ones. */
static void *open_and_close(void *moved)
{
    int lowest = dup(STDERR_FILENO);
    CHECK_INT(lowest, >=, 0);
    CHECK_EQ(close(lowest), 0);
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
        int fd = dup(STDERR_FILENO);
        atomic_fetch_add((_Atomic int *)moved, fd != lowest);
        CHECK_EQ(close(fd), 0);
    }
    return NULL;
}

static int be_looked_at(void *arg)
{
    pthread_t opener;
    reset();
    spawn(spin, NULL);
    spawn(spin, NULL);
    /* All threads that it takes are there. */
    sleep_often(20);
    CHECK_EQ(pthread_create(&opener, NULL, open_and_close, arg), 0);
    /* Each time a spinner was stopped for it. Statistics would open files themselves. */
    sleep_often(20);
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == 2)
    CHECK_EQ(pthread_join(opener, NULL), 0);
    return 0;
}

TEST(looks_at_threads_take_no_descriptor)
{
    _Atomic int moved = 0;
    CHECK_EQ(gor_run(&one_proc, be_looked_at, &moved), 0);
    int count = atomic_load(&moved);
    CHECK_EQ(count, 0);
}
