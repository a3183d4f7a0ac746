/* SPDX-License-Identifier: MIT */
/* after.c - functions to be run once a context is cancelled.
 *
 * A handle has two parties, its maker and the call to come, and is freed by the last. It refers to
 * its context, which so stays in the tree while the call may come. A goroutine for each function is
 * started only at the cancellation; one kept waiting from the beginning could not fail then, but
 * would cost a stack for each. If none can be had, the canceller runs the function itself, after it
 * has cancelled everything.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/context.h"

struct gor_ctx_after {
    void (*fn)(void *arg);
    void *arg;
    const void *caller;  /* of gor_ctx_after_func: who starts the goroutine */
    struct gor_ctx *ctx; /* a reference */
    bool pending;        /* neither started nor stopped; under the scope's lock */
    uint32_t parties;
    struct gor_ctx_after *next; /* list links of the scope, or of the unstarted */
    struct gor_ctx_after *prev;
};

static void drop(struct gor_ctx_after *handle, uint32_t parties)
{
    if (__atomic_sub_fetch(&handle->parties, parties, __ATOMIC_ACQ_REL) == 0) {
        gor_ctx_unref(handle->ctx);
        free(handle);
    }
}

static void run(void *arg)
{
    struct gor_ctx_after *handle = arg;
    void (*fn)(void *) = handle->fn;
    void *fn_arg = handle->arg;
    drop(handle, 1);
    fn(fn_arg);
}

static void link_handle(struct gor__scope *s, struct gor_ctx_after *handle)
{
    handle->prev = NULL;
    handle->next = s->first_after;
    if (s->first_after != NULL) {
        s->first_after->prev = handle;
    }
    s->first_after = handle;
}

static void unlink_handle(struct gor__scope *s, struct gor_ctx_after *handle)
{
    if (handle->prev != NULL) {
        handle->prev->next = handle->next;
    } else {
        s->first_after = handle->next;
    }
    if (handle->next != NULL) {
        handle->next->prev = handle->prev;
    }
}

void gor__after_start(struct gor__scope *s, struct gor_ctx_after **unstarted)
{
    struct gor_ctx_after *handle = NULL;
    while ((handle = s->first_after) != NULL) {
        unlink_handle(s, handle);
        handle->pending = false;
        if (gor__spawn(NULL, run, handle, handle->caller) < 0) {
            handle->next = *unstarted;
            *unstarted = handle;
        }
    }
}

void gor__after_run(struct gor_ctx_after *unstarted)
{
    while (unstarted != NULL) {
        struct gor_ctx_after *handle = unstarted;
        unstarted = handle->next;
        run(handle);
    }
}

/* False when the context is cancelled already. */
static bool enlist(struct gor_ctx_after *handle)
{
    struct gor__scope *s = handle->ctx->scope;
    if (s == NULL) {
        return true;
    }
    struct gor__m *m = gor__enter();
    gor__spin_lock(&s->lock);
    handle->pending = gor__scope_err(s) == 0;
    if (handle->pending) {
        link_handle(s, handle);
    }
    bool listed = handle->pending;
    gor__spin_unlock(&s->lock);
    gor__leave_machine(m);
    return listed;
}

int gor_ctx_after_func(struct gor_ctx *ctx, void (*fn)(void *arg), void *arg,
                       struct gor_ctx_after **out_handle)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    struct gor_ctx_after *handle = calloc(1, sizeof *handle);
    if (handle == NULL) {
        return -ENOMEM;
    }
    handle->fn = fn;
    handle->arg = arg;
    handle->caller = __builtin_return_address(0);
    handle->ctx = gor_ctx_ref(ctx);
    handle->pending = true;
    handle->parties = 2;
    if (!enlist(handle)) {
        struct gor__m *m = gor__enter();
        int result = gor__spawn(NULL, run, handle, handle->caller);
        gor__leave_machine(m);
        if (result < 0) {
            drop(handle, 2);
            return result;
        }
    }
    *out_handle = handle;
    return 0;
}

int gor_ctx_after_stop(struct gor_ctx_after *handle)
{
    struct gor__scope *s = handle->ctx->scope;
    bool pending = true;
    if (s != NULL) {
        struct gor__m *m = gor__enter();
        gor__spin_lock(&s->lock);
        pending = handle->pending;
        if (pending) {
            handle->pending = false;
            unlink_handle(s, handle);
        }
        gor__spin_unlock(&s->lock);
        gor__leave_machine(m);
    }
    drop(handle, pending ? 2 : 1);
    return pending ? 1 : 0;
}
