/* SPDX-License-Identifier: MIT */
/* ctxs.c - the storm's waits that a context or a deadline ends: what was given up was not taken. */
#include "tests/runtime/storm/storm.h"

static void cancel_and_unref(void *arg)
{
    gor_yield();
    gor_ctx_cancel(arg, "stormy");
    gor_ctx_unref(arg);
}

/* One that ends soon, by its deadline or by a goroutine that cancels it. */
static struct gor_ctx *brief_ctx(struct storm_worker *w)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_deadline(w->s->root_ctx, storm_soon(w), &ctx), 0);
    if (storm_below(w, 3) == 0) {
        spawn(cancel_and_unref, gor_ctx_ref(ctx));
    }
    return ctx;
}

static void check_given_up(int result, struct gor_ctx *ctx)
{
    CHECK(result == -ETIMEDOUT || result == -ECANCELED);
    CHECK_EQ(result, gor_ctx_err(ctx));
}

void storm_ctx_chan(struct storm_worker *w)
{
    struct gor_ctx *ctx = brief_ctx(w);
    int64_t value = 0;
    if (storm_below(w, 2) == 0) {
        int result = gor_chan_recv_ctx(storm_any_chan(w), &value, ctx);
        if (result == 1) {
            atomic_fetch_add(&w->s->received, value);
        } else {
            check_given_up(result, ctx);
        }
    } else {
        value = storm_below(w, 1000) + 1;
        int result = gor_chan_send_ctx(storm_any_chan(w), &value, ctx);
        if (result == 0) {
            atomic_fetch_add(&w->s->sent, value);
        } else {
            check_given_up(result, ctx);
        }
    }
    gor_ctx_unref(ctx);
}

void storm_ctx_select(struct storm_worker *w)
{
    struct gor_ctx *ctx = brief_ctx(w);
    int64_t out = storm_below(w, 1000) + 1;
    int64_t in = 0;
    struct gor_case cases[] = {{storm_any_chan(w), &out, GOR_SEND, 99},
                               {storm_any_chan(w), &in, GOR_RECV, 99}};
    int chosen = gor_select_ctx(cases, 2, ctx);
    if (chosen == 0) {
        CHECK_EQ(cases[0].result, 0);
        atomic_fetch_add(&w->s->sent, out);
    } else if (chosen == 1) {
        CHECK_EQ(cases[1].result, 1);
        atomic_fetch_add(&w->s->received, in);
    } else {
        check_given_up(chosen, ctx);
    }
    gor_ctx_unref(ctx);
}

static void count_locked(struct storm *s)
{
    s->locked++;
    atomic_fetch_add(&s->locks, 1);
    gor_mutex_unlock(&s->m);
}

void storm_ctx_lock(struct storm_worker *w)
{
    struct gor_ctx *ctx = brief_ctx(w);
    int result = gor_mutex_lock_ctx(&w->s->m, ctx);
    if (result != 0) {
        check_given_up(result, ctx);
    } else if (storm_below(w, 4) == 0) {
        int waited = gor_cond_wait_ctx(&w->s->cond, &w->s->m, ctx);
        if (waited != 0) {
            check_given_up(waited, ctx);
        }
        count_locked(w->s);
    } else {
        count_locked(w->s);
    }
    if (gor_mutex_lock_until(&w->s->m, storm_soon(w)) == 0) {
        count_locked(w->s);
    }
    gor_ctx_unref(ctx);
}

void storm_ctx_rwlock(struct storm_worker *w)
{
    struct storm *s = w->s;
    struct gor_ctx *ctx = brief_ctx(w);
    int result = gor_rwmutex_rlock_ctx(&s->rw, ctx);
    if (result == 0) {
        CHECK_EQ(s->written, s->written_copy);
        gor_rwmutex_runlock(&s->rw);
    } else {
        check_given_up(result, ctx);
    }
    result = storm_below(w, 2) == 0 ? gor_rwmutex_lock_ctx(&s->rw, ctx)
                                    : gor_rwmutex_lock_until(&s->rw, storm_soon(w));
    if (result == 0) {
        s->written++;
        gor_yield();
        s->written_copy++;
        atomic_fetch_add(&s->writes, 1);
        gor_rwmutex_unlock(&s->rw);
    } else {
        CHECK(result == -ETIMEDOUT || result == -ECANCELED);
    }
    gor_ctx_unref(ctx);
}

void storm_ctx_permits(struct storm_worker *w)
{
    struct storm *s = w->s;
    struct gor_ctx *ctx = brief_ctx(w);
    int count = storm_below(w, STORM_PERMITS) + 1;
    int result = gor_sem_acquire_ctx(&s->sem, count, ctx);
    if (result == 0) {
        CHECK_INT(atomic_fetch_add(&s->permits_out, count) + count, <=, STORM_PERMITS);
        gor_yield();
        atomic_fetch_sub(&s->permits_out, count);
        gor_sem_release(&s->sem, count);
    } else {
        check_given_up(result, ctx);
    }
    gor_ctx_unref(ctx);
}

struct late {
    struct gor_waitgroup wg;
    int64_t ns;
};

static void be_late(void *arg)
{
    gor_sleep(((struct late *)arg)->ns);
}

/* Who gives up waiting leaves the group to those who wait on. */
void storm_ctx_wait(struct storm_worker *w)
{
    struct late late = {.ns = storm_below(w, 200) * GOR_MICROSECOND};
    struct gor_ctx *ctx = brief_ctx(w);
    for (int i = storm_below(w, 3); i >= 0; i--) {
        CHECK_EQ(gor_waitgroup_go(&late.wg, be_late, &late), 0);
    }
    int result = gor_waitgroup_wait_ctx(&late.wg, ctx);
    if (result != 0) {
        check_given_up(result, ctx);
    }
    gor_waitgroup_wait(&late.wg);
    gor_ctx_unref(ctx);
}
