/* SPDX-License-Identifier: MIT */
/* crowd.c - who goes when every connection is taken, or all that one user may have: otherwise those who
 * only hold one, and need no token for that, would keep out everybody else.
 *
 * The connection that has been there longest without a handler at work for it makes room, first among
 * those that never had one. An honest client that was merely idle connects again at its next call.
 */
#include "rpc/internal.h"

static bool is_idle(const struct rpc_session *session)
{
    for (const struct list_link *link = session->calls.next; link != &session->calls;
         link = link->next) {
        if (CONTAINER_OF(link, struct rpc_call, link)->begun) {
            return false;
        }
    }
    return !session->connection.closing;
}

/* Of this user, or with NULL of all. */
static struct rpc_session *longest_idle(struct rpc_server *server, const struct rpc_share *share)
{
    struct rpc_session *served = NULL;
    for (struct list_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        struct rpc_session *session = CONTAINER_OF(link, struct rpc_session, link);
        if ((share != NULL && session->share != share) || !is_idle(session)) {
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

/* False: nobody can go. */
static bool let_one_go(struct rpc_server *server, const struct rpc_share *share, enum rpc_cut cause)
{
    struct rpc_session *session = longest_idle(server, share);
    if (session == NULL) {
        return false;
    }
    rpc_session_cut(session, cause);
    rpc_connection_flush(&session->connection); /* its place is free when this returns */
    return true;
}

bool rpc_crowd_has_room(struct rpc_server *server, const struct rpc_share *share,
                        enum rpc_cut *out_cause)
{
    const struct rpc_server_opts *opts = &server->opts;
    *out_cause = RPC_CUT_USER_FULL;
    if (share->connections >= opts->max_user_connections &&
        !let_one_go(server, share, RPC_CUT_USER_CROWD)) {
        return false;
    }
    *out_cause = RPC_CUT_FULL;
    return server->stats.connections < opts->max_connections ||
           let_one_go(server, NULL, RPC_CUT_CROWD);
}
