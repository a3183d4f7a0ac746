/* SPDX-License-Identifier: MIT */
/* revoke.c - the end of calls whose credential was taken back. */
#include "rpc/internal.h"

static void end_of_session(struct rpc_session *session, uint64_t credential,
                           enum wire_status status, const char *text)
{
    struct list_link *next;
    for (struct list_link *link = session->calls.next; link != &session->calls; link = next) {
        struct rpc_call *call = CONTAINER_OF(link, struct rpc_call, link);
        next = link->next;
        /* What has been answered is on its way, and bounded. */
        if (call->peer.credential == credential && !call->finishing) {
            rpc_call_cut_off(call, status, text);
        }
    }
}

void rpc_server_end_calls(struct rpc_server *server, uint64_t credential, enum wire_status status,
                          const char *text)
{
    struct list_link *next;
    for (struct list_link *link = server->sessions.next; link != &server->sessions; link = next) {
        next = link->next;
        end_of_session(CONTAINER_OF(link, struct rpc_session, link), credential, status, text);
    }
}
