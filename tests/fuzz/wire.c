/* SPDX-License-Identifier: MIT */
/* wire.c - see wire.h. */
#include "tests/fuzz/wire.h"

#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/internal.h"

const uint8_t fuzz_hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
const size_t fuzz_hello_size = sizeof fuzz_hello - 1;

enum { TURNS = 4 };

static uv_loop_t loop;
static struct rpc_server *server;

void fuzz_server_init(const struct rpc_method *methods, size_t count)
{
    if (server != NULL) {
        return;
    }
    int error = uv_loop_init(&loop);
    error |= rpc_server_new(&loop, NULL, &server);
    error |= rpc_server_add(server, methods, count, NULL);
    assert(error == 0);
    (void)error;
}

void fuzz_server_meets(bool local, const uint8_t *head, size_t head_size, const uint8_t *data,
                       size_t size)
{
    struct rpc_server_stats stats;
    int ends[2];
    int made = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
    assert(made == 0);
    (void)made;
    const struct rpc_listener listener = {.server = server, .local = local};
    rpc_session_accept(server, ends[0], &listener);
    (void)!send(ends[1], head, head_size, MSG_NOSIGNAL);
    if (size > 0) {
        (void)!send(ends[1], data, size, MSG_NOSIGNAL);
    }
    for (int i = 0; i < TURNS; i++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    close(ends[1]);
    do {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        rpc_server_stats_get(server, &stats);
    } while (stats.connections > 0 || server->hub.lingerers > 0);
    assert(stats.input_bytes == 0 && stats.calls_open == 0 && list_is_empty(&server->shares));
}
