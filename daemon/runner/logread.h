/* SPDX-License-Identifier: MIT */
/* logread.h - the reading side of a job's log: frame after frame from an offset, over all its parts.
 *
 * A part that was removed while it is read is read to its end. Where frames are missing a remark is
 * made up that says how much.
 * Threads     one at a time; the log may be appended to meanwhile.
 * Ownership   open/close; the data of a frame is the reader's, until its next call.
 */
#ifndef GORD_RUNNER_LOGREAD_H
#define GORD_RUNNER_LOGREAD_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/runner/logframe.h"

struct gord_logread;

/* Start at `offset` (0: the first frame). -ENOENT: no file; -EILSEQ: not a log; -ENOMEM. */
int gord_logread_open(const char *root, uint64_t id, uint64_t offset,
                      struct gord_logread **out_reader);
void gord_logread_close(struct gord_logread *reader);

/* The next frame below `limit` (UINT64_MAX: the end of the log): 1 with frame and data; 0 when there
 * is none (an unfinished one at the end counts as none); -EILSEQ: the offset is not the start of a
 * frame; or the errno of reading. */
int gord_logread_next(struct gord_logread *reader, uint64_t limit, struct gord_frame *out_frame,
                      const uint8_t **out_data);

/* Where the next frame begins. */
uint64_t gord_logread_offset(const struct gord_logread *reader);

/* Bytes of output that are missing where the last frame stands, which then is a remark about them;
 * 0: it is a frame of the log. */
uint64_t gord_logread_missing(const struct gord_logread *reader);

#endif
