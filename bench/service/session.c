/* SPDX-License-Identifier: MIT */
#include "bench/service/session.h"

#include <gor/v1/runtime.pb-c.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const int64_t call_timeout_ns = INT64_C(60000000000);

enum { POLL_MS = 5 };

void session_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("gor-bench-service: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

int64_t session_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void session_open(struct session *s, const char *address)
{
    int err = uv_loop_init(&s->loop);

    if (err != 0) {
        session_fail("no event loop: %s", uv_strerror(err));
    }
    err = rpc_client_open(&s->loop, &(struct rpc_client_opts){.address = address}, &s->client);
    if (err != 0) {
        session_fail("'%s' is no address: %s", address, uv_strerror(err));
    }
    if (rpc_client_wait_ready(s->client) != 0) {
        session_fail("%s", rpc_client_error_text(s->client));
    }
}

void session_close(struct session *s)
{
    rpc_client_close(s->client);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
}

void session_ask(struct session *s, const char *path, const ProtobufCMessage *request,
                 const ProtobufCMessageDescriptor *reply, struct rpc_result *result)
{
    if (rpc_client_unary(s->client, path, request, reply, call_timeout_ns, result) != WIRE_OK) {
        session_fail("%s: %s: %s", path, wire_status_name(result->status), result->text);
    }
}

void session_call(struct session *s, const char *path, const ProtobufCMessage *request,
                  const ProtobufCMessageDescriptor *reply)
{
    struct rpc_result result = {0};

    session_ask(s, path, request, reply, &result);
    rpc_result_fini(&result);
}

uint64_t session_terminated(struct session *s)
{
    Gor__V1__StatsRequest request = GOR__V1__STATS_REQUEST__INIT;
    struct rpc_result result = {0};

    session_ask(s, "/gor.v1.Runtime/Stats", &request.base, &gor__v1__stats_reply__descriptor,
                &result);
    uint64_t terminated = ((Gor__V1__StatsReply *)result.reply)->jobs_terminated;
    rpc_result_fini(&result);
    return terminated;
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

void session_wait_terminated(struct session *s, uint64_t count)
{
    uv_timer_t pause;

    uv_timer_init(&s->loop, &pause);
    while (session_terminated(s) < count) {
        uv_timer_start(&pause, stop_loop, POLL_MS, 0);
        uv_run(&s->loop, UV_RUN_DEFAULT);
    }
    uv_close((uv_handle_t *)&pause, NULL);
    uv_run(&s->loop, UV_RUN_NOWAIT);
}

/* A burst on its way. */
struct burst {
    struct session *session;
    const char *path;
    const ProtobufCMessage *request;
    int64_t count;
    int64_t begun;
    int64_t done;
    int64_t *begun_ns; /* of call i; becomes its duration once it is done */
};

/* One call of a burst, freed when it ends. */
struct burst_call {
    struct burst *burst;
    int64_t index;
};

static void begin_call(struct burst *b);

static void end_call(struct rpc_client_call *handle, enum wire_status status, const char *text,
                     void *user)
{
    struct burst_call *c = user;
    struct burst *b = c->burst;

    (void)handle;
    if (status != WIRE_OK) {
        session_fail("%s: %s: %s", b->path, wire_status_name(status), text);
    }
    b->begun_ns[c->index] = session_now_ns() - b->begun_ns[c->index];
    free(c);
    b->done++;
    if (b->begun < b->count) {
        begin_call(b);
    } else if (b->done == b->count) {
        uv_stop(&b->session->loop);
    }
}

static const struct rpc_client_handlers burst_handlers = {.on_end = end_call};

static void begin_call(struct burst *b)
{
    struct burst_call *c = malloc(sizeof *c);

    if (c == NULL) {
        session_fail("out of memory");
    }
    *c = (struct burst_call){.burst = b, .index = b->begun++};
    b->begun_ns[c->index] = session_now_ns();
    const struct rpc_client_call_opts opts = {.path = b->path,
                                              .request = b->request,
                                              .timeout_ns = call_timeout_ns,
                                              .handlers = &burst_handlers,
                                              .user = c};
    int err = rpc_client_call(b->session->client, &opts, NULL);
    if (err != 0) {
        session_fail("%s: cannot begin a call: %s", b->path, uv_strerror(err));
    }
}

static int compare_ns(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

struct burst_times session_burst(struct session *s, const char *path,
                                 const ProtobufCMessage *request, int64_t count, int64_t depth)
{
    struct burst b = {.session = s, .path = path, .request = request, .count = count};
    int64_t started = session_now_ns();

    b.begun_ns = calloc((size_t)count, sizeof *b.begun_ns);
    if (b.begun_ns == NULL) {
        session_fail("out of memory");
    }
    while (b.begun < count && b.begun < depth) {
        begin_call(&b);
    }
    while (b.done < count) {
        uv_run(&s->loop, UV_RUN_DEFAULT);
    }
    struct burst_times times = {.ns = session_now_ns() - started};
    qsort(b.begun_ns, (size_t)count, sizeof *b.begun_ns, compare_ns);
    times.p50_ns = b.begun_ns[count / 2];
    times.p99_ns = b.begun_ns[count - 1 - count / 100];
    free(b.begun_ns);
    return times;
}
