/* SPDX-License-Identifier: MIT */
/* seeded_race_test.c - what the seeded mode is for: walking seeds finds races that seldom show
 * otherwise, and the seed that has found one finds it again; a deadlock is reported. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"

enum { SEEDS = 2000, AGAIN = 20 };

static int run_with(uint64_t seed, int (*fn)(void *arg))
{
    struct gor_opts opts = {.seed = seed, .virtual_time = true};
    return gor_run(&opts, fn, NULL);
}

/* The first seed with which the program answers 1, which it then does again and again; 0: there is
 * none among many. */
static uint64_t find_seed(int (*program)(void *arg))
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int result = run_with(seed, program);
        CHECK(result == 0 || result == 1);
        if (result == 1) {
            for (int i = 0; i < AGAIN; i++) {
                CHECK_EQ(run_with(seed, program), 1);
            }
            return seed;
        }
    }
    return 0;
}

static struct gor_waitgroup group;

/* ---- two locks taken in two orders: a deadlock, which is reported */

static struct gor_mutex locks[2];

static void take_both(void *arg)
{
    int first = (int)(intptr_t)arg;
    gor_mutex_lock(&locks[first]);
    gor_mutex_lock(&locks[1 - first]);
    gor_mutex_unlock(&locks[1 - first]);
    gor_mutex_unlock(&locks[first]);
    gor_waitgroup_done(&group);
}

static int take_crosswise(void *unused)
{
    (void)unused;
    gor_waitgroup_add(&group, 2);
    spawn(take_both, (void *)0);
    spawn(take_both, (void *)1);
    gor_waitgroup_wait(&group);
    return 0;
}

struct death {
    int status;
    char report[16384];
};

/* First of all tests, while this process has never run a runtime: an emulator has former threads in
 * its books for longer than the kernel, and what is forked then may wait for them. */
static void die_of(uint64_t seed, int (*program)(void *arg), struct death *out_death)
{
    int err[2];
    size_t length = 0;
    ssize_t got = 0;
    CHECK_EQ(pipe(err), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)dup2(err[1], STDERR_FILENO);
        _exit(run_with(seed, program));
    }
    close(err[1]);
    while ((got = read(err[0], out_death->report + length, sizeof out_death->report - 1 - length)) >
           0) {
        length += (size_t)got;
    }
    out_death->report[length] = '\0';
    close(err[0]);
    CHECK_EQ(waitpid(pid, &out_death->status, 0), pid);
}

TEST(walking_seeds_finds_a_deadlock_which_is_reported)
{
    struct death death = {0, ""};
    uint64_t seed = 0;
    do {
        die_of(++seed, take_crosswise, &death);
        CHECK(WIFEXITED(death.status));
    } while (WEXITSTATUS(death.status) == 0 && seed < SEEDS);
    CHECK_EQ(WEXITSTATUS(death.status), 2);
    CHECK(strstr(death.report, "fatal error: all goroutines are asleep - deadlock!") != NULL);
    CHECK(strstr(death.report, "sync.Mutex.Lock") != NULL);
    CHECK(strstr(death.report, "GOR_SEED=") != NULL);
    die_of(seed, take_crosswise, &death);
    CHECK_EQ(WEXITSTATUS(death.status), 2);
}

/* ---- a lost update: the new value is made between two sections of one lock, or within one */

static struct gor_mutex mutex;
static int balance;

static void add_carelessly(void *unused)
{
    (void)unused;
    gor_mutex_lock(&mutex);
    int read = balance;
    gor_mutex_unlock(&mutex);
    gor_mutex_lock(&mutex);
    balance = read + 1;
    gor_mutex_unlock(&mutex);
    gor_waitgroup_done(&group);
}

static void add_carefully(void *unused)
{
    (void)unused;
    gor_mutex_lock(&mutex);
    int read = balance;
    balance = read + 1;
    gor_mutex_unlock(&mutex);
    gor_waitgroup_done(&group);
}

static int add_twice(void (*add)(void *))
{
    balance = 0;
    gor_waitgroup_add(&group, 2);
    spawn(add, NULL);
    spawn(add, NULL);
    gor_waitgroup_wait(&group);
    return balance != 2;
}

static int lose_update(void *unused)
{
    (void)unused;
    return add_twice(add_carelessly);
}

static int lose_no_update(void *unused)
{
    (void)unused;
    return add_twice(add_carefully);
}

TEST(walking_seeds_finds_a_lost_update)
{
    CHECK(find_seed(lose_update) != 0);
    CHECK_EQ(find_seed(lose_no_update), 0);
}

/* ---- a missed wake-up: the condition is looked at outside the lock that signals it */

static struct gor_cond cond;
static bool ready;
static bool careful;

static void get_ready(void *unused)
{
    (void)unused;
    gor_mutex_lock(&mutex);
    ready = true;
    gor_cond_signal(&cond);
    gor_mutex_unlock(&mutex);
}

/* With virtual time, a signal that was missed shows as a deadline that passes. */
static int wait_for_ready(void *unused)
{
    int result = 0;
    (void)unused;
    ready = false;
    spawn(get_ready, NULL);
    if (!careful && ready) {
        return 0;
    }
    gor_mutex_lock(&mutex);
    if (!careful || !ready) {
        result = gor_cond_wait_until(&cond, &mutex, gor_after(GOR_SECOND));
    }
    gor_mutex_unlock(&mutex);
    return result == -ETIMEDOUT;
}

TEST(walking_seeds_finds_a_missed_wake_up)
{
    careful = false;
    CHECK(find_seed(wait_for_ready) != 0);
    careful = true;
    CHECK_EQ(find_seed(wait_for_ready), 0);
}

/* ---- no deadlock: something may still come */

static void do_nothing(void *unused)
{
    (void)unused;
}

/* Once a thread of the host has called in, nobody can know what others will do. */
static void *call_in(void *unused)
{
    CHECK_EQ(gor_go(do_nothing, NULL), 0);
    return unused;
}

static void *cancel_soon(void *arg)
{
    CHECK_EQ(gor_ctx_cancel_async(arg, NULL), 0);
    return NULL;
}

static int wait_for_thread(void *unused)
{
    struct gor_ctx *ctx = NULL;
    pthread_t thread;
    (void)unused;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    CHECK_EQ(pthread_create(&thread, NULL, call_in, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(pthread_create(&thread, NULL, cancel_soon, ctx), 0);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(ctx), NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    gor_ctx_unref(ctx);
    return 0;
}

static int wait_for_pipe(void *unused)
{
    int ends[2];
    char byte = 0;
    (void)unused;
    CHECK_EQ(pipe(ends), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    CHECK_EQ(gor_read(ends[0], &byte, 1, GOR_NEVER), 1);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    (void)gor_close(ends[0]);
    close(ends[1]);
    return 0;
}

TEST(what_may_come_from_outside_is_waited_for)
{
    CHECK_EQ(run_with(3, wait_for_thread), 0);
    CHECK_EQ(run_with(3, wait_for_pipe), 0);
}

static void put_one(void *arg)
{
    __atomic_store_n((uint32_t *)arg, 1, __ATOMIC_RELEASE);
}

TEST(a_runtime_without_a_root_waits_for_its_host)
{
    struct gor_opts opts = {.seed = 3, .virtual_time = true};
    uint32_t done = 0;
    CHECK_EQ(gor_start(&opts), 0);
    for (int i = 0; i < 10; i++) {
        done = 0;
        CHECK_EQ(gor_go(put_one, &done), 0);
        while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) == 0) {
            (void)sched_yield();
        }
    }
    CHECK_EQ(gor_stop(), 0);
}

/* ---- one thread */

static int answer_seven(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    CHECK_EQ(gor_self(), 0);
    return 7;
}

static int look_at_threads(void *unused)
{
    pthread_t other;
    (void)unused;
    pthread_t self = pthread_self();
    CHECK_EQ(gor_gomaxprocs(0), 1);
    CHECK_EQ(gor_gomaxprocs(8), 1);
    CHECK_EQ(gor_gomaxprocs(0), 1);
    gor_lock_os_thread();
    gor_yield();
    gor_unlock_os_thread();
    gor_unlock_os_thread();
    CHECK_EQ(gor_blocking(answer_seven, &other), 7);
    CHECK(!pthread_equal(self, other));
    CHECK(pthread_equal(self, pthread_self()));
    return 0;
}

TEST(one_thread_runs_everything)
{
    CHECK_EQ(run_with(1, look_at_threads), 0);
}

/* ---- the gauges count those that wait to be drawn */

static void run_once(void *unused)
{
    (void)unused;
}

static int count_runnable(void *unused)
{
    enum { SPAWNED = 700 };
    struct gor_stats stats;
    (void)unused;
    for (int i = 0; i < SPAWNED; i++) {
        spawn(run_once, NULL);
    }
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.local_queues + stats.global_queue, stats.goroutines - 1);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.local_queues + stats.global_queue, 0);
    return 0;
}

TEST(goroutines_that_wait_to_be_drawn_are_counted)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        CHECK_EQ(run_with(seed, count_runnable), 0);
    }
}

/* ---- by the environment */

TEST(the_environment_sets_the_seed_where_the_program_sets_none)
{
    CHECK_EQ(setenv("GOR_SEED", "11", 1), 0);
    CHECK_EQ(gor_run(NULL, look_at_threads, NULL), 0);
    CHECK_EQ(unsetenv("GOR_SEED"), 0);
}
