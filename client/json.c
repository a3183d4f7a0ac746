/* SPDX-License-Identifier: MIT */
/* json.c - see json.h.
 *
 * The messages are walked by the descriptors protoc-c made, so a field added to the contract shows
 * up here without a line of code.
 */
#include "client/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/base64.h"
#include "client/text.h"
#include "proto/base64.h"
#include "proto/field.h"

static json_t *there(json_t *value)
{
    if (value == NULL) {
        gorctl_out_of_memory();
    }
    return value;
}

json_t *gorctl_json_bytes(const void *bytes, size_t length)
{
    if (gorctl_utf8_valid(bytes, length)) {
        return there(json_stringn_nocheck(length > 0 ? bytes : "", length));
    }
    char *text = gorctl_base64_encode(bytes, length);
    json_t *value = there(json_pack("{s:s}", "base64", text));
    free(text);
    return value;
}

int gorctl_json_to_bytes(const json_t *value, ProtobufCBinaryData *out_bytes)
{
    if (json_is_string(value)) {
        out_bytes->len = json_string_length(value);
        out_bytes->data = gorctl_copy(json_string_value(value), out_bytes->len);
        return 0;
    }
    const char *text = json_string_value(json_object_get(value, "base64"));
    if (text == NULL || json_object_size(value) != 1) {
        return -EINVAL;
    }
    size_t length = strlen(text);
    uint8_t *bytes = gorctl_alloc(length);
    if (!wire_base64_decode(text, length, bytes, &length)) {
        free(bytes);
        return -EINVAL;
    }
    *out_bytes = (ProtobufCBinaryData){length, bytes};
    return 0;
}

static json_t *unsigned_json(uint64_t number)
{
    if (number <= INT64_MAX) {
        return there(json_integer((json_int_t)number));
    }
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRIu64, number);
    return there(json_string(digits));
}

static json_t *enum_json(const ProtobufCEnumDescriptor *type, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    if (value == NULL) {
        return there(json_integer(number));
    }
    size_t length = strlen(value->name);
    static const char unset[] = "UNSPECIFIED";
    if (length >= sizeof(unset) - 1 &&
        strcmp(value->name + length - (sizeof(unset) - 1), unset) == 0) {
        return there(json_null());
    }
    return there(json_string(value->name));
}

static json_t *text_json(const char *text)
{
    return text == NULL ? there(json_null()) : gorctl_json_bytes(text, strlen(text));
}

/* One value of the field's type, which lies at `at`. */
static json_t *value_json(const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return there(json_integer(*(const int32_t *)at));
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return there(json_integer(*(const uint32_t *)at));
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return there(json_integer(*(const int64_t *)at));
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return unsigned_json(*(const uint64_t *)at);
    case PROTOBUF_C_TYPE_FLOAT:
        return there(json_real((double)*(const float *)at));
    case PROTOBUF_C_TYPE_DOUBLE:
        return there(json_real(*(const double *)at));
    case PROTOBUF_C_TYPE_BOOL:
        return there(json_boolean(*(const protobuf_c_boolean *)at));
    case PROTOBUF_C_TYPE_ENUM:
        return enum_json(field->descriptor, *(const int *)at);
    case PROTOBUF_C_TYPE_STRING:
        return text_json(*(const char *const *)at);
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = at;
        return gorctl_json_bytes(bytes->data, bytes->len);
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = *(const ProtobufCMessage *const *)at;
        return message == NULL ? there(json_null()) : gorctl_json_message(message);
    }
    }
    return there(json_null());
}

/* Map entries are ordinary messages to protobuf-c; their name and shape give them away. */
bool gorctl_json_is_map(const ProtobufCFieldDescriptor *field)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
        return false;
    }
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    size_t length = strlen(entry->short_name);
    return length > 5 && strcmp(entry->short_name + length - 5, "Entry") == 0 &&
           entry->n_fields == 2 && strcmp(entry->fields[0].name, "key") == 0 &&
           entry->fields[0].type == PROTOBUF_C_TYPE_STRING &&
           strcmp(entry->fields[1].name, "value") == 0;
}

static json_t *map_json(const ProtobufCMessage *const *entries, size_t count)
{
    json_t *object = there(json_object());
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *fields = entries[i]->descriptor->fields;
        const char *base = (const char *)entries[i];
        const char *key = *(const char *const *)(const void *)(base + fields[0].offset);
        json_object_set_new_nocheck(object, key, value_json(&fields[1], base + fields[1].offset));
    }
    return object;
}

static json_t *repeated_json(const ProtobufCFieldDescriptor *field, const char *base)
{
    size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
    const char *elements = *(const char *const *)(const void *)(base + field->offset);
    if (gorctl_json_is_map(field)) {
        return map_json((const ProtobufCMessage *const *)(const void *)elements, count);
    }
    json_t *array = there(json_array());
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array,
                              value_json(field, elements + i * wire_field_bytes(field->type)));
    }
    return array;
}

json_t *gorctl_json_message(const ProtobufCMessage *message)
{
    json_t *object = there(json_object());
    const char *base = (const char *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        json_t *value;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            value = repeated_json(field, base);
        } else if (wire_field_is_left_out(message, field)) {
            continue;
        } else {
            value = value_json(field, base + field->offset);
        }
        json_object_set_new(object, field->name, value);
    }
    return object;
}

void gorctl_json_print(FILE *out, json_t *value, bool indent)
{
    json_dumpf(value, out, (indent ? JSON_INDENT(2) : JSON_COMPACT) | JSON_ENCODE_ANY);
    putc('\n', out);
    json_decref(value);
}

void gorctl_json_show(const ProtobufCMessage *message)
{
    gorctl_json_print(stdout, gorctl_json_message(message), true);
}
