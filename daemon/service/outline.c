/* SPDX-License-Identifier: MIT */
/* outline.c - see outline.h. */
#include "daemon/service/outline.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/url.h"
#include "proto/field.h"

enum {
    DEPTH_MAX = 5,  /* request, its cron entry, that one's job, its command, its limits */
    ITEMS_MAX = 20, /* of a list */
    TEXT_MAX = 200,
};

/* Where a value lies, and its kind. */
struct value {
    const ProtobufCFieldDescriptor *field;
    const void *at;
};

static void put_message(struct gord_line *line, const ProtobufCMessage *message, unsigned depth,
                        bool numbers_only);

/* ------------------------------------------------------------------ one value */

static void put_bytes(struct gord_line *line, const struct value *value)
{
    const ProtobufCBinaryData *bytes = value->at;

    /* What people ask for first; and everybody who may look sees it anyway. */
    if (strcmp(value->field->name, "argv") == 0 || strcmp(value->field->name, "cwd") == 0) {
        gord_line_text(line, bytes->data, bytes->len, TEXT_MAX);
    } else {
        gord_line_format(line, "%zu bytes", bytes->len);
    }
}

/* URLs are secrets in part. */
static bool is_url(const ProtobufCFieldDescriptor *field)
{
    size_t length = strlen(field->name);

    return length >= 3 && strcmp(field->name + length - 3, "url") == 0;
}

static void put_text(struct gord_line *line, const ProtobufCFieldDescriptor *field,
                     const char *text)
{
    char *shown = NULL;

    if (is_url(field)) {
        shown = gord_url_hide(text);
        text = shown != NULL ? shown : GORD_URL_HIDDEN;
    }
    gord_line_text(line, text, strlen(text), TEXT_MAX);
    free(shown);
}

static void put_enum(struct gord_line *line, const struct value *value)
{
    int number;
    memcpy(&number, value->at, sizeof(number));
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(value->field->descriptor, number);

    if (known != NULL) {
        gord_line_text(line, known->name, strlen(known->name), TEXT_MAX);
    } else {
        gord_line_int(line, number);
    }
}

static void put_number(struct gord_line *line, const struct value *value)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    double fraction = 0;
    float small = 0;
    protobuf_c_boolean truth = 0;

    switch (value->field->type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        memcpy(&wide, value->at, sizeof(wide));
        gord_line_uint(line, wide);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        memcpy(&wide, value->at, sizeof(wide));
        gord_line_int(line, (int64_t)wide);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        memcpy(&narrow, value->at, sizeof(narrow));
        gord_line_uint(line, narrow);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(&fraction, value->at, sizeof(fraction));
        gord_line_format(line, "%g", fraction);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        memcpy(&small, value->at, sizeof(small));
        gord_line_format(line, "%g", (double)small);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        memcpy(&truth, value->at, sizeof(truth));
        gord_line_bool(line, truth);
        break;
    default: /* 32 bits with a sign */
        memcpy(&narrow, value->at, sizeof(narrow));
        gord_line_int(line, (int32_t)narrow);
        break;
    }
}

static void put_value(struct gord_line *line, const struct value *value, unsigned depth)
{
    const char *text;
    const ProtobufCMessage *message;

    switch (value->field->type) {
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&text, value->at, sizeof(text));
        put_text(line, value->field, text);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        put_bytes(line, value);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&message, value->at, sizeof(message));
        if (depth < DEPTH_MAX) {
            put_message(line, message, depth + 1, false);
        } else {
            gord_line_format(line, "...");
        }
        break;
    case PROTOBUF_C_TYPE_ENUM:
        put_enum(line, value);
        break;
    default:
        put_number(line, value);
        break;
    }
}

/* ------------------------------------------------------------------ fields */

static size_t count_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t count;

    memcpy(&count, (const char *)message + field->quantifier_offset, sizeof(count));
    return count;
}

/* Lists of which the size is enough. */
static bool is_counted_only(const char *name)
{
    return strcmp(name, "env") == 0 || strcmp(name, "rlimits") == 0;
}

static void put_list(struct gord_line *line, const ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field, unsigned depth)
{
    size_t count = count_of(message, field);
    const char *items;

    if (is_counted_only(field->name)) {
        gord_line_format(line, "%zu of them", count);
        return;
    }
    gord_line_open(line, '[');
    memcpy(&items, (const char *)message + field->offset, sizeof(items));
    for (size_t i = 0; i < count && i < ITEMS_MAX; i++) {
        struct value value = {field, items + i * wire_field_bytes(field->type)};
        put_value(line, &value, depth);
    }
    if (count > ITEMS_MAX) {
        gord_line_format(line, "%zu more", count - ITEMS_MAX);
    }
    gord_line_close(line, ']');
}

/* Is there nothing in it that a message without it would not say? Asked of each field of each call:
 * hence sizes that are known here, not one that memcmp() has to be told. */
static bool is_empty(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *at = (const char *)message + field->offset;
    const char *text;
    uint32_t narrow;
    uint64_t wide;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return count_of(message, field) == 0;
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        return wire_field_is_left_out(message, field);
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        memcpy(&text, at, sizeof(text));
        return text == NULL || text[0] == '\0';
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        return ((const ProtobufCBinaryData *)(const void *)at)->len == 0;
    }
    if (wire_field_bytes(field->type) == sizeof(wide)) {
        memcpy(&wide, at, sizeof(wide));
        return wide == 0;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return narrow == 0;
}

static bool is_number(const ProtobufCFieldDescriptor *field)
{
    return field->label != PROTOBUF_C_LABEL_REPEATED && field->type != PROTOBUF_C_TYPE_STRING &&
           field->type != PROTOBUF_C_TYPE_BYTES && field->type != PROTOBUF_C_TYPE_MESSAGE;
}

static void put_message(struct gord_line *line, const ProtobufCMessage *message, unsigned depth,
                        bool numbers_only)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    gord_line_open(line, '{');
    for (unsigned i = 0; i < type->n_fields && !line->full; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if ((numbers_only && !is_number(field)) || is_empty(message, field)) {
            continue;
        }
        gord_line_key(line, field->name);
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            put_list(line, message, field, depth);
        } else {
            struct value value = {field, (const char *)message + field->offset};
            put_value(line, &value, depth);
        }
    }
    gord_line_close(line, '}');
}

void gord_outline_request(struct gord_line *line, const ProtobufCMessage *message)
{
    put_message(line, message, 0, false);
}

void gord_outline_reply(struct gord_line *line, const ProtobufCMessage *message)
{
    put_message(line, message, 0, true);
}
