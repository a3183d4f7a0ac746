/* SPDX-License-Identifier: MIT */
/* crowd.c - who goes when every connection is taken: otherwise those who only hold one, and need no
 * token for that, would keep out everybody else.
 *
 * The connection that has been there longest without a handler at work for it makes room, first among
 * those that never had one. An honest client that was merely idle connects again at its next call.
 */
#include <errno.h>

#include "rpc/internal.h"

static bool is_idle(const struct rpc_session *session)
{
    for (const struct rpc_link *link = session->calls.next; link != &session->calls;
         link = link->next) {
        if (RPC_OF(link, struct rpc_call, link)->begun) {
            return false;
        }
    }
    return true;
}

static struct rpc_session *longest_idle(struct rpc_server *server)
{
    struct rpc_session *served = NULL;
    for (struct rpc_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        struct rpc_session *session = RPC_OF(link, struct rpc_session, link);
        if (!is_idle(session)) {
            continue;
        }
        if (!session->served) {
            return session;
        }
        if (served == NULL) {
            served = session;
        }
    }
    return served;
}

bool rpc_crowd_make_room(struct rpc_server *server)
{
    if (server->stats.connections < server->opts.max_connections) {
        return true;
    }
    struct rpc_session *session = longest_idle(server);
    if (session == NULL) {
        return false;
    }
    rpc_connection_tear_down(&session->connection, -ECONNABORTED);
    return true;
}
