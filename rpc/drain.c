/* SPDX-License-Identifier: MIT */
/* drain.c - the gentle end of a server.
 *
 * Each client gets a GOAWAY that refuses nothing yet, and a PING behind it (nghttp2 would send a PING
 * first that is submitted with it). What it began before it saw the
 * notice is on its way before its answer to the PING; so then, or after a while, a second GOAWAY
 * names the last call that is served. The session is finished when that call has ended.
 */
#include <string.h>

#include "rpc/health.h"
#include "rpc/internal.h"
#include "rpc/linger.h"

#define CONFIRM_NS 5000000000 /* for a client that does not answer the PING */
#define NOTICE_NS 10000000    /* for the notices to leave before the listeners close */

void rpc_session_drain(struct rpc_session *session)
{
    nghttp2_session *h2 = session->connection.session;
    if (session->drain_begun) {
        return;
    }
    session->drain_begun = true;
    session->connection.peer_leaves = false; /* nobody waits for it any more */
    if (nghttp2_submit_shutdown_notice(h2) != 0 ||
        rpc_timer_set(&session->server->hub.timers, &session->drain_timer, rpc_after(CONFIRM_NS)) !=
            0) {
        rpc_session_confirm_drain(session);
    }
    rpc_connection_mark(&session->connection);
}

void rpc_session_drain_told(struct rpc_session *session)
{
    if (session->drain_begun && !session->drain_confirmed) {
        (void)nghttp2_submit_ping(session->connection.session, NGHTTP2_FLAG_NONE, NULL);
        rpc_connection_mark(&session->connection);
    }
}

void rpc_session_confirm_drain(struct rpc_session *session)
{
    nghttp2_session *h2 = session->connection.session;
    if (!session->drain_begun || session->drain_confirmed) {
        return;
    }
    const char *why = session->farewell != NULL ? session->farewell : "";
    session->drain_confirmed = true;
    rpc_timer_clear(&session->server->hub.timers, &session->drain_timer);
    if (nghttp2_submit_goaway(h2, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h2),
                              NGHTTP2_NO_ERROR, (const uint8_t *)why, strlen(why)) != 0) {
        rpc_connection_end(&session->connection, 0);
    }
    rpc_connection_mark(&session->connection);
}

void rpc_drain_check(struct rpc_server *server)
{
    /* One handle is left: the hub, which stays until the server is freed. */
    if (server->draining && !server->freeing && server->handles == 1 && server->drained != NULL) {
        void (*drained)(struct rpc_server *, void *) = server->drained;
        server->drained = NULL;
        drained(server, server->drained_user);
    }
}

static void on_timeout(struct rpc_timer *timer)
{
    struct rpc_server *server = CONTAINER_OF(timer, struct rpc_server, drain_timer);
    while (!list_is_empty(&server->sessions)) {
        struct rpc_session *session = CONTAINER_OF(server->sessions.next, struct rpc_session, link);
        rpc_connection_tear_down(&session->connection, 0);
    }
    rpc_linger_end_all(&server->hub);
    rpc_drain_check(server);
}

/* The notices are out: whoever comes now may be refused. */
static void on_notices_sent(struct rpc_timer *timer)
{
    struct rpc_server *server = CONTAINER_OF(timer, struct rpc_server, drain_timer);
    rpc_listeners_close(server);
    timer->fire = on_timeout;
    if (rpc_timer_set(&server->hub.timers, timer, server->drain_until_ns) != 0) {
        on_timeout(timer);
        return;
    }
    rpc_drain_check(server);
}

void rpc_server_drain(struct rpc_server *server, int64_t timeout_ns,
                      void (*done)(struct rpc_server *server, void *user), void *user)
{
    if (server->draining) {
        return;
    }
    server->draining = true;
    server->drained = done;
    server->drained_user = user;
    server->drain_until_ns = rpc_after(timeout_ns);
    rpc_health_drain(server->health);
    for (struct list_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        rpc_session_drain(CONTAINER_OF(link, struct rpc_session, link));
    }
    server->drain_timer.fire = on_notices_sent;
    if (rpc_timer_set(&server->hub.timers, &server->drain_timer, rpc_after(NOTICE_NS)) != 0) {
        on_notices_sent(&server->drain_timer);
    }
}
