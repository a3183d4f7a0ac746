/* SPDX-License-Identifier: MIT */
/* hub.c - see hub.h. */
#include "rpc/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/connection.h"

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* being active is its purpose */
}

/* Other prepare handles of the loop may run after ours and mark what we would only see at the next
 * turn: with the idle handle active the loop does not wait before that. */
void rpc_hub_wake(struct rpc_hub *hub)
{
    uv_idle_start(&hub->idle, on_idle);
}

void rpc_hub_return(struct rpc_hub *hub)
{
    hub->told = true;
    rpc_hub_wake(hub);
}

/* What is marked meanwhile waits for the next turn, so that no two connections can keep the loop from
 * its sockets. */
static void flush_marked(struct rpc_hub *hub)
{
    struct list_link marked;
    struct list_link *link;
    if (hub->before_flush != NULL) {
        hub->before_flush(hub->before_arg);
    }
    list_move(&hub->marked, &marked);
    while ((link = list_pop(&marked)) != NULL) {
        rpc_connection_flush(CONTAINER_OF(link, struct rpc_connection, marked_link));
    }
}

/* One after the other, so that each has its go whatever others have sent. Half of what may be unfolded in
 * a turn is left to those that have not had to wait. */
static void give_turns(struct rpc_hub *hub)
{
    struct list_link *link;
    hub->unfolded = 0;
    while (hub->unfolded < RPC_TURN_BYTES && (link = list_pop(&hub->turns)) != NULL) {
        rpc_connection_take_turn(CONTAINER_OF(link, struct rpc_connection, turn_link));
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct rpc_hub *hub = prepare->data;
    give_turns(hub);
    if (!list_is_empty(&hub->marked)) {
        flush_marked(hub);
    }
    bool told = hub->told;
    hub->told = false;
    if (told || !list_is_empty(&hub->marked) || !list_is_empty(&hub->turns)) {
        uv_idle_start(&hub->idle, on_idle);
    } else {
        uv_idle_stop(&hub->idle);
    }
}

int rpc_hub_init(struct rpc_hub *hub, uv_loop_t *loop)
{
    memset(hub, 0, sizeof *hub);
    hub->loop = loop;
    list_init(&hub->marked);
    list_init(&hub->turns);
    list_init(&hub->lingering);
    hub->in = malloc(RPC_IN_BYTES);
    hub->out = malloc(RPC_OUT_BYTES + RPC_OUT_SLACK);
    if (hub->in == NULL || hub->out == NULL) {
        free(hub->in);
        free(hub->out);
        return -ENOMEM;
    }
    /* None of the three can fail: they only link themselves into the loop. */
    uv_prepare_init(loop, &hub->prepare);
    uv_idle_init(loop, &hub->idle);
    (void)rpc_timers_init(&hub->timers, loop);
    hub->prepare.data = hub;
    hub->idle.data = hub;
    uv_prepare_start(&hub->prepare, on_prepare);
    /* Sockets and deadlines keep a loop alive, bookkeeping does not. */
    uv_unref((uv_handle_t *)&hub->prepare);
    hub->open_handles = 3;
    return 0;
}

static void handle_closed(struct rpc_hub *hub)
{
    if (--hub->open_handles > 0) {
        return;
    }
    rpc_timers_fini(&hub->timers);
    free(hub->in);
    free(hub->out);
    hub->on_closed(hub);
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct rpc_timers *timers = handle->data;
    handle_closed(CONTAINER_OF(timers, struct rpc_hub, timers));
}

void rpc_hub_close(struct rpc_hub *hub, void (*on_closed)(struct rpc_hub *hub))
{
    hub->on_closed = on_closed;
    uv_close((uv_handle_t *)&hub->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&hub->idle, on_handle_closed);
    uv_close((uv_handle_t *)&hub->timers.timer, on_timer_closed);
}
