/* SPDX-License-Identifier: MIT */
/* goroutines_test.c - networks of goroutines: daisy chains, rings, skynet, a barrier. */
#include "tests/runtime/help.h"

/* ------------------------------------------------------------- daisy chain */

struct link {
    struct gor_chan *left;
    struct gor_chan *right;
};

static void add_one_leftwards(void *arg)
{
    struct link *l = arg;
    send_int(l->left, recv_int(l->right) + 1);
}

GO_TEST(goroutines_in_a_daisy_chain_each_add_one)
{
    int count = SCALED(10000, 5000, 500);
    struct link *links = calloc((size_t)count, sizeof *links);
    struct gor_chan *leftmost = new_chan(sizeof(int), 0);
    struct gor_chan *left = leftmost;
    for (int i = 0; i < count; i++) {
        links[i] = (struct link){left, new_chan(sizeof(int), 0)};
        spawn(add_one_leftwards, &links[i]);
        left = links[i].right;
    }
    send_int(left, 0);
    CHECK_EQ(recv_int(leftmost), count);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(leftmost);
    for (int i = 0; i < count; i++) {
        gor_chan_unref(links[i].right);
    }
    free(links);
}

/* -------------------------------------------------------------------- ring */

static void pass_round(void *arg)
{
    struct link *l = arg;
    int value;
    while (gor_chan_recv(l->left, &value) == 1) {
        value--;
        if (value < 0) {
            break;
        }
        send_int(l->right, value);
    }
    (void)gor_chan_close(l->right);
}

static void run_ring(size_t capacity)
{
    enum { RING = 101 };
    struct link links[RING];
    struct gor_chan *c[RING];
    for (int i = 0; i < RING; i++) {
        c[i] = new_chan(sizeof(int), capacity);
    }
    for (int i = 0; i < RING; i++) {
        links[i] = (struct link){c[i], c[(i + 1) % RING]};
        spawn(pass_round, &links[i]);
    }
    send_int(c[0], SCALED(50000, 10000, 1000));
    YIELD_UNTIL(gor_num_goroutine() == 1)
    for (int i = 0; i < RING; i++) {
        gor_chan_unref(c[i]);
    }
}

GO_TEST(goroutines_in_a_ring_pass_a_token_till_it_is_spent)
{
    run_ring(0);
    run_ring(1);
}

/* ------------------------------------------------------------------ skynet */

struct sky {
    struct gor_chan *to;
    int64_t first;
    int64_t size;
};

static void sum_below(void *arg)
{
    struct sky *s = arg;
    if (s->size == 1) {
        CHECK_EQ(gor_chan_send(s->to, &s->first), 0);
        return;
    }
    struct gor_chan *c = new_chan(sizeof(int64_t), 0);
    struct sky below[10];
    int64_t sum = 0;
    for (int i = 0; i < 10; i++) {
        below[i] = (struct sky){c, s->first + i * s->size / 10, s->size / 10};
        spawn(sum_below, &below[i]);
    }
    for (int i = 0; i < 10; i++) {
        int64_t part;
        CHECK_EQ(gor_chan_recv(c, &part), 1);
        sum += part;
    }
    CHECK_EQ(gor_chan_send(s->to, &sum), 0);
    gor_chan_unref(c);
}

GO_TEST(goroutines_as_skynet_sum_up)
{
    int64_t size = SCALED(100000, 10000, 1000);
    struct sky top = {new_chan(sizeof(int64_t), 1), 0, size};
    int64_t sum;
    spawn(sum_below, &top);
    CHECK_EQ(gor_chan_recv(top.to, &sum), 1);
    CHECK_EQ(sum, size * (size - 1) / 2);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(top.to);
}

/* ----------------------------------------------------------------- barrier */

/* All arrive before any leaves, round after round. */
struct barrier {
    struct gor_mutex m;
    struct gor_cond all_here;
    struct gor_waitgroup wg;
    int here;  /* guarded by m */
    int round; /* guarded by m */
    _Atomic int inside;
};

enum { PARTIES = 10 };

static void meet_at_barrier(struct barrier *b)
{
    gor_mutex_lock(&b->m);
    int round = b->round;
    if (++b->here == PARTIES) {
        b->here = 0;
        b->round++;
        gor_cond_broadcast(&b->all_here);
    }
    while (b->round == round) {
        gor_cond_wait(&b->all_here, &b->m);
    }
    gor_mutex_unlock(&b->m);
}

static void march(void *arg)
{
    struct barrier *b = arg;
    for (int i = 1; i <= SCALED(2000, 500, 200); i++) {
        atomic_fetch_add(&b->inside, 1);
        meet_at_barrier(b);
        CHECK_EQ(atomic_load(&b->inside), i * PARTIES);
        meet_at_barrier(b);
    }
    gor_waitgroup_done(&b->wg);
}

GO_TEST(goroutines_march_in_step_over_a_barrier)
{
    struct barrier b = {.here = 0};
    gor_waitgroup_add(&b.wg, PARTIES);
    for (int i = 0; i < PARTIES; i++) {
        spawn(march, &b);
    }
    gor_waitgroup_wait(&b.wg);
}

/* ------------------------------------------------ a pool with back-pressure */

struct pool {
    struct gor_chan *jobs;
    struct gor_chan *results;
    struct gor_waitgroup workers;
    int count;
};

static void work(void *arg)
{
    struct pool *p = arg;
    int64_t job;
    while (gor_chan_recv(p->jobs, &job) == 1) {
        job = job * job;
        CHECK_EQ(gor_chan_send(p->results, &job), 0);
    }
    gor_waitgroup_done(&p->workers);
}

static void feed(void *arg)
{
    struct pool *p = arg;
    for (int64_t i = 1; i <= p->count; i++) {
        CHECK_EQ(gor_chan_send(p->jobs, &i), 0);
    }
    CHECK_EQ(gor_chan_close(p->jobs), 0);
    gor_waitgroup_wait(&p->workers);
    CHECK_EQ(gor_chan_close(p->results), 0);
}

GO_TEST(goroutines_as_a_worker_pool_square_every_number)
{
    struct pool p = {.jobs = new_chan(sizeof(int64_t), 4), .count = SCALED(20000, 5000, 2000)};
    p.results = new_chan(sizeof(int64_t), 2);
    gor_waitgroup_add(&p.workers, 8);
    for (int i = 0; i < 8; i++) {
        spawn(work, &p);
    }
    gor_id_t feeder = spawn_id(feed, &p);
    int64_t sum = 0;
    int64_t square;
    while (gor_chan_recv(p.results, &square) == 1) {
        sum += square;
    }
    int64_t n = p.count;
    CHECK_EQ(sum, n * (n + 1) * (2 * n + 1) / 6);
    await_end(feeder);
    gor_chan_unref(p.jobs);
    gor_chan_unref(p.results);
}
