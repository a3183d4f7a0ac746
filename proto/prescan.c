/* SPDX-License-Identifier: MIT */
/* prescan.c - see prescan.h. */
#include "proto/prescan.h"

#include <stdbool.h>

#include "proto/utf8.h"

enum wire_type { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

struct scan {
    const uint8_t *data;
    size_t size;
    size_t at;
};

static enum wire_prescan scan_message(const ProtobufCMessageDescriptor *descriptor,
                                      const uint8_t *data, size_t size, unsigned depth,
                                      size_t *fields);

/* False: cut short, or more than ten bytes. */
static bool read_varint(struct scan *scan, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && scan->at < scan->size; shift += 7) {
        uint8_t byte = scan->data[scan->at++];
        value |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 0);
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

static bool skip(struct scan *scan, size_t size)
{
    if (size > scan->size - scan->at) {
        return false;
    }
    scan->at += size;
    return true;
}

/* A field with a length in front: text and messages of known fields are looked into. */
static enum wire_prescan scan_length(struct scan *scan, const ProtobufCFieldDescriptor *field,
                                     unsigned depth, size_t *fields)
{
    uint64_t size;
    if (!read_varint(scan, &size) || size > scan->size - scan->at) {
        return WIRE_PRESCAN_MALFORMED;
    }
    const uint8_t *data = scan->data + scan->at;
    scan->at += (size_t)size;
    if (field == NULL) {
        return WIRE_PRESCAN_OK;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return wire_utf8_is_text(data, (size_t)size) ? WIRE_PRESCAN_OK : WIRE_PRESCAN_BAD_TEXT;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return scan_message(field->descriptor, data, (size_t)size, depth + 1, fields);
    }
    return WIRE_PRESCAN_OK;
}

static enum wire_prescan scan_field(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
                                    unsigned depth, size_t *fields)
{
    uint64_t tag;
    uint64_t ignored;
    if (!read_varint(scan, &tag) || tag > UINT32_MAX || tag >> 3 == 0) {
        return WIRE_PRESCAN_MALFORMED;
    }
    switch ((unsigned)tag & 7) {
    case VARINT:
        return read_varint(scan, &ignored) ? WIRE_PRESCAN_OK : WIRE_PRESCAN_MALFORMED;
    case FIXED64:
        return skip(scan, 8) ? WIRE_PRESCAN_OK : WIRE_PRESCAN_MALFORMED;
    case FIXED32:
        return skip(scan, 4) ? WIRE_PRESCAN_OK : WIRE_PRESCAN_MALFORMED;
    case LENGTH:
        return scan_length(
            scan, protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3)), depth,
            fields);
    default: /* groups, and the two types that do not exist */
        return WIRE_PRESCAN_MALFORMED;
    }
}

static enum wire_prescan scan_message(const ProtobufCMessageDescriptor *descriptor,
                                      const uint8_t *data, size_t size, unsigned depth,
                                      size_t *fields)
{
    if (depth > WIRE_MAX_DEPTH) {
        return WIRE_PRESCAN_TOO_DEEP;
    }
    struct scan scan = {data, size, 0};
    while (scan.at < scan.size) {
        enum wire_prescan result = scan_field(&scan, descriptor, depth, fields);
        if (result != WIRE_PRESCAN_OK) {
            return result;
        }
        ++*fields;
    }
    return WIRE_PRESCAN_OK;
}

enum wire_prescan wire_prescan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                               size_t size, size_t *out_fields)
{
    size_t fields = 0;
    enum wire_prescan result = scan_message(descriptor, data, size, 1, &fields);
    *out_fields = fields;
    return result;
}
