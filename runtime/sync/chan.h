/* SPDX-License-Identifier: MIT */
/* chan.h - typed queue between goroutines, buffered or not; what channel and select share.
 *
 * Invariants  at least one of senders, receivers is empty (but for a select that waits on both
 *             sides); count > 0 implies no receiver waits; room in the buffer implies no sender
 *             waits; once closed, nobody waits.
 * Threads     guarded by `lock`; `closed` and `count` may be read without it, as hints; `refs` is
 *             atomic.
 * Ownership   reference counted; the buffer lies behind the struct; values are copied.
 */
#ifndef GOR_SYNC_CHAN_H
#define GOR_SYNC_CHAN_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/lock.h"
#include "runtime/gor.h"
#include "runtime/sched/waitq.h"

struct gor_chan {
    struct gor__lock lock;
    uint32_t elem_bytes;
    size_t count;
    size_t capacity;
    size_t head; /* index of the oldest element */
    struct gor__waitq receivers;
    struct gor__waitq senders;
    bool closed;
    uint32_t refs;
    char buffer[] __attribute__((aligned(16)));
};

/* Most elements are a pointer or an integer. */
static inline void gor__elem_copy(const struct gor_chan *c, void *to, const void *from)
{
    if (GOR_LIKELY(c->elem_bytes == 8)) {
        memcpy(to, from, 8);
    } else if (c->elem_bytes != 0) {
        memcpy(to, from, c->elem_bytes);
    }
}

/* Hand an element to a receiver, who may have no use for it. */
static inline void gor__elem_give(const struct gor_chan *c, void *to, const void *from)
{
    if (to != NULL) {
        gor__elem_copy(c, to, from);
    }
}

static inline void gor__elem_clear(const struct gor_chan *c, void *to)
{
    if (to != NULL && c->elem_bytes != 0) {
        memset(to, 0, c->elem_bytes);
    }
}

/* Do it if it can be done at once; the lock is held, and stays so. -EAGAIN: it would park; else as
 * gor_chan_send and gor_chan_recv. *out_wake is set when there is somebody to wake after the
 * unlock. */
int gor__chan_send_locked(struct gor_chan *c, const void *elem, struct gor__waiter **out_wake);
int gor__chan_recv_locked(struct gor_chan *c, void *elem, struct gor__waiter **out_wake);

/* Go's message, where misuse panics. */
#define GOR__SEND_ON_CLOSED "send on closed channel"

/* As the public ones, for whoever is inside. */
int gor__chan_try_send(struct gor_chan *c, const void *elem);
int gor__chan_try_recv(struct gor_chan *c, void *elem);
int gor__chan_close(struct gor_chan *c);

/* Close, and set a word (release) that tells so: whoever sees it set finds the channel closed, and
 * whoever finds it closed sees it set. */
int gor__chan_close_and_set(struct gor_chan *c, int *word, int value);

#endif
