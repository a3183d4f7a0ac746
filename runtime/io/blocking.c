/* SPDX-License-Identifier: MIT */
/* blocking.c - gor_blocking: calls that would hold up a P, on threads of their own (workers.c).
 *
 * A call's lock is held from before it is handed over until the goroutine's stack is stored
 * (gor__park_spin), and the thread takes that lock before it makes the goroutine runnable: so a call
 * may begin, and even end, while its goroutine is still on the way to sleep.
 *
 * A call without a limit is a struct on the stack of the parked goroutine. One with a limit is
 * on the heap, and belongs to whoever comes last: the goroutine, or, once that has given up
 * (`abandoned`), the thread.
 */
#include "runtime/io/blocking.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/io/workers.h"
#include "runtime/sched/door.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/waitq.h"

struct call {
    struct gor__work work; /* first: the one is found by the other */
    struct gor__spin lock; /* see above */
    int (*fn)(void *arg);
    void (*dispose)(void *arg);
    void *arg;
    int result;
    int error; /* it was refused */
    struct gor__g *g;
    uint64_t token; /* 0: only this call can wake the goroutine */
    bool finished;
    bool abandoned;
};

static void run(struct gor__work *work)
{
    struct call *call = (struct call *)work;
    if (!__atomic_load_n(&call->abandoned, __ATOMIC_ACQUIRE)) {
        call->result = call->fn(call->arg);
    }
}

static void free_abandoned(struct call *call)
{
    call->dispose(call->arg);
    free(call);
}

/* Wake the goroutine, or clean up behind it. */
static void answer(struct call *call, int error)
{
    struct gor__m *entered = gor__enter_any();
    gor__spin_lock(&call->lock);
    struct gor__g *g = call->g;
    bool abandoned = call->abandoned;
    call->error = error;
    call->finished = true;
    if (!abandoned && (call->token == 0 || gor__wake_claim(g, call->token))) {
        /* The call is gone with the goroutine's next step; its lock is not given back. */
        gor__waiter_wake(&g->waiter);
    } else {
        gor__spin_unlock(&call->lock);
    }
    gor__leave_any(entered);
    if (abandoned) {
        free_abandoned(call);
    }
}

static void done(struct gor__work *work, bool alive)
{
    struct call *call = (struct call *)work;
    if (!alive) {
        free_abandoned(call);
    } else if (!__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
        answer(call, 0);
    } else if (work->detached) {
        /* Some goroutines may still run, ours among them. */
        gor__workers_keep(work);
    }
}

static void refuse(struct gor__work *work, int error)
{
    struct call *call = (struct call *)work;
    if (error == -EAGAIN) {
        answer(call, error);
    } else if (work->detached) {
        free_abandoned(call);
    }
}

static void init_call(struct call *call, struct gor__g *g, int (*fn)(void *arg), void *arg)
{
    *call = (struct call){.fn = fn, .arg = arg, .g = g};
    call->work.run = run;
    call->work.done = done;
    call->work.refuse = refuse;
    g->waiter.g = g;
}

/* Inside: hand the call over, with its lock held then, and park. 0: it was answered; the error of the
 * limit, as yet without effect; -EAGAIN. */
static int park_in(struct call *call, struct gor__worker *worker, const struct gor__limit *limit)
{
    gor__spin_lock(&call->lock);
    int result = gor__workers_give(&call->work, worker);
    if (result < 0) {
        call->error = result;
        return 0;
    }
    __atomic_add_fetch(&gor__sched.blocking_calls, 1, __ATOMIC_RELAXED);
    gor__limit_arm_token(call->g, limit, call->token);
    gor__park_spin(&call->lock, GOR_WAIT_BLOCKING);
    result = gor__limit_disarm(call->g, limit);
    return call->g->woken_by != NULL ? 0 : result;
}

/* ---- in the seeded mode */

/* A call for whose end everything stands still: it must not make a difference how long it takes. */
struct still {
    struct gor__work work; /* first: the one is found by the other */
    int (*fn)(void *arg);
    void *arg;
    int result;
    int error;
    uint32_t over; /* futex */
};

static void run_still(struct gor__work *work)
{
    struct still *call = (struct still *)work;
    call->result = call->fn(call->arg);
}

static void end_still(struct still *call, int error)
{
    call->error = error;
    __atomic_store_n(&call->over, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&call->over, 1);
}

static void still_done(struct gor__work *work, bool alive)
{
    (void)alive;
    end_still((struct still *)work, 0);
}

static void refuse_still(struct gor__work *work, int error)
{
    end_still((struct still *)work, error);
}

static int stand_still_for(int (*fn)(void *arg), void *arg, int *out_result)
{
    struct still call = {.fn = fn, .arg = arg};
    call.work.run = run_still;
    call.work.done = still_done;
    call.work.refuse = refuse_still;
    struct gor__worker *worker = gor__workers_reserve();
    gor__enter();
    int result = gor__workers_give(&call.work, worker);
    gor__leave();
    if (result < 0) {
        return result;
    }
    __atomic_add_fetch(&gor__sched.blocking_calls, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&call.over, __ATOMIC_ACQUIRE) == 0) {
        (void)gor__futex_wait(&call.over, 0, GOR_NEVER);
    }
    if (call.error == 0) {
        *out_result = call.result;
    }
    return call.error;
}

/* ---- without a limit */

int gor_blocking(int (*fn)(void *arg), void *arg)
{
    struct call call;
    struct gor__g *g = gor__g_self();
    if (g == NULL) {
        return -EPERM;
    }
    if (gor__seeded_on()) {
        int still = 0;
        int refused = stand_still_for(fn, arg, &still);
        return refused < 0 ? refused : still;
    }
    init_call(&call, g, fn, arg);
    struct gor__worker *worker = gor__workers_reserve();
    gor__enter();
    (void)park_in(&call, worker, NULL);
    gor__leave();
    return call.error < 0 ? call.error : call.result;
}

/* ---- with a limit */

/* Inside: the limit has ended the wait with `error`. 0 when the call is finished, and ours. */
static int give_up(struct call *call, int error)
{
    gor__spin_lock(&call->lock);
    bool finished = call->finished;
    if (!finished) {
        __atomic_store_n(&call->abandoned, true, __ATOMIC_RELEASE);
    }
    gor__spin_unlock(&call->lock);
    return finished ? 0 : error;
}

static int wait_for_call(struct call *call, const struct gor__limit *limit)
{
    struct gor__worker *worker = gor__workers_reserve();
    gor__enter();
    call->token = gor__wake_arm(call->g);
    int error = park_in(call, worker, limit);
    if (error < 0) {
        error = give_up(call, error);
    }
    gor__leave();
    return error;
}

int gor__blocking_within(const struct gor__detached *what, const struct gor__limit *limit,
                         int *out_result)
{
    struct gor__g *g = gor__g_self();
    if (g == NULL) {
        return -EPERM;
    }
    int over = gor__limit_over(limit);
    if (over < 0) {
        what->dispose(what->arg);
        return over;
    }
    if (gor__seeded_on()) {
        return stand_still_for(what->fn, what->arg, out_result);
    }
    struct call *call = malloc(sizeof *call);
    if (call == NULL) {
        return -ENOMEM;
    }
    init_call(call, g, what->fn, what->arg);
    call->dispose = what->dispose;
    call->work.detached = true;
    call->work.is_lookup = what->is_lookup;
    int result = wait_for_call(call, limit);
    if (result < 0) {
        return result;
    }
    result = call->error;
    if (result == 0) {
        *out_result = call->result;
    }
    free(call);
    return result;
}

int gor_blocking_until(int (*fn)(void *arg), void *arg, void (*dispose)(void *arg),
                       int64_t deadline, int *out_result)
{
    const struct gor__detached what = {fn, arg, dispose, false};
    struct gor__limit limit = gor__limit_until(deadline);
    return gor__blocking_within(&what, &limit, out_result);
}

int gor_blocking_ctx(int (*fn)(void *arg), void *arg, void (*dispose)(void *arg),
                     struct gor_ctx *ctx, int *out_result)
{
    const struct gor__detached what = {fn, arg, dispose, false};
    struct gor__limit limit = gor__limit_ctx(ctx);
    return gor__blocking_within(&what, &limit, out_result);
}

bool gor__blocking_stop(void)
{
    return gor__workers_stop();
}
