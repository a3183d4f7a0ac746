/* SPDX-License-Identifier: MIT */
/* cut.c - whom the server cuts off, for what, and what it says then. */
#include <errno.h>
#include <string.h>

#include "rpc/internal.h"

/* What a peer did that ended its connection or its call: the name for metrics, the words and the code
 * of the GOAWAY. */
static const struct {
    const char *name;
    const char *words; /* the debug data of GOAWAY */
    uint32_t code;
} causes[] = {
    [RPC_CUT_FRAMES] = {"frames", "too many frames without work", NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_EMPTY_DATA] = {"empty_data", "too many empty DATA frames", NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_PINGS] = {"pings", "too_many_pings", NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_RESETS] = {"resets", "too many resets", NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_ACKS] = {"acks", "too many unread replies to SETTINGS and PING",
                      NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_CONTINUATION] = {"continuation", "too many CONTINUATION frames",
                              NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_RECORDS] = {"records", "too many TLS records without data", NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_HEADERS] = {"headers", "too many bytes of headers", NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_HANDSHAKE] = {"handshake", "the connection was not begun in time",
                           NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_SLOW_HEADERS] = {"slow_headers", "a header block was not ended in time",
                              NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_SOCKET_STALL] = {"socket_stall", "the replies are not read",
                              NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_CALL_STALL] = {"call_stall", "", NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_TLS] = {"tls", "", NGHTTP2_PROTOCOL_ERROR},
    [RPC_CUT_PROTOCOL] = {"protocol", "", NGHTTP2_PROTOCOL_ERROR},
    [RPC_CUT_CROWD] = {"crowd", "idle, and there is no room for another", NGHTTP2_NO_ERROR},
    [RPC_CUT_FULL] = {"full", "too many connections", NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_USER_CROWD] = {"user_crowd", "idle, and this user has too many connections",
                            NGHTTP2_NO_ERROR},
    [RPC_CUT_USER_FULL] = {"user_full", "this user has too many connections",
                           NGHTTP2_ENHANCE_YOUR_CALM},
    [RPC_CUT_USER_CALLS] = {"user_calls", "", NGHTTP2_NO_ERROR},
    [RPC_CUT_KEEPALIVE] = {"keepalive", "no answer to PING", NGHTTP2_NO_ERROR},
    [RPC_CUT_AGE] = {"age", "max_age", NGHTTP2_NO_ERROR},
};

_Static_assert(sizeof causes / sizeof causes[0] == RPC_CUTS, "every cause has its words");

const char *rpc_cut_name(enum rpc_cut cause)
{
    return causes[cause].name;
}

void rpc_session_cut(struct rpc_session *session, enum rpc_cut cause)
{
    nghttp2_session *h2 = session->connection.session;
    if (session->connection.closing) {
        return;
    }
    session->server->stats.cut[cause]++;
    (void)nghttp2_submit_goaway(h2, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h2),
                                causes[cause].code, (const uint8_t *)causes[cause].words,
                                strlen(causes[cause].words));
    rpc_connection_end(&session->connection, -EPROTO);
}

/* nghttp2 has given up on what a peer sent, by itself; for the floods it finds it says nothing to the
 * peer. */
void rpc_session_broken(struct rpc_session *session, int error)
{
    if (error == NGHTTP2_ERR_FLOODED) {
        rpc_session_cut(session, RPC_CUT_ACKS);
    } else if (error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) {
        rpc_session_cut(session, RPC_CUT_CONTINUATION);
    } else if (error != NGHTTP2_ERR_NOMEM && !session->connection.closing) {
        session->server->stats.cut[RPC_CUT_PROTOCOL]++;
    }
}
