/* SPDX-License-Identifier: MIT */
/* Whoever runs the loop turn by turn until he is told something gets it back then, whatever else the
 * loop would wait for: else these tests end by their time limit. */
#include <errno.h>

#include "gor/v1/jobs.pb-c.h"
#include "rpc/client.h"
#include "tests/test.h"

enum { TURNS = 10 };

/* A loop that waits for what never comes, and a client of nobody. */
struct fixture {
    uv_loop_t loop;
    uv_async_t never;
    struct rpc_client *client;
    int ready;
};

static void on_never(uv_async_t *async)
{
    (void)async;
}

static void on_ready(struct rpc_client *client, int error, void *user)
{
    int *out = user;
    (void)client;
    *out = error;
}

static void init(struct fixture *fixture)
{
    struct rpc_client_opts opts = {
        .address = "/nonexistent/gord.sock", .on_ready = on_ready, .user = &fixture->ready};
    CHECK_EQ(uv_loop_init(&fixture->loop), 0);
    CHECK_EQ(uv_async_init(&fixture->loop, &fixture->never, on_never), 0);
    fixture->ready = 1;
    CHECK_EQ(rpc_client_open(&fixture->loop, &opts, &fixture->client), 0);
    CHECK_EQ(fixture->ready, 1); /* it is told by the loop only */
}

static void fini(struct fixture *fixture)
{
    rpc_client_close(fixture->client);
    uv_close((uv_handle_t *)&fixture->never, NULL);
    CHECK_EQ(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
    CHECK_EQ(uv_loop_close(&fixture->loop), 0);
}

TEST(turn_that_tells_of_a_connection_refused_at_once_ends)
{
    struct fixture fixture;
    init(&fixture);
    for (int turns = 0; fixture.ready == 1; turns++) {
        CHECK_INT(turns, <, TURNS);
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
    }
    CHECK_EQ(fixture.ready, -ENOENT);
    fini(&fixture);
}

TEST(turn_that_tells_of_a_call_which_fails_at_once_ends)
{
    struct fixture fixture;
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    struct rpc_result result;
    init(&fixture);
    CHECK_EQ(rpc_client_wait_ready(fixture.client), -ENOENT);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(rpc_client_unary(fixture.client, "/gor.v1.Jobs/Get", &request.base,
                                  &gor__v1__get_reply__descriptor, 0, &result),
                 WIRE_UNAVAILABLE);
        rpc_result_fini(&result);
    }
    fini(&fixture);
}

TEST(loop_waits_again_after_it)
{
    struct fixture fixture;
    init(&fixture);
    CHECK_EQ(rpc_client_wait_ready(fixture.client), -ENOENT);
    for (int turns = 0; uv_backend_timeout(&fixture.loop) == 0; turns++) {
        CHECK_INT(turns, <, TURNS);
        (void)uv_run(&fixture.loop, UV_RUN_NOWAIT);
    }
    CHECK_EQ(uv_backend_timeout(&fixture.loop), -1);
    fini(&fixture);
}
