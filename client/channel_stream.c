/* SPDX-License-Identifier: MIT */
/* channel_stream.c - the stream that a command is about, and the loop that it runs in. */
#include <errno.h>

#include "client/alloc.h"
#include "client/away.h"
#include "client/channel_inside.h"
#include "client/exits.h"
#include "client/reader.h"
#include "proto/decode.h"

static void stream_message(struct rpc_client_call *call, const uint8_t *data, size_t size,
                           void *user)
{
    struct gorctl *ctl = user;
    struct gorctl_streaming *stream = ctl->channel->stream;
    (void)call;
    if (stream->stopped) {
        return;
    }
    ProtobufCMessage *message;
    const char *why;
    if (wire_decode(stream->what->reply, data, size, &message, &why) != WIRE_OK) {
        gorctl_stream_stop(ctl, gorctl_explain_garbage(ctl->channel, why));
        return;
    }
    if (!stream->on_message(message, stream->user)) {
        gorctl_stream_stop(ctl, GORCTL_EXIT_OK);
    }
    wire_decoded_free(message);
}

/* Is the call to be made again, since the daemon went? */
static bool is_to_go_on(const struct gorctl *ctl, const struct gorctl_streaming *stream,
                        enum wire_status status)
{
    return !stream->stopped && stream->what->again && gorctl_went_away(ctl->channel, status);
}

static void stream_ended(struct rpc_client_call *call, enum wire_status status, const char *text,
                         void *user)
{
    struct gorctl *ctl = user;
    struct gorctl_streaming *stream = ctl->channel->stream;
    (void)call;
    stream->call = NULL;
    stream->ended = true;
    stream->away = is_to_go_on(ctl, stream, status);
    if (stream->away) {
        uv_stop(&ctl->channel->loop); /* go_on() */
        return;
    }
    if (!stream->stopped) {
        stream->code =
            status == WIRE_OK ? GORCTL_EXIT_OK : gorctl_explain_status(ctl->channel, status, text);
    }
    if (!stream->held) {
        gorctl_stream_stop(ctl, stream->code);
    }
}

static void begin(struct gorctl *ctl, struct gorctl_streaming *stream, int64_t timeout_ns)
{
    static const struct rpc_client_handlers handlers = {.on_message = stream_message,
                                                        .on_end = stream_ended};
    struct rpc_client_call_opts opts = {.path = stream->what->path,
                                        .request = stream->what->request,
                                        .keep_open = stream->what->keep_open,
                                        .timeout_ns = timeout_ns,
                                        .handlers = &handlers,
                                        .user = ctl};
    stream->ended = stream->away = false;
    if (rpc_client_call(ctl->channel->client, &opts, &stream->call) != 0) {
        gorctl_out_of_memory();
    }
}

/* The daemon went away: where it is back, go on. What is still to be written comes first. */
static void go_on(struct gorctl *ctl, struct gorctl_streaming *stream, int64_t until_ns)
{
    int code = gorctl_come_back(ctl, until_ns);
    if (stream->stopped) {
        return;
    }
    if (code == GORCTL_EXIT_OK) {
        begin(ctl, stream, gorctl_time_left(until_ns));
        if (stream->what->on_again != NULL) {
            stream->what->on_again(stream->user);
        }
    } else {
        gorctl_stream_stop(ctl, code);
    }
}

int gorctl_stream(struct gorctl *ctl, const struct gorctl_call *call, gorctl_on_message *on_message,
                  void *user)
{
    int code = gorctl_connect(ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    int64_t until_ns = gorctl_until(call->timeout_ns);
    struct gorctl_streaming stream = {.what = call, .on_message = on_message, .user = user};
    ctl->channel->stream = &stream;
    begin(ctl, &stream, call->timeout_ns);
    struct gorctl_reader *reader =
        gorctl_reader_start(&ctl->channel->loop, call->on_reader_gone, user);
    while (!stream.stopped) {
        uv_run(&ctl->channel->loop, UV_RUN_DEFAULT);
        if (stream.away && !stream.held && !stream.stopped) {
            go_on(ctl, &stream, until_ns);
        }
    }
    gorctl_reader_stop(reader);
    if (stream.call != NULL) {
        rpc_client_cancel(stream.call);
    }
    ctl->channel->stream = NULL;
    return stream.code;
}

/* The call itself is cancelled in gorctl_stream(): we may be inside one of its callbacks now. */
void gorctl_stream_stop(struct gorctl *ctl, int code)
{
    struct gorctl_streaming *stream = ctl->channel->stream;
    if (stream != NULL && !stream->stopped) {
        stream->stopped = true;
        stream->code = code;
        uv_stop(&ctl->channel->loop);
    }
}

void gorctl_stream_pause(struct gorctl *ctl)
{
    struct gorctl_streaming *stream = ctl->channel->stream;
    if (stream != NULL && !stream->held) {
        stream->held = true;
        if (stream->call != NULL) {
            rpc_client_pause(stream->call);
        }
    }
}

void gorctl_stream_resume(struct gorctl *ctl)
{
    struct gorctl_streaming *stream = ctl->channel->stream;
    if (stream == NULL || !stream->held) {
        return;
    }
    stream->held = false;
    if (stream->call != NULL) {
        rpc_client_resume(stream->call);
    } else if (stream->away) {
        uv_stop(&ctl->channel->loop); /* go_on() */
    } else if (stream->ended) {
        gorctl_stream_stop(ctl, stream->code);
    }
}

void gorctl_stream_send(struct gorctl *ctl, const ProtobufCMessage *message)
{
    struct gorctl_streaming *stream = ctl->channel->stream;
    if (stream == NULL || stream->call == NULL) {
        return;
    }
    if (rpc_client_send(stream->call, message) == -ENOMEM) {
        gorctl_out_of_memory();
    }
}

void gorctl_stream_half_close(struct gorctl *ctl)
{
    struct gorctl_streaming *stream = ctl->channel->stream;
    if (stream != NULL && stream->call != NULL) {
        rpc_client_half_close(stream->call);
    }
}
