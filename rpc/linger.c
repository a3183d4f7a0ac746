/* SPDX-License-Identifier: MIT */
/* linger.c - see linger.h. */
#include "rpc/linger.h"

#include <errno.h>

enum {
    LINGER_BYTES = 4 << 20, /* a peer that sends more than this had its chance to read */
    LINGERERS_MAX = 64,
    READS_PER_EVENT = 4,
};

#define LINGER_NS 2000000000

static void end(struct rpc_connection *connection)
{
    struct rpc_hub *hub = connection->hub;
    rpc_timer_clear(&hub->timers, &connection->linger_timer);
    list_remove(&connection->marked_link);
    hub->lingerers--;
    rpc_connection_close(connection);
}

static void on_time(struct rpc_timer *timer)
{
    end(CONTAINER_OF(timer, struct rpc_connection, linger_timer));
}

/* The rest of what we had to say, then that it was all. False: it cannot be said. */
static bool say_the_rest(struct rpc_connection *connection)
{
    int result = rpc_connection_send_unsent(connection);
    if (result == 1 && !connection->half_ended) {
        connection->half_ended = true;
        rpc_transport_end(&connection->transport);
    }
    rpc_transport_want(&connection->transport, true, result == 0);
    return result >= 0;
}

/* False: the peer has closed, or will not. */
static bool drop_what_comes(struct rpc_connection *connection)
{
    for (int i = 0; i < READS_PER_EVENT; i++) {
        ssize_t got = rpc_transport_read(&connection->transport, connection->hub->in, RPC_IN_BYTES);
        if (got == -EAGAIN) {
            return true;
        }
        if (got <= 0 || (size_t)got > connection->linger_left) {
            return false;
        }
        connection->linger_left -= (size_t)got;
    }
    return true;
}

static void on_event(struct rpc_transport *transport, bool readable, bool writable)
{
    struct rpc_connection *connection = CONTAINER_OF(transport, struct rpc_connection, transport);
    (void)writable; /* it is tried anyway */
    if ((readable && !drop_what_comes(connection)) || !say_the_rest(connection)) {
        end(connection);
    }
}

void rpc_linger_begin(struct rpc_connection *connection)
{
    struct rpc_hub *hub = connection->hub;
    if (hub->lingerers == LINGERERS_MAX) {
        end(CONTAINER_OF(hub->lingering.next, struct rpc_connection, marked_link));
    }
    list_append(&hub->lingering, &connection->marked_link);
    hub->lingerers++;
    connection->linger_left = LINGER_BYTES;
    connection->linger_timer.fire = on_time;
    connection->transport.on_event = on_event;
    if (rpc_timer_set(&hub->timers, &connection->linger_timer, rpc_after(LINGER_NS)) != 0 ||
        !say_the_rest(connection)) {
        end(connection);
    }
}

void rpc_linger_end_all(struct rpc_hub *hub)
{
    while (!list_is_empty(&hub->lingering)) {
        end(CONTAINER_OF(hub->lingering.next, struct rpc_connection, marked_link));
    }
}
