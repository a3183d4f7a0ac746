/* SPDX-License-Identifier: MIT */
/* message.c - fuzz target: what lies between the frames and the handlers. The first byte chooses: the
 * frame reader, gzip, metadata, or a request message of ours, which is decoded and packed again. */
#include <assert.h>
#include <stdlib.h>

#include "gor/v1/crons.pb-c.h"
#include "gor/v1/jobs.pb-c.h"
#include "gor/v1/plugins.pb-c.h"
#include "gor/v1/queues.pb-c.h"
#include "gor/v1/runtime.pb-c.h"
#include "gor/v1/store.pb-c.h"
#include "proto/decode.h"
#include "proto/frame.h"
#include "proto/gzip.h"
#include "rpc/metadata.h"
#include "tests/fuzz/fuzz.h"

static const ProtobufCServiceDescriptor *const services[] = {
    &gor__v1__jobs__descriptor,    &gor__v1__crons__descriptor,   &gor__v1__queues__descriptor,
    &gor__v1__runtime__descriptor, &gor__v1__plugins__descriptor, &gor__v1__store__descriptor,
};

enum { SERVICES = sizeof services / sizeof services[0], MAX_PLAIN = 1 << 16 };

static void check_frames(const uint8_t *data, size_t size)
{
    struct wire_reader reader;
    size_t at = 0;
    wire_reader_init(&reader, MAX_PLAIN);
    reader.takes_gzip = true;
    while (at < size) {
        struct wire_message message;
        size_t used;
        size_t portion = 1 + data[at] % 32;
        portion = portion < size - at ? portion : size - at;
        if (wire_reader_feed(&reader, data + at, portion, &used, &message) < 0) {
            break;
        }
        assert(used <= portion);
        at += used;
    }
    wire_reader_fini(&reader);
}

static void check_gzip(const uint8_t *data, size_t size)
{
    uint8_t *plain;
    size_t plain_size;
    if (wire_gunzip(data, size, MAX_PLAIN, &plain, &plain_size) == 0) {
        assert(plain_size <= MAX_PLAIN);
        free(plain);
    }
}

static void check_metadata(const uint8_t *data, size_t size)
{
    struct rpc_metadata metadata = {0};
    struct rpc_field field;
    size_t at = 0;
    size_t name = size > 0 ? data[0] % size : 0;
    (void)rpc_metadata_add_wire(&metadata, (const char *)data, name, (const char *)data + name,
                                size - name);
    (void)rpc_metadata_add_wire(&metadata, "x-bin", 5, (const char *)data, size);
    while (rpc_metadata_next(&metadata, &at, &field)) {
        assert(field.name[field.name_size] == '\0' && field.value[field.size] == '\0');
    }
    rpc_metadata_fini(&metadata);
}

static void check_request(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t size)
{
    ProtobufCMessage *message;
    const char *why;
    if (wire_decode(type, data, size, &message, &why) != WIRE_OK) {
        return;
    }
    size_t packed_size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(packed_size + 1);
    assert(packed != NULL);
    size_t made = protobuf_c_message_pack(message, packed);
    assert(made == packed_size);
    (void)made;
    free(packed);
    wire_decoded_free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    unsigned choice = data[0];
    data++;
    size--;
    switch (choice) {
    case 0:
        check_frames(data, size);
        return 0;
    case 1:
        check_gzip(data, size);
        return 0;
    case 2:
        check_metadata(data, size);
        return 0;
    default:
        break;
    }
    const ProtobufCServiceDescriptor *service = services[choice % SERVICES];
    check_request(service->methods[choice / SERVICES % service->n_methods].input, data, size);
    return 0;
}
