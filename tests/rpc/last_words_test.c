/* SPDX-License-Identifier: MIT */
/* A server that has ended a call and closed, while the client was about to send more: the client hears
 * how its call ended, not only that the connection is lost. The server is written by hand, for what it
 * says must be there before the client writes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gor/v1/jobs.pb-c.h"
#include "rpc/client.h"
#include "tests/test.h"

static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};

/* Trailers only, of stream 1: status 200, grpc-status 14, grpc-message "gone". */
static const uint8_t last_words[] =
    "\x00\x00\x43\x01\x05\x00\x00\x00\x01"
    "\x88"
    "\x00\x0c"
    "content-type"
    "\x10"
    "application/grpc"
    "\x00\x0b"
    "grpc-status"
    "\x02"
    "14"
    "\x00\x0c"
    "grpc-message"
    "\x04"
    "gone"
    /* and, as the client has not ended its side: RST_STREAM, NO_ERROR */
    "\x00\x00\x04\x03\x00\x00\x00\x00\x01"
    "\x00\x00\x00\x00";

struct ended {
    bool has;
    enum wire_status status;
    char text[64];
};

static void on_end(struct rpc_client_call *call, enum wire_status status, const char *text,
                   void *user)
{
    struct ended *ended = user;
    (void)call;
    ended->has = true;
    ended->status = status;
    snprintf(ended->text, sizeof ended->text, "%s", text);
}

static void on_ready(struct rpc_client *client, int error, void *user)
{
    (void)client;
    *(int *)user = error;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    CHECK(fd >= 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(listen(fd, 1), 0);
    return fd;
}

/* What the client has sent is taken, until `bytes` have come or more. */
static void take(uv_loop_t *loop, int fd, size_t bytes)
{
    uint8_t sink[4096];
    size_t taken = 0;
    while (taken < bytes) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
        ssize_t got = read(fd, sink, sizeof sink);
        CHECK(got > 0 || (got < 0 && errno == EAGAIN));
        taken += got > 0 ? (size_t)got : 0;
    }
}

TEST(how_a_call_ended_is_heard_though_the_next_message_finds_nobody)
{
    static const struct rpc_client_handlers handlers = {.on_end = on_end};
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    char path[] = "/tmp/gor-last-words-XXXXXX";
    char address[64];
    struct ended ended = {.has = false};
    struct rpc_client *client;
    struct rpc_client_call *call;
    uv_loop_t loop;
    int ready = 1;

    CHECK(mkdtemp(path) != NULL);
    snprintf(address, sizeof address, "%s/s", path);
    int listener = listen_at(address);
    struct rpc_client_opts opts = {.address = address, .on_ready = on_ready, .user = &ready};
    CHECK_EQ(uv_loop_init(&loop), 0);
    CHECK_EQ(rpc_client_open(&loop, &opts, &client), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, settings, sizeof settings), sizeof settings);
    while (ready == 1) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    CHECK_EQ(ready, 0);
    take(&loop, fd, 24 + sizeof settings);
    struct rpc_client_call_opts of_call = {
        .path = "/a.B/C", .keep_open = true, .handlers = &handlers, .user = &ended};
    CHECK_EQ(rpc_client_call(client, &of_call, &call), 0);
    take(&loop, fd, sizeof settings + 20); /* its answer to our settings, and headers */
    CHECK_EQ(write(fd, last_words, sizeof last_words - 1), sizeof last_words - 1);
    close(fd);
    CHECK_EQ(rpc_client_send(call, &request.base), 0);
    while (!ended.has) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    CHECK_EQ(ended.status, WIRE_UNAVAILABLE);
    CHECK_STR(ended.text, "gone");
    rpc_client_close(client);
    CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    CHECK_EQ(uv_loop_close(&loop), 0);
    close(listener);
    unlink(address);
    rmdir(path);
}
