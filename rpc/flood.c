/* SPDX-License-Identifier: MIT */
/* flood.c - frames that cost us and bring nothing: a budget for each connection.
 *
 * Every frame costs one, a stream that we must reset more. Credit comes back with time, with bytes
 * that move, and with calls and messages that reach a handler. An honest client never notices: it would have to
 * send thousands of frames without a call among them. Resets by the client have an account of their
 * own, since each of their calls may have reached a handler. nghttp2 itself bounds unanswered SETTINGS
 * and PING, and CONTINUATION.
 */
#include "rpc/internal.h"

enum {
    CREDIT_MAX = 4000,
    CREDIT_PER_SECOND = 400,
    CREDIT_PER_CALL = 20,
    CREDIT_PER_MESSAGE = 4, /* of a client's stream: its frame, and those its answer brings */
    CREDIT_UNIT_BYTES = 1024,
    COST_OF_RESET = 10,       /* a stream that broke a rule */
    COST_OF_REFUSAL = 2,      /* one too many: a client may not have seen our SETTINGS yet */
    COST_OF_RECORD = 10,      /* of TLS, without data: new keys are reckoned out for it */
    HEADERS_PER_CREDIT = 256, /* bytes of a header list that is over its limit */
    RESETS_MAX = 1000,        /* calls that the client may cancel at once, and per second */
    RESETS_PER_SECOND = 100,
    EMPTY_DATA_MAX = 100, /* of one stream */
    PING_STRIKES_MAX = 2,
};

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

static void charge(struct rpc_session *session, int64_t cost)
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
    session->seen++;
    charge(session, is_free(session, header) ? 0 : 1);
    if (is_empty_data_flood(session, header)) {
        rpc_session_cut(session, RPC_CUT_EMPTY_DATA);
        return false;
    }
    if (session->credit < 0) {
        rpc_session_cut(session, RPC_CUT_FRAMES);
        return false;
    }
    return true;
}

/* nghttp2 tells nothing of frames that it ignores, those of unknown types and DATA of closed streams:
 * count all that come, and charge for the difference. */
void rpc_flood_read(struct rpc_session *session, const uint8_t *data, size_t size)
{
    if (session->frames > session->seen) {
        charge(session, (int64_t)(session->frames - session->seen));
        session->frames = session->seen;
    }
    while (size > 0) {
        size_t step = 1;
        if (session->frame_left > 0) {
            step = session->frame_left < size ? session->frame_left : size;
            session->frame_left -= step;
        } else {
            uint8_t *head = session->frame_head;
            head[session->frame_head_size++] = *data;
            if (session->frame_head_size == sizeof session->frame_head) {
                session->frame_left = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
                session->frame_head_size = 0;
                session->frames++;
            }
        }
        data += step;
        size -= step;
    }
    if (session->credit < 0) {
        rpc_session_cut(session, RPC_CUT_FRAMES);
    }
}

bool rpc_flood_ping(struct rpc_session *session)
{
    int64_t now = rpc_now();
    bool early = session->last_ping_ns != 0 &&
                 now - session->last_ping_ns < session->server->opts.ping_min_ns;
    session->last_ping_ns = now;
    if (early && ++session->ping_strikes > PING_STRIKES_MAX) {
        rpc_session_cut(session, RPC_CUT_PINGS);
        return false;
    }
    return true;
}

/* The client has reset a stream. */
bool rpc_flood_reset(struct rpc_session *session)
{
    if (--session->resets_left >= 0) {
        return true;
    }
    int64_t now = rpc_now();
    int64_t earned = (now - session->resets_ns) / (1000000000 / RESETS_PER_SECOND);
    if (session->resets_ns == 0 || earned > RESETS_MAX) {
        earned = RESETS_MAX;
    }
    session->resets_left += earned;
    session->resets_ns = now;
    if (session->resets_left < 0) {
        rpc_session_cut(session, RPC_CUT_RESETS);
        return false;
    }
    return true;
}

/* A field of a header list that is over its limit already. nghttp2 must decode the block to its end,
 * or its table would no longer be the client's; a few bytes may stand for megabytes there. */
bool rpc_flood_header(struct rpc_session *session, size_t size)
{
    charge(session, (int64_t)(size / HEADERS_PER_CREDIT) + 1);
    if (session->credit < 0) {
        rpc_session_cut(session, RPC_CUT_HEADERS);
        return false;
    }
    return true;
}

/* Records of TLS that brought nothing. An honest client changes its keys once in many gigabytes. */
void rpc_flood_records(struct rpc_session *session, unsigned count)
{
    charge(session, (int64_t)count * COST_OF_RECORD);
    if (session->credit < 0) {
        rpc_session_cut(session, RPC_CUT_RECORDS);
    }
}

/* The client made us reset a stream. It is cut off at its next frame if that was once too often. */
void rpc_flood_own_reset(struct rpc_session *session, uint32_t error)
{
    if (error != NGHTTP2_NO_ERROR) {
        charge(session, error == NGHTTP2_REFUSED_STREAM ? COST_OF_REFUSAL : COST_OF_RESET);
    }
}
