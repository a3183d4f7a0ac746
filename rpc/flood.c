/* SPDX-License-Identifier: MIT */
/* flood.c - frames that cost us and bring nothing: a budget for each connection.
 *
 * Every frame costs one, a stream that we must reset more. Credit comes back with time, with bytes
 * that move, and with calls and messages that reach a handler. An honest client never notices: it would have to
 * send thousands of frames without a call among them. nghttp2 itself bounds resets by the client,
 * unanswered SETTINGS and PING, and CONTINUATION.
 */
#include <errno.h>
#include <string.h>

#include "rpc/internal.h"

enum {
    CREDIT_MAX = 4000,
    CREDIT_PER_SECOND = 400,
    CREDIT_PER_CALL = 20,
    CREDIT_PER_MESSAGE = 4, /* of a client's stream: its frame, and those its answer brings */
    CREDIT_UNIT_BYTES = 1024,
    EMPTY_DATA_MAX = 100, /* of one stream */
    PING_STRIKES_MAX = 2,
};

void rpc_flood_end(struct rpc_session *session, const char *why)
{
    nghttp2_session *h2 = session->connection.session;
    (void)nghttp2_submit_goaway(h2, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h2),
                                NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)why, strlen(why));
    rpc_connection_end(&session->connection, -EPROTO);
}

static void add_credit(struct rpc_session *session, int64_t credit)
{
    session->credit += credit;
    if (session->credit > CREDIT_MAX) {
        session->credit = CREDIT_MAX;
    }
}

static void top_up(struct rpc_session *session)
{
    int64_t now = rpc_now();
    uint64_t sent = session->connection.sent_bytes;
    int64_t seconds_credit = (now - session->credit_ns) / (1000000000 / CREDIT_PER_SECOND);
    if (session->credit_ns == 0) {
        seconds_credit = CREDIT_MAX;
    }
    add_credit(session, seconds_credit < CREDIT_MAX ? seconds_credit : CREDIT_MAX);
    add_credit(session, (int64_t)((sent - session->credit_bytes) / CREDIT_UNIT_BYTES));
    session->credit_ns = now;
    session->credit_bytes = sent;
}

void rpc_flood_charge(struct rpc_session *session, int64_t cost)
{
    session->credit -= cost;
    if (session->credit < 0) {
        top_up(session);
    }
}

void rpc_flood_refund(struct rpc_session *session)
{
    session->served = true;
    add_credit(session, CREDIT_PER_CALL);
}

void rpc_flood_refund_message(struct rpc_session *session)
{
    add_credit(session, CREDIT_PER_MESSAGE);
}

/* Too many frames without a byte on this stream? */
static bool is_empty_data_flood(struct rpc_session *session, const nghttp2_frame_hd *header)
{
    if (header->type != NGHTTP2_DATA || header->length > 0 ||
        (header->flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        return false;
    }
    struct rpc_call *call =
        nghttp2_session_get_stream_user_data(session->connection.session, header->stream_id);
    return call != NULL && ++call->empty_data > EMPTY_DATA_MAX;
}

/* Bytes that bring work, or that lie still: what a held stream gets is bounded by its window, and is
 * no fault of the client's. */
static bool is_free(struct rpc_session *session, const nghttp2_frame_hd *header)
{
    if (header->type != NGHTTP2_DATA || header->length == 0) {
        return false;
    }
    const struct rpc_call *call =
        nghttp2_session_get_stream_user_data(session->connection.session, header->stream_id);
    return header->length >= CREDIT_UNIT_BYTES || (call != NULL && rpc_call_is_paused(call));
}

bool rpc_flood_frame(struct rpc_session *session, const nghttp2_frame_hd *header)
{
    rpc_flood_charge(session, is_free(session, header) ? 0 : 1);
    if (session->credit < 0 || is_empty_data_flood(session, header)) {
        rpc_flood_end(session, "too many frames without work");
        return false;
    }
    return true;
}

bool rpc_flood_ping(struct rpc_session *session)
{
    int64_t now = rpc_now();
    bool early = session->last_ping_ns != 0 &&
                 now - session->last_ping_ns < session->server->opts.ping_min_ns;
    session->last_ping_ns = now;
    if (early && ++session->ping_strikes > PING_STRIKES_MAX) {
        rpc_flood_end(session, "too_many_pings");
        return false;
    }
    return true;
}
