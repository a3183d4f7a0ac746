/* SPDX-License-Identifier: MIT */
/* json_read.h - messages of the contract from JSON as json.h writes them: the other way round.
 *
 * A member may be missing, or null; one that the contract does not have is an error, for what it says
 * would be lost.
 */
#ifndef GOR_CLIENT_JSON_READ_H
#define GOR_CLIENT_JSON_READ_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

enum { GORCTL_JSON_WHY = 200 };

/* 0 with a message that the caller gives to protobuf_c_message_free_unpacked(); -EINVAL with what is
 * wrong, and where, in `why`. */
int gorctl_json_read(const json_t *value, const ProtobufCMessageDescriptor *type,
                     char why[GORCTL_JSON_WHY], ProtobufCMessage **out_message);

#endif
