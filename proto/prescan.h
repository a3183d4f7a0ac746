/* SPDX-License-Identifier: MIT */
/* prescan.h - walk a packed message against its descriptor before anything is allocated for it.
 *
 * protobuf-c has no limit on nesting, takes strings that are not text, and cuts them at a NUL; this
 * walk refuses such input. What it accepts may still fail to unpack (a wrong wire type).
 *
 * Threads     any; pure functions, at most WIRE_MAX_DEPTH levels deep.
 */
#ifndef GOR_PROTO_PRESCAN_H
#define GOR_PROTO_PRESCAN_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum { WIRE_MAX_DEPTH = 32 };

enum wire_prescan {
    WIRE_PRESCAN_OK,
    WIRE_PRESCAN_MALFORMED, /* cut short, a field number of 0, a group, a varint without end */
    WIRE_PRESCAN_TOO_DEEP,
    WIRE_PRESCAN_BAD_TEXT, /* a string that is not UTF-8 or has a NUL */
};

/* *out_fields: how many fields there are in all, at every level. */
enum wire_prescan wire_prescan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                               size_t size, size_t *out_fields);

#endif
