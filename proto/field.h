/* SPDX-License-Identifier: MIT */
/* field.h - how the fields of decoded messages lie in memory, for those who walk over any message.
 *
 * Threads     any; pure.
 */
#ifndef GOR_PROTO_FIELD_H
#define GOR_PROTO_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/* What one value of that type takes: of texts and messages the pointer, of bytes their
 * ProtobufCBinaryData. */
size_t wire_field_bytes(ProtobufCType type);

/* Is the field one of several of which only one can be there, and not the one that is? */
bool wire_field_is_left_out(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

#endif
