/* SPDX-License-Identifier: MIT */
/* json_read.c - see json_read.h. The messages are filled in by their descriptors, as in json.c. */
#include "client/json_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/json.h"
#include "client/options.h"
#include "client/text.h"
#include "proto/field.h"

static int complain(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int complain(char *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, GORCTL_JSON_WHY, format, args);
    va_end(args);
    return -EINVAL;
}

/* ---------------------------------------------------------------- values */

static int read_signed(const ProtobufCFieldDescriptor *field, const json_t *value, int64_t least,
                       int64_t most, char *why, int64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most) {
        return complain(why, "\"%s\" must be a whole number in its range", field->name);
    }
    *out = json_integer_value(value);
    return 0;
}

/* Beyond JSON's range it is a string of digits. */
static int read_unsigned(const ProtobufCFieldDescriptor *field, const json_t *value, char *why,
                         uint64_t *out)
{
    const char *digits = json_string_value(value);
    int64_t number = 0;
    if (digits != NULL && gorctl_number_parse(digits, out) == 0) {
        return 0;
    }
    int rc = read_signed(field, value, 0, INT64_MAX, why, &number);
    *out = (uint64_t)number;
    return rc;
}

static int read_enum(const ProtobufCFieldDescriptor *field, const json_t *value, char *why,
                     int *out)
{
    const char *name = json_string_value(value);
    const ProtobufCEnumValue *found =
        name != NULL ? protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, name) : NULL;
    if (found == NULL) {
        return complain(why, "\"%s\" has a value that is not known", field->name);
    }
    *out = found->value;
    return 0;
}

static int read_text(const ProtobufCFieldDescriptor *field, const json_t *value, char *why,
                     char **out)
{
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value)) {
        return complain(why, "\"%s\" must be a string without NUL", field->name);
    }
    *out = gorctl_strdup(json_string_value(value));
    return 0;
}

static int read_double(const ProtobufCFieldDescriptor *field, const json_t *value, char *why,
                       double *out)
{
    if (!json_is_number(value)) {
        return complain(why, "\"%s\" must be a number", field->name);
    }
    *out = json_number_value(value);
    return 0;
}

static int read_bool(const ProtobufCFieldDescriptor *field, const json_t *value, char *why,
                     protobuf_c_boolean *out)
{
    if (!json_is_boolean(value)) {
        return complain(why, "\"%s\" must be true or false", field->name);
    }
    *out = json_is_true(value);
    return 0;
}

/* One value of the field's type, to `at`. Nothing there is owned on failure. */
static int read_value(const ProtobufCFieldDescriptor *field, const json_t *value, char *why,
                      void *at)
{
    int64_t number = 0;
    int rc;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        rc = read_signed(field, value, INT32_MIN, INT32_MAX, why, &number);
        *(int32_t *)at = (int32_t)number;
        return rc;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        rc = read_signed(field, value, 0, UINT32_MAX, why, &number);
        *(uint32_t *)at = (uint32_t)number;
        return rc;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return read_signed(field, value, INT64_MIN, INT64_MAX, why, at);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_unsigned(field, value, why, at);
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_double(field, value, why, at);
    case PROTOBUF_C_TYPE_BOOL:
        return read_bool(field, value, why, at);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(field, value, why, at);
    case PROTOBUF_C_TYPE_STRING:
        return read_text(field, value, why, at);
    case PROTOBUF_C_TYPE_BYTES:
        return gorctl_json_to_bytes(value, at) == 0
                   ? 0
                   : complain(why, "\"%s\" must be a string, or {\"base64\": \"...\"}",
                              field->name);
    case PROTOBUF_C_TYPE_MESSAGE:
        return gorctl_json_read(value, field->descriptor, why, at);
    default:
        return complain(why, "\"%s\" cannot be read", field->name);
    }
}

/* --------------------------------------------------------------- members */

/* A list, with elements that may be freed one by one however far it came. */
static int read_list(const ProtobufCFieldDescriptor *field, const json_t *list, char *why,
                     char *base)
{
    size_t *count = (size_t *)(void *)(base + field->quantifier_offset);
    size_t size = wire_field_bytes(field->type), i;
    const json_t *value;
    if (!json_is_array(list)) {
        return complain(why, "\"%s\" must be a list", field->name);
    }
    if (json_array_size(list) == 0) {
        return 0;
    }
    char *items = gorctl_alloc(json_array_size(list) * size);
    *(void **)(void *)(base + field->offset) = items;
    json_array_foreach((json_t *)list, i, value)
    {
        int rc = read_value(field, value, why, items + i * size);
        if (rc != 0) {
            return rc;
        }
        ++*count;
    }
    return 0;
}

static int read_map(const ProtobufCFieldDescriptor *field, const json_t *object, char *why,
                    char *base)
{
    size_t *count = (size_t *)(void *)(base + field->quantifier_offset);
    const ProtobufCMessageDescriptor *type = field->descriptor;
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        return complain(why, "\"%s\" must be an object", field->name);
    }
    ProtobufCMessage **entries = gorctl_alloc((json_object_size(object) + 1) * sizeof(*entries));
    *(void **)(void *)(base + field->offset) = entries;
    json_object_foreach((json_t *)object, key, value)
    {
        ProtobufCMessage *entry = gorctl_alloc(type->sizeof_message);
        char *entry_base = (char *)entry;
        protobuf_c_message_init(type, entry);
        entries[(*count)++] = entry;
        *(char **)(void *)(entry_base + type->fields[0].offset) = gorctl_strdup(key);
        int rc = read_value(&type->fields[1], value, why, entry_base + type->fields[1].offset);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int read_member(const ProtobufCFieldDescriptor *field, const json_t *value, char *why,
                       char *base)
{
    if (json_is_null(value)) {
        return 0;
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return gorctl_json_is_map(field) ? read_map(field, value, why, base)
                                         : read_list(field, value, why, base);
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) {
        return read_value(field, value, why, base + field->offset);
    }
    uint32_t *chosen = (uint32_t *)(void *)(base + field->quantifier_offset);
    if (*chosen != 0) {
        return complain(why, "\"%s\" is one of several that exclude each other", field->name);
    }
    int rc = read_value(field, value, why, base + field->offset);
    *chosen = rc == 0 ? field->id : 0;
    return rc;
}

int gorctl_json_read(const json_t *value, const ProtobufCMessageDescriptor *type,
                     char why[GORCTL_JSON_WHY], ProtobufCMessage **out_message)
{
    const char *name;
    json_t *member;
    if (!json_is_object(value)) {
        return complain(why, "%s: not an object", type->short_name);
    }
    ProtobufCMessage *message = gorctl_alloc(type->sizeof_message);
    protobuf_c_message_init(type, message);
    json_object_foreach((json_t *)value, name, member)
    {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(type, name);
        int rc = field != NULL ? read_member(field, member, why, (char *)message) : -EINVAL;
        if (field == NULL) {
            char *shown = gorctl_text_escape(name, strlen(name));
            (void)complain(why, "%s has no member \"%.60s\"", type->short_name, shown);
            free(shown);
        }
        if (rc != 0) {
            protobuf_c_message_free_unpacked(message, NULL);
            return rc;
        }
    }
    *out_message = message;
    return 0;
}
