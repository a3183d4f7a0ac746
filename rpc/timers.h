/* SPDX-License-Identifier: MIT */
/* timers.h - many deadlines on one uv_timer: a binary heap.
 *
 * A uv_timer_t per call would have to be closed before the call could be freed; these are plain
 * memory. Taking the earliest one out leaves the uv_timer armed: it wakes once for nothing.
 *
 * Threads     the loop's.
 * Ownership   a timer is its owner's memory, zeroed before first use; remove it before it goes.
 */
#ifndef GOR_RPC_TIMERS_H
#define GOR_RPC_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct rpc_timer {
    int64_t at_ns; /* on the clock of uv_hrtime() */
    size_t slot;   /* place in the heap plus 1; 0: not set */
    void (*fire)(struct rpc_timer *timer);
};

struct rpc_timers {
    uv_timer_t timer;
    struct rpc_timer **heap; /* owned array, borrowed timers */
    size_t count;
    size_t capacity;
    int64_t armed_ns; /* what the uv_timer waits for; INT64_MAX: it does not */
};

int rpc_timers_init(struct rpc_timers *timers, uv_loop_t *loop);

/* Call once the uv_timer is closed; closing it is the owner's. */
void rpc_timers_fini(struct rpc_timers *timers);

/* Fire once at at_ns or soon after, from the loop. Moves a timer that is set already. -ENOMEM only
 * when it was not. */
int rpc_timer_set(struct rpc_timers *timers, struct rpc_timer *timer, int64_t at_ns);

/* Fine when not set. */
void rpc_timer_clear(struct rpc_timers *timers, struct rpc_timer *timer);

int64_t rpc_now(void);

/* now + duration, without overflow. */
int64_t rpc_after(int64_t duration_ns);

#endif
