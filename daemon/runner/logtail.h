/* SPDX-License-Identifier: MIT */
/* logtail.h - where in a job's log its last lines begin, or what was written since a moment: found from
 * the end, so that it costs what is shown, however long the log is.
 *
 * A block at the end is read and a frame's start looked for in it from which frames lead exactly to that
 * end; then a block before that, and so on, over the parts. It goes in steps, for one may have to go far.
 * Lines are those of both streams as they came, or of one; a remark is none.
 * Threads     one at a time; the log may be appended to meanwhile.
 * Ownership   open/close.
 */
#ifndef GORD_RUNNER_LOGTAIL_H
#define GORD_RUNNER_LOGTAIL_H

#include <stdint.h>

#include "daemon/runner/logframe.h"

struct gord_logtail;

struct gord_logtail_opts {
    const char *root; /* borrowed for the call */
    uint64_t id;
    uint64_t limit;   /* as of gord_logread_next */
    uint64_t lines;   /* 0: all */
    int64_t since_ns; /* 0: from the first; else from the last frame before it on, without it */
    enum gord_stream only; /* 0: both */
};

/* -ENOENT: there is no file; -EILSEQ, -ENOMEM or -errno. */
int gord_logtail_open(const struct gord_logtail_opts *opts, struct gord_logtail **out_tail);

/* Look at some more. 1: it is found; 0: not yet; -EILSEQ: these are no frames; or -errno. */
int gord_logtail_step(struct gord_logtail *tail);

/* Once found: the offset to read from, and how many bytes of its first frame to leave out. */
uint64_t gord_logtail_offset(const struct gord_logtail *tail);
uint32_t gord_logtail_skip(const struct gord_logtail *tail);

void gord_logtail_close(struct gord_logtail *tail); /* NULL is fine */

#endif
