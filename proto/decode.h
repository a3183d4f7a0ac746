/* SPDX-License-Identifier: MIT */
/* decode.h - bytes from outside into a message, safely.
 *
 * The bytes are walked against the descriptor first (prescan.h), then unpacked into one arena with
 * a budget, so that no input can cost more memory than a fixed multiple of its size.
 *
 * Threads     any, with a full-sized stack: protobuf-c needs kilobytes per level of nesting.
 * Ownership   the message and all it points to are one block: wire_decoded_free(), and never
 *             protobuf_c_message_free_unpacked().
 */
#ifndef GOR_PROTO_DECODE_H
#define GOR_PROTO_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/status.h"

/* WIRE_OK and a message; WIRE_INTERNAL: not a message of this type; WIRE_INVALID_ARGUMENT: a string
 * that is not UTF-8 or has a NUL; WIRE_RESOURCE_EXHAUSTED: too many fields for its size, or no
 * memory. On failure *out_why is static text. */
enum wire_status wire_decode(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                             size_t size, ProtobufCMessage **out_message, const char **out_why);

/* NULL is fine. */
void wire_decoded_free(ProtobufCMessage *message);

#endif
