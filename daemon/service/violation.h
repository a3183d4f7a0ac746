/* SPDX-License-Identifier: MIT */
/* violation.h - which field of a request a refusal is about, for clients that want more than its text.
 *
 * A refusal of a field begins with it ("spec.exec.env[3] holds a NUL byte"), which is all there is to
 * say: the text is taken apart here, and what it begins with counts if the request has such a field.
 * So there is no second place that could name another.
 * Threads     find: any; pure. tell: loop thread.
 * See also    docs/protocol.md
 */
#ifndef GORD_SERVICE_VIOLATION_H
#define GORD_SERVICE_VIOLATION_H

#include <stdbool.h>
#include <stddef.h>

#include "rpc/call.h"

enum { GORD_VIOLATION_FIELD = 160 };

struct gord_violation {
    char field[GORD_VIOLATION_FIELD];
    const char *what; /* is wrong with it: in the text, or all of that */
};

/* Does the text begin with a field of that message? */
bool gord_violation_find(const ProtobufCMessageDescriptor *type, const char *text,
                         struct gord_violation *out);

/* The call is about to end with INVALID_ARGUMENT and that text, which is UTF-8: say the same as a
 * google.rpc.BadRequest. Without memory, and without a field, nothing is said. */
void gord_violation_tell(struct rpc_call *call, const char *text);

#endif
