/* SPDX-License-Identifier: MIT */
/* logfile.h - the writing side of one job's log: frames appended by its goroutines, up to a cap.
 *
 * Of output beyond the cap the first half and the last quarter, or more, are kept: half of the cap is
 * the head's, the rest belongs to two parts of the tail, of which the newer is written to and the
 * older removed when that is full. The files appear with the first byte of output and never have more
 * than the cap together, at any moment.
 * The runs of a job that is run again write one log: each goes on where the one before it stopped. What
 * a daemon's death left of a frame is cut off.
 * A log never holds its job up: while the disk is full output is counted and dropped, and the log
 * says so; the first time, the daemon's own log does too.
 * It is shut before its run's end is put on record: whoever was left behind and writes later would write
 * beyond what is recorded, and into what a next run writes.
 *
 * Invariants  frames below gord_logfile_end() are whole and never change; those of a removed part are
 *             gone at once.
 * Threads     append, shut and close: goroutines, serialized by `lock`. end, counts: any thread.
 * Ownership   the memory is the caller's, from init to fini.
 */
#ifndef GORD_RUNNER_LOGFILE_H
#define GORD_RUNNER_LOGFILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/runner/logframe.h"
#include "runtime/gor.h"

struct gord_logfile {
    struct gor_mutex lock;
    const char *root; /* borrowed: the folder of all logs */
    uint64_t id;
    const char *queue; /* for gord_log_of; borrowed; NULL until the owner sets it */
    uint64_t cap_bytes;
    uint64_t dropped_bytes; /* since the last remark about it; guarded by lock, as the next seven */
    int fd;                 /* of the part that is written to; -1: no file yet */
    bool warned;            /* that it cannot be written */
    bool shut;              /* nothing is appended any more */
    bool in_tail;
    uint64_t shift;       /* of offsets to places in the file */
    uint64_t head_end;    /* once in_tail */
    uint64_t tail_bytes;  /* of output since head_end */
    _Atomic uint64_t end; /* release: frames below are written. acquire: gord_logfile_end() */
    _Atomic uint64_t stdout_bytes; /* relaxed counters */
    _Atomic uint64_t stderr_bytes;
    void (*appended)(void *arg); /* called after each append, on the goroutine; may be NULL */
    void *appended_arg;
};

/* The end of a log that was written by a former run, before this one has written. */
#define GORD_LOGFILE_FORMER UINT64_MAX

/* The least a cap may be. */
#define GORD_LOGFILE_CAP_MIN 4096

/* `root` must outlive the log. */
void gord_logfile_init(struct gord_logfile *log, const char *root, uint64_t id, uint64_t cap_bytes);

/* A former run of the job may have written: keep that, and append to it. Before anything else. */
void gord_logfile_go_on(struct gord_logfile *log);

/* Closes the file. */
void gord_logfile_fini(struct gord_logfile *log);

/* Append output of the job. Blocks for the file system. False: the log is shut, it is dropped.
 * [goroutine] */
bool gord_logfile_append(struct gord_logfile *log, enum gord_stream stream, const void *data,
                         size_t length);

/* Append a remark of the daemon's own, unless the log is shut. [goroutine] */
void gord_logfile_remark(struct gord_logfile *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is under way is appended, and nothing after it. [goroutine] */
void gord_logfile_shut(struct gord_logfile *log);

/* Where the written frames end; 0: there is no file; GORD_LOGFILE_FORMER: wherever those of the former
 * run do. [any thread] */
uint64_t gord_logfile_end(const struct gord_logfile *log);

/* Bytes the job wrote, kept or not. [any thread] */
void gord_logfile_counts(const struct gord_logfile *log, uint64_t *out_stdout,
                         uint64_t *out_stderr);

#endif
