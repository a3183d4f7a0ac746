/* SPDX-License-Identifier: MIT */
/* resize_load_test.c - GOMAXPROCS goes from 1 to 64 and back, again and again, under load of every
 * kind: each kind goes on after every change, and in the end all is accounted for.
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/runtime/help.h"

enum kind { CHANNELS, SELECTS, LOCKS, TIMERS, SLEEPS, PIPES, BLOCKING, SPAWNS, KINDS };

enum { WORKERS = 4 };

struct load {
    _Atomic bool stop;
    _Atomic long rounds[KINDS];
    struct gor_waitgroup wg;
    struct gor_chan *c;
    struct gor_mutex m;
    struct gor_rwmutex rw;
    long locked; /* guarded by m */
    long copy;   /* guarded by rw */
    _Atomic long locks;
    _Atomic long writes;
    _Atomic long sent;
    _Atomic long received;
    _Atomic long timers;
    _Atomic long fired;
    _Atomic long prevented;
    _Atomic long born;
    _Atomic long died;
    int pipes[WORKERS][2];
    _Atomic int next_pipe;
};

static bool goes_on(struct load *l, enum kind kind)
{
    atomic_fetch_add(&l->rounds[kind], 1);
    return !atomic_load(&l->stop);
}

static void meet_on_channels(void *arg)
{
    struct load *l = arg;
    while (goes_on(l, CHANNELS)) {
        int64_t soon = gor_after(50 * GOR_MICROSECOND);
        if (gor_chan_send_until(l->c, NULL, soon) == 0) {
            atomic_fetch_add(&l->sent, 1);
        }
        if (gor_chan_recv_until(l->c, NULL, soon) == 1) {
            atomic_fetch_add(&l->received, 1);
        }
    }
    gor_waitgroup_done(&l->wg);
}

static void select_both_ways(void *arg)
{
    struct load *l = arg;
    while (goes_on(l, SELECTS)) {
        struct gor_case cases[] = {
            {l->c, NULL, GOR_RECV, 0}, {NULL, NULL, GOR_SEND, 0}, {l->c, NULL, GOR_SEND, 0}};
        int chosen = gor_select_until(cases, 3, gor_after(20 * GOR_MICROSECOND));
        CHECK(chosen == 0 || chosen == 2 || chosen == -ETIMEDOUT);
        atomic_fetch_add(&l->received, chosen == 0);
        atomic_fetch_add(&l->sent, chosen == 2);
    }
    gor_waitgroup_done(&l->wg);
}

static void take_locks(void *arg)
{
    struct load *l = arg;
    while (goes_on(l, LOCKS)) {
        gor_mutex_lock(&l->m);
        l->locked++;
        if (l->locked % 7 == 0) {
            gor_yield();
        }
        gor_mutex_unlock(&l->m);
        atomic_fetch_add(&l->locks, 1);
        gor_rwmutex_rlock(&l->rw);
        long before = l->copy;
        gor_yield();
        CHECK_EQ(l->copy, before);
        gor_rwmutex_runlock(&l->rw);
        gor_rwmutex_lock(&l->rw);
        l->copy++;
        gor_rwmutex_unlock(&l->rw);
        atomic_fetch_add(&l->writes, 1);
    }
    gor_waitgroup_done(&l->wg);
}

static void note_firing(void *arg)
{
    struct load *l = arg;
    atomic_fetch_add(&l->fired, 1);
}

static void start_and_stop_timers(void *arg)
{
    struct load *l = arg;
    for (int i = 0; goes_on(l, TIMERS); i++) {
        struct gor_timer *t = gor_timer_new_func(i % 40 * GOR_MICROSECOND, note_firing, l);
        CHECK(t != NULL);
        atomic_fetch_add(&l->timers, 1);
        gor_sleep(i % 23 * GOR_MICROSECOND);
        atomic_fetch_add(&l->prevented, gor_timer_stop(t));
        gor_timer_free(t);
    }
    gor_waitgroup_done(&l->wg);
}

static void sleep_a_little(void *arg)
{
    struct load *l = arg;
    while (goes_on(l, SLEEPS)) {
        int64_t deadline = gor_after(30 * GOR_MICROSECOND);
        CHECK_EQ(gor_sleep_until(deadline), 0);
        CHECK(gor_now() >= deadline);
    }
    gor_waitgroup_done(&l->wg);
}

/* Each passes a token to itself through a pipe, with a reader that parks every other time. */
static void pass_bytes(void *arg)
{
    struct load *l = arg;
    int *fds = l->pipes[atomic_fetch_add(&l->next_pipe, 1)];
    char byte = 'x';
    while (goes_on(l, PIPES)) {
        CHECK_EQ(gor_read(fds[0], &byte, 1, gor_after(10 * GOR_MICROSECOND)), -ETIMEDOUT);
        CHECK_EQ(gor_write(fds[1], "x", 1, GOR_NEVER), 1);
        CHECK_EQ(gor_read(fds[0], &byte, 1, GOR_NEVER), 1);
    }
    gor_waitgroup_done(&l->wg);
}

static int nap(void *arg)
{
    (void)arg;
    return usleep(50);
}

static void call_blockingly(void *arg)
{
    struct load *l = arg;
    while (goes_on(l, BLOCKING)) {
        CHECK_EQ(gor_blocking(nap, NULL), 0);
    }
    gor_waitgroup_done(&l->wg);
}

static void live_briefly(void *arg)
{
    struct load *l = arg;
    gor_yield();
    atomic_fetch_add(&l->died, 1);
}

static void start_others(void *arg)
{
    struct load *l = arg;
    while (goes_on(l, SPAWNS)) {
        for (int i = 0; i < 5; i++) {
            spawn(live_briefly, l);
            atomic_fetch_add(&l->born, 1);
        }
        gor_yield();
    }
    gor_waitgroup_done(&l->wg);
}

static void (*const works[KINDS])(void *arg) = {
    meet_on_channels, select_both_ways, take_locks,      start_and_stop_timers,
    sleep_a_little,   pass_bytes,       call_blockingly, start_others,
};

static void start_load(struct load *l)
{
    l->c = new_chan(0, 0);
    gor_waitgroup_add(&l->wg, KINDS * WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQ(pipe2(l->pipes[i], O_CLOEXEC), 0);
        for (int kind = 0; kind < KINDS; kind++) {
            spawn(works[kind], l);
        }
    }
}

static void end_load(struct load *l)
{
    atomic_store(&l->stop, true);
    gor_waitgroup_wait(&l->wg);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(l->locked, atomic_load(&l->locks));
    CHECK_EQ(l->copy, atomic_load(&l->writes));
    CHECK_EQ(atomic_load(&l->sent), atomic_load(&l->received));
    CHECK_EQ(atomic_load(&l->fired) + atomic_load(&l->prevented), atomic_load(&l->timers));
    CHECK_EQ(atomic_load(&l->born), atomic_load(&l->died));
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQ(gor_close(l->pipes[i][0]), 0);
        CHECK_EQ(gor_close(l->pipes[i][1]), 0);
    }
    gor_chan_unref(l->c);
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, true), 0);
    CHECK_EQ(stats.timers, 0);
    CHECK_EQ(stats.goroutines, 1);
}

/* Every kind of load does some rounds more. */
static void await_progress(struct load *l)
{
    for (int kind = 0; kind < KINDS; kind++) {
        long before = atomic_load(&l->rounds[kind]);
        YIELD_UNTIL(atomic_load(&l->rounds[kind]) > before + WORKERS)
    }
}

static int changes(void)
{
    return getenv("GOR_LONG") != NULL ? SCALED(2000, 700, 300) : SCALED(36, 24, 12);
}

static int resize_from_inside(void *arg)
{
    static const int settings[] = {64, 1, 64, 1, 33, 2, 64, 7, 1, 64, 63, 1};
    struct load *l = calloc(1, sizeof *l);
    (void)arg;
    start_load(l);
    for (int i = 0; i < changes(); i++) {
        int wanted = settings[(size_t)i % (sizeof settings / sizeof settings[0])];
        CHECK_INT(gor_gomaxprocs(wanted), >=, 1);
        CHECK_EQ(gor_gomaxprocs(0), wanted);
        if (i % 3 != 2) {
            await_progress(l);
        }
    }
    end_load(l);
    free(l);
    return 0;
}

TEST(resize_between_1_and_64_under_every_load_loses_nothing)
{
    CHECK_EQ(gor_run(NULL, resize_from_inside, NULL), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 64}, resize_from_inside, NULL), 0);
}

/* The same from two threads of the host at once, that look in meanwhile. */
struct host {
    _Atomic bool stop;
    _Atomic bool gone; /* it looks no more */
    int parity;
};

static int look_at(void *arg, const struct gor_info *info)
{
    CHECK(info->id != 0);
    ++*(int *)arg;
    return 0;
}

static void *resize_as_host(void *arg)
{
    struct host *host = arg;
    struct gor_stats stats;
    for (int i = 0; !atomic_load(&host->stop); i++) {
        int seen = 0;
        CHECK_INT(gor_gomaxprocs(i % 2 == host->parity ? 64 : 1), >=, 1);
        CHECK_EQ(gor_stats_get(&stats, true), 0);
        CHECK_EQ(gor_each(look_at, &seen), 0);
        CHECK_INT(seen, >, 0);
        usleep(200);
    }
    atomic_store(&host->gone, true);
    return NULL;
}

static int resize_from_outside(void *arg)
{
    struct load *l = calloc(1, sizeof *l);
    struct host hosts[2] = {{false, false, 0}, {false, false, 1}};
    pthread_t threads[2];
    (void)arg;
    start_load(l);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, resize_as_host, &hosts[i]), 0);
    }
    for (int i = 0; i < changes() / 2; i++) {
        await_progress(l);
    }
    for (int i = 0; i < 2; i++) {
        atomic_store(&hosts[i].stop, true);
        YIELD_UNTIL(atomic_load(&hosts[i].gone))
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    end_load(l);
    free(l);
    return 0;
}

TEST(resize_by_two_threads_of_the_host_under_every_load_loses_nothing)
{
    CHECK_EQ(gor_run(NULL, resize_from_outside, NULL), 0);
}

/* ----------------------------------------------------------------- the bounds */

static void count_one(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

static int run_on_the_most(void *arg)
{
    (void)arg;
    _Atomic int count = 0;
    CHECK_EQ(gor_gomaxprocs(0), 1024);
    for (int i = 0; i < 5000; i++) {
        spawn(count_one, (void *)&count);
    }
    YIELD_UNTIL(atomic_load(&count) == 5000)
    CHECK_EQ(gor_gomaxprocs(1), 1024);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(gor_gomaxprocs(1000000), 1);
    CHECK_EQ(gor_gomaxprocs(1), 1024);
    return 0;
}

TEST(resize_to_the_most_there_can_be_and_beyond)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1024}, run_on_the_most, NULL), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 100000}, run_on_the_most, NULL), 0);
}
