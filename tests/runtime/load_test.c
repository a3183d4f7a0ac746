/* SPDX-License-Identifier: MIT */
/* load_test.c - timers, descriptors and newcomers while channels and selects keep all processors
 * busy, or all of them idle.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/runtime/help.h"

/* ------------------------------------------------ a timer beside selects that never park long */

struct fair {
    struct gor_chan *c;
    struct gor_chan *stop;
    struct gor_waitgroup wg;
    int fd; /* of a read of nothing in each round; -1: none */
};

static void offer_until_stopped(void *arg)
{
    struct fair *f = arg;
    struct gor_case cases[] = {{f->c, NULL, GOR_SEND, 0}, {f->stop, NULL, GOR_RECV, 0}};
    while (gor_select(cases, 2) == 0) {
    }
    gor_waitgroup_done(&f->wg);
}

/* Two offer, one takes; all of them could go on for ever without the timer's turn. */
GO_TEST(load_of_selects_leaves_a_timer_its_turn)
{
    struct fair f = {.c = new_chan(0, 0)};
    for (int round = 0; round < SCALED(10, 5, 5); round++) {
        struct gor_timer *t = gor_timer_new(2 * GOR_MILLISECOND);
        f.stop = new_chan(0, 0);
        gor_waitgroup_add(&f.wg, 2);
        spawn(offer_until_stopped, &f);
        spawn(offer_until_stopped, &f);
        struct gor_case cases[] = {{f.c, NULL, GOR_RECV, 0},
                                   {gor_timer_chan(t), NULL, GOR_RECV, 0}};
        while (gor_select(cases, 2) == 0) {
        }
        CHECK_EQ(gor_chan_close(f.stop), 0);
        gor_waitgroup_wait(&f.wg);
        gor_chan_unref(f.stop);
        gor_timer_free(t);
    }
    gor_chan_unref(f.c);
}

/* Each of two selects sends and receives on one channel, makes a call that does not park, and has a
 * timer of its own. */
static void meet_until_the_timer(void *arg)
{
    struct fair *f = arg;
    struct gor_timer *t = gor_timer_new(5 * GOR_MILLISECOND);
    struct gor_case cases[] = {{f->c, NULL, GOR_SEND, 0},
                               {f->c, NULL, GOR_RECV, 0},
                               {gor_timer_chan(t), NULL, GOR_RECV, 0}};
    char byte;
    do {
        CHECK_EQ(gor_read(f->fd, &byte, 0, GOR_NEVER), 0);
    } while (gor_select(cases, 3) != 2);
    gor_timer_free(t);
    gor_waitgroup_done(&f->wg);
}

GO_TEST(load_of_selects_and_calls_leaves_timers_their_turn)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    struct fair f = {.c = new_chan(0, 0), .fd = fds[0]};
    gor_waitgroup_add(&f.wg, 2);
    spawn(meet_until_the_timer, &f);
    spawn(meet_until_the_timer, &f);
    gor_waitgroup_wait(&f.wg);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
    gor_chan_unref(f.c);
}

/* ------------------------------------------- whoever sleeps in the poller hears of newcomers */

/* The other processor's thread sleeps, be it until a far deadline or in the poller, when a timer
 * with an early one is made by a goroutine that then computes without a call. Somebody must serve
 * it. */
static void set_flag(void *arg)
{
    atomic_store((_Atomic bool *)arg, true);
}

static void read_byte(void *arg)
{
    char byte;
    CHECK_EQ(gor_read(*(int *)arg, &byte, 1, GOR_NEVER), 1);
}

static int make_early_timers(void *arg)
{
    (void)arg;
    static int fds[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct gor_timer *far_away = gor_timer_new(3600 * GOR_SECOND);
    gor_id_t reader = spawn_parked(read_byte, &fds[0], GOR_WAIT_IO);
    for (int i = 0; i < SCALED(100, 50, 30); i++) {
        static _Atomic bool fired;
        atomic_store(&fired, false);
        if (i % 3 == 0) {
            /* Let the others fall asleep first. */
            gor_sleep(200 * GOR_MICROSECOND);
        }
        struct gor_timer *t =
            gor_timer_new_func((i % 4) * 100 * GOR_MICROSECOND, set_flag, (void *)&fired);
        while (!atomic_load(&fired)) {
        }
        gor_timer_free(t);
    }
    CHECK_EQ(gor_write(fds[1], "x", 1, GOR_NEVER), 1);
    await_end(reader);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
    gor_timer_free(far_away);
    return 0;
}

TEST(load_of_a_busy_goroutine_leaves_early_timers_to_the_other_processor)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 2}, make_early_timers, NULL), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 4}, make_early_timers, NULL), 0);
}

/* The same with a descriptor: one that becomes ready while its processor is busy with others. */
struct port {
    int fds[2];
    _Atomic bool got;
};

static void read_then_tell(void *arg)
{
    struct port *p = arg;
    char byte;
    CHECK_EQ(gor_read(p->fds[0], &byte, 1, GOR_NEVER), 1);
    atomic_store(&p->got, true);
}

static int make_ports_ready(void *arg)
{
    (void)arg;
    static struct port p;
    CHECK_EQ(pipe(p.fds), 0);
    for (int i = 0; i < SCALED(100, 50, 30); i++) {
        atomic_store(&p.got, false);
        gor_id_t id = spawn_parked(read_then_tell, &p, GOR_WAIT_IO);
        if (i % 3 == 0) {
            gor_sleep(200 * GOR_MICROSECOND);
        }
        CHECK_EQ(write(p.fds[1], "x", 1), 1);
        while (!atomic_load(&p.got)) {
        }
        await_end(id);
    }
    CHECK_EQ(gor_close(p.fds[0]), 0);
    CHECK_EQ(gor_close(p.fds[1]), 0);
    return 0;
}

TEST(load_of_a_busy_goroutine_leaves_descriptors_to_the_other_processor)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 2}, make_ports_ready, NULL), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 4}, make_ports_ready, NULL), 0);
}

/* ------------------------------------------- pairs that compute much and little between turns */

/* Two of a pair hand a token to and fro and count between: the heavy ones a million, the light ones a
 * thousand. Each pair keeps the processor for a slice and no longer, so both get about as much of it:
 * without the slice, the heavy ones would get a thousand times as much. */
struct counting {
    struct gor_chan *wake;
    struct gor_chan *done;
    struct gor_waitgroup *wg;
    int limit;
    _Atomic long count;
};

static void count_in_turns(void *arg)
{
    struct counting *c = arg;
    struct gor_case cases[] = {{c->done, NULL, GOR_RECV, 0}, {c->wake, NULL, GOR_RECV, 0}};
    struct gor_case pass[] = {{c->done, NULL, GOR_RECV, 0}, {c->wake, NULL, GOR_SEND, 0}};
    while (gor_select(cases, 2) == 1) {
        for (int i = 0; i < c->limit; i++) {
            atomic_fetch_add_explicit(&c->count, 1, memory_order_relaxed);
        }
        if (gor_select(pass, 2) == 0) {
            break;
        }
    }
    gor_waitgroup_done(c->wg);
}

static int compare_pairs(void *arg)
{
    /* ThreadSanitizer puts the end of a slice off to the end of a turn, several slices of its later. */
    enum { FACTOR = SCALED(20, 20, 100) };
    struct gor_waitgroup wg = {0};
    struct gor_chan *done = new_chan(0, 0);
    struct counting heavy = {new_chan(0, 0), done, &wg, 1000000, 0};
    struct counting light = {new_chan(0, 0), done, &wg, 1000, 0};
    long enough = SCALED(100000000, 30000000, 10000000);
    (void)arg;
    gor_waitgroup_add(&wg, 4);
    for (int i = 0; i < 2; i++) {
        spawn(count_in_turns, &heavy);
        spawn(count_in_turns, &light);
    }
    CHECK_EQ(gor_chan_send(heavy.wake, NULL), 0);
    CHECK_EQ(gor_chan_send(light.wake, NULL), 0);
    while (atomic_load(&heavy.count) < enough || atomic_load(&light.count) < enough / FACTOR) {
        gor_sleep(GOR_MILLISECOND);
    }
    CHECK_INT(atomic_load(&heavy.count), <=, FACTOR * atomic_load(&light.count));
    CHECK_EQ(gor_chan_close(done), 0);
    gor_waitgroup_wait(&wg);
    gor_chan_unref(done);
    gor_chan_unref(heavy.wake);
    gor_chan_unref(light.wake);
    return 0;
}

TEST(load_of_a_heavy_pair_leaves_a_light_pair_its_share)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, compare_pairs, NULL), 0);
}
