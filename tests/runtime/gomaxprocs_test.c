/* SPDX-License-Identifier: MIT */
/* gomaxprocs_test.c - the number of processors: where it comes from, and changing it at work. */
#include <pthread.h>
#include <sched.h>

#include "tests/runtime/help.h"

static int tell_gomaxprocs(void *arg)
{
    (void)arg;
    return gor_gomaxprocs(0);
}

/* Run with $GOMAXPROCS set to `text` (NULL: unset); what the runtime made of it. */
static int gomaxprocs_from(const char *text, const struct gor_opts *opts)
{
    static char saved[32];
    const char *before = getenv("GOMAXPROCS");
    snprintf(saved, sizeof saved, "%s", before != NULL ? before : "");
    if (text != NULL) {
        setenv("GOMAXPROCS", text, 1);
    } else {
        unsetenv("GOMAXPROCS");
    }
    int result = gor_run(opts, tell_gomaxprocs, NULL);
    if (before != NULL) {
        setenv("GOMAXPROCS", saved, 1);
    } else {
        unsetenv("GOMAXPROCS");
    }
    return result;
}

TEST(gomaxprocs_comes_from_options_environment_or_cpus)
{
    struct gor_opts three = {.gomaxprocs = 3};
    CHECK_EQ(gomaxprocs_from(NULL, NULL), gor_num_cpu());
    CHECK_EQ(gomaxprocs_from("5", NULL), 5);
    CHECK_EQ(gomaxprocs_from("5", &three), 3);
    /* What is no number is as good as nothing. */
    CHECK_EQ(gomaxprocs_from("many", NULL), gor_num_cpu());
    CHECK_EQ(gomaxprocs_from("0", NULL), gor_num_cpu());
    CHECK_EQ(gomaxprocs_from("-3", NULL), gor_num_cpu());
    CHECK_EQ(gomaxprocs_from("", NULL), gor_num_cpu());
}

GO_TEST(gomaxprocs_set_answers_the_former_setting)
{
    int before = gor_gomaxprocs(0);
    CHECK_EQ(gor_gomaxprocs(3), before);
    CHECK_EQ(gor_gomaxprocs(0), 3);
    CHECK_EQ(gor_gomaxprocs(1), 3);
    CHECK_EQ(gor_gomaxprocs(-1), 1);
    CHECK_EQ(gor_gomaxprocs(1), 1);
    CHECK_EQ(gor_gomaxprocs(100000), 1);
    CHECK_EQ(gor_gomaxprocs(0), 1024);
    CHECK_EQ(gor_gomaxprocs(before), 1024);
}

struct pairs {
    _Atomic bool stop;
    _Atomic long rounds;
    struct gor_waitgroup wg;
};

struct pair {
    struct pairs *pairs;
    struct gor_chan *ping;
    struct gor_chan *pong;
};

static void serve(void *arg)
{
    struct pair *p = arg;
    while (!atomic_load(&p->pairs->stop)) {
        CHECK_EQ(gor_chan_send(p->ping, NULL), 0);
        CHECK_EQ(gor_chan_recv(p->pong, NULL), 1);
        atomic_fetch_add(&p->pairs->rounds, 1);
        if (atomic_load(&p->pairs->rounds) % 16 == 0) {
            gor_sleep(10 * GOR_MICROSECOND);
        }
    }
    CHECK_EQ(gor_chan_close(p->ping), 0);
    gor_waitgroup_done(&p->pairs->wg);
}

static void answer(void *arg)
{
    struct pair *p = arg;
    while (gor_chan_recv(p->ping, NULL) == 1) {
        CHECK_EQ(gor_chan_send(p->pong, NULL), 0);
    }
    gor_waitgroup_done(&p->pairs->wg);
}

static int resize_at_work(void *arg)
{
    (void)arg;
    enum { PAIRS = 20 };
    static const int settings[] = {1, 8, 2, 16, 1, 3, 64, 2, 1, 4};
    struct pairs pairs = {.stop = false};
    struct pair pair[PAIRS];
    gor_waitgroup_add(&pairs.wg, 2 * PAIRS);
    for (int i = 0; i < PAIRS; i++) {
        pair[i] = (struct pair){&pairs, new_chan(0, 0), new_chan(0, 0)};
        spawn(serve, &pair[i]);
        spawn(answer, &pair[i]);
    }
    for (int i = 0; i < SCALED(100, 40, 20); i++) {
        long rounds = atomic_load(&pairs.rounds);
        (void)gor_gomaxprocs(settings[i % 10]);
        /* Work goes on after every change. */
        YIELD_UNTIL(atomic_load(&pairs.rounds) > rounds + 50)
        CHECK_EQ(gor_gomaxprocs(0), settings[i % 10]);
    }
    atomic_store(&pairs.stop, true);
    gor_waitgroup_wait(&pairs.wg);
    for (int i = 0; i < PAIRS; i++) {
        gor_chan_unref(pair[i].ping);
        gor_chan_unref(pair[i].pong);
    }
    return 0;
}

TEST(gomaxprocs_changed_at_work_loses_nobody)
{
    CHECK_EQ(gor_run(NULL, resize_at_work, NULL), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, resize_at_work, NULL), 0);
}

/* Raised from one while that one is busy: the new processors start all the same. */
static void note_start(void *arg)
{
    atomic_store((_Atomic bool *)arg, true);
}

static int raise_while_busy(void *arg)
{
    (void)arg;
    static _Atomic bool started;
    atomic_store(&started, false);
    spawn(note_start, (void *)&started);
    CHECK_EQ(gor_gomaxprocs(2), 1);
    while (!atomic_load(&started)) {
        /* No call into the runtime: only another processor can run it. */
    }
    return 0;
}

TEST(gomaxprocs_raised_while_the_only_processor_is_busy)
{
    struct gor_opts opts = {.gomaxprocs = 1};
    CHECK_EQ(gor_run(&opts, raise_while_busy, NULL), 0);
}

static int lower_then_count(void *arg)
{
    (void)arg;
    CHECK_EQ(gor_gomaxprocs(1), 4);
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.gomaxprocs, 1);
    return 0;
}

TEST(gomaxprocs_lowered_shows_in_the_statistics)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 4}, lower_then_count, NULL), 0);
}

/* Goroutines that do nothing but lock and unlock, while there is one processor now and more than the machine
 * has then: a thread the kernel has put off in the middle of such a step comes back when there is one only,
 * whose holder uses plain loads and stores. */
enum { LOCKERS = 8 };

struct lockers {
    struct gor_mutex lock;
    long count; /* under the lock */
    _Atomic long turns;
    atomic_bool stop;
    struct gor_waitgroup wg;
};

static void lock_on_and_on(void *arg)
{
    struct lockers *l = arg;
    while (!atomic_load_explicit(&l->stop, memory_order_relaxed)) {
        gor_mutex_lock(&l->lock);
        l->count++;
        gor_mutex_unlock(&l->lock);
        atomic_fetch_add_explicit(&l->turns, 1, memory_order_relaxed);
    }
    gor_waitgroup_done(&l->wg);
}

static void *change_procs(void *arg)
{
    struct lockers *l = arg;
    for (int i = 0; i < SCALED(600, 200, 100); i++) {
        long turns = atomic_load(&l->turns);
        (void)gor_gomaxprocs(i % 2 == 0 ? 1 : LOCKERS);
        while (atomic_load(&l->turns) < turns + 2000) {
            sched_yield();
        }
    }
    atomic_store(&l->stop, true);
    return NULL;
}

static int lock_while_procs_change(void *arg)
{
    struct lockers l = {.count = 0};
    pthread_t thread;
    (void)arg;
    gor_waitgroup_add(&l.wg, LOCKERS);
    for (int i = 0; i < LOCKERS; i++) {
        spawn(lock_on_and_on, &l);
    }
    CHECK_EQ(pthread_create(&thread, NULL, change_procs, &l), 0);
    gor_waitgroup_wait(&l.wg);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(l.count, atomic_load(&l.turns));
    return 0;
}

TEST(gomaxprocs_changed_at_work_leaves_a_mutex_one_owner)
{
    struct gor_opts opts = {.gomaxprocs = LOCKERS};
    CHECK_EQ(gor_run(&opts, lock_while_procs_change, NULL), 0);
}
