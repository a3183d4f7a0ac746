/* SPDX-License-Identifier: MIT */
/* cancel.c - how a scope, and all below it, comes to its end.
 *
 * The walk goes depth-first, from lock to lock: a scope stays locked while those below it are being
 * cancelled. So whoever finds a scope cancelled finds everything below it cancelled too, and a
 * second canceller returns no earlier than the first. It climbs back along the links upwards, and
 * needs no stack: trees may be deeper than any.
 *
 * A deadline is a timer whose firing starts a goroutine: the scheduler, which fires it, may not
 * free memory, and a tree may be large. If no goroutine can be had, the timer tries again a little
 * later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/chan.h"
#include "runtime/sync/context.h"

#define RETRY_NS GOR_MILLISECOND

/* ---- the tree */

void gor__scope_link(struct gor__scope *s)
{
    struct gor__scope *up = s->up;
    if (up == NULL) {
        return;
    }
    gor__spin_lock(&up->lock);
    int err = gor__scope_err(up);
    if (err == 0) {
        s->next_sibling = up->first_child;
        if (up->first_child != NULL) {
            up->first_child->prev_sibling = s;
        }
        up->first_child = s;
        s->linked = true;
    }
    gor__spin_unlock(&up->lock);
    if (err != 0) {
        gor__scope_cancel_new(s, err, up->cause);
    }
}

/* Under up->lock. */
static void take_out(struct gor__scope *s)
{
    if (!s->linked) {
        return;
    }
    s->linked = false;
    if (s->prev_sibling != NULL) {
        s->prev_sibling->next_sibling = s->next_sibling;
    } else {
        s->up->first_child = s->next_sibling;
    }
    if (s->next_sibling != NULL) {
        s->next_sibling->prev_sibling = s->prev_sibling;
    }
    s->next_sibling = NULL;
    s->prev_sibling = NULL;
}

void gor__scope_unlink(struct gor__scope *s)
{
    if (s->up != NULL) {
        /* Also when it is out already: a walk that took it out may still be in it, and holds this
         * lock until it has left. */
        gor__spin_lock(&s->up->lock);
        take_out(s);
        gor__spin_unlock(&s->up->lock);
    }
}

/* ---- cancelling */

/* Under its lock, which no walk holds. */
static void settle(struct gor__scope *s, int err, const char *cause,
                   struct gor_ctx_after **unstarted)
{
    s->cause = cause;
    (void)gor__chan_close_and_set(s->done, &s->watchers.err, err);
    gor__watchers_end(&s->watchers);
    gor__after_start(s, unstarted);
    if (s->has_timer && gor__timer_stop(&s->timer)) {
        /* Not the last one: whoever has us here refers to `s`, or waits for the lock above it. */
        gor__scope_drop(s);
    }
}

/* `top` is locked and live; answers with nothing locked. */
static void cancel_locked(struct gor__scope *top, int err, const char *cause,
                          struct gor_ctx_after **unstarted)
{
    struct gor__scope *s = top;
    settle(top, err, cause, unstarted);
    for (;;) {
        struct gor__scope *child = s->first_child;
        if (child != NULL) {
            gor__spin_lock(&child->lock);
            take_out(child);
            if (gor__scope_err(child) == 0) {
                settle(child, err, cause, unstarted);
            }
            s = child;
            continue;
        }
        struct gor__scope *up = s->up;
        gor__spin_unlock(&s->lock);
        if (s == top) {
            return;
        }
        s = up;
    }
}

static const char *usual_cause(const struct gor__scope *s, int err)
{
    if (err != -ETIMEDOUT) {
        return "context canceled";
    }
    return s->own_cause != NULL ? s->own_cause : "context deadline exceeded";
}

/* With a cause that outlives `s`, or NULL. Whether this call did it. Inside. */
static bool cancel_inside(struct gor__scope *s, int err, const char *cause,
                          struct gor_ctx_after **unstarted)
{
    gor__spin_lock(&s->lock);
    if (gor__scope_err(s) != 0) {
        gor__spin_unlock(&s->lock);
        return false;
    }
    cancel_locked(s, err, cause != NULL ? cause : usual_cause(s, err), unstarted);
    gor__scope_unlink(s);
    return true;
}

void gor__scope_cancel_new(struct gor__scope *s, int err, const char *cause)
{
    struct gor_ctx_after *none = NULL;
    (void)cancel_inside(s, err, cause, &none);
}

static void cancel(struct gor__scope *s, int err)
{
    struct gor_ctx_after *unstarted = NULL;
    struct gor__m *m = gor__enter();
    (void)cancel_inside(s, err, NULL, &unstarted);
    gor__leave_machine(m);
    gor__after_run(unstarted);
}

/* The cause is handed over; what is answered is for the caller to free. */
static char *cancel_with_cause(struct gor__scope *s, char *cause)
{
    struct gor_ctx_after *unstarted = NULL;
    char *unused = cause;
    struct gor__m *m = gor__enter();
    gor__spin_lock(&s->lock);
    if (gor__scope_err(s) == 0) {
        unused = s->own_cause;
        s->own_cause = cause;
        cancel_locked(s, -ECANCELED, cause, &unstarted);
        gor__scope_unlink(s);
    } else {
        gor__spin_unlock(&s->lock);
    }
    gor__leave_machine(m);
    gor__after_run(unstarted);
    return unused;
}

void gor_ctx_cancel(struct gor_ctx *ctx, const char *cause)
{
    struct gor__scope *s = ctx->scope;
    char *copy = NULL;
    GOR_ASSERT(gor__g_self() != NULL);
    if (s == NULL) {
        return;
    }
    if (cause != NULL && gor__scope_err(s) == 0) {
        copy = strndup(cause, GOR__CAUSE_MAX);
    }
    if (copy != NULL) {
        free(cancel_with_cause(s, copy));
    } else {
        /* Without memory for the cause, the usual one must do. */
        cancel(s, -ECANCELED);
    }
}

/* ---- from elsewhere */

struct request {
    struct gor_ctx *ctx; /* a reference */
    bool has_cause;
    char cause[GOR__CAUSE_MAX + 1];
};

static void do_request(void *arg)
{
    struct request *request = arg;
    gor_ctx_cancel(request->ctx, request->has_cause ? request->cause : NULL);
    gor_ctx_unref(request->ctx);
    free(request);
}

int gor_ctx_cancel_async(struct gor_ctx *ctx, const char *cause)
{
    /* It may be what makes room, and whoever asks must not wait for that. */
    static const struct gor_go_opts named = {.name = "context cancel",
                                             .at_ceiling = GOR_CEILING_EXEMPT};
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        return -ENOMEM;
    }
    request->ctx = gor_ctx_ref(ctx);
    request->has_cause = cause != NULL;
    if (cause != NULL) {
        strncpy(request->cause, cause, GOR__CAUSE_MAX);
    }
    int result = gor__go_own(&named, do_request, request);
    if (result < 0) {
        gor_ctx_unref(ctx);
        free(request);
    }
    return result;
}

/* ---- deadlines */

/* A reference, if there is still one. */
static bool try_ref(struct gor_ctx *ctx)
{
    uint32_t refs = __atomic_load_n(&ctx->refs, __ATOMIC_RELAXED);
    while (refs != 0) {
        if (__atomic_compare_exchange_n(&ctx->refs, &refs, refs + 1, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

/* With the hold of the timer. */
static void expire(void *arg)
{
    struct gor__scope *s = arg;
    if (try_ref(&s->ctx)) {
        cancel(s, -ETIMEDOUT);
        gor_ctx_unref(&s->ctx);
    }
    gor__scope_drop(s);
}

static void fire(void *arg, uint64_t token)
{
    static const struct gor_go_opts named = {.name = "context deadline"};
    struct gor__scope *s = arg;
    (void)token;
    if (gor__spawn_own(&named, expire, s) < 0) {
        s->timer.when = gor_after(RETRY_NS);
        gor__timer_start(&s->timer);
    }
}

void gor__scope_start_timer(struct gor__scope *s)
{
    gor__spin_lock(&s->lock);
    if (gor__scope_err(s) == 0) {
        s->has_timer = true;
        s->holds++;
        s->timer.when = s->deadline;
        s->timer.fire = fire;
        s->timer.arg = s;
        gor__timer_start(&s->timer);
    }
    gor__spin_unlock(&s->lock);
}

static void stop_timer(void *arg)
{
    struct gor__scope *s = arg;
    struct gor__m *m = gor__enter();
    bool stopped = gor__timer_stop(&s->timer);
    gor__leave_machine(m);
    if (stopped) {
        gor__scope_drop(s);
    }
    gor__scope_drop(s);
}

void gor__scope_retire_timer(struct gor__scope *s)
{
    if (!s->has_timer || __atomic_load_n(&s->timer.heap, __ATOMIC_ACQUIRE) == NULL) {
        return;
    }
    /* stop_timer gives up a hold of its own. */
    __atomic_add_fetch(&s->holds, 1, __ATOMIC_RELAXED);
    if (gor__m_self() != NULL) {
        stop_timer(s);
    } else if (gor__go_own(NULL, stop_timer, s) < 0) {
        /* Then it fires in vain, and gives up the rest. */
        gor__scope_drop(s);
    }
}
