/* SPDX-License-Identifier: MIT */
/* differ.h - which fields of two messages differ, by their names.
 *
 * Threads     any.
 */
#ifndef GORD_SERVICE_DIFFER_H
#define GORD_SERVICE_DIFFER_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/* "priority, exec.cwd": as many as there is room for, of messages that both have as well. `a` and `b` are of
 * the same type; "": there is none, or no memory. Fields that only a newer gord knows are not looked at. */
void gord_differ(const ProtobufCMessage *a, const ProtobufCMessage *b, char *out, size_t out_bytes);

#endif
