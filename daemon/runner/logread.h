/* SPDX-License-Identifier: MIT */
/* logread.h - the reading side of a job's log: frame after frame from an offset.
 *
 * Threads     one at a time; the file may be appended to meanwhile.
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

/* The next frame below `limit` (UINT64_MAX: the end of the file): 1 with frame and data; 0 when
 * there is none (an unfinished one at the end counts as none); -EILSEQ: the offset is not the start
 * of a frame; or the errno of reading. */
int gord_logread_next(struct gord_logread *reader, uint64_t limit, struct gord_frame *out_frame,
                      const uint8_t **out_data);

/* Where the next frame begins. */
uint64_t gord_logread_offset(const struct gord_logread *reader);

#endif
