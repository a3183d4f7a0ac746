/* SPDX-License-Identifier: MIT */
/* context.h - contexts and scopes; what context.c, cancel.c and after.c share.
 *
 * A context made by with_cancel, with_deadline or with_timeout is a *scope*: it can be cancelled.
 * One made by with_value shares the scope of its parent; background and without_cancel have none.
 *
 * Invariants  a scope that is not cancelled is linked in the scope above it, if there is one; a
 *             cancelled scope has no children; the error and `cause` are set once, `cause` first.
 * Threads     `lock` guards children, afters and the step to cancelled; it is taken from parent to
 *             child, before the locks of channels and timers. It is a gor__spin, since foreign
 *             threads give up references. What is read without it is atomic or never changes.
 * Ownership   a context holds a reference to its parent, so all above it lives. `holds` keeps the
 *             memory of a scope: one for all references together, one for a started timer.
 */
#ifndef GOR_SYNC_CONTEXT_H
#define GOR_SYNC_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/lock.h"
#include "runtime/gor.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/timer.h"

struct gor__scope;

enum { GOR__CAUSE_MAX = 255 };

struct gor_ctx {
    struct gor_ctx *parent;   /* a reference; NULL: the background */
    struct gor__scope *scope; /* its own, or that of a context above; NULL: cannot be cancelled */
    const void *key;          /* NULL but for with_value */
    void *value;              /* borrowed */
    uint32_t refs;
};

struct gor__scope {
    struct gor_ctx ctx; /* first: freed as one */
    uint32_t holds;
    struct gor__spin lock;
    struct gor__watchers watchers; /* `err` is theirs */
    const char *cause;             /* of this scope, a scope above or a constant */
    char *own_cause;               /* owned; while it lives that of its deadline; NULL: none */
    struct gor_chan *done;
    int64_t deadline;
    bool has_timer;
    bool linked; /* in up->first_child's list; under up->lock */
    struct gor__scope *up;
    struct gor__scope *first_child;
    struct gor__scope *next_sibling; /* list links, under up->lock */
    struct gor__scope *prev_sibling;
    struct gor_ctx_after *first_after;
    struct gor__timer timer;
};

static inline int gor__scope_err(const struct gor__scope *s)
{
    return gor__watchers_err(&s->watchers);
}

/* ---- cancel.c */

/* Cancel `s`, which nobody but the tree knows yet; the cause outlives it, NULL: the usual one. Inside,
 * as the next three. */
void gor__scope_cancel_new(struct gor__scope *s, int err, const char *cause);

/* Become a child of s->up, or be cancelled as it is. */
void gor__scope_link(struct gor__scope *s);
void gor__scope_unlink(struct gor__scope *s);

/* Have it cancelled at its deadline, unless it is cancelled already. */
void gor__scope_start_timer(struct gor__scope *s);

/* The last reference is gone: no need to wait for the deadline. Outside. */
void gor__scope_retire_timer(struct gor__scope *s);

/* ---- context.c */

/* Give up a hold on the memory. */
void gor__scope_drop(struct gor__scope *s);

/* ---- after.c */

/* Start the functions registered with `s`, whose lock is held; those that cannot be started come to
 * *unstarted. */
void gor__after_start(struct gor__scope *s, struct gor_ctx_after **unstarted);

/* Run them here, without any lock. */
void gor__after_run(struct gor_ctx_after *unstarted);

#endif
