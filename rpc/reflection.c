/* SPDX-License-Identifier: MIT */
/* reflection.c - see reflection.h. */
#include "rpc/reflection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "rpc/internal.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

static void send_error(struct rpc_call *call, reflection_response *response,
                       enum wire_status status, const char *text)
{
    Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
    error.error_code = (int32_t)status;
    error.error_message = (char *)text;
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    response->error_response = &error;
    (void)rpc_call_send(call, &response->base);
}

static void send_file(struct rpc_call *call, reflection_response *response,
                      const struct rpc_file *file)
{
    if (file == NULL) {
        send_error(call, response, WIRE_NOT_FOUND, "no such file or symbol");
        return;
    }
    Grpc__Reflection__V1__FileDescriptorResponse files =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    ProtobufCBinaryData data = {file->size, (uint8_t *)file->data};
    files.n_file_descriptor_proto = 1;
    files.file_descriptor_proto = &data;
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    response->file_descriptor_response = &files;
    (void)rpc_call_send(call, &response->base);
}

/* No file of ours has extensions: an empty list for a type we know. */
static void send_extensions(struct rpc_call *call, reflection_response *response,
                            const struct rpc_symbols *symbols, const char *type)
{
    Grpc__Reflection__V1__ExtensionNumberResponse numbers =
        GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
    if (rpc_symbols_find(symbols, type) == NULL) {
        send_error(call, response, WIRE_NOT_FOUND, "no such type");
        return;
    }
    numbers.base_type_name = (char *)type;
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    response->all_extension_numbers_response = &numbers;
    (void)rpc_call_send(call, &response->base);
}

/* The served services, each once: a service is a symbol under which a route lies. */
static size_t collect_services(const struct rpc_server *server,
                               Grpc__Reflection__V1__ServiceResponse *out_services)
{
    size_t count = 0;
    for (size_t i = 0; i < server->symbols.symbol_count; i++) {
        char path[RPC_MAX_PATH];
        const char *name = server->symbols.symbols[i].name;
        int length = snprintf(path, sizeof path, "/%s/", name);
        if (length > 0 && (size_t)length < sizeof path && rpc_server_has_service(server, path)) {
            grpc__reflection__v1__service_response__init(&out_services[count]);
            out_services[count++].name = (char *)name;
        }
    }
    return count;
}

static void send_services(struct rpc_call *call, reflection_response *response,
                          const struct rpc_server *server)
{
    size_t max = server->symbols.symbol_count;
    Grpc__Reflection__V1__ListServiceResponse list =
        GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    Grpc__Reflection__V1__ServiceResponse *services = calloc(max, sizeof *services);
    Grpc__Reflection__V1__ServiceResponse **pointers = calloc(max, sizeof *pointers);
    if (services == NULL || pointers == NULL) {
        send_error(call, response, WIRE_RESOURCE_EXHAUSTED, "no memory for the list");
        goto free_lists;
    }
    list.n_service = collect_services(server, services);
    list.service = pointers;
    for (size_t i = 0; i < list.n_service; i++) {
        pointers[i] = &services[i];
    }
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    response->list_services_response = &list;
    (void)rpc_call_send(call, &response->base);
free_lists:
    free(services);
    free(pointers);
}

static const struct rpc_file *file_of_symbol(const struct rpc_symbols *symbols, const char *name)
{
    const struct rpc_symbol *symbol = rpc_symbols_find(symbols, name);
    return symbol != NULL ? &symbols->files[symbol->file] : NULL;
}

static void on_message(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    const struct rpc_server *server = user;
    const struct rpc_symbols *symbols = &server->symbols;
    const reflection_request *request = (const void *)message;
    reflection_response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    response.valid_host = request->host;
    response.original_request = (reflection_request *)request;
    switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        send_file(call, &response, rpc_symbols_file(symbols, request->file_by_filename));
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        send_file(call, &response, file_of_symbol(symbols, request->file_containing_symbol));
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        send_error(call, &response, WIRE_NOT_FOUND, "no such extension");
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        send_extensions(call, &response, symbols, request->all_extension_numbers_of_type);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        send_services(call, &response, server);
        break;
    default:
        send_error(call, &response, WIRE_INVALID_ARGUMENT, "the request asks for nothing");
        break;
    }
}

/* A client that cancels its stream is no reason to keep the call. */
static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    (void)user;
}

static void on_begin(struct rpc_call *call, const ProtobufCMessage *request, void *user)
{
    (void)request;
    rpc_call_on(call, NULL, on_end, user);
}

static void on_half_close(struct rpc_call *call, void *user)
{
    (void)user;
    rpc_call_finish(call, WIRE_OK, NULL);
}

#define REFLECTION_METHOD(package)                                                                 \
    {                                                                                              \
        .path = "/grpc.reflection." package ".ServerReflection/ServerReflectionInfo",              \
        .kind = RPC_BIDI, .request = &grpc__reflection__v1__server_reflection_request__descriptor, \
        .reply = &grpc__reflection__v1__server_reflection_response__descriptor,                    \
        .max_request_bytes = 4096, .begin = on_begin, .message = on_message,                       \
        .half_close = on_half_close,                                                               \
    }

static const struct rpc_method methods[] = {REFLECTION_METHOD("v1"), REFLECTION_METHOD("v1alpha")};

int rpc_reflection_add(struct rpc_server *server)
{
    return rpc_server_add(server, methods, sizeof methods / sizeof methods[0], server);
}
