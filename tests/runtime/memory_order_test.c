/* SPDX-License-Identifier: MIT */
/* memory_order_test.c - what is written before one operation is seen after another: every edge the
 * library promises carries plain memory from one goroutine to the next.
 *
 * In every build the values are checked; under ThreadSanitizer a missing edge is a reported race,
 * whatever the values.
 */
#include "tests/runtime/help.h"

enum { WORDS = 32 };

struct relay {
    long words[WORDS]; /* plain: the edges alone guard it */
    struct gor_chan *there;
    struct gor_chan *back;
    struct gor_mutex m;
    struct gor_rwmutex rw;
    struct gor_cond cond;
    struct gor_sem sem;
    struct gor_once once;
    struct gor_waitgroup wg;
    struct gor_ctx *ctx;
    bool ready; /* guarded by m */
    int round;
};

static void write_words(struct relay *r, long base)
{
    for (int i = 0; i < WORDS; i++) {
        r->words[i] = base + i;
    }
}

static void check_words(const struct relay *r, long base)
{
    for (int i = 0; i < WORDS; i++) {
        CHECK_EQ(r->words[i], base + i);
    }
}

/* Run `other` beside `self` many times, each time on fresh things. */
static void repeat(void (*self)(struct relay *r), void (*other)(void *arg), size_t capacity)
{
    for (int round = 0; round < SCALED(1000, 400, 200); round++) {
        struct relay *r = calloc(1, sizeof *r);
        r->there = new_chan(sizeof(int), capacity);
        r->back = new_chan(0, 0);
        r->round = round;
        CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &r->ctx), 0);
        gor_id_t id = spawn_id(other, r);
        self(r);
        await_end(id);
        gor_chan_unref(r->there);
        gor_chan_unref(r->back);
        gor_ctx_unref(r->ctx);
        free(r);
    }
}

/* ------------------------------------------- send before receive, close before the zero */

static void write_then_send(struct relay *r)
{
    int value = 1;
    write_words(r, 10);
    if (r->round % 3 == 0) {
        struct gor_case cases[] = {{NULL, NULL, GOR_RECV, 0}, {r->there, &value, GOR_SEND, 0}};
        CHECK_EQ(gor_select(cases, 2), 1);
    } else {
        CHECK_EQ(gor_chan_send(r->there, &value), 0);
    }
}

static void recv_then_check(void *arg)
{
    struct relay *r = arg;
    if (r->round % 2 == 0) {
        CHECK_EQ(recv_int(r->there), 1);
    } else {
        while (gor_chan_try_recv(r->there, NULL) == -EAGAIN) {
            gor_yield();
        }
    }
    check_words(r, 10);
}

GO_TEST(memory_written_before_a_send_is_seen_after_the_receive)
{
    repeat(write_then_send, recv_then_check, 0);
    repeat(write_then_send, recv_then_check, 1);
    repeat(write_then_send, recv_then_check, 4);
}

static void write_then_close(struct relay *r)
{
    write_words(r, 20);
    CHECK_EQ(gor_chan_close(r->there), 0);
}

static void find_closed_then_check(void *arg)
{
    struct relay *r = arg;
    int result;
    struct gor_case one = {r->there, NULL, GOR_RECV, 0};
    switch (r->round % 3) {
    case 0:
        CHECK_EQ(gor_chan_recv(r->there, NULL), 0);
        break;
    case 1:
        CHECK_EQ(gor_select(&one, 1), 0);
        break;
    default:
        while ((result = gor_chan_try_recv(r->there, NULL)) == -EAGAIN) {
            gor_yield();
        }
        CHECK_EQ(result, 0);
    }
    check_words(r, 20);
}

GO_TEST(memory_written_before_a_close_is_seen_after_the_zero)
{
    repeat(write_then_close, find_closed_then_check, 0);
    repeat(write_then_close, find_closed_then_check, 2);
}

/* --------------------------- the other way: a receive before the send it made room for returns */

static void send_then_check(struct relay *r)
{
    int value = 1;
    size_t capacity = gor_chan_cap(r->there);
    /* The k-th receive comes before the (k + capacity)-th send is complete. */
    for (size_t i = 0; i < capacity + 1; i++) {
        CHECK_EQ(gor_chan_send(r->there, &value), 0);
    }
    check_words(r, 30);
}

static void write_then_recv(void *arg)
{
    struct relay *r = arg;
    write_words(r, 30);
    CHECK_EQ(recv_int(r->there), 1);
}

GO_TEST(memory_written_before_a_receive_is_seen_after_the_send_it_let_through)
{
    repeat(send_then_check, write_then_recv, 0);
    repeat(send_then_check, write_then_recv, 1);
    repeat(send_then_check, write_then_recv, 3);
}

/* A channel of capacity one as a lock. */
struct lock_by_chan {
    struct gor_chan *lock;
    struct gor_waitgroup wg;
    long count;
};

static void count_under_chan(void *arg)
{
    struct lock_by_chan *l = arg;
    for (int i = 0; i < SCALED(3000, 1000, 400); i++) {
        CHECK_EQ(gor_chan_send(l->lock, NULL), 0);
        l->count++;
        CHECK_EQ(gor_chan_recv(l->lock, NULL), 1);
    }
    gor_waitgroup_done(&l->wg);
}

GO_TEST(memory_is_guarded_by_a_channel_used_as_a_lock)
{
    struct lock_by_chan l = {.lock = new_chan(0, 1)};
    gor_waitgroup_add(&l.wg, 4);
    for (int i = 0; i < 4; i++) {
        spawn(count_under_chan, &l);
    }
    gor_waitgroup_wait(&l.wg);
    CHECK_EQ(l.count, 4L * SCALED(3000, 1000, 400));
    gor_chan_unref(l.lock);
}

/* ------------------------------------------------------------------------------ locks */

static void write_under_rwlock(struct relay *r)
{
    gor_rwmutex_lock(&r->rw);
    write_words(r, 40);
    gor_rwmutex_unlock(&r->rw);
    /* A reader's unlock comes before the next writer's lock. */
    CHECK_EQ(gor_chan_recv(r->back, NULL), 1);
    gor_rwmutex_lock(&r->rw);
    write_words(r, 41);
    gor_rwmutex_unlock(&r->rw);
}

static void read_under_rwlock(void *arg)
{
    struct relay *r = arg;
    long first = 0;
    while (first == 0) {
        gor_rwmutex_rlock(&r->rw);
        first = r->words[0];
        if (first != 0) {
            check_words(r, 40);
        }
        gor_rwmutex_runlock(&r->rw);
        gor_yield();
    }
    CHECK_EQ(gor_chan_send(r->back, NULL), 0);
}

GO_TEST(memory_is_carried_by_a_read_write_lock)
{
    repeat(write_under_rwlock, read_under_rwlock, 0);
}

static void write_then_signal(struct relay *r)
{
    write_words(r, 50);
    gor_mutex_lock(&r->m);
    r->ready = true;
    gor_mutex_unlock(&r->m);
    gor_cond_signal(&r->cond);
}

static void wait_then_check(void *arg)
{
    struct relay *r = arg;
    gor_mutex_lock(&r->m);
    while (!r->ready) {
        gor_cond_wait(&r->cond, &r->m);
    }
    gor_mutex_unlock(&r->m);
    check_words(r, 50);
}

GO_TEST(memory_is_carried_by_a_condition)
{
    repeat(write_then_signal, wait_then_check, 0);
}

static void write_then_release(struct relay *r)
{
    write_words(r, 60);
    gor_sem_release(&r->sem, 1);
}

static void acquire_then_check(void *arg)
{
    struct relay *r = arg;
    CHECK_EQ(gor_sem_acquire(&r->sem, 1, GOR_NEVER), 0);
    check_words(r, 60);
}

GO_TEST(memory_is_carried_by_a_semaphore)
{
    repeat(write_then_release, acquire_then_check, 0);
}

static void write_words_once(void *arg)
{
    write_words(arg, 70);
}

static void do_once_then_check(struct relay *r)
{
    gor_once_do(&r->once, write_words_once, r);
    check_words(r, 70);
}

static void do_once_elsewhere(void *arg)
{
    do_once_then_check(arg);
}

GO_TEST(memory_written_once_is_seen_by_all_who_asked)
{
    repeat(do_once_then_check, do_once_elsewhere, 0);
}

static void wait_for_group(struct relay *r)
{
    CHECK_EQ(gor_chan_send(r->back, NULL), 0);
    gor_waitgroup_wait(&r->wg);
    check_words(r, 80);
}

static void write_then_done(void *arg)
{
    struct relay *r = arg;
    gor_waitgroup_add(&r->wg, 1);
    CHECK_EQ(gor_chan_recv(r->back, NULL), 1);
    write_words(r, 80);
    gor_waitgroup_done(&r->wg);
}

GO_TEST(memory_written_before_done_is_seen_after_the_wait)
{
    repeat(wait_for_group, write_then_done, 0);
}

/* --------------------------------------------- beginnings: goroutines, timers, contexts */

static void check_started(void *arg)
{
    struct relay *r = arg;
    check_words(r, 90);
    write_words(r, 91);
    gor_waitgroup_done(&r->wg);
}

GO_TEST(memory_written_before_a_goroutine_starts_is_seen_by_it)
{
    for (int round = 0; round < SCALED(1000, 400, 200); round++) {
        struct relay r = {.round = round};
        gor_waitgroup_add(&r.wg, 1);
        write_words(&r, 90);
        spawn(check_started, &r);
        gor_waitgroup_wait(&r.wg);
        check_words(&r, 91);
    }
}

GO_TEST(memory_written_before_a_timer_starts_is_seen_by_its_function)
{
    for (int round = 0; round < SCALED(500, 200, 100); round++) {
        struct relay r = {.round = round};
        gor_waitgroup_add(&r.wg, 1);
        write_words(&r, 90);
        struct gor_timer *t = gor_timer_new_func(round % 3 * GOR_MICROSECOND, check_started, &r);
        gor_waitgroup_wait(&r.wg);
        check_words(&r, 91);
        gor_timer_free(t);
    }
}

static void write_then_cancel(struct relay *r)
{
    write_words(r, 100);
    gor_ctx_cancel(r->ctx, "seen");
}

static void await_cancel_then_check(void *arg)
{
    struct relay *r = arg;
    switch (r->round % 3) {
    case 0:
        CHECK_EQ(gor_chan_recv(gor_ctx_done(r->ctx), NULL), 0);
        break;
    case 1:
        CHECK_EQ(gor_ctx_sleep_until(r->ctx, GOR_NEVER), -ECANCELED);
        break;
    default:
        YIELD_UNTIL(gor_ctx_err(r->ctx) != 0)
    }
    check_words(r, 100);
    CHECK_STR(gor_ctx_cause(r->ctx), "seen");
}

GO_TEST(memory_written_before_a_cancel_is_seen_after_it)
{
    repeat(write_then_cancel, await_cancel_then_check, 0);
}

GO_TEST(memory_written_before_a_cancel_is_seen_by_what_runs_after)
{
    for (int round = 0; round < SCALED(500, 200, 100); round++) {
        struct relay r = {.round = round};
        struct gor_ctx_after *handle = NULL;
        CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &r.ctx), 0);
        gor_waitgroup_add(&r.wg, 1);
        CHECK_EQ(gor_ctx_after_func(r.ctx, check_started, &r, &handle), 0);
        write_words(&r, 90);
        gor_ctx_cancel(r.ctx, NULL);
        gor_waitgroup_wait(&r.wg);
        check_words(&r, 91);
        CHECK_EQ(gor_ctx_after_stop(handle), 0);
        gor_ctx_unref(r.ctx);
    }
}
