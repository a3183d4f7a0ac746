/* SPDX-License-Identifier: MIT */
/* ceiling_test.c - the ceiling on goroutines: who is turned away, who waits and in which order, what ends a
 * wait, and what the statistics say of it. */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "tests/runtime/ceiling.h"

/* One that others depend on is started though there is no place, and needs none of the quota either. */
static int start_exempt(void *unused)
{
    struct gor_chan *gate = new_chan(0, 0);
    struct gor_quota *quota = gor_quota_new(1);
    struct gor_go_opts exempt = {.at_ceiling = GOR_CEILING_EXEMPT, .quota = quota};
    struct gor_quota_stats stats;
    (void)unused;
    uint64_t count = fill(gate);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(gor_go_with(&exempt, park_on, gate), 0);
    }
    CHECK_EQ(gor_num_goroutine(), count + 4);
    CHECK_EQ(gor_go(park_on, gate), -EAGAIN);
    gor_quota_stats_get(quota, &stats);
    CHECK_EQ(stats.goroutines, 0);
    empty(gate);
    gor_quota_unref(quota);
    return 0;
}

static void wait_for_end(void *arg)
{
    CHECK_EQ(gor_ctx_sleep_until(arg, GOR_NEVER), -ECANCELED);
}

/* All wait for the end of a context, and there is no place for who would bring it. */
static int cancel_at_ceiling(void *unused)
{
    struct gor_ctx *ctx = NULL;
    (void)unused;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    while (gor_go(wait_for_end, ctx) == 0) {
    }
    CHECK_EQ(gor_ctx_cancel_async(ctx, "make room"), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_ctx_unref(ctx);
    return 0;
}

static void run_under(uint64_t most, int (*fn)(void *arg))
{
    CHECK_EQ(gor_run(&(struct gor_opts){.max_goroutines = most}, fn, NULL), 0);
}

/* ---------------------------------------------------------------- order */

enum { SPAWNERS = 5 };

struct spawner {
    struct gor_chan *go;     /* its word to begin */
    struct gor_chan *gate;   /* keeps places taken */
    struct gor_chan *served; /* of int: who had a place */
    int number;
};

static void spawn_patiently(void *arg)
{
    struct spawner *s = arg;
    (void)gor_chan_recv(s->go, NULL);
    CHECK_EQ(gor_go_until(NULL, park_on, s->gate, GOR_NEVER), 0);
    send_int(s->served, s->number);
    (void)gor_chan_recv(s->go, NULL);
}

static int wait_in_order(void *unused)
{
    struct spawner spawners[SPAWNERS];
    gor_id_t ids[SPAWNERS];
    struct gor_chan *gate = new_chan(0, 0);
    struct gor_chan *served = new_chan(sizeof(int), SPAWNERS);
    (void)unused;
    for (int i = 0; i < SPAWNERS; i++) {
        spawners[i] = (struct spawner){new_chan(0, 0), gate, served, i};
        ids[i] = spawn_parked(spawn_patiently, &spawners[i], GOR_WAIT_CHAN_RECV);
    }
    CHECK_EQ(fill(gate), SPAWNERS);
    for (int i = 0; i < SPAWNERS; i++) {
        open_once(spawners[i].go);
        await_waiting(ids[i], GOR_WAIT_SPAWN);
        CHECK_EQ(stats_now().spawns_waiting, i + 1);
    }
    CHECK_EQ(gor_go(do_nothing, NULL), -EAGAIN);
    for (int i = 0; i < SPAWNERS; i++) {
        open_once(gate);
        CHECK_EQ(recv_int(served), i);
        CHECK_EQ(gor_num_goroutine(), 1 + 2 * SPAWNERS);
    }
    struct gor_stats stats = stats_now();
    CHECK_EQ(stats.spawns_waiting, 0);
    CHECK_EQ(stats.spawns_waited, SPAWNERS);
    CHECK_EQ(stats.spawns_refused, 2);
    CHECK_INT(stats.spawn_wait_ns, >, 0);
    CHECK_EQ(stats.goroutines_max, 1 + 2 * SPAWNERS);
    for (int i = 0; i < SPAWNERS; i++) {
        open_once(spawners[i].go);
    }
    empty(gate);
    for (int i = 0; i < SPAWNERS; i++) {
        gor_chan_unref(spawners[i].go);
    }
    gor_chan_unref(served);
    return 0;
}

TEST(ceiling_waiters_are_served_in_their_order)
{
    run_under(1 + 2 * SPAWNERS, wait_in_order);
}

/* ---------------------------------------------------------- what ends a wait */

struct attempt {
    struct gor_chan *start;
    struct gor_ctx *ctx;
    int result;
};

static void attempt_ctx(void *arg)
{
    struct attempt *a = arg;
    (void)gor_chan_recv(a->start, NULL);
    a->result = gor_go_ctx(NULL, do_nothing, NULL, a->ctx);
}

static int end_of_patience(void *unused)
{
    struct gor_chan *gate = new_chan(0, 0);
    struct attempt attempt = {.start = new_chan(0, 0), .result = 1};
    (void)unused;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &attempt.ctx), 0);
    gor_id_t trier = spawn_parked(attempt_ctx, &attempt, GOR_WAIT_CHAN_RECV);
    (void)fill(gate);
    CHECK_EQ(gor_chan_close(attempt.start), 0);
    await_waiting(trier, GOR_WAIT_SPAWN);
    gor_ctx_cancel(attempt.ctx, "enough");
    await_end(trier);
    CHECK_EQ(attempt.result, -ECANCELED);
    YIELD_UNTIL(gor_num_goroutine() == 5) /* its end is counted last of all */
    CHECK_EQ(gor_go(park_on, gate), 0);   /* in the place of the one that gave up */
    CHECK_EQ(gor_go_ctx(NULL, do_nothing, NULL, attempt.ctx), -ECANCELED);
    CHECK_EQ(gor_go_until(NULL, do_nothing, NULL, 0), -ETIMEDOUT);
    CHECK_EQ(gor_go_until(NULL, do_nothing, NULL, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
    CHECK_EQ(stats_now().spawns_waiting, 0);
    CHECK_EQ(stats_now().spawns_refused, 5); /* with that of fill() */
    gor_ctx_unref(attempt.ctx);
    gor_chan_unref(attempt.start);
    empty(gate);
    return 0;
}

TEST(ceiling_waits_end_with_a_deadline_or_a_context)
{
    run_under(6, end_of_patience);
}

static int place_at_once(void *unused)
{
    struct gor_ctx *ctx = NULL;
    (void)unused;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    gor_ctx_cancel(ctx, NULL);
    /* What can be done at once is done, whatever the limit says. */
    CHECK_EQ(gor_go_ctx(NULL, do_nothing, NULL, ctx), 0);
    CHECK_EQ(gor_go_until(NULL, do_nothing, NULL, 0), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_ctx_unref(ctx);
    return 0;
}

TEST(ceiling_with_room_is_not_noticed)
{
    run_under(3, place_at_once);
    run_under(0, place_at_once);
}

/* ---------------------------------------------------------------- options */

static int as_the_options_say(void *unused)
{
    struct gor_chan *gate = new_chan(0, 0);
    (void)unused;
    struct gor_go_opts refuse = {.at_ceiling = GOR_CEILING_REFUSE};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(gor_go_with(&refuse, park_on, gate), 0);
    }
    CHECK_EQ(gor_go_with(&refuse, park_on, gate), -EAGAIN);
    /* These wait, if need be, for the one that we let go. */
    open_once(gate);
    CHECK_EQ(gor_go(park_on, gate), 0);
    open_once(gate);
    CHECK_EQ(gor_go_with(&(struct gor_go_opts){.at_ceiling = GOR_CEILING_WAIT}, park_on, gate), 0);
    CHECK_EQ(gor_go_with(&refuse, park_on, gate), -EAGAIN);
    empty(gate);
    return 0;
}

TEST(ceiling_is_waited_at_or_not_as_the_options_say)
{
    struct gor_opts opts = {.max_goroutines = 4, .wait_at_ceiling = true};
    CHECK_EQ(gor_run(&opts, as_the_options_say, NULL), 0);
}

/* ---------------------------------------------------------------- deadlock */

static int wait_for_nobody(void *unused)
{
    (void)unused;
    /* The root alone: who should make room? */
    CHECK_EQ(gor_go_until(NULL, do_nothing, NULL, GOR_NEVER), -EDEADLK);
    return 0;
}

struct circle {
    struct gor_chan *start;
    _Atomic int deadlocks;
};

static void wait_too(void *arg)
{
    struct circle *c = arg;
    (void)gor_chan_recv(c->start, NULL);
    int result = gor_go_until(NULL, do_nothing, NULL, GOR_NEVER);
    CHECK(result == 0 || result == -EDEADLK);
    atomic_fetch_add(&c->deadlocks, result == -EDEADLK);
}

static int wait_for_each_other(void *unused)
{
    static struct circle circle;
    (void)unused;
    circle = (struct circle){.start = new_chan(0, 0)};
    spawn_parked(wait_too, &circle, GOR_WAIT_CHAN_RECV);
    spawn_parked(wait_too, &circle, GOR_WAIT_CHAN_RECV);
    CHECK_EQ(gor_chan_close(circle.start), 0);
    int result = gor_go_until(NULL, do_nothing, NULL, GOR_NEVER);
    if (result != 0) {
        /* We came last; the others wait for us to end. */
        CHECK_EQ(result, -EDEADLK);
        CHECK_EQ(circle.deadlocks, 0);
        return 0;
    }
    YIELD_UNTIL(gor_num_goroutine() == 1)
    /* Whoever came last was told; its end then made room for the next. */
    CHECK_EQ(circle.deadlocks, 1);
    gor_chan_unref(circle.start);
    return 0;
}

TEST(ceiling_that_nobody_could_lift_is_a_deadlock)
{
    run_under(1, wait_for_nobody);
    run_under(3, wait_for_each_other);
}

/* ---------------------------------------------------------- threads of the host */

struct host {
    struct gor_chan *gate;
    int64_t deadline;
    int result;
};

static void *spawn_from_host(void *arg)
{
    struct host *h = arg;
    h->result = gor_go_until(NULL, park_on, h->gate, h->deadline);
    return NULL;
}

static void join(pthread_t thread)
{
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(ceiling_makes_threads_of_the_host_wait)
{
    pthread_t thread;
    CHECK_EQ(gor_start(&(struct gor_opts){.max_goroutines = 3}), 0);
    struct host host = {gor_chan_new(0, 0), 0, 1};
    CHECK_EQ(fill(host.gate), 3);
    CHECK_EQ(gor_go_ctx(NULL, park_on, host.gate, NULL), -EPERM);
    CHECK_EQ(gor_go_until(NULL, park_on, host.gate, 0), -ETIMEDOUT);
    CHECK_EQ(gor_go_until(NULL, park_on, host.gate, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
    host.deadline = GOR_NEVER;
    CHECK_EQ(pthread_create(&thread, NULL, spawn_from_host, &host), 0);
    while (stats_now().spawns_waiting == 0) {
        usleep(100);
    }
    CHECK_EQ(gor_go(do_nothing, NULL), -EAGAIN);
    CHECK_EQ(gor_chan_close(host.gate), -EPERM);
    gor_stop();
    join(thread);
    CHECK_EQ(host.result, -ESRCH);
    gor_chan_unref(host.gate);
}

static _Atomic bool go_on;

static void wait_for_word(void *arg)
{
    (void)arg;
    while (!atomic_load(&go_on)) {
        gor_yield();
    }
}

TEST(ceiling_lets_a_waiting_thread_in_when_one_ends)
{
    pthread_t thread;
    struct host host = {NULL, GOR_NEVER, 1};
    atomic_store(&go_on, false);
    CHECK_EQ(gor_leak_ignore(park_on, NULL), 0); /* on purpose: a NULL channel */
    CHECK_EQ(gor_start(&(struct gor_opts){.max_goroutines = 1}), 0);
    CHECK_EQ(gor_go(wait_for_word, NULL), 0);
    CHECK_EQ(pthread_create(&thread, NULL, spawn_from_host, &host), 0);
    while (stats_now().spawns_waiting == 0) {
        usleep(100);
    }
    atomic_store(&go_on, true);
    join(thread);
    CHECK_EQ(host.result, 0);
    CHECK_EQ(stats_now().spawns_waited, 1);
    gor_stop();
}

/* ------------------------------------------------- waits that nothing else ends */

enum { PAIRS = 100000 };

static int wait_for_each(void *unused)
{
    struct gor_go_opts opts = {.at_ceiling = GOR_CEILING_WAIT};
    (void)unused;
    for (int i = 0; i < SCALED(PAIRS, PAIRS / 4, PAIRS / 10); i++) {
        CHECK_EQ(gor_go_with(&opts, do_nothing, NULL), 0);
    }
    return 0;
}

/* The other goroutine may end at any moment, also while we find out whether it is a deadlock. */
TEST(ceiling_with_a_place_about_to_come_free_is_no_deadlock)
{
    run_under(2, wait_for_each);
}

/* Nobody looks after those whom an end has missed: sysmon does not run then. */
TEST(ceiling_forgets_no_waiting_thread_in_the_seeded_mode)
{
    struct gor_go_opts opts = {.at_ceiling = GOR_CEILING_WAIT};
    CHECK_EQ(gor_start(&(struct gor_opts){.max_goroutines = 1, .seed = 7}), 0);
    for (int i = 0; i < SCALED(PAIRS, PAIRS / 4, PAIRS / 10); i++) {
        CHECK_EQ(gor_go_with(&opts, do_nothing, NULL), 0);
    }
    gor_stop();
}

static int64_t cpu_of(pthread_t thread)
{
    clockid_t clock;
    struct timespec spent;
    CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
    CHECK_EQ(clock_gettime(clock, &spent), 0);
    return spent.tv_sec * GOR_SECOND + spent.tv_nsec;
}

/* A deadline beyond what the kernel's clock can say is one that does not come, and the thread sleeps. */
TEST(ceiling_lets_a_thread_sleep_until_almost_never)
{
    pthread_t thread;
    CHECK_EQ(gor_start(&(struct gor_opts){.max_goroutines = 1}), 0);
    struct host host = {gor_chan_new(0, 0), GOR_NEVER - 1, 1};
    CHECK_EQ(gor_go(park_on, host.gate), 0);
    CHECK_EQ(pthread_create(&thread, NULL, spawn_from_host, &host), 0);
    while (stats_now().spawns_waiting == 0) {
        usleep(100);
    }
    int64_t before = cpu_of(thread);
    usleep(100000);
    CHECK_INT(cpu_of(thread) - before, <, 5 * GOR_MILLISECOND);
    gor_stop();
    join(thread);
    CHECK_EQ(host.result, -ESRCH);
    gor_chan_unref(host.gate);
}

/* ------------------------------------------------------- the library's own work */

struct house {
    struct gor_ctx *ctx;
    struct gor_chan *gate;
    _Atomic bool ready;
};

static void wait_for_cancel(void *arg)
{
    struct house *h = arg;
    CHECK_EQ(gor_chan_recv_ctx(h->gate, NULL, h->ctx), -ECANCELED);
}

static void fill_house(void *arg)
{
    struct house *h = arg;
    struct gor_go_opts refuse = {.at_ceiling = GOR_CEILING_REFUSE};
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &h->ctx), 0);
    while (gor_go_with(&refuse, wait_for_cancel, h) == 0) {
    }
    atomic_store(&h->ready, true);
    wait_for_cancel(h);
}

static void cancel_full_house(bool wait)
{
    static struct house house;
    house = (struct house){.gate = gor_chan_new(0, 0)};
    CHECK_EQ(gor_start(&(struct gor_opts){.max_goroutines = 4, .wait_at_ceiling = wait}), 0);
    CHECK_EQ(gor_go(fill_house, &house), 0);
    while (!atomic_load(&house.ready)) {
        usleep(100);
    }
    /* All that have a place wait for this. */
    CHECK_EQ(gor_ctx_cancel_async(house.ctx, "enough"), 0);
    while (gor_num_goroutine() != 0) {
        usleep(100);
    }
    gor_ctx_unref(house.ctx);
    gor_stop();
    gor_chan_unref(house.gate);
}

TEST(ceiling_does_not_keep_a_thread_from_cancelling)
{
    cancel_full_house(false);
    cancel_full_house(true);
}

static int count_signals_apart(void *unused)
{
    int signal = SIGUSR2;
    struct gor_chan *gate = new_chan(0, 0);
    struct gor_chan *signals = new_chan(sizeof(int), 1);
    (void)unused;
    CHECK_EQ(gor_signal_notify(signals, &signal, 1), 0);
    CHECK_EQ(gor_num_goroutine(), 2);
    CHECK_EQ(gor_go(park_on, gate), 0);
    CHECK_EQ(gor_go(do_nothing, NULL), -EAGAIN);
    CHECK_EQ(gor_chan_close(gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 2)
    gor_signal_stop(signals);
    gor_chan_unref(signals);
    gor_chan_unref(gate);
    return 0;
}

TEST(ceiling_does_not_count_what_the_library_runs_for_itself)
{
    run_under(2, count_signals_apart);
}

/* ---------------------------------------------------------------- storm */

enum { CROWD_MOST = 40, CROWD_SPAWNERS = 12 };

struct crowd {
    _Atomic int live;
    _Atomic int most;
    _Atomic long done;
    struct gor_waitgroup spawners;
};

static void come_and_go(void *arg)
{
    struct crowd *crowd = arg;
    int live = atomic_fetch_add(&crowd->live, 1) + 1;
    int most = atomic_load(&crowd->most);
    while (live > most && !atomic_compare_exchange_weak(&crowd->most, &most, live)) {
    }
    gor_yield();
    atomic_fetch_sub(&crowd->live, 1);
    atomic_fetch_add(&crowd->done, 1);
}

enum { CROWD_EACH = 4000 };

static int crowd_each(void)
{
    return SCALED(CROWD_EACH, CROWD_EACH / 4, CROWD_EACH / 20);
}

static void spawn_many(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < crowd_each(); i++) {
        int result;
        if (i % 3 == 0) {
            result = gor_go_until(NULL, come_and_go, crowd, gor_after(20 * GOR_MICROSECOND));
        } else {
            result = gor_go_until(NULL, come_and_go, crowd, GOR_NEVER);
        }
        CHECK(result == 0 || (result == -ETIMEDOUT && i % 3 == 0));
        if (result != 0) {
            atomic_fetch_add(&crowd->done, 1);
        }
    }
    gor_waitgroup_done(&crowd->spawners);
}

static int crowd_in(void *unused)
{
    struct crowd crowd = {0};
    (void)unused;
    gor_waitgroup_add(&crowd.spawners, CROWD_SPAWNERS);
    for (int i = 0; i < CROWD_SPAWNERS; i++) {
        CHECK_EQ(gor_go_until(NULL, spawn_many, &crowd, GOR_NEVER), 0);
    }
    gor_waitgroup_wait(&crowd.spawners);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(crowd.done, (long)CROWD_SPAWNERS * crowd_each());
    CHECK_INT(crowd.most, <=, CROWD_MOST - 1);
    CHECK_EQ(stats_now().spawns_waiting, 0);
    return 0;
}

TEST(ceiling_holds_in_a_crowd_and_nobody_is_forgotten)
{
    run_under(CROWD_MOST, crowd_in);
}

/* The work of the library itself is under no ceiling: the deadline of a context comes. */
static int full_house(void *unused)
{
    struct gor_chan *gate = new_chan(0, 0);
    struct gor_ctx *ctx = NULL;
    (void)unused;
    CHECK_EQ(fill(gate), 3);
    CHECK_EQ(gor_ctx_with_deadline(gor_ctx_background(), gor_after(GOR_MILLISECOND), &ctx), 0);
    CHECK_EQ(gor_go_ctx(NULL, do_nothing, NULL, ctx), -ETIMEDOUT);
    gor_ctx_unref(ctx);
    empty(gate);
    return 0;
}

TEST(ceiling_does_not_keep_deadlines_of_contexts_from_coming)
{
    run_under(4, full_house);
}

TEST(ceiling_does_not_keep_those_out_that_are_exempt)
{
    run_under(5, start_exempt);
}

TEST(ceiling_does_not_keep_contexts_from_being_cancelled)
{
    run_under(5, cancel_at_ceiling);
}
