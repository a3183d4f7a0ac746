/* SPDX-License-Identifier: MIT */
#include "daemon/service/violation.h"

#include <string.h>

#include "gor/bad_request.pb-c.h"

#define NAME "abcdefghijklmnopqrstuvwxyz0123456789_"

/* Of many jobs in one request a text names which one it is, and goes on as about one: "specs[2]: spec.name
 * has ...". */
static const char of_many[] = ": spec.";

/* Where the walk along a path is. */
struct walk {
    const ProtobufCMessageDescriptor *type; /* of what it has come to; NULL: that has no fields */
    const char *text;                       /* what comes next */
    struct gord_violation *out;
    size_t length; /* of out->field */
};

static bool put(struct walk *walk, const char *text, size_t length)
{
    if (walk->length + length >= GORD_VIOLATION_FIELD) {
        return false;
    }
    memcpy(walk->out->field + walk->length, text, length);
    walk->length += length;
    return true;
}

/* "[3]" and no more; 0: it is none. */
static size_t index_length(const char *text)
{
    size_t digits = text[0] == '[' ? strspn(text + 1, "0123456789") : 0;

    return digits > 0 && text[1 + digits] == ']' ? digits + 2 : 0;
}

/* Is the next name a field's? Then past it, and its index. */
static bool step(struct walk *walk, const char *name)
{
    char room[64];
    size_t length = strspn(name, NAME);
    const ProtobufCFieldDescriptor *field = NULL;

    if (length > 0 && length < sizeof(room) && walk->type != NULL) {
        memcpy(room, name, length);
        room[length] = '\0';
        field = protobuf_c_message_descriptor_get_field_by_name(walk->type, room);
    }
    if (field == NULL || (walk->length > 0 && !put(walk, ".", 1))) {
        return false;
    }
    size_t index = field->label == PROTOBUF_C_LABEL_REPEATED ? index_length(name + length) : 0;
    if (!put(walk, name, length + index)) {
        return false;
    }
    walk->text = name + length + index;
    walk->type = field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
    return true;
}

bool gord_violation_find(const ProtobufCMessageDescriptor *type, const char *text,
                         struct gord_violation *out)
{
    struct walk walk = {.type = type, .out = out};
    size_t found = 0;

    for (const char *name = text; name != NULL && step(&walk, name);) {
        found = walk.length;
        if (strncmp(walk.text, of_many, strlen(of_many)) == 0) {
            name = walk.text + strlen(of_many);
        } else {
            name = walk.text[0] == '.' ? walk.text + 1 : NULL;
        }
    }
    if (found == 0 || strchr(" :,.", walk.text[0]) == NULL) {
        return false; /* another word that begins so */
    }
    out->field[found] = '\0';
    size_t between = strspn(walk.text, ":. ");
    const char *rest = walk.text + between;
    /* "ids, 'all' and a selector exclude each other" makes no sense without its first word, nor does
     * "spec.delay_ns and spec.not_before_ns exclude each other". */
    bool one_of_several = walk.text[0] == ',' || strncmp(rest, "and ", strlen("and ")) == 0;
    out->what = one_of_several || rest[0] == '\0' ? text : rest;
    return true;
}

void gord_violation_tell(struct rpc_call *call, const char *text)
{
    struct gord_violation violation;
    Google__Rpc__BadRequest__FieldViolation one = GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
    Google__Rpc__BadRequest__FieldViolation *all[] = {&one};
    Google__Rpc__BadRequest request = GOOGLE__RPC__BAD_REQUEST__INIT;

    if (gord_violation_find(rpc_call_request_type(call), text, &violation)) {
        one.field = violation.field;
        one.description = (char *)(uintptr_t)violation.what;
        request.field_violations = all;
        request.n_field_violations = 1;
        (void)rpc_call_add_detail(call, &request.base);
    }
}
