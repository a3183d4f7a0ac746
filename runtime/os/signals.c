/* SPDX-License-Identifier: MIT */
/* signals.c - who wants which signals: channels and contexts.
 *
 * Threads     goroutines; `registry` is guarded by its mutex, under which signals are sent too, so
 *             that a channel gets none any more once gor_signal_stop has returned. Contexts are
 *             cancelled without it, for that may run code of others.
 * Ownership   an entry holds a reference of its channel or context.
 */
#include "runtime/os/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/thread.h"
#include "runtime/os/catch.h"
#include "runtime/sched/machine.h"
#include "runtime/sync/chan.h"

/* Somebody who wants `signals`: a channel or a context. */
struct entry {
    struct gor_chan *chan;
    struct gor_ctx *ctx;
    uint64_t signals;
    struct entry *next; /* list link of the registry */
};

static struct {
    struct gor_mutex lock;
    struct entry *first; /* owned */
} registry;

/* -EINVAL: there is one that cannot be had. None given: all that can. */
static int parse_signals(const int *signals, size_t count, uint64_t *out_set)
{
    uint64_t possible = gor__catch_possible();
    uint64_t set = 0;
    for (size_t i = 0; i < count; i++) {
        if (signals[i] < 1 || signals[i] > 64 || (possible & gor__signal_bit(signals[i])) == 0) {
            return -EINVAL;
        }
        set |= gor__signal_bit(signals[i]);
    }
    *out_set = count > 0 ? set : possible;
    return 0;
}

static uint64_t all_wanted(void)
{
    uint64_t wanted = 0;
    for (const struct entry *entry = registry.first; entry != NULL; entry = entry->next) {
        wanted |= entry->signals;
    }
    return wanted;
}

static void free_entry(struct entry *entry)
{
    gor_chan_unref(entry->chan);
    gor_ctx_unref(entry->ctx);
    free(entry);
}

/* ---- delivery */

struct cancelled {
    struct gor_ctx *ctx; /* a reference */
    struct cancelled *next;
};

/* Out of memory the context is cancelled by a goroutine of its own, or stays as it is. */
static void note_cancelled(struct gor_ctx *ctx, struct cancelled **list)
{
    struct cancelled *cancelled = malloc(sizeof *cancelled);
    if (cancelled == NULL) {
        (void)gor_ctx_cancel_async(ctx, NULL);
        return;
    }
    *cancelled = (struct cancelled){gor_ctx_ref(ctx), *list};
    *list = cancelled;
}

static void deliver(int signal)
{
    struct cancelled *list = NULL;
    char cause[64];
    const char *name = sigdescr_np(signal);
    gor_mutex_lock(&registry.lock);
    for (struct entry *entry = registry.first; entry != NULL; entry = entry->next) {
        if ((entry->signals & gor__signal_bit(signal)) == 0) {
            continue;
        }
        if (entry->chan != NULL) {
            /* Who does not keep up misses some, as in Go. */
            (void)gor_chan_try_send(entry->chan, &signal);
        } else {
            note_cancelled(entry->ctx, &list);
        }
    }
    gor_mutex_unlock(&registry.lock);
    (void)snprintf(cause, sizeof cause, "signal %d (%s)", signal,
                   name != NULL ? name : "real-time");
    while (list != NULL) {
        struct cancelled *cancelled = list;
        list = cancelled->next;
        gor_ctx_cancel(cancelled->ctx, cause);
        gor_ctx_unref(cancelled->ctx);
        free(cancelled);
    }
}

/* ---- wanting */

static struct entry *find_chan(const struct gor_chan *chan)
{
    struct entry *entry = registry.first;
    while (entry != NULL && (entry->chan != chan || chan == NULL)) {
        entry = entry->next;
    }
    return entry;
}

/* Under the mutex: have `signals` caught for `entry`, which is in the registry, or is new and then
 * belongs to it unless this fails. */
static int want(struct entry *entry, bool is_new, uint64_t signals)
{
    int error = gor__catch_start(deliver);
    if (error < 0) {
        return error;
    }
    if (is_new) {
        entry->next = registry.first;
        registry.first = entry;
    }
    entry->signals |= signals;
    gor__catch_set(signals, GOR__CATCH_CAUGHT);
    return 0;
}

/* One of `chan` and `ctx`, of which the entry gets a reference. */
static struct entry *new_entry(struct gor_chan *chan, struct gor_ctx *ctx)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry != NULL) {
        entry->chan = chan != NULL ? gor_chan_ref(chan) : NULL;
        entry->ctx = ctx != NULL ? gor_ctx_ref(ctx) : NULL;
    }
    return entry;
}

int gor_signal_notify(struct gor_chan *chan, const int *signals, size_t count)
{
    uint64_t set = 0;
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    if (chan == NULL || chan->elem_bytes != sizeof(int)) {
        return -EINVAL;
    }
    int error = parse_signals(signals, count, &set);
    if (error < 0) {
        return error;
    }
    struct entry *fresh = new_entry(chan, NULL);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    gor_mutex_lock(&registry.lock);
    struct entry *known = find_chan(chan);
    error = want(known != NULL ? known : fresh, known == NULL, set);
    gor_mutex_unlock(&registry.lock);
    if (known != NULL || error < 0) {
        free_entry(fresh);
    }
    return error;
}

int gor_signal_ctx(struct gor_ctx *parent, const int *signals, size_t count,
                   struct gor_ctx **out_ctx)
{
    uint64_t set = 0;
    struct gor_ctx *ctx = NULL;
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    int error = parse_signals(signals, count, &set);
    if (error == 0) {
        error = gor_ctx_with_cancel(parent, &ctx);
    }
    if (error < 0) {
        return error;
    }
    struct entry *entry = new_entry(NULL, ctx);
    if (entry == NULL) {
        error = -ENOMEM;
        goto unref_ctx;
    }
    gor_mutex_lock(&registry.lock);
    error = want(entry, true, set);
    gor_mutex_unlock(&registry.lock);
    if (error < 0) {
        free_entry(entry);
        goto unref_ctx;
    }
    *out_ctx = ctx;
    return 0;
unref_ctx:
    gor_ctx_unref(ctx);
    return error;
}

/* ---- wanting no more */

/* Under the mutex: what nobody wants any more of `signals` is dealt with as it was. */
static void release_unwanted(uint64_t signals)
{
    gor__catch_set(signals & ~all_wanted(), GOR__CATCH_FORMER);
}

/* Take the entry out that is for `chan` or `ctx`, whichever is not NULL. */
static struct entry *take_entry(const struct gor_chan *chan, const struct gor_ctx *ctx)
{
    struct entry **place = &registry.first;
    while (*place != NULL && ((*place)->chan != chan || (*place)->ctx != ctx)) {
        place = &(*place)->next;
    }
    struct entry *entry = *place;
    if (entry != NULL) {
        *place = entry->next;
        release_unwanted(entry->signals);
    }
    return entry;
}

void gor_signal_stop(struct gor_chan *chan)
{
    gor__only_inside();
    if (chan == NULL) {
        return;
    }
    gor_mutex_lock(&registry.lock);
    struct entry *entry = take_entry(chan, NULL);
    gor_mutex_unlock(&registry.lock);
    if (entry != NULL) {
        free_entry(entry);
    }
}

void gor_signal_ctx_stop(struct gor_ctx *ctx)
{
    gor__only_inside();
    if (ctx == NULL) {
        return;
    }
    gor_mutex_lock(&registry.lock);
    struct entry *entry = take_entry(NULL, ctx);
    gor_mutex_unlock(&registry.lock);
    gor_ctx_cancel(ctx, NULL);
    if (entry != NULL) {
        free_entry(entry);
    }
}

/* Under the mutex: take those entries out that want nothing any more, after `signals` were taken from
 * all of them. */
static struct entry *take_signals(uint64_t signals)
{
    struct entry *emptied = NULL;
    struct entry **place = &registry.first;
    while (*place != NULL) {
        struct entry *entry = *place;
        entry->signals &= ~signals;
        if (entry->signals == 0) {
            *place = entry->next;
            entry->next = emptied;
            emptied = entry;
        } else {
            place = &entry->next;
        }
    }
    return emptied;
}

static int set_for_all(const int *signals, size_t count, enum gor__catch_how how)
{
    uint64_t set = 0;
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    int error = parse_signals(signals, count, &set);
    if (error < 0) {
        return error;
    }
    gor_mutex_lock(&registry.lock);
    struct entry *emptied = take_signals(set);
    gor__catch_set(set, how);
    gor_mutex_unlock(&registry.lock);
    while (emptied != NULL) {
        struct entry *entry = emptied;
        emptied = entry->next;
        free_entry(entry);
    }
    return 0;
}

int gor_signal_reset(const int *signals, size_t count)
{
    return set_for_all(signals, count, GOR__CATCH_FORMER);
}

int gor_signal_ignore(const int *signals, size_t count)
{
    return set_for_all(signals, count, GOR__CATCH_IGNORED);
}

bool gor_signal_ignored(int signal)
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
           action.sa_handler == SIG_IGN;
}

void gor__signals_stop(void)
{
    gor__catch_stop();
    while (registry.first != NULL) {
        struct entry *entry = registry.first;
        registry.first = entry->next;
        free_entry(entry);
    }
    /* Somebody who never runs again may hold the mutex. */
    memset(&registry, 0, sizeof registry);
}
