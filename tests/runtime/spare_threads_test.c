/* SPDX-License-Identifier: MIT */
/* spare_threads_test.c - threads that were made for goroutines that blocked end when they are no longer
 * needed, and whatever happens meanwhile is not disturbed by that. */
#include <pthread.h>
#include <unistd.h>

#include "runtime/sched/door.h"
#include "runtime/sched/handoff.h"
#include "tests/runtime/help.h"

enum { BLOCKED = 12 };

static unsigned threads_now(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return (unsigned)stats.threads;
}

struct pipe_end {
    int fd;
    struct gor_waitgroup *wg;
};

/* In the C library's read, which keeps its thread. */
static void block(void *arg)
{
    const struct pipe_end *end = arg;
    char byte;
    CHECK_EQ(read(end->fd, &byte, 1), 1);
    gor_waitgroup_done(end->wg);
}

/* Until there is a thread for each of those who block, and one for the caller. */
static void block_many(void (*fn)(void *arg))
{
    int fds[2];
    struct gor_waitgroup wg = {0};
    CHECK_EQ(pipe(fds), 0);
    struct pipe_end end = {fds[0], &wg};
    gor_waitgroup_add(&wg, BLOCKED);
    for (int i = 0; i < BLOCKED; i++) {
        spawn(fn, &end);
    }
    while (threads_now() <= BLOCKED) {
        gor_sleep(GOR_MILLISECOND);
    }
    for (int i = 0; i < BLOCKED; i++) {
        CHECK_EQ(write(fds[1], "x", 1), 1);
    }
    gor_waitgroup_wait(&wg);
    CHECK_EQ(close(fds[0]), 0);
    CHECK_EQ(close(fds[1]), 0);
}

static void await_threads(unsigned most)
{
    while (threads_now() > most) {
        gor_sleep(GOR_MILLISECOND);
    }
}

/* Some may sleep without a limit: those that lay down while they were not too many, and one in reserve. */
static unsigned most_needed(void)
{
    return 2 * (unsigned)gor_gomaxprocs(0) + 1;
}

static int come_and_go(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        block_many(block);
        await_threads(most_needed());
    }
    return 0;
}

TEST(threads_end_once_nothing_blocks)
{
    struct gor_opts opts = {.thread_idle_ns = 5 * GOR_MILLISECOND};
    CHECK_EQ(gor_run(&opts, come_and_go, NULL), 0);
}

static int see_them_stay(void *arg)
{
    (void)arg;
    block_many(block);
    unsigned threads = threads_now();
    for (int i = 0; i < 100; i++) {
        gor_sleep(10 * GOR_MICROSECOND);
        CHECK_INT(threads_now(), >=, threads);
    }
    return 0;
}

TEST(threads_stay_where_that_is_wanted)
{
    struct gor_opts opts = {.thread_idle_ns = GOR_NEVER};
    CHECK_EQ(gor_run(&opts, see_them_stay, NULL), 0);
}

static void spin_a_while(void *arg)
{
    for (int i = 0; i < 50; i++) {
        gor_yield();
    }
    gor_waitgroup_done(arg);
}

static int lower(void *arg)
{
    struct gor_waitgroup wg = {0};
    (void)arg;
    (void)gor_gomaxprocs(8);
    do {
        gor_waitgroup_add(&wg, 64);
        for (int i = 0; i < 64; i++) {
            spawn(spin_a_while, &wg);
        }
        gor_waitgroup_wait(&wg);
    } while (threads_now() < 4);
    (void)gor_gomaxprocs(1);
    await_threads(most_needed());
    return 0;
}

TEST(threads_end_once_there_are_fewer_processors)
{
    struct gor_opts opts = {.thread_idle_ns = 5 * GOR_MILLISECOND};
    CHECK_EQ(gor_run(&opts, lower, NULL), 0);
}

/* ---- the host's destructors of thread-locals, which run at the end of a thread, end before gor_run does */

static pthread_key_t key;
static _Atomic int keys_set;
static _Atomic int keys_destroyed;

static void destroy_slowly(void *value)
{
    (void)value;
    usleep(20000);
    atomic_fetch_add(&keys_destroyed, 1);
}

static void block_with_key(void *arg)
{
    if (pthread_getspecific(key) == NULL) {
        CHECK_EQ(pthread_setspecific(key, &key), 0);
        atomic_fetch_add(&keys_set, 1);
    }
    block(arg);
}

static int set_keys(void *arg)
{
    (void)arg;
    block_many(block_with_key);
    await_threads(BLOCKED / 2);
    return 0;
}

TEST(threads_have_gone_when_the_runtime_has_stopped)
{
    struct gor_opts opts = {.gomaxprocs = 1, .thread_idle_ns = GOR_MILLISECOND};
    CHECK_EQ(pthread_key_create(&key, destroy_slowly), 0);
    CHECK_EQ(gor_run(&opts, set_keys, NULL), 0);
    CHECK_INT(atomic_load(&keys_set), >=, BLOCKED);
    CHECK_EQ(atomic_load(&keys_destroyed), atomic_load(&keys_set));
    CHECK_EQ(pthread_key_delete(key), 0);
}

/* ---- a limit that has always passed, while everything happens */

struct storm {
    struct gor_chan *ping;
    struct gor_chan *pong;
    struct gor_waitgroup wg;
    int rounds;
};

static void serve(void *arg)
{
    struct storm *storm = arg;
    int value = 0;
    while (gor_chan_recv(storm->ping, &value) == 1) {
        value++;
        CHECK_EQ(gor_chan_send(storm->pong, &value), 0);
    }
    gor_waitgroup_done(&storm->wg);
}

static void block_briefly(void *arg)
{
    struct storm *storm = arg;
    for (int i = 0; i < storm->rounds; i++) {
        usleep(50);
        gor_yield();
    }
    gor_waitgroup_done(&storm->wg);
}

static void resize_briefly(void *arg)
{
    struct storm *storm = arg;
    for (int i = 0; i < storm->rounds / 10; i++) {
        (void)gor_gomaxprocs(1 + i % 4);
        gor_sleep(100 * GOR_MICROSECOND);
    }
    gor_waitgroup_done(&storm->wg);
}

static void lock_briefly(void *arg)
{
    struct storm *storm = arg;
    for (int i = 0; i < storm->rounds; i++) {
        gor_lock_os_thread();
        gor_sleep(20 * GOR_MICROSECOND);
        gor_unlock_os_thread();
    }
    gor_waitgroup_done(&storm->wg);
}

/* Lists and counters, whatever has happened. */
static void check_lists(void)
{
    int32_t able = 0;
    uint32_t count = 0;
    bool linked = true;
    const struct gor__m *former = NULL;
    gor__enter();
    gor__mutex_lock(&gor__sched.lock);
    for (const struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        able += gor__is_able(m);
        count++;
        linked = linked && m->prev == former;
        former = m;
    }
    former = NULL;
    for (const struct gor__m *m = gor__sched.idle_machines; m != NULL; m = m->next_idle) {
        linked = linked && m->prev_idle == former && gor__is_able(m) && m->p == NULL;
        former = m;
    }
    bool counted = able == gor__sched.able && count == gor__sched.machine_count;
    gor__mutex_unlock(&gor__sched.lock);
    gor__leave();
    CHECK(linked);
    CHECK(counted);
}

static int weather(void *arg)
{
    struct storm *storm = arg;
    storm->ping = new_chan(sizeof(int), 0);
    storm->pong = new_chan(sizeof(int), 1);
    void (*const forces[])(void *) = {serve,          block_briefly, block_briefly, block_briefly,
                                      resize_briefly, lock_briefly,  lock_briefly};
    int count = (int)(sizeof forces / sizeof forces[0]);
    gor_waitgroup_add(&storm->wg, count);
    for (int i = 0; i < count; i++) {
        spawn(forces[i], storm);
    }
    for (int i = 0; i < 10 * storm->rounds; i++) {
        int value = i;
        CHECK_EQ(gor_chan_send(storm->ping, &value), 0);
        CHECK_EQ(gor_chan_recv(storm->pong, &value), 1);
        CHECK_EQ(value, i + 1);
        if (i % 16 == 0) {
            gor_sleep(10 * GOR_MICROSECOND);
            check_lists();
        }
    }
    CHECK_EQ(gor_chan_close(storm->ping), 0);
    gor_waitgroup_wait(&storm->wg);
    gor_chan_unref(storm->ping);
    gor_chan_unref(storm->pong);
    return 0;
}

/* Ended also while threads end. */
TEST(threads_that_end_at_once_lose_no_work)
{
    struct gor_opts opts = {.thread_idle_ns = 1};
    for (int i = 0; i < SCALED(20, 8, 4); i++) {
        struct storm storm = {.rounds = 100};
        CHECK_EQ(gor_run(&opts, weather, &storm), 0);
    }
}
