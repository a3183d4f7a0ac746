/* SPDX-License-Identifier: MIT */
/* whom.h - who asked for something, and why, as histories and logs tell it.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_WHOM_H
#define GORD_SERVICE_WHOM_H

#include "daemon/service/check.h"
#include "rpc/call.h"

/* "by user 1000: new disks", "with token 'ci' from 127.0.0.1:4711", of at most GORD_BY_WHOM bytes with its
 * end. */
enum { GORD_BY_WHOM = GORD_CAUSE_MAX + 256 };
void gord_by_whom(struct rpc_call *call, const char *cause, char out[GORD_BY_WHOM]);

#endif
