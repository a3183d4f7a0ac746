/* SPDX-License-Identifier: MIT */
/* panic.c - deferred calls, and what happens when a goroutine cannot go on. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"

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
    g->on_panic = handler;
    g->on_panic_arg = arg;
}

static void report(const struct gor__g *g, const char *message)
{
    const char *name = gor__pool_name(g);
    fprintf(stderr, "panic: %s\n\n", message);
    fprintf(stderr, "goroutine %lu%s%s [running]\n\n", (unsigned long)g->id,
            name != NULL ? " " : "", name != NULL ? name : "");
    (void)gor_dump(stderr);
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

void gor_panic(const char *format, ...)
{
    char message[512];
    struct gor__g *g = self();
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    gor__run_defers(g);
    if (g->on_panic == NULL) {
        report(g, message);
    }
    g->on_panic(g->on_panic_arg, message);
    gor_exit();
}

gor_id_t gor_self(void)
{
    const struct gor__g *g = gor__g_self();
    return g != NULL ? g->id : 0;
}

void gor_set_name(const char *name)
{
    gor__pool_set_name(self(), name);
}

void *gor_local(void)
{
    return self()->local;
}

void gor_set_local(void *value)
{
    self()->local = value;
}
