/* SPDX-License-Identifier: MIT */
/* quota_test.c - a ceiling for some goroutines of their own: who counts in it, and that nobody else
 * suffers from it. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static void park_on(void *arg)
{
    (void)gor_chan_recv(arg, NULL);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static struct gor_quota *new_quota(uint64_t most)
{
    struct gor_quota *quota = gor_quota_new(most);
    CHECK(quota != NULL);
    return quota;
}

static struct gor_quota_stats stats_of(struct gor_quota *quota)
{
    struct gor_quota_stats stats;
    gor_quota_stats_get(quota, &stats);
    return stats;
}

static void start_in(struct gor_quota *quota, void (*fn)(void *arg), void *arg)
{
    CHECK_EQ(gor_go_with(&(struct gor_go_opts){.quota = quota}, fn, arg), 0);
}

/* Spawns without bound, and so do its children. */
struct flood {
    struct gor_chan *gate;
    _Atomic int started;
    _Atomic int refused;
};

static void flood(void *arg)
{
    struct flood *f = arg;
    atomic_fetch_add(&f->started, 1);
    while (gor_go(flood, f) == 0) {
        gor_yield();
    }
    atomic_fetch_add(&f->refused, 1);
    (void)gor_chan_recv(f->gate, NULL);
}

GO_TEST(quota_stops_those_within_and_nobody_else)
{
    struct gor_quota *quota = new_quota(20);
    struct flood f = {.gate = new_chan(0, 0)};
    start_in(quota, flood, &f);
    YIELD_UNTIL(atomic_load(&f.refused) == 20)
    CHECK_EQ(f.started, 20);
    struct gor_quota_stats stats = stats_of(quota);
    CHECK_EQ(stats.max_goroutines, 20);
    CHECK_EQ(stats.goroutines, 20);
    CHECK_EQ(stats.refused, 20);
    CHECK_EQ(gor_go_with(&(struct gor_go_opts){.quota = quota}, do_nothing, NULL), -EAGAIN);
    /* We do not count in it. */
    for (int i = 0; i < 100; i++) {
        spawn(park_on, f.gate);
    }
    CHECK_EQ(gor_chan_close(f.gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(stats_of(quota).goroutines, 0);
    gor_quota_unref(quota);
    gor_chan_unref(f.gate);
}

/* ---------------------------------------------------------------- inheritance */

struct family {
    struct gor_quota *other;
    struct gor_chan *gate;
    struct gor_waitgroup born;
};

static void grandchild(void *arg)
{
    struct family *f = arg;
    gor_waitgroup_done(&f->born);
    (void)gor_chan_recv(f->gate, NULL);
}

static void child(void *arg)
{
    struct family *f = arg;
    spawn(grandchild, f);
    start_in(f->other, grandchild, f);
    CHECK_EQ(gor_waitgroup_go(&f->born, park_on, f->gate), 0);
    gor_waitgroup_done(&f->born);
    (void)gor_chan_recv(f->gate, NULL);
}

GO_TEST(quota_is_inherited_unless_another_is_named)
{
    struct gor_quota *quota = new_quota(10);
    struct family f = {.other = new_quota(10), .gate = new_chan(0, 0)};
    gor_waitgroup_add(&f.born, 3);
    start_in(quota, child, &f);
    YIELD_UNTIL(stats_of(quota).goroutines == 3 && stats_of(f.other).goroutines == 1)
    CHECK_EQ(gor_chan_close(f.gate), 0);
    gor_waitgroup_wait(&f.born);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_quota_unref(quota);
    gor_quota_unref(f.other);
    gor_chan_unref(f.gate);
}

/* The goroutines keep it alive. */
GO_TEST(quota_lives_as_long_as_somebody_counts_in_it)
{
    struct gor_quota *quota = new_quota(3);
    struct gor_chan *gate = new_chan(0, 0);
    for (int i = 0; i < 3; i++) {
        start_in(quota, park_on, gate);
    }
    gor_quota_unref(gor_quota_ref(quota));
    gor_quota_unref(quota);
    CHECK_EQ(gor_chan_close(gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(gate);
    gor_quota_unref(NULL);
}

/* ---------------------------------------------------------------- waiting */

struct waiting {
    struct gor_quota *quota;
    _Atomic int result;
};

static void wait_for_place(void *arg)
{
    struct waiting *w = arg;
    struct gor_go_opts opts = {.quota = w->quota, .at_ceiling = GOR_CEILING_WAIT};
    atomic_store(&w->result, gor_go_with(&opts, do_nothing, NULL));
}

GO_TEST(quota_is_waited_for_by_whoever_wants_to)
{
    struct gor_chan *gate = new_chan(0, 0);
    struct waiting w = {new_quota(2), 1};
    start_in(w.quota, park_on, gate);
    start_in(w.quota, park_on, gate);
    spawn_parked(wait_for_place, &w, GOR_WAIT_SPAWN);
    CHECK_EQ(stats_of(w.quota).waiting, 1);
    CHECK_EQ(gor_chan_send(gate, NULL), 0);
    YIELD_UNTIL(atomic_load(&w.result) == 0)
    CHECK_EQ(stats_of(w.quota).waits, 1);
    CHECK_INT(stats_of(w.quota).waited_ns, >, 0);
    struct gor_go_opts opts = {.quota = w.quota};
    YIELD_UNTIL(stats_of(w.quota).goroutines == 1)
    start_in(w.quota, park_on, gate);
    CHECK_EQ(gor_go_until(&opts, do_nothing, NULL, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
    CHECK_EQ(gor_chan_close(gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_quota_unref(w.quota);
    gor_chan_unref(gate);
}

static void wait_within(void *arg)
{
    atomic_store((_Atomic int *)arg, gor_go_until(NULL, do_nothing, NULL, GOR_NEVER));
}

struct latecomer {
    struct waiting waiting;
    struct gor_chan *begin;
};

static void wait_for_place_later(void *arg)
{
    struct latecomer *l = arg;
    (void)gor_chan_recv(l->begin, NULL);
    wait_for_place(&l->waiting);
}

/* A goroutine takes over the record of one that has ended, and what it counted in must not come along: those
 * who wait here keep no place in the quota. */
GO_TEST(quota_forgets_goroutines_that_have_ended)
{
    enum { MANY = 10 };
    struct gor_chan *gate = new_chan(0, 0);
    struct gor_chan *begin = new_chan(0, 0);
    struct latecomer late[MANY];
    struct gor_quota *quota = new_quota(1);
    for (int i = 0; i < MANY; i++) {
        start_in(quota, do_nothing, NULL);
        YIELD_UNTIL(stats_of(quota).goroutines == 0 && gor_num_goroutine() == (uint64_t)i + 1)
        late[i] = (struct latecomer){{quota, 1}, begin};
        spawn(wait_for_place_later, &late[i]);
    }
    start_in(quota, park_on, gate);
    CHECK_EQ(gor_chan_close(begin), 0);
    YIELD_UNTIL(stats_of(quota).waiting == MANY)
    CHECK_EQ(gor_chan_close(gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(late[i].waiting.result, 0);
    }
    gor_quota_unref(quota);
    gor_chan_unref(begin);
    gor_chan_unref(gate);
}

GO_TEST(quota_that_only_its_own_could_make_room_in_is_a_deadlock)
{
    struct gor_quota *quota = new_quota(1);
    _Atomic int result = 1;
    start_in(quota, wait_within, &result);
    YIELD_UNTIL(atomic_load(&result) != 1)
    CHECK_EQ(result, -EDEADLK);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_quota_unref(quota);
}

/* ------------------------------------------------------- both ceilings at once */

static int no_room_anywhere(void *unused)
{
    struct gor_quota *quota = new_quota(5);
    struct gor_chan *gate = new_chan(0, 0);
    struct gor_go_opts opts = {.quota = quota};
    (void)unused;
    CHECK_EQ(gor_go_with(&opts, park_on, gate), 0);
    while (gor_go(park_on, gate) == 0) {
    }
    /* A place in the quota that the ceiling for all makes useless is given back. */
    CHECK_EQ(gor_go_with(&opts, park_on, gate), -EAGAIN);
    CHECK_EQ(stats_of(quota).goroutines, 1);
    CHECK_EQ(gor_chan_close(gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_quota_unref(quota);
    gor_chan_unref(gate);
    return 0;
}

TEST(quota_is_not_used_up_by_who_fails_at_the_ceiling_for_all)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.max_goroutines = 4}, no_room_anywhere, NULL), 0);
}

/* ------------------------------------------------------- the end of the runtime */

static void *wait_outside(void *arg)
{
    wait_for_place(arg);
    return NULL;
}

static void sleep_long(void *arg)
{
    (void)arg;
    gor_sleep(1000 * GOR_SECOND);
}

static _Atomic bool begin;

static void wait_when_told(void *arg)
{
    while (!atomic_load(&begin)) {
        gor_yield();
    }
    wait_for_place(arg);
}

static void await_waiters(struct gor_quota *quota, uint64_t count)
{
    while (stats_of(quota).waiting != count) {
        usleep(100);
    }
}

/* Goroutines that never come to their end count no more, nor do they wait; threads of the host are told. */
TEST(quota_is_free_again_when_the_runtime_has_stopped)
{
    struct waiting outside = {gor_quota_new(1), 1};
    struct waiting inside = {outside.quota, 1};
    pthread_t thread;
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(gor_start(NULL), 0);
        start_in(outside.quota, sleep_long, NULL);
        CHECK_EQ(gor_go(wait_for_place, &inside), 0);
        await_waiters(outside.quota, 1);
        CHECK_EQ(pthread_create(&thread, NULL, wait_outside, &outside), 0);
        await_waiters(outside.quota, 2);
        CHECK_EQ(gor_stop(), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(outside.result, -ESRCH);
        CHECK_EQ(stats_of(outside.quota).goroutines, 0);
        CHECK_EQ(stats_of(outside.quota).waiting, 0);
    }
    CHECK_EQ(inside.result, 1);
    gor_quota_unref(outside.quota);
}

/* The thread has a place in the quota and waits for one under the ceiling; somebody else waits for the
 * former. */
TEST(quota_of_a_thread_at_the_ceiling_is_given_to_nobody_at_the_end)
{
    for (int i = 0; i < 20; i++) {
        struct waiting outside = {gor_quota_new(1), 1};
        struct waiting inside = {outside.quota, 1};
        struct gor_stats stats = {0};
        pthread_t thread;
        CHECK_EQ(gor_start(&(struct gor_opts){.max_goroutines = 2}), 0);
        atomic_store(&begin, false);
        CHECK_EQ(gor_go(sleep_long, NULL), 0);
        CHECK_EQ(gor_go(wait_when_told, &inside), 0);
        CHECK_EQ(pthread_create(&thread, NULL, wait_outside, &outside), 0);
        while (stats.spawns_waiting == 0) {
            CHECK_EQ(gor_stats_get(&stats, false), 0);
        }
        atomic_store(&begin, true);
        await_waiters(outside.quota, 1);
        CHECK_EQ(gor_stop(), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        CHECK_EQ(outside.result, -ESRCH);
        CHECK_EQ(stats_of(outside.quota).goroutines, 0);
        gor_quota_unref(outside.quota);
    }
}

/* ---------------------------------------------------------------- who does not count */

static _Atomic bool notified;

static void notify(void *arg)
{
    int signal = SIGUSR2;
    CHECK_EQ(gor_signal_notify(arg, &signal, 1), 0);
    atomic_store(&notified, true);
}

GO_TEST(quota_does_not_count_what_the_library_runs_for_itself)
{
    struct gor_quota *quota = new_quota(1);
    struct gor_chan *signals = new_chan(sizeof(int), 1);
    atomic_store(&notified, false);
    start_in(quota, notify, signals);
    YIELD_UNTIL(atomic_load(&notified) && gor_num_goroutine() == 2) /* with that for signals */
    CHECK_EQ(stats_of(quota).goroutines, 0);
    gor_signal_stop(signals);
    gor_chan_unref(signals);
    gor_quota_unref(quota);
}

struct outsider {
    struct gor_chan *gate;
    _Atomic int result;
};

static void start_outsider(void *arg)
{
    struct outsider *o = arg;
    CHECK_EQ(gor_go(park_on, o->gate), -EAGAIN);
    atomic_store(&o->result,
                 gor_go_with(&(struct gor_go_opts){.no_quota = true}, park_on, o->gate));
}

GO_TEST(quota_is_left_by_whoever_is_started_in_none)
{
    struct gor_quota *quota = new_quota(1);
    struct outsider o = {new_chan(0, 0), 1};
    start_in(quota, start_outsider, &o);
    YIELD_UNTIL(atomic_load(&o.result) != 1 && stats_of(quota).goroutines == 0)
    CHECK_EQ(o.result, 0);
    YIELD_UNTIL(gor_num_goroutine() == 2) /* it leaves the quota before it is counted as ended */
    CHECK_EQ(gor_chan_close(o.gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(o.gate);
    gor_quota_unref(quota);
}

/* ---------------------------------------------------------------- one below another */

GO_TEST(quota_below_another_counts_in_both)
{
    struct gor_quota *above = new_quota(5);
    struct gor_quota *below = gor_quota_new_below(above, UINT64_MAX);
    struct gor_quota *free_one = gor_quota_new_below(NULL, 1);
    struct gor_chan *gate = new_chan(0, 0);
    CHECK(below != NULL && free_one != NULL);
    gor_quota_unref(above); /* what is below keeps it */
    for (int i = 0; i < 3; i++) {
        start_in(below, park_on, gate);
    }
    start_in(free_one, park_on, gate);
    CHECK_EQ(stats_of(below).goroutines, 3);
    CHECK_EQ(stats_of(above).goroutines, 3);
    CHECK_EQ(gor_chan_close(gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(stats_of(above).goroutines, 0);
    gor_quota_unref(below);
    gor_quota_unref(free_one);
    gor_chan_unref(gate);
}

GO_TEST(quota_below_another_is_refused_by_either)
{
    struct gor_quota *above = new_quota(3);
    struct gor_quota *first = gor_quota_new_below(above, 2);
    struct gor_quota *second = gor_quota_new_below(above, 10);
    struct gor_go_opts in_first = {.quota = first};
    struct gor_go_opts in_second = {.quota = second};
    struct gor_chan *gate = new_chan(0, 0);
    CHECK_EQ(gor_go_with(&in_first, park_on, gate), 0);
    CHECK_EQ(gor_go_with(&in_first, park_on, gate), 0);
    CHECK_EQ(gor_go_with(&in_first, park_on, gate), -EAGAIN);
    CHECK_EQ(gor_go_with(&in_second, park_on, gate), 0);
    CHECK_EQ(gor_go_with(&in_second, park_on, gate), -EAGAIN);
    CHECK_EQ(stats_of(above).goroutines, 3); /* who was refused has given back what he had */
    CHECK_EQ(stats_of(first).goroutines, 2);
    CHECK_EQ(stats_of(second).goroutines, 1);
    CHECK_EQ(gor_chan_close(gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_quota_unref(above);
    gor_quota_unref(first);
    gor_quota_unref(second);
    gor_chan_unref(gate);
}

GO_TEST(quota_below_another_waits_above)
{
    struct gor_quota *above = new_quota(1);
    struct gor_quota *below = gor_quota_new_below(above, 10);
    struct gor_chan *gate = new_chan(0, 0);
    struct gor_go_opts opts = {.quota = below};
    start_in(above, park_on, gate);
    CHECK_EQ(gor_go_until(&opts, do_nothing, NULL, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
    CHECK_EQ(stats_of(below).goroutines, 0);
    CHECK_EQ(gor_chan_close(gate), 0);
    CHECK_EQ(gor_go_until(&opts, do_nothing, NULL, GOR_NEVER), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(stats_of(below).goroutines + stats_of(above).goroutines, 0);
    gor_quota_unref(above);
    gor_quota_unref(below);
    gor_chan_unref(gate);
}

static struct gor_quota *left_behind;

/* If it comes to that before the runtime stops. */
static void park_for_ever(void *arg)
{
    leak_on_purpose();
    park_on(arg);
}

static int leave_some(void *arg)
{
    struct gor_quota *above = new_quota(10);
    (void)arg;
    left_behind = gor_quota_new_below(above, 10);
    for (int i = 0; i < 2; i++) {
        struct gor_quota *below = gor_quota_new_below(left_behind, 10);
        struct gor_go_opts opts = {.quota = below};
        CHECK_EQ(gor_go_with(&opts, park_for_ever, NULL), 0);
        gor_quota_unref(below);
    }
    gor_quota_unref(above);
    return 0;
}

TEST(quotas_below_others_end_with_the_runtime)
{
    CHECK_EQ(gor_run(NULL, leave_some, NULL), 0);
    CHECK_EQ(stats_of(left_behind).goroutines, 0);
    gor_quota_unref(left_behind);
}

/* ---------------------------------------------------------------- host, storm */

struct beside {
    struct gor_quota *quota;
    _Atomic long done;
    struct gor_waitgroup wg;
};

static void count_one(void *arg)
{
    struct beside *b = arg;
    CHECK_INT(stats_of(b->quota).goroutines, <=, 4);
    atomic_fetch_add(&b->done, 1);
}

static void spawn_hundred(void *arg)
{
    struct beside *b = arg;
    struct gor_go_opts opts = {.quota = b->quota, .at_ceiling = GOR_CEILING_WAIT};
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(gor_go_with(&opts, count_one, b), 0);
    }
}

static void *spawn_hundred_outside(void *arg)
{
    spawn_hundred(arg);
    return NULL;
}

GO_TEST(quota_holds_for_goroutines_and_threads_of_the_host)
{
    struct beside b = {.quota = new_quota(4)};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, spawn_hundred_outside, &b), 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(gor_waitgroup_go(&b.wg, spawn_hundred, &b), 0);
    }
    gor_waitgroup_wait(&b.wg);
    YIELD_UNTIL(atomic_load(&b.done) == 600)
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(stats_of(b.quota).goroutines, 0);
    gor_quota_unref(b.quota);
}
