/* SPDX-License-Identifier: MIT */
/* hub.h - what all connections of one server or client share on their loop.
 *
 * Work for a connection only marks it; once per turn of the loop, right before it waits, the hub
 * flushes each marked one. So everything that a turn has produced leaves in one write, and nothing
 * is ever sent or torn down from inside a callback of nghttp2 or of a handler.
 *
 * Threads     the loop's.
 * Ownership   caller's memory from rpc_hub_init() until on_closed.
 */
#ifndef GOR_RPC_HUB_H
#define GOR_RPC_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/list.h"
#include "rpc/timers.h"

enum {
    RPC_IN_BYTES = 64 * 1024,
    RPC_OUT_BYTES = 64 * 1024,
    RPC_OUT_SLACK =
        20 * 1024, /* the largest frame, which may come when RPC_OUT_BYTES - 1 are full */
    RPC_TURN_BYTES = 4 << 20, /* out of gzip in a turn, by those who waited for it */
};

struct rpc_hub {
    uv_loop_t *loop;
    uv_prepare_t prepare;
    uv_idle_t idle; /* active while marks are left, or somebody was told: the loop must not wait */
    bool told;      /* since the last turn's flush, see rpc_hub_return() */
    struct rpc_timers timers;
    struct list_link marked;    /* of struct rpc_connection */
    struct list_link turns;     /* the same: they wait for one, the longest first */
    struct list_link lingering; /* the same, the oldest first; see linger.h */
    unsigned lingerers;
    size_t unfolded; /* bytes out of gzip in this turn, see rpc_connection_unfolded() */
    uint8_t *in;     /* owned; scratch of the read being handled */
    uint8_t *out;    /* owned; scratch of the flush being made */
    int open_handles;
    void (*on_closed)(struct rpc_hub *hub);
    void (*before_flush)(void *arg); /* of every turn that has something to flush; may be NULL */
    void *before_arg;
};

/* -ENOMEM. */
int rpc_hub_init(struct rpc_hub *hub, uv_loop_t *loop);

/* Something has been marked: do not wait before it has been flushed. */
void rpc_hub_wake(struct rpc_hub *hub);

/* Somebody was told of what he may wait for by single turns of the loop, from a timer or a flush, which come
 * before it waits in a turn: this one is not to wait. */
void rpc_hub_return(struct rpc_hub *hub);

/* on_closed comes from the loop; no connection may be left. */
void rpc_hub_close(struct rpc_hub *hub, void (*on_closed)(struct rpc_hub *hub));

#endif
