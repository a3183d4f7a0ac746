/* SPDX-License-Identifier: MIT */
/* json.h - messages of the contract as JSON, one rule for all of them.
 *
 * Names are the contract's own (snake_case), every field is there even when empty, in the
 * contract's order. Enums are their names, or null where unspecified; bytes are a string if they
 * are UTF-8, else {"base64": "..."}; maps are objects; of a oneof only the chosen member appears;
 * a 64-bit number beyond JSON's signed range is a string.
 */
#ifndef GOR_CLIENT_JSON_H
#define GOR_CLIENT_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/* A new reference. */
json_t *gorctl_json_message(const ProtobufCMessage *message);

json_t *gorctl_json_bytes(const void *bytes, size_t length);

/* The other way: a string, or {"base64": "..."}. -EINVAL. out_bytes is the caller's to free(). */
int gorctl_json_to_bytes(const json_t *value, ProtobufCBinaryData *out_bytes);

/* Whether a repeated field is a map. */
bool gorctl_json_is_map(const ProtobufCFieldDescriptor *field);

/* Print `value` and take it over: indented as a document, or on one line (NDJSON). */
void gorctl_json_print(FILE *out, json_t *value, bool indent);

/* The common case: the message as a document on stdout. */
void gorctl_json_show(const ProtobufCMessage *message);

#endif
