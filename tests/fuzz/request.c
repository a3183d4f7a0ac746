/* SPDX-License-Identifier: MIT */
/* request.c - fuzz target: a request to any method of ours, from the frames to what the service finds
 * wrong with it. The first byte chooses the method; the rest is its message. Nothing is run: the handlers
 * here only look, with the functions that the service's have. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "daemon/event/array.h"
#include "daemon/event/ask.h"
#include "daemon/service/check.h"
#include "daemon/service/crons.h"
#include "daemon/service/dump_filter.h"
#include "daemon/service/select.h"
#include "gor/v1/crons.pb-c.h"
#include "gor/v1/plugins.pb-c.h"
#include "gor/v1/queues.pb-c.h"
#include "gor/v1/runtime.pb-c.h"
#include "gor/v1/store.pb-c.h"
#include "proto/descriptors.h"
#include "rpc/symbols.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wire.h"

static const ProtobufCServiceDescriptor *const services[] = {
    &gor__v1__jobs__descriptor,    &gor__v1__crons__descriptor,   &gor__v1__queues__descriptor,
    &gor__v1__runtime__descriptor, &gor__v1__plugins__descriptor, &gor__v1__store__descriptor,
};

enum { SERVICES = sizeof services / sizeof services[0], METHODS_MAX = 128, PATH_ROOM = 96 };

static struct rpc_method methods[METHODS_MAX];
static char paths[METHODS_MAX][PATH_ROOM];
static unsigned method_count;

/* A refusal has its sentence. */
static void check_said(int result, const char *error)
{
    assert(result == 0 || error[0] != '\0');
    (void)result;
    (void)error;
}

static void check_spec(const Gor__V1__JobSpec *spec)
{
    char error[GORD_ERROR_BYTES] = "";
    check_said(gord_check_spec(spec, NULL, error, sizeof error), error);
    error[0] = '\0';
    check_said(gord_check_past_spec(spec, error, sizeof error), error);
    if (spec != NULL) {
        struct gord_ask ask;
        char text[GORD_ASK_BYTES];
        gord_ask_from_wire(spec, &ask);
        (void)gord_ask_text(&ask, text);
    }
}

static void check_cron(const Gor__V1__CronSpec *spec)
{
    struct gord_refusal why = {.text = ""};
    check_said(gord_cron_check(NULL, spec, false, &why), why.text);
}

/* False: the call was refused, and is over. */
static bool check_selector(struct rpc_call *call, const Gor__V1__Selector *selector)
{
    struct gord_select select;
    memset(&select, 0, sizeof select);
    bool good = gord_select_init(&select, call, selector, false);
    gord_select_fini(&select);
    return good;
}

static const void *member(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return *(void *const *)(const void *)((const char *)message + field->offset);
}

/* Each part of the request that has a check. False: the call was refused. */
static bool check_parts(struct rpc_call *call, const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED ||
            field->quantifier_offset != 0) {
            continue;
        }
        const void *part = member(message, field);
        if (field->descriptor == &gor__v1__job_spec__descriptor) {
            check_spec(part);
        } else if (field->descriptor == &gor__v1__cron_spec__descriptor) {
            check_cron(part);
        } else if (field->descriptor == &gor__v1__selector__descriptor) {
            if (!check_selector(call, part)) {
                return false;
            }
        } else if (field->descriptor == &gor__v1__dump_options__descriptor) {
            struct gord_dump_filter filter;
            if (!gord_dump_filter_read(&filter, part, call)) {
                return false;
            }
        }
    }
    return true;
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    (void)user;
}

static void on_begin(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    (void)user;
    if (message == NULL) {
        rpc_call_on(call, NULL, on_end, NULL);
    } else if (check_parts(call, message)) {
        rpc_call_finish(call, WIRE_OK, NULL);
    }
}

static void on_message(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    (void)user;
    (void)check_parts(call, message);
}

static void on_half_close(struct rpc_call *call, void *user)
{
    (void)user;
    rpc_call_finish(call, WIRE_OK, NULL);
}

/* Of which kind it is, the descriptors say. */
static enum rpc_kind kind_of(const struct rpc_symbols *symbols, const char *name)
{
    const struct rpc_symbol *symbol = rpc_symbols_find(symbols, name);
    assert(symbol != NULL && symbol->is_method &&
           (!symbol->client_streams || symbol->server_streams));
    return symbol->client_streams   ? RPC_BIDI
           : symbol->server_streams ? RPC_SERVER_STREAM
                                    : RPC_UNARY;
}

static void add_methods(const ProtobufCServiceDescriptor *service,
                        const struct rpc_symbols *symbols)
{
    for (unsigned i = 0; i < service->n_methods; i++) {
        const ProtobufCMethodDescriptor *method = &service->methods[i];
        char name[PATH_ROOM];
        assert(method_count < METHODS_MAX);
        (void)snprintf(name, sizeof name, "%s.%s", service->name, method->name);
        (void)snprintf(paths[method_count], PATH_ROOM, "/%s/%s", service->name, method->name);
        methods[method_count] = (struct rpc_method){.path = paths[method_count],
                                                    .kind = kind_of(symbols, name),
                                                    .request = method->input,
                                                    .reply = method->output,
                                                    .begin = on_begin,
                                                    .message = on_message,
                                                    .half_close = on_half_close};
        method_count++;
    }
}

static void init(void)
{
    struct rpc_symbols symbols;
    if (method_count > 0) {
        return;
    }
    int error = rpc_symbols_init(&symbols, wire_descriptors_begin,
                                 (size_t)(wire_descriptors_end - wire_descriptors_begin));
    assert(error == 0);
    (void)error;
    for (size_t i = 0; i < SERVICES; i++) {
        add_methods(services[i], &symbols);
    }
    rpc_symbols_fini(&symbols);
    fuzz_server_init(methods, method_count);
}

static size_t put_frame(uint8_t *out, uint8_t type, uint8_t flags, const uint8_t *payload,
                        size_t size)
{
    const uint8_t head[] = {
        (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, type, flags, 0, 0, 0, 1};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, payload, size);
    return sizeof head + size;
}

/* POST, http, the path, and what gRPC wants besides; nothing of it folded. */
static size_t put_headers(uint8_t *out, const char *path)
{
    static const char rest[] = "\x01\x09localhost\0\x0c"
                               "content-type\x10"
                               "application/grpc\0\x02te\x08trailers";
    uint8_t block[PATH_ROOM + sizeof rest + 4] = {0x83, 0x86, 0x04, (uint8_t)strlen(path)};
    size_t size = 4 + strlen(path);
    memcpy(block + 4, path, strlen(path));
    memcpy(block + size, rest, sizeof rest - 1);
    return put_frame(out, 1, 4, block, size + sizeof rest - 1);
}

enum { MESSAGE_MOST = 16000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frames[MESSAGE_MOST + 512];
    uint8_t body[MESSAGE_MOST + 5] = {0};
    if (size == 0 || size > MESSAGE_MOST) {
        return 0;
    }
    init();
    size_t at = fuzz_hello_size;
    memcpy(frames, fuzz_hello, at);
    at += put_headers(frames + at, methods[data[0] % method_count].path);
    size_t message = size - 1;
    body[3] = (uint8_t)(message >> 8);
    body[4] = (uint8_t)message;
    memcpy(body + 5, data + 1, message);
    at += put_frame(frames + at, 0, 1, body, message + 5);
    fuzz_server_meets(true, frames, at, NULL, 0);
    return 0;
}
