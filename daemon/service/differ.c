/* SPDX-License-Identifier: MIT */
#include "daemon/service/differ.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/field.h"

enum { DEPTH_MAX = 3, NAME_BYTES = 160 };

static size_t size_of_value(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED ? sizeof(void *)
                                                     : wire_field_bytes(field->type);
}

static size_t size_of_quantifier(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return sizeof(size_t);
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        return sizeof(uint32_t);
    }
    return field->quantifier_offset != 0 ? sizeof(protobuf_c_boolean) : 0;
}

/* The message with nothing but that field, packed; the caller frees it. NULL: no memory. */
static uint8_t *pack_only(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                          size_t *out_bytes)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    ProtobufCMessage *only = calloc(1, type->sizeof_message);
    uint8_t *packed = NULL;

    if (only == NULL) {
        return NULL;
    }
    type->message_init(only);
    if (!wire_field_is_left_out(message, field)) {
        memcpy((char *)only + field->quantifier_offset,
               (const char *)message + field->quantifier_offset, size_of_quantifier(field));
        memcpy((char *)only + field->offset, (const char *)message + field->offset,
               size_of_value(field));
    }
    *out_bytes = protobuf_c_message_get_packed_size(only);
    packed = malloc(*out_bytes + 1);
    if (packed != NULL) {
        protobuf_c_message_pack(only, packed);
    }
    free(only);
    return packed;
}

static bool is_same(const ProtobufCMessage *a, const ProtobufCMessage *b,
                    const ProtobufCFieldDescriptor *field)
{
    size_t a_bytes = 0;
    size_t b_bytes = 0;
    uint8_t *left = pack_only(a, field, &a_bytes);
    uint8_t *right = pack_only(b, field, &b_bytes);
    bool same =
        left == NULL || right == NULL || (a_bytes == b_bytes && memcmp(left, right, a_bytes) == 0);

    free(left);
    free(right);
    return same;
}

/* A message that is there once, and is; else NULL. */
static const ProtobufCMessage *message_in(const ProtobufCMessage *message,
                                          const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessage *inner = NULL;

    if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED &&
        !wire_field_is_left_out(message, field)) {
        memcpy(&inner, (const char *)message + field->offset, sizeof(void *));
    }
    return inner;
}

static void add_name(const char *name, char *out, size_t out_bytes)
{
    size_t used = strlen(out);
    const char *comma = used > 0 ? ", " : "";

    if (used + strlen(comma) + strlen(name) < out_bytes) {
        snprintf(out + used, out_bytes - used, "%s%s", comma, name);
    }
}

/* Not recursive, though messages are: the few levels that are looked at each have a place here. */
struct level {
    const ProtobufCMessage *a;
    const ProtobufCMessage *b;
    unsigned next; /* field */
};

static bool go_down(const struct level *level, const ProtobufCFieldDescriptor *field,
                    struct level *below)
{
    *below = (struct level){.a = message_in(level->a, field), .b = message_in(level->b, field)};
    return below->a != NULL && below->b != NULL;
}

/* Of the field that was looked at last, behind those of the messages that it is in. */
static void name_last(const struct level *levels, size_t depth, char out[NAME_BYTES])
{
    size_t at = 0;

    for (size_t i = 0; i < depth && at < NAME_BYTES; i++) {
        const struct level *level = &levels[i];
        int n = snprintf(out + at, NAME_BYTES - at, "%s%s", i > 0 ? "." : "",
                         level->a->descriptor->fields[level->next - 1].name);
        at += n > 0 ? (size_t)n : 0;
    }
}

void gord_differ(const ProtobufCMessage *a, const ProtobufCMessage *b, char *out, size_t out_bytes)
{
    struct level levels[DEPTH_MAX] = {{.a = a, .b = b}};
    char name[NAME_BYTES];
    size_t depth = 1;

    out[0] = '\0';
    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        if (level->next == level->a->descriptor->n_fields) {
            depth--;
            continue;
        }
        const ProtobufCFieldDescriptor *field = &level->a->descriptor->fields[level->next++];
        if (is_same(level->a, level->b, field)) {
            continue;
        }
        if (depth < DEPTH_MAX && go_down(level, field, &levels[depth])) {
            depth++;
            continue;
        }
        name_last(levels, depth, name);
        add_name(name, out, out_bytes);
    }
}
