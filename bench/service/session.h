/* SPDX-License-Identifier: MIT */
/* session.h - a connection to gord with its own loop, and bursts of calls on it.
 *
 * Errors      whatever goes wrong ends the program with a message: a benchmark of a daemon that
 *             refuses has nothing to say.
 * Threads     one.
 */
#ifndef GOR_BENCH_SERVICE_SESSION_H
#define GOR_BENCH_SERVICE_SESSION_H

#include <gor/v1/jobs.pb-c.h>
#include <stdint.h>

#include <uv.h>

#include "rpc/client.h"

struct session {
    uv_loop_t loop;
    struct rpc_client *client; /* owned */
};

void session_open(struct session *s, const char *address);
void session_close(struct session *s);

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t session_now_ns(void);

/* Make one call and wait; the reply is dropped. */
void session_call(struct session *s, const char *path, const ProtobufCMessage *request,
                  const ProtobufCMessageDescriptor *reply);

/* The same with the reply in *result, to be given to rpc_result_fini(). */
void session_ask(struct session *s, const char *path, const ProtobufCMessage *request,
                 const ProtobufCMessageDescriptor *reply, struct rpc_result *result);

/* Jobs that have terminated, as the daemon's statistics tell. */
uint64_t session_terminated(struct session *s);

/* Wait until that many jobs have terminated; asks every few milliseconds. */
void session_wait_terminated(struct session *s, uint64_t count);

/* What a burst of equal calls took. */
struct burst_times {
    int64_t ns;     /* from the first call to the last answer */
    int64_t p50_ns; /* of one call */
    int64_t p99_ns;
};

/* Make `count` equal calls, `depth` of them in flight. */
struct burst_times session_burst(struct session *s, const char *path,
                                 const ProtobufCMessage *request, int64_t count, int64_t depth);

/* Say what happened and exit with 1. */
void session_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
