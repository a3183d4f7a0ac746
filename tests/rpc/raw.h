/* SPDX-License-Identifier: MIT */
/* raw.h - a client that sends whatever the test wants: HTTP/2 by hand, or bytes.
 *
 * It lives on the fixture's loop; raw_run() goes on until a condition holds.
 */
#ifndef GOR_TESTS_RPC_RAW_H
#define GOR_TESTS_RPC_RAW_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <nghttp2/nghttp2.h>

#include "tests/rpc/fixture.h"

enum { RAW_STREAMS = 64, RAW_NO_STATUS = -1 };

struct raw_stream {
    int http_status;
    int grpc_status; /* RAW_NO_STATUS: none came */
    char text[256];
    bool has_type; /* a content-type came */
    bool closed;
    uint32_t error; /* of the reset */
    size_t data_bytes;
};

struct raw {
    struct fixture *fixture;
    uv_poll_t poll;
    int fd;
    nghttp2_session *h2;                    /* NULL: bytes only */
    struct raw_stream streams[RAW_STREAMS]; /* by id / 2 */
    bool eof;
    bool goaway;
    uint32_t goaway_error;
    char goaway_text[64];
    bool keep_window; /* give no window back */
    uint8_t *out;     /* owned; what the socket has not taken */
    size_t out_size;
};

static inline struct raw_stream *raw_stream(struct raw *raw, int32_t id)
{
    CHECK_INT(id / 2, <, RAW_STREAMS);
    return &raw->streams[id / 2];
}

static inline int raw_on_header(nghttp2_session *h2, const nghttp2_frame *frame,
                                const uint8_t *name, size_t name_size, const uint8_t *value,
                                size_t value_size, uint8_t flags, void *user)
{
    struct raw_stream *stream = raw_stream(user, frame->hd.stream_id);
    (void)h2;
    (void)flags;
    (void)name_size;
    if (strcmp((const char *)name, ":status") == 0) {
        stream->http_status = atoi((const char *)value);
    } else if (strcmp((const char *)name, "grpc-status") == 0) {
        stream->grpc_status = atoi((const char *)value);
    } else if (strcmp((const char *)name, "grpc-message") == 0) {
        (void)snprintf(stream->text, sizeof stream->text, "%.*s", (int)value_size,
                       (const char *)value);
    } else if (strcmp((const char *)name, "content-type") == 0) {
        stream->has_type = strcmp((const char *)value, "application/grpc") == 0;
    }
    return 0;
}

static inline int raw_on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data,
                              size_t size, void *user)
{
    struct raw *raw = user;
    (void)flags;
    (void)data;
    raw_stream(raw, id)->data_bytes += size;
    return raw->keep_window ? 0 : nghttp2_session_consume(h2, id, size);
}

static inline int raw_on_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user)
{
    (void)h2;
    raw_stream(user, id)->closed = true;
    raw_stream(user, id)->error = error;
    return 0;
}

static inline int raw_on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct raw *raw = user;
    (void)h2;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        raw->goaway = true;
        raw->goaway_error = frame->goaway.error_code;
        (void)snprintf(
            raw->goaway_text, sizeof raw->goaway_text, "%.*s", (int)frame->goaway.opaque_data_len,
            frame->goaway.opaque_data_len > 0 ? (const char *)frame->goaway.opaque_data : "");
    }
    return 0;
}

static inline void raw_on_poll(uv_poll_t *poll, int status, int events);

/* Send what waits; go on when the socket takes more. */
static inline void raw_push(struct raw *raw)
{
    while (raw->out_size > 0) {
        ssize_t sent = send(raw->fd, raw->out, raw->out_size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            break;
        }
        if (sent < 0) {
            raw->out_size = 0; /* the server has closed: what it said is still to be read */
            break;
        }
        raw->out_size -= (size_t)sent;
        memmove(raw->out, raw->out + sent, raw->out_size);
    }
    if (!raw->eof) {
        int events = UV_READABLE | (raw->out_size > 0 ? UV_WRITABLE : 0);
        CHECK_EQ(uv_poll_start(&raw->poll, events, raw_on_poll), 0);
    }
}

static inline void raw_write(struct raw *raw, const void *data, size_t size)
{
    raw->out = realloc(raw->out, raw->out_size + size);
    CHECK(raw->out != NULL);
    memcpy(raw->out + raw->out_size, data, size);
    raw->out_size += size;
    raw_push(raw);
}

static inline void raw_flush(struct raw *raw)
{
    const uint8_t *data;
    ssize_t size;
    while (raw->h2 != NULL && (size = nghttp2_session_mem_send(raw->h2, &data)) > 0) {
        raw_write(raw, data, (size_t)size);
    }
}

static inline void raw_read(struct raw *raw)
{
    uint8_t bytes[16384];
    ssize_t got = recv(raw->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        raw->eof = true;
        uv_poll_stop(&raw->poll);
        return;
    }
    if (raw->h2 != NULL) {
        (void)nghttp2_session_mem_recv(raw->h2, bytes, (size_t)got);
        raw_flush(raw);
    }
}

static inline void raw_on_poll(uv_poll_t *poll, int status, int events)
{
    struct raw *raw = poll->data;
    if (status < 0 || (events & UV_READABLE) != 0) {
        raw_read(raw);
    }
    if (!raw->eof && (status < 0 || (events & UV_WRITABLE) != 0)) {
        raw_push(raw); /* also starts the poll again, which libuv stops on an error */
    }
}

static inline void raw_take(struct raw *raw, struct fixture *fixture, int fd)
{
    memset(raw, 0, sizeof *raw);
    raw->fixture = fixture;
    raw->fd = fd;
    CHECK_EQ(uv_poll_init(&fixture->loop, &raw->poll, raw->fd), 0);
    raw->poll.data = raw;
    CHECK_EQ(uv_poll_start(&raw->poll, UV_READABLE, raw_on_poll), 0);
    for (int i = 0; i < RAW_STREAMS; i++) {
        raw->streams[i].grpc_status = RAW_NO_STATUS;
    }
}

/* Without HTTP/2. */
static inline void raw_connect(struct raw *raw, struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, fixture->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_INT(fd, >=, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    raw_take(raw, fixture, fd);
}

/* The same on TCP, from an address of ours such as 127.0.0.2. */
static inline void raw_connect_tcp(struct raw *raw, struct fixture *fixture, uint16_t port,
                                   const char *from)
{
    struct sockaddr_in here = {.sin_family = AF_INET};
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
    CHECK_EQ(inet_pton(AF_INET, from, &here.sin_addr), 1);
    CHECK_EQ(inet_pton(AF_INET, "127.0.0.1", &there.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(fd, >=, 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&there, sizeof there), 0);
    CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    raw_take(raw, fixture, fd);
}

/* Begin HTTP/2, with a session that checks nothing of what it sends. */
static inline void raw_begin_h2(struct raw *raw)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    CHECK_EQ(nghttp2_session_callbacks_new(&callbacks), 0);
    CHECK_EQ(nghttp2_option_new(&option), 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, raw_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, raw_on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, raw_on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, raw_on_frame);
    CHECK_EQ(nghttp2_session_client_new2(&raw->h2, callbacks, raw, option), 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    CHECK_EQ(nghttp2_submit_settings(raw->h2, NGHTTP2_FLAG_NONE, NULL, 0), 0);
    raw_flush(raw);
}

static inline void raw_connect_h2(struct raw *raw, struct fixture *fixture)
{
    raw_connect(raw, fixture);
    raw_begin_h2(raw);
}

static inline void raw_close(struct raw *raw)
{
    uv_poll_stop(&raw->poll);
    close(raw->fd);
    nghttp2_session_del(raw->h2);
    raw->h2 = NULL;
    free(raw->out);
    uv_close((uv_handle_t *)&raw->poll, NULL);
    (void)uv_run(&raw->fixture->loop, UV_RUN_NOWAIT);
}

struct raw_body {
    const uint8_t *data;
    size_t size;
    size_t at;
    size_t step; /* bytes per DATA frame; 0: as many as fit */
};

static inline ssize_t raw_read_body(nghttp2_session *h2, int32_t id, uint8_t *out, size_t size,
                                    uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct raw_body *body = source->ptr;
    size_t left = body->size - body->at;
    size_t step = body->step > 0 && body->step < size ? body->step : size;
    size_t taken = left < step ? left : step;
    (void)h2;
    (void)id;
    (void)user;
    memcpy(out, body->data + body->at, taken);
    body->at += taken;
    if (body->at == body->size) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)taken;
}

/* The headers of a good request; a test changes what it wants. A NULL name ends the list. */
struct raw_field {
    const char *name;
    const char *value;
};

#define RAW_GOOD_HEADERS(path_value)                                                              \
    {":method", "POST"}, {":scheme", "http"}, {":path", path_value}, {":authority", "localhost"}, \
        {"content-type", "application/grpc"},                                                     \
    {                                                                                             \
        "te", "trailers"                                                                          \
    }

/* `read` makes the body from `source`; NULL: there is none. */
static inline int32_t raw_request_by(struct raw *raw, const struct raw_field *fields,
                                     nghttp2_data_source_read_callback read, void *source)
{
    nghttp2_nv list[64];
    size_t count = 0;
    for (; fields[count].name != NULL; count++) {
        list[count] = (nghttp2_nv){(uint8_t *)fields[count].name, (uint8_t *)fields[count].value,
                                   strlen(fields[count].name), strlen(fields[count].value),
                                   NGHTTP2_NV_FLAG_NONE};
    }
    nghttp2_data_provider provider = {.source.ptr = source, .read_callback = read};
    int32_t id =
        nghttp2_submit_request(raw->h2, NULL, list, count, read != NULL ? &provider : NULL, NULL);
    CHECK_INT(id, >, 0);
    raw_flush(raw);
    return id;
}

static inline int32_t raw_request(struct raw *raw, const struct raw_field *fields,
                                  struct raw_body *body)
{
    return raw_request_by(raw, fields, body != NULL ? raw_read_body : NULL, body);
}

/* A body of which only a part is sent for now. */
struct raw_part {
    struct raw_body body;
    size_t upto;
};

static inline ssize_t raw_read_part(nghttp2_session *h2, int32_t id, uint8_t *out, size_t size,
                                    uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct raw_part *part = source->ptr;
    nghttp2_data_source inner = {.ptr = &part->body};
    size_t left = part->upto - part->body.at;
    return left == 0 ? NGHTTP2_ERR_DEFERRED
                     : raw_read_body(h2, id, out, left < size ? left : size, flags, &inner, user);
}

#endif
