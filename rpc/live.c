/* SPDX-License-Identifier: MIT */
/* live.c - how long a connection may live: signs of life, idleness, age.
 *
 * A client on TCP may be gone without a word, with its machine or its network; so it is asked, when it
 * has been silent. A Unix socket needs no asking: the kernel tells.
 */
#include <string.h>
#include <sys/random.h>

#include "rpc/internal.h"

/* Give or take a tenth, so that clients that came together do not all come again together. */
static int64_t jitter(int64_t age_ns)
{
    uint16_t random = 0;
    if (age_ns == INT64_MAX) {
        return age_ns;
    }
    (void)getrandom(&random, sizeof random, GRND_NONBLOCK);
    return age_ns - age_ns / 10 + (int64_t)((double)age_ns / 5 * random / UINT16_MAX);
}

void rpc_live_begin(struct rpc_session *session)
{
    int64_t now = rpc_now();
    session->opened_ns = now;
    session->heard_ns = now;
    session->busy_ns = now;
    session->age_left_ns = jitter(session->server->opts.max_age_ns);
}

/* Silent too long: ask; asked and silent: gone. */
static bool is_alive(struct rpc_session *session, int64_t now)
{
    const struct rpc_server_opts *opts = &session->server->opts;
    if (session->seen != session->frames_heard) {
        session->frames_heard = session->seen;
        session->heard_ns = now;
        session->asked_ns = 0;
        return true;
    }
    if (session->asked_ns != 0) {
        return now - session->asked_ns <= opts->keepalive_wait_ns;
    }
    if (!session->peer.local && session->greeted && now - session->heard_ns > opts->keepalive_ns) {
        static const uint8_t question[8] = "alive?";
        session->asked_ns = now;
        (void)nghttp2_submit_ping(session->connection.session, NGHTTP2_FLAG_NONE, question);
        rpc_connection_mark(&session->connection);
    }
    return true;
}

static void say_farewell(struct rpc_session *session, int64_t now, const char *why)
{
    session->farewell = why;
    session->leave_ns = now;
    rpc_session_drain(session);
}

bool rpc_live_sweep(struct rpc_session *session, int64_t now)
{
    const struct rpc_server_opts *opts = &session->server->opts;
    if (!is_alive(session, now)) {
        rpc_session_cut(session, RPC_CUT_KEEPALIVE);
        return false;
    }
    if (session->call_count > 0) {
        session->busy_ns = now;
    }
    if (session->leave_ns != 0) {
        if (now - session->leave_ns > opts->max_grace_ns) {
            rpc_session_cut(session, RPC_CUT_AGE);
            return false;
        }
    } else if (now - session->opened_ns > session->age_left_ns) {
        say_farewell(session, now, "max_age");
    } else if (now - session->busy_ns > opts->max_idle_ns) {
        say_farewell(session, now, "max_idle");
    }
    return true;
}
