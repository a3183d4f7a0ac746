/* SPDX-License-Identifier: MIT */
/* outline.h - a message of the contract as JSON that is short and gives nothing away: for the audit
 * trail.
 *
 * What is empty is left out, long texts and lists are cut, of bytes and environments only their size
 * is told.
 * Threads     any; pure.
 * See also    the client's json.h, which tells all
 */
#ifndef GORD_SERVICE_OUTLINE_H
#define GORD_SERVICE_OUTLINE_H

#include <protobuf-c/protobuf-c.h>

#include "daemon/base/line.h"

/* What was asked for. */
void gord_outline_request(struct gord_line *line, const ProtobufCMessage *message);

/* What came of it: numbers only, such as the id of a new job, for texts may be secrets. */
void gord_outline_reply(struct gord_line *line, const ProtobufCMessage *message);

#endif
