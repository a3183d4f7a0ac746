/* SPDX-License-Identifier: MIT */
/* logframe.h - the format of a job's log: frames at increasing offsets, in one file or in parts.
 *
 * The head is GORD_LOGFILE_MAGIC, then frames of a 24-byte little-endian header and its data:
 *   u32 check | u8 stream | u8 zero[3] | u32 length | u32 zero | i64 at_ns
 * `check` mixes the other fields with the frame's own offset, so that an offset that is not the
 * start of a frame is told apart from one that is, whatever a job writes.
 * When the head is full, frames go on in parts of the tail, each a file that begins with
 *   magic "gortail\n" | u64 first | u64 head_end | u64 before | i64 at_ns | u64 check
 * Offsets go on over the parts as if they were one file; the part's first frame has offset `first`.
 *
 * Invariants  1 <= stream <= 3, 1 <= length <= GORD_FRAME_MAX.
 * Threads     pure functions.
 */
#ifndef GORD_RUNNER_LOGFRAME_H
#define GORD_RUNNER_LOGFRAME_H

#include <stdbool.h>
#include <stdint.h>

#define GORD_LOGFILE_MAGIC "gorlog1\n"
#define GORD_LOGFILE_MAGIC_BYTES 8
#define GORD_FRAME_HEADER_BYTES 24
#define GORD_FRAME_MAX (64 * 1024)

#define GORD_TAIL_MAGIC "gortail\n"
#define GORD_TAIL_HEADER_BYTES 48

/* As LogChunk.Stream of the contract. */
enum gord_stream { GORD_STDOUT = 1, GORD_STDERR = 2, GORD_REMARK = 3 };

struct gord_frame {
    enum gord_stream stream;
    uint32_t length; /* of the data after the header */
    int64_t at_ns;   /* wall clock */
};

void gord_frame_encode(const struct gord_frame *frame, uint64_t offset,
                       uint8_t out[GORD_FRAME_HEADER_BYTES]);

/* Whether `header`, read at `offset`, is a frame's. */
bool gord_frame_decode(const uint8_t header[GORD_FRAME_HEADER_BYTES], uint64_t offset,
                       struct gord_frame *out_frame);

/* A part of the tail. */
struct gord_tail {
    uint64_t first;    /* offset of its first frame */
    uint64_t head_end; /* where the head's frames end, and the tail's first part began */
    uint64_t before;   /* bytes of output between head_end and first, kept or not */
    int64_t at_ns;     /* when it was begun */
};

void gord_tail_encode(const struct gord_tail *tail, uint8_t out[GORD_TAIL_HEADER_BYTES]);
bool gord_tail_decode(const uint8_t header[GORD_TAIL_HEADER_BYTES], struct gord_tail *out_tail);

#endif
