/* SPDX-License-Identifier: MIT */
/* channel_aside.c - calls and streams beside whatever else goes on. */
#include <stdlib.h>

#include "client/alloc.h"
#include "client/channel_inside.h"
#include "proto/decode.h"

static void aside_ended(struct rpc_client_call *call, enum wire_status status, const char *text,
                        void *user)
{
    (void)call;
    if (status != WIRE_OK) {
        (void)gorctl_explain_status(user, status, text);
    }
}

void gorctl_call_aside(struct gorctl *ctl, const char *path, const ProtobufCMessage *request)
{
    static const struct rpc_client_handlers handlers = {.on_end = aside_ended};
    struct rpc_client_call_opts opts = {.path = path,
                                        .request = request,
                                        .timeout_ns = GORCTL_CALL_NS,
                                        .handlers = &handlers,
                                        .user = ctl->channel};
    if (rpc_client_call(ctl->channel->client, &opts, NULL) != 0) {
        gorctl_out_of_memory();
    }
}

struct gorctl_aside {
    struct rpc_client_call *call; /* borrowed; NULL once it has ended */
    struct gorctl *ctl;           /* borrowed */
    struct gorctl_call what;
    gorctl_on_message *on_message;
    void *user;
    struct gorctl_back back;
};

static void aside_message(struct rpc_client_call *call, const uint8_t *data, size_t size,
                          void *user)
{
    struct gorctl_aside *aside = user;
    ProtobufCMessage *message;
    const char *why;
    (void)call;
    if (wire_decode(aside->what.reply, data, size, &message, &why) == WIRE_OK) {
        (void)aside->on_message(message, aside->user);
        wire_decoded_free(message);
    }
}

static void aside_stream_ended(struct rpc_client_call *call, enum wire_status status,
                               const char *text, void *user)
{
    (void)call;
    (void)status;
    (void)text;
    ((struct gorctl_aside *)user)->call = NULL;
}

static void begin_aside(void *user)
{
    static const struct rpc_client_handlers handlers = {.on_message = aside_message,
                                                        .on_end = aside_stream_ended};
    struct gorctl_aside *aside = user;
    struct rpc_client_call_opts opts = {.path = aside->what.path,
                                        .request = aside->what.request,
                                        .handlers = &handlers,
                                        .user = aside};
    if (rpc_client_call(aside->ctl->channel->client, &opts, &aside->call) != 0) {
        gorctl_out_of_memory();
    }
}

struct gorctl_aside *gorctl_stream_aside(struct gorctl *ctl, const struct gorctl_call *call,
                                         gorctl_on_message *on_message, void *user)
{
    struct gorctl_aside *aside = gorctl_alloc(sizeof(*aside));
    *aside =
        (struct gorctl_aside){.ctl = ctl, .what = *call, .on_message = on_message, .user = user};
    aside->back = (struct gorctl_back){.is_back = begin_aside, .user = aside};
    gorctl_back_add(ctl, &aside->back);
    begin_aside(aside);
    return aside;
}

void gorctl_aside_stop(struct gorctl_aside *aside)
{
    gorctl_back_remove(aside->ctl, &aside->back);
    if (aside->call != NULL) {
        rpc_client_cancel(aside->call);
    }
    free(aside);
}

/* A call with a reply that is nothing but its status. */
struct gorctl_beside {
    struct rpc_client_call *call; /* borrowed */
    gorctl_on_end *on_end;
    void *user;
};

static void beside_ended(struct rpc_client_call *call, enum wire_status status, const char *text,
                         void *user)
{
    struct gorctl_beside *beside = user;
    (void)call;
    beside->on_end(status, text[0] != '\0' ? text : wire_status_name(status), beside->user);
    free(beside);
}

struct gorctl_beside *gorctl_call_beside(struct gorctl *ctl, const char *path,
                                         const ProtobufCMessage *request, gorctl_on_end *on_end,
                                         void *user)
{
    static const struct rpc_client_handlers handlers = {.on_end = beside_ended};
    struct gorctl_beside *beside = gorctl_alloc(sizeof(*beside));
    beside->on_end = on_end;
    beside->user = user;
    struct rpc_client_call_opts opts = {
        .path = path, .request = request, .handlers = &handlers, .user = beside};
    if (rpc_client_call(ctl->channel->client, &opts, &beside->call) != 0) {
        gorctl_out_of_memory();
    }
    return beside;
}

void gorctl_beside_cancel(struct gorctl_beside *beside)
{
    rpc_client_cancel(beside->call);
}
