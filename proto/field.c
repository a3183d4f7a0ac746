/* SPDX-License-Identifier: MIT */
/* field.c - see field.h. */
#include "proto/field.h"

#include <stdint.h>
#include <string.h>

size_t wire_field_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

bool wire_field_is_left_out(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    uint32_t which = field->id;

    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        memcpy(&which, (const char *)message + field->quantifier_offset, sizeof(which));
    }
    return which != field->id;
}
