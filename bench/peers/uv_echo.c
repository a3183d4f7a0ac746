/* SPDX-License-Identifier: MIT */
/* gor-bench-uv - the echo server of W11 on a bare libuv loop: one thread, callbacks, what a C
 * programmer would write without goroutines. Serves until it is killed. */
#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

enum { ECHO_BUFFER = 4096 };

struct peer {
    uv_tcp_t tcp; /* first: libuv hands it back as uv_stream_t */
    uv_write_t write;
    char buf[ECHO_BUFFER];
};

static void free_peer(uv_handle_t *handle)
{
    free(handle);
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct peer *p = (struct peer *)handle;

    (void)suggested;
    *buf = uv_buf_init(p->buf, sizeof p->buf);
}

static void read_done(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf);

static void write_done(uv_write_t *write, int status)
{
    if (status == 0) {
        uv_read_start(write->handle, lend_buffer, read_done);
    }
}

/* A write that cannot be done at once keeps the buffer, so reading pauses until it is done. */
static void read_done(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct peer *p = (struct peer *)stream;

    if (got < 0) {
        uv_close((uv_handle_t *)stream, free_peer);
        return;
    }
    uv_buf_t out = uv_buf_init(buf->base, (unsigned)got);
    int written = uv_try_write(stream, &out, 1);
    if (written == got) {
        return;
    }
    if (written > 0) {
        out = uv_buf_init(buf->base + written, (unsigned)(got - written));
    }
    uv_read_stop(stream);
    uv_write(&p->write, stream, &out, 1, write_done);
}

static void accept_peer(uv_stream_t *server, int status)
{
    struct peer *p = status == 0 ? malloc(sizeof *p) : NULL;

    if (p == NULL) {
        return;
    }
    uv_tcp_init(server->loop, &p->tcp);
    if (uv_accept(server, (uv_stream_t *)&p->tcp) != 0) {
        uv_close((uv_handle_t *)&p->tcp, free_peer);
        return;
    }
    uv_tcp_nodelay(&p->tcp, 1);
    uv_read_start((uv_stream_t *)&p->tcp, lend_buffer, read_done);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t server;
    struct sockaddr_in addr;
    int addr_len = sizeof addr;

    uv_ip4_addr("127.0.0.1", 0, &addr);
    uv_tcp_init(loop, &server);
    int err = uv_tcp_bind(&server, (const struct sockaddr *)&addr, 0);
    if (err == 0) {
        err = uv_listen((uv_stream_t *)&server, 4096, accept_peer);
    }
    if (err == 0) {
        err = uv_tcp_getsockname(&server, (struct sockaddr *)&addr, &addr_len);
    }
    if (err != 0) {
        fprintf(stderr, "gor-bench-uv: cannot listen on 127.0.0.1: %s\n", uv_strerror(err));
        return 1;
    }
    printf("listening %d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
