/* SPDX-License-Identifier: MIT */
/* inbox.h - the way from any thread to the loop: records in, one wake-up, all of them out.
 *
 * Invariants  what one thread posts comes out in that thread's order; nothing is lost or doubled.
 * Threads     post: any thread, any goroutine, lock-free, never blocks. The rest: loop thread.
 * Ownership   an item belongs to the inbox from post until `take` is called with it; it is embedded
 *             in the record that travels, so posting allocates nothing.
 */
#ifndef GORD_BASE_INBOX_H
#define GORD_BASE_INBOX_H

#include <stdatomic.h>

#include <uv.h>

struct gord_inbox_item {
    struct gord_inbox_item *next; /* list link of the inbox it was posted to */
};

typedef void (*gord_inbox_take_fn)(void *arg, struct gord_inbox_item *item);

struct gord_inbox {
    _Atomic(struct gord_inbox_item *) newest; /* posted and not yet taken, newest first */
    uv_async_t wake;
    gord_inbox_take_fn take;
    void *arg;
};

/* Ready the inbox on `loop`: take(arg, item) will be called there once for each item posted.
 * 0 or libuv's negative errno. The memory must not move, and is in use until the loop has run once
 * more after gord_inbox_close. */
int gord_inbox_init(struct gord_inbox *inbox, uv_loop_t *loop, gord_inbox_take_fn take, void *arg);

/* Hand `item` over. Wakes the loop if the inbox was empty. [any thread] */
void gord_inbox_post(struct gord_inbox *inbox, struct gord_inbox_item *item);

/* Take what is there now, without waiting for the wake-up. */
void gord_inbox_drain(struct gord_inbox *inbox);

/* Drain a last time and give the loop handle back; nobody may post any more. */
void gord_inbox_close(struct gord_inbox *inbox);

#endif
