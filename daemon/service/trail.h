/* SPDX-License-Identifier: MIT */
/* trail.h - the audit trail: who asked for which change, when, from where, and what came of it.
 *
 * One line of JSON for each call that takes more than a viewer's role, also for those refused. It is
 * handed to the kernel before the answer to the call is, so a daemon that is killed loses none that
 * anybody was told of; and brought to the disk within a second. Lines go to the file "audit.log" of the
 * state directory; when that is an eighth of what is kept it becomes audit.log.1, audit.log.1 becomes
 * audit.log.2, and the oldest goes.
 *
 * A trail that cannot be written (a full disk) stops no call: the log says so, and the first line that
 * can be written again how many are missing.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_TRAIL_H
#define GORD_SERVICE_TRAIL_H

#include <stdint.h>

#include <uv.h>

#include "rpc/server.h"

struct gord_trail;

enum {
    GORD_TRAIL_FILES = 8,
    GORD_TRAIL_TIME = 28, /* "2026-11-28T20:15:01.123456Z" */
};

/* Continue the trail in `folder`, keeping about `keep_bytes` of it. -ENOMEM, or the errno of the file,
 * after the reason has been logged. */
int gord_trail_open(uv_loop_t *loop, const char *folder, uint64_t keep_bytes,
                    struct gord_trail **out_trail);

/* What is left is written; the loop is run if need be. NULL is fine. */
void gord_trail_close(struct gord_trail *trail);

/* Be told, on the loop, whenever lines have been written; NULL: no more. One may be. */
void gord_trail_watch(struct gord_trail *trail, void (*written)(void *arg), void *arg);

/* For struct rpc_observer; user is the trail. */
void gord_trail_answered(void *user, const struct rpc_peer *peer, const struct rpc_answer *answer);
void gord_trail_flush(void *user);

/* Every line begins with {"time":"...": as text, so that they can be compared without reading JSON. */
#define GORD_TRAIL_BEGIN "{\"time\":\""
void gord_trail_time(int64_t at_ns, char out[GORD_TRAIL_TIME]);

/* The name of a file of the trail: 0 is the one being written. */
void gord_trail_name(const char *folder, unsigned number, char *out, size_t out_bytes);

#endif
