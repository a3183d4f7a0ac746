/* SPDX-License-Identifier: MIT */
/* storm_test.c - everything at once, in an order drawn from a seed.
 *
 * Workers draw one action after another: channels, selects, locks, timers, contexts, pipes,
 * blocking calls, deep stacks, new goroutines, changes of GOMAXPROCS. Whatever the order, at the
 * end every value that was accepted has arrived, every count adds up and nothing is left. The seed
 * is printed; GOR_TEST_SEED repeats the draws (the interleaving remains the scheduler's).
 * GOR_LONG=1 goes on for minutes.
 */
#include <unistd.h>

#include "tests/runtime/help.h"

enum { CHANNELS = 6, PERMITS = 5, TOKENS = 8 };

struct storm {
    struct gor_chan *c[CHANNELS];
    struct gor_mutex m;
    struct gor_rwmutex rw;
    struct gor_cond cond;
    struct gor_sem sem;
    struct gor_ctx *root_ctx;
    struct gor_waitgroup workers;
    int pipe[2];
    long locked;       /* guarded by m */
    long written;      /* guarded by rw */
    long written_copy; /* guarded by rw */
    _Atomic long locks;
    _Atomic long writes;
    _Atomic long permits_out;
    _Atomic int64_t sent;
    _Atomic int64_t received;
    _Atomic long children;
    _Atomic long children_ended;
    int steps;
};

struct worker {
    struct storm *s;
    uint64_t random;
};

static int64_t soon(struct worker *w)
{
    return gor_after(random_below(&w->random, 200) * GOR_MICROSECOND);
}

static struct gor_chan *any_chan(struct worker *w)
{
    return w->s->c[random_below(&w->random, CHANNELS)];
}

static void do_send(struct worker *w)
{
    int64_t value = random_below(&w->random, 1000) + 1;
    int result = gor_chan_send_until(any_chan(w), &value, soon(w));
    CHECK(result == 0 || result == -ETIMEDOUT);
    atomic_fetch_add(&w->s->sent, result == 0 ? value : 0);
}

static void do_recv(struct worker *w)
{
    int64_t value = 0;
    int result = gor_chan_recv_until(any_chan(w), &value, soon(w));
    CHECK(result == 1 || result == -ETIMEDOUT);
    atomic_fetch_add(&w->s->received, result == 1 ? value : 0);
}

static void do_try(struct worker *w)
{
    int64_t value = 7;
    if (gor_chan_try_send(any_chan(w), &value) == 0) {
        atomic_fetch_add(&w->s->sent, 7);
    }
    if (gor_chan_try_recv(any_chan(w), &value) == 1) {
        atomic_fetch_add(&w->s->received, value);
    }
}

static void do_select(struct worker *w)
{
    struct gor_case cases[5];
    int64_t values[5];
    size_t count = (size_t)random_below(&w->random, 5) + 1;
    for (size_t i = 0; i < count; i++) {
        bool sends = random_below(&w->random, 2) == 0;
        values[i] = sends ? random_below(&w->random, 1000) + 1 : 0;
        cases[i] = (struct gor_case){random_below(&w->random, 8) == 0 ? NULL : any_chan(w),
                                     &values[i], sends ? GOR_SEND : GOR_RECV, 99};
    }
    int chosen = random_below(&w->random, 3) == 0 ? gor_select_try(cases, count)
                                                  : gor_select_until(cases, count, soon(w));
    if (chosen < 0) {
        CHECK(chosen == -EAGAIN || chosen == -ETIMEDOUT);
        return;
    }
    CHECK(cases[chosen].chan != NULL);
    CHECK_EQ(cases[chosen].result, cases[chosen].op == GOR_SEND ? 0 : 1);
    atomic_fetch_add(cases[chosen].op == GOR_SEND ? &w->s->sent : &w->s->received, values[chosen]);
}

static void do_lock(struct worker *w)
{
    struct storm *s = w->s;
    if (random_below(&w->random, 4) == 0) {
        if (gor_mutex_try_lock(&s->m) != 0) {
            return;
        }
    } else {
        gor_mutex_lock(&s->m);
    }
    long before = s->locked;
    if (random_below(&w->random, 8) == 0) {
        gor_yield();
    }
    CHECK_EQ(s->locked, before);
    s->locked = before + 1;
    atomic_fetch_add(&s->locks, 1);
    if (random_below(&w->random, 8) == 0) {
        (void)gor_cond_wait_until(&s->cond, &s->m, soon(w));
    } else if (random_below(&w->random, 4) == 0) {
        gor_cond_signal(&s->cond);
    }
    gor_mutex_unlock(&s->m);
}

static void do_rwlock(struct worker *w)
{
    struct storm *s = w->s;
    if (random_below(&w->random, 3) == 0) {
        gor_rwmutex_lock(&s->rw);
        CHECK_EQ(s->written, s->written_copy);
        s->written++;
        if (random_below(&w->random, 4) == 0) {
            gor_yield();
        }
        s->written_copy++;
        atomic_fetch_add(&s->writes, 1);
        gor_rwmutex_unlock(&s->rw);
    } else {
        gor_rwmutex_rlock(&s->rw);
        CHECK_EQ(s->written, s->written_copy);
        if (random_below(&w->random, 4) == 0) {
            gor_yield();
        }
        CHECK_EQ(s->written, s->written_copy);
        gor_rwmutex_runlock(&s->rw);
    }
}

static void do_permits(struct worker *w)
{
    struct storm *s = w->s;
    int count = random_below(&w->random, PERMITS) + 1;
    int result = gor_sem_acquire(&s->sem, count, soon(w));
    if (result == -ETIMEDOUT) {
        return;
    }
    CHECK_EQ(result, 0);
    CHECK_INT(atomic_fetch_add(&s->permits_out, count) + count, <=, PERMITS);
    gor_yield();
    atomic_fetch_sub(&s->permits_out, count);
    gor_sem_release(&s->sem, count);
}

static void do_sleep(struct worker *w)
{
    int64_t deadline = soon(w);
    CHECK_EQ(gor_sleep_until(deadline), 0);
    CHECK(gor_now() >= deadline);
}

static void do_context(struct worker *w)
{
    struct gor_ctx *ctx = NULL;
    struct gor_ctx *child = NULL;
    int64_t deadline = soon(w);
    CHECK_EQ(gor_ctx_with_deadline(w->s->root_ctx, deadline, &ctx), 0);
    CHECK_EQ(gor_ctx_with_cancel(ctx, &child), 0);
    switch (random_below(&w->random, 3)) {
    case 0:
        CHECK_EQ(gor_chan_recv(gor_ctx_done(child), NULL), 0);
        CHECK_EQ(gor_ctx_err(child), -ETIMEDOUT);
        CHECK(gor_now() >= deadline);
        break;
    case 1:
        gor_ctx_cancel(ctx, "drawn");
        CHECK(gor_ctx_err(child) != 0);
        break;
    default:
        (void)gor_ctx_sleep_until(child, soon(w));
    }
    gor_ctx_unref(ctx);
    gor_ctx_unref(child);
}

static void do_timer(struct worker *w)
{
    struct gor_timer *t = gor_timer_new(random_below(&w->random, 100) * GOR_MICROSECOND);
    CHECK(t != NULL);
    if (random_below(&w->random, 2) == 0) {
        CHECK_EQ(gor_chan_recv(gor_timer_chan(t), NULL), 1);
        CHECK_EQ(gor_timer_stop(t), 0);
    } else {
        gor_yield();
        (void)gor_timer_stop(t);
        CHECK_EQ(gor_chan_len(gor_timer_chan(t)), 0);
    }
    gor_timer_free(t);
}

/* Tokens in a pipe: take one if there is one, put it back. */
static void do_token(struct worker *w)
{
    char token = 0;
    ssize_t n = gor_read(w->s->pipe[0], &token, 1, soon(w));
    if (n == -ETIMEDOUT) {
        return;
    }
    CHECK_EQ(n, 1);
    CHECK_EQ(token, 'T');
    gor_yield();
    CHECK_EQ(gor_write(w->s->pipe[1], &token, 1, GOR_NEVER), 1);
}

static void do_own_pipe(struct worker *w)
{
    int fds[2];
    char bytes[8] = {0};
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(gor_read(fds[0], bytes, 1, gor_after(random_below(&w->random, 50) * 1000)),
             -ETIMEDOUT);
    CHECK_EQ(gor_write(fds[1], "storm", 5, GOR_NEVER), 5);
    CHECK_EQ(gor_read(fds[0], bytes, sizeof bytes, GOR_NEVER), 5);
    CHECK_STR(bytes, "storm");
    CHECK_EQ(gor_close(fds[1]), 0);
    CHECK_EQ(gor_read(fds[0], bytes, sizeof bytes, GOR_NEVER), 0);
    CHECK_EQ(gor_close(fds[0]), 0);
}

static int pause_thread(void *arg)
{
    usleep(*(unsigned *)arg);
    return (int)*(unsigned *)arg;
}

static void do_blocking(struct worker *w)
{
    unsigned us = (unsigned)random_below(&w->random, 100);
    CHECK_EQ(gor_blocking(pause_thread, &us), us);
}

__attribute__((noinline)) static int go_down(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    frame[255] = (char)(depth + 1);
    if (depth == 0) {
        gor_yield();
    }
    int below = depth == 0 ? 0 : go_down(depth - 1);
    CHECK_EQ(frame[0], (char)depth);
    CHECK_EQ(frame[255], (char)(depth + 1));
    return below + 1;
}

static void do_deep(struct worker *w)
{
    int depth = random_below(&w->random, 100);
    CHECK_EQ(go_down(depth), depth + 1);
}

struct child {
    struct storm *s;
    struct gor_waitgroup *wg;
    int depth;
};

static void live_briefly(void *arg)
{
    struct child *c = arg;
    gor_yield();
    (void)go_down(c->depth);
    atomic_fetch_add(&c->s->children_ended, 1);
    gor_waitgroup_done(c->wg);
}

static void do_spawn(struct worker *w)
{
    struct gor_waitgroup wg = {0};
    int count = random_below(&w->random, 10) + 1;
    struct child c = {w->s, &wg, random_below(&w->random, 30)};
    gor_waitgroup_add(&wg, count);
    for (int i = 0; i < count; i++) {
        struct gor_go_opts opts = {.stack_bytes = (size_t)65536 << random_below(&w->random, 5)};
        CHECK_EQ(gor_go_with(&opts, live_briefly, &c), 0);
    }
    atomic_fetch_add(&w->s->children, count);
    gor_waitgroup_wait(&wg);
}

static int check_info(void *arg, const struct gor_info *info)
{
    (void)arg;
    CHECK(info->id != 0);
    return 0;
}

static void do_look(struct worker *w)
{
    struct gor_stats stats;
    struct gor_info info;
    CHECK_EQ(gor_lookup(gor_self(), &info), 0);
    CHECK_EQ(info.id, gor_self());
    if (random_below(&w->random, 8) == 0) {
        CHECK_EQ(gor_stats_get(&stats, true), 0);
        CHECK_EQ(gor_each(check_info, NULL), 0);
    }
}

static void do_resize(struct worker *w)
{
    if (random_below(&w->random, 8) == 0) {
        CHECK_INT(gor_gomaxprocs(random_below(&w->random, 8) + 1), >=, 1);
    } else {
        gor_yield();
    }
}

static void (*const actions[])(struct worker *w) = {
    do_send, do_recv,  do_send,   do_recv,    do_try,   do_select,   do_select,
    do_lock, do_lock,  do_rwlock, do_sleep,   do_token, do_own_pipe, do_blocking,
    do_deep, do_spawn, do_timer,  do_context, do_look,  do_resize,   do_permits,
};

static void work(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < w->s->steps; i++) {
        actions[random_below(&w->random, sizeof actions / sizeof actions[0])](w);
    }
    gor_waitgroup_done(&w->s->workers);
}

static void start_storm(struct storm *s)
{
    char tokens[TOKENS];
    memset(tokens, 'T', sizeof tokens);
    for (int i = 0; i < CHANNELS; i++) {
        s->c[i] = new_chan(sizeof(int64_t), i < 3 ? 0 : (size_t)(i - 2));
    }
    gor_sem_release(&s->sem, PERMITS);
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &s->root_ctx), 0);
    CHECK_EQ(pipe(s->pipe), 0);
    CHECK_EQ(gor_write(s->pipe[1], tokens, TOKENS, GOR_NEVER), TOKENS);
}

static void check_calm(struct storm *s)
{
    char tokens[TOKENS + 1];
    int64_t left = 0;
    for (int i = 0; i < CHANNELS; i++) {
        int64_t value;
        while (gor_chan_try_recv(s->c[i], &value) == 1) {
            left += value;
        }
        gor_chan_unref(s->c[i]);
    }
    CHECK_EQ(atomic_load(&s->sent), atomic_load(&s->received) + left);
    CHECK_EQ(s->locked, atomic_load(&s->locks));
    CHECK_EQ(s->written, atomic_load(&s->writes));
    CHECK_EQ(s->written_copy, s->written);
    CHECK_EQ(atomic_load(&s->children), atomic_load(&s->children_ended));
    CHECK_EQ(gor_sem_acquire(&s->sem, PERMITS, 0), 0);
    CHECK_EQ(gor_sem_acquire(&s->sem, 1, 0), -ETIMEDOUT);
    CHECK_EQ(gor_read(s->pipe[0], tokens, sizeof tokens, GOR_NEVER), TOKENS);
    CHECK_EQ(gor_ctx_err(s->root_ctx), 0);
    gor_ctx_unref(s->root_ctx);
    CHECK_EQ(gor_close(s->pipe[0]), 0);
    CHECK_EQ(gor_close(s->pipe[1]), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, true), 0);
    CHECK_EQ(stats.timers, 0);
    CHECK_EQ(stats.stacks_in_use, 1);
}

static int rage(void *arg)
{
    enum { WORKERS = 40 };
    uint64_t seed = *(uint64_t *)arg;
    static struct worker workers[WORKERS];
    struct storm *s = calloc(1, sizeof *s);
    s->steps = SCALED(400, 100, 60);
    start_storm(s);
    gor_waitgroup_add(&s->workers, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){s, seed + (uint64_t)i * 7919};
        spawn(work, &workers[i]);
    }
    gor_waitgroup_wait(&s->workers);
    check_calm(s);
    free(s);
    return 0;
}

static void rage_rounds(const struct gor_opts *opts)
{
    uint64_t seed = test_seed();
    int rounds = getenv("GOR_LONG") != NULL ? 200 : 3;
    fprintf(stderr, "storm: GOR_TEST_SEED=%" PRIu64 "\n", seed);
    for (int round = 0; round < rounds; round++) {
        uint64_t round_seed = seed + (uint64_t)round;
        CHECK_EQ(gor_run(opts, rage, &round_seed), 0);
    }
}

TEST(storm_leaves_every_count_right)
{
    rage_rounds(NULL);
}

TEST(storm_begun_on_one_processor_leaves_every_count_right)
{
    rage_rounds(&(struct gor_opts){.gomaxprocs = 1});
}

TEST(storm_on_eight_processors_leaves_every_count_right)
{
    rage_rounds(&(struct gor_opts){.gomaxprocs = 8});
}
