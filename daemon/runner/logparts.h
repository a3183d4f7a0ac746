/* SPDX-License-Identifier: MIT */
/* logparts.h - the files that a job's log is in, opened for reading.
 *
 * Threads     any; the log may be appended to meanwhile.
 * Ownership   a part owns its descriptor, until it is closed.
 */
#ifndef GORD_RUNNER_LOGPARTS_H
#define GORD_RUNNER_LOGPARTS_H

#include <stdint.h>

#include "daemon/runner/logframe.h"

/* A part that is open, or could be. */
struct gord_logpart {
    int fd;                /* -1: none */
    struct gord_tail tail; /* first is 0: the head */
};

void gord_logpart_close(struct gord_logpart *part);

/* -ENOENT: there is none, or nothing in it; -EILSEQ: it is no log; or -errno. */
int gord_logparts_open_head(const char *root, uint64_t id, struct gord_logpart *out);

/* Both parts of the tail, the older first; those that are not there have no fd. 0 or -errno. */
int gord_logparts_open_tails(const char *root, uint64_t id, struct gord_logpart out[2]);

#endif
