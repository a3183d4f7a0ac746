/* SPDX-License-Identifier: MIT */
/* pack.h - events as bytes, in runs of consecutive seq; pure, no I/O.
 *
 * A run is records one after the other; the seq of the first is known from outside, each further
 * one is the next. Numbers are varints (7 bits a byte, low first, high bit: more), signed ones
 * zigzag.
 *
 *     record      low four bits of kind | state << 4 | fifth bit of kind << 7 (one byte), job id - former record's (signed), seq - prev_seq
 *                 (0: no former event of the job), at_ns - former record's (signed), then
 *     SUBMITTED   job kind, uid, parent id
 *     STARTED     goroutine, pid, pid_start
 *     FINISHED, RETRYING
 *                 outcome, exit code (signed), signal (+ 128: with a core file), stdout bytes, stderr bytes, text
 *     USED        whether the peak is a bound (0, 1), then the numbers of struct gord_use: user and
 *                 system time, peak memory, minor and major faults, voluntary and involuntary
 *                 switches, blocks in and out, peak processes, left processes
 *     SIGNALLED   signal, text
 *     the others  text
 *     text        length, bytes
 *
 * "Former" of a run's first record is 0.
 */
#ifndef GORD_STORE_PACK_H
#define GORD_STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/event/event.h"

/* The most bytes the event's record takes. */
size_t gord_pack_most(const struct gord_event *event);

/* What one record builds on. Zero at the start of a run. */
struct gord_pack_state {
    uint64_t job_id;
    int64_t at_ns;
};

/* Append `event` at `out`, which has gord_pack_most() bytes to spare. The bytes written. */
size_t gord_pack_event(struct gord_pack_state *state, const struct gord_event *event, uint8_t *out);

/* One record as read; the text is borrowed from the run, without NUL. */
struct gord_packed {
    uint64_t seq;
    uint64_t prev_seq;
    uint64_t job_id;
    int64_t at_ns;
    uint8_t kind;
    uint8_t state;
    uint8_t job_kind;
    uint8_t outcome;
    uint32_t uid;
    int32_t pid;
    int32_t exit_code;
    int32_t signal;
    bool core_dumped;
    uint64_t parent_id;
    uint64_t goroutine;
    uint64_t pid_start;
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    struct gord_use use;
    const uint8_t *text;
    size_t text_bytes;
};

/* Read the record at *at (not past `end`), whose seq is `seq`, and step behind it. 0; -EBADMSG:
 * these bytes are no record. */
int gord_unpack_event(struct gord_pack_state *state, uint64_t seq, const uint8_t **at,
                      const uint8_t *end, struct gord_packed *out);

/* The event again, without spec. NULL: out of memory. */
struct gord_event *gord_packed_to_event(const struct gord_packed *packed);

#endif
