/* SPDX-License-Identifier: MIT */
/* context.c - contexts as values: made, shared, asked. */
#include "runtime/sync/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"

struct gor_ctx *gor_ctx_background(void)
{
    static struct gor_ctx background; /* never written */
    return &background;
}

static bool is_background(const struct gor_ctx *ctx)
{
    return ctx->parent == NULL;
}

/* ---- references */

struct gor_ctx *gor_ctx_ref(struct gor_ctx *ctx)
{
    if (!is_background(ctx)) {
        __atomic_add_fetch(&ctx->refs, 1, __ATOMIC_RELAXED);
    }
    return ctx;
}

void gor__scope_drop(struct gor__scope *s)
{
    if (__atomic_sub_fetch(&s->holds, 1, __ATOMIC_ACQ_REL) == 0) {
        gor_chan_unref(s->done);
        free(s->own_cause);
        free(s);
    }
}

/* Nobody refers to it: it has neither children nor functions to call. */
static void dispose(struct gor_ctx *ctx)
{
    struct gor__scope *s = ctx->scope;
    if (s == NULL || &s->ctx != ctx) {
        free(ctx);
        return;
    }
    struct gor__m *m = gor__enter_any();
    gor__scope_unlink(s);
    gor__leave_any(m);
    gor__scope_retire_timer(s);
    gor__scope_drop(s);
}

void gor_ctx_unref(struct gor_ctx *ctx)
{
    /* A loop, for the tree may be deeper than any stack. */
    while (ctx != NULL && !is_background(ctx) &&
           __atomic_sub_fetch(&ctx->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        struct gor_ctx *parent = ctx->parent;
        dispose(ctx);
        ctx = parent;
    }
}

/* ---- making */

static void init_context(struct gor_ctx *ctx, struct gor_ctx *parent, struct gor__scope *scope)
{
    ctx->parent = gor_ctx_ref(parent);
    ctx->scope = scope;
    ctx->refs = 1;
}

static struct gor__scope *new_scope(struct gor_ctx *parent)
{
    struct gor__scope *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    /* Made now, for gor_ctx_done has no way to say that there is no memory. */
    s->done = gor_chan_new(0, 0);
    if (s->done == NULL) {
        free(s);
        return NULL;
    }
    init_context(&s->ctx, parent, s);
    s->holds = 1;
    s->up = parent->scope;
    s->deadline = s->up != NULL ? s->up->deadline : GOR_NEVER;
    return s;
}

static void enter_tree(struct gor__scope *s, int64_t deadline)
{
    /* A deadline that is not earlier than the parent's is left to the parent. */
    bool own = deadline < s->deadline;
    if (own) {
        s->deadline = deadline;
    }
    gor__scope_link(s);
    if (own && deadline <= gor_now()) {
        gor__scope_cancel_new(s, -ETIMEDOUT, NULL);
    } else if (own) {
        gor__scope_start_timer(s);
    }
}

int gor_ctx_with_deadline_cause(struct gor_ctx *parent, int64_t deadline, const char *cause,
                                struct gor_ctx **out_ctx)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    struct gor__scope *s = new_scope(parent);
    if (s == NULL) {
        return -ENOMEM;
    }
    if (cause != NULL) {
        s->own_cause = strndup(cause, GOR__CAUSE_MAX);
        if (s->own_cause == NULL) {
            gor_ctx_unref(&s->ctx);
            return -ENOMEM;
        }
    }
    gor__enter_machine(m);
    enter_tree(s, deadline);
    gor__leave_machine(m);
    *out_ctx = &s->ctx;
    return 0;
}

int gor_ctx_with_deadline(struct gor_ctx *parent, int64_t deadline, struct gor_ctx **out_ctx)
{
    return gor_ctx_with_deadline_cause(parent, deadline, NULL, out_ctx);
}

int gor_ctx_with_timeout(struct gor_ctx *parent, int64_t ns, struct gor_ctx **out_ctx)
{
    return gor_ctx_with_deadline_cause(parent, gor_after(ns), NULL, out_ctx);
}

int gor_ctx_with_timeout_cause(struct gor_ctx *parent, int64_t ns, const char *cause,
                               struct gor_ctx **out_ctx)
{
    return gor_ctx_with_deadline_cause(parent, gor_after(ns), cause, out_ctx);
}

int gor_ctx_with_cancel(struct gor_ctx *parent, struct gor_ctx **out_ctx)
{
    return gor_ctx_with_deadline_cause(parent, GOR_NEVER, NULL, out_ctx);
}

static int new_plain(struct gor_ctx *parent, struct gor__scope *scope, struct gor_ctx **out_ctx)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    struct gor_ctx *ctx = calloc(1, sizeof *ctx);
    if (ctx == NULL) {
        return -ENOMEM;
    }
    init_context(ctx, parent, scope);
    *out_ctx = ctx;
    return 0;
}

int gor_ctx_with_value(struct gor_ctx *parent, const void *key, void *value,
                       struct gor_ctx **out_ctx)
{
    struct gor_ctx *ctx = NULL;
    int result = new_plain(parent, parent->scope, &ctx);
    if (result == 0) {
        ctx->key = key;
        ctx->value = value;
        *out_ctx = ctx;
    }
    return result;
}

int gor_ctx_without_cancel(struct gor_ctx *parent, struct gor_ctx **out_ctx)
{
    return new_plain(parent, NULL, out_ctx);
}

/* ---- asking */

struct gor__watchers *gor__ctx_watchers(struct gor_ctx *ctx)
{
    return ctx != NULL && ctx->scope != NULL ? &ctx->scope->watchers : NULL;
}

struct gor_chan *gor_ctx_done(struct gor_ctx *ctx)
{
    return ctx->scope != NULL ? ctx->scope->done : NULL;
}

int gor_ctx_err(struct gor_ctx *ctx)
{
    return ctx->scope != NULL ? gor__scope_err(ctx->scope) : 0;
}

const char *gor_ctx_cause(struct gor_ctx *ctx)
{
    return gor_ctx_err(ctx) != 0 ? ctx->scope->cause : "";
}

int64_t gor_ctx_deadline(struct gor_ctx *ctx)
{
    return ctx->scope != NULL ? ctx->scope->deadline : GOR_NEVER;
}

void *gor_ctx_value(struct gor_ctx *ctx, const void *key)
{
    for (; ctx != NULL && key != NULL; ctx = ctx->parent) {
        if (ctx->key == key) {
            return ctx->value;
        }
    }
    return NULL;
}

int gor_ctx_sleep_until(struct gor_ctx *ctx, int64_t deadline)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    struct gor__limit limit = {.deadline = deadline, .watchers = gor__ctx_watchers(ctx)};
    gor__enter_machine(m);
    (void)gor__limit_wait(&limit, GOR_WAIT_SLEEP);
    gor__leave();
    return ctx != NULL ? gor_ctx_err(ctx) : 0;
}
