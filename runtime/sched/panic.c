/* SPDX-License-Identifier: MIT */
/* panic.c - deferred calls, and what happens when a goroutine cannot go on. */
#include "runtime/sched/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cpu/frames.h"
#include "runtime/sched/door.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/trace.h"

static struct gor__g *self(void)
{
    struct gor__g *g = gor__g_self();
    GOR_ASSERT(g != NULL);
    return g;
}

void gor_defer(struct gor_defer *d, void (*fn)(void *arg), void *arg)
{
    struct gor__g *g = self();
    d->fn = fn;
    d->arg = arg;
    d->next = g->defers;
    g->defers = d;
}

void gor_undefer(struct gor_defer *d, bool run)
{
    struct gor__g *g = self();
    GOR_ASSERT(g->defers == d);
    g->defers = d->next;
    if (run) {
        d->fn(d->arg);
    }
}

void gor_on_panic(void (*handler)(void *arg, const char *message), void *arg)
{
    struct gor__g *g = self();
    gor__pool_set_handler(g, handler, arg);
}

static struct {
    struct gor__mutex lock; /* inside */
    struct gor__panic *first;
} panics;

static void enlist(struct gor__panic *panic, struct gor__g *g)
{
    struct gor__m *m = gor__enter();
    panic->g = g;
    gor__mutex_lock(&panics.lock);
    panic->next = panics.first;
    panics.first = panic;
    gor__mutex_unlock(&panics.lock);
    (void)__atomic_fetch_or(&g->flags, GOR__G_PANICS, __ATOMIC_RELAXED);
    gor__leave_machine(m);
}

bool gor__panic_get(struct gor__panic *out_panic)
{
    struct gor__m *m = gor__enter();
    gor__mutex_lock(&panics.lock);
    const struct gor__panic *panic = panics.first;
    while (panic != NULL && panic->g != m->g) {
        panic = panic->next;
    }
    bool found = panic != NULL;
    if (found) {
        *out_panic = *panic;
    }
    gor__mutex_unlock(&panics.lock);
    gor__leave_machine(m);
    return found;
}

void gor__panic_forget(struct gor__g *g)
{
    gor__mutex_lock(&panics.lock);
    struct gor__panic **place = &panics.first;
    while (*place != NULL) {
        if ((*place)->g == g) {
            *place = (*place)->next;
        } else {
            place = &(*place)->next;
        }
    }
    gor__mutex_unlock(&panics.lock);
    gor__g_clear_flag(g, GOR__G_PANICS);
}

void gor__panics_fini(void)
{
    panics.first = NULL;
}

static void report(const struct gor__g *g, const char *message)
{
    const char *name = gor__pool_name(g);
    fprintf(stderr, "panic: %s\n\n", message);
    fprintf(stderr, "goroutine %lu%s%s [running]\n\n", (unsigned long)g->id,
            name != NULL ? " " : "", name != NULL ? name : "");
    (void)gor_panic_dump(stderr);
    gor__panic_dump_others(stderr);
    gor__trace_crash();
    (void)fflush(stderr);
    abort();
}

void gor__run_defers(struct gor__g *g)
{
    while (g->defers != NULL) {
        struct gor_defer *d = g->defers;
        g->defers = d->next;
        d->fn(d->arg);
    }
}

void gor__panic_now(struct gor__panic *panic, struct gor__g *g, const char *message)
{
    panic->message = message;
    enlist(panic, g);
    gor__run_defers(g);
    if (!gor__g_has_flag(g, GOR__G_HANDLES)) {
        report(g, message);
    }
    const struct gor__g_side *side = gor__pool_side(g);
    side->on_panic(side->on_panic_arg, message);
    gor_exit();
}

__attribute__((no_sanitize_address)) static struct gor__registers
caller_of(uintptr_t frame, uintptr_t address, uintptr_t sp)
{
    struct gor__registers registers = {.sp = sp, .fp_is_known = true};
    registers.pc = gor__plain_address(address);
    registers.fp = *(const uintptr_t *)frame;
    return registers;
}

void gor_panic(const char *format, ...)
{
    char message[512];
    struct gor__g *g = self();
    struct gor__panic panic = {
        .stack = g->stack,
        .registers = caller_of((uintptr_t)__builtin_frame_address(0),
                               (uintptr_t)__builtin_return_address(0), GOR__CALLERS_SP),
    };
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    gor__panic_now(&panic, g, message);
}

gor_id_t gor_self(void)
{
    const struct gor__g *g = gor__g_self();
    return g != NULL ? g->id : 0;
}

void gor_set_name(const char *name)
{
    struct gor__g *g = self();
    gor__pool_set_name(g, name);
    if (gor__observes(GOR__OBSERVE_TRACE) && name != NULL) {
        const char *kept = gor__pool_name(g);
        gor__trace_outside(GOR__TRACE_NAMED, g->id, 0, kept, strlen(kept));
    }
}

void *gor_local(void)
{
    return self()->local;
}

void gor_set_local(void *value)
{
    self()->local = value;
}
