/* SPDX-License-Identifier: MIT */
/* logfile.h - the writing side of one job's log: frames appended by its goroutines, up to a cap.
 *
 * A log never holds its job up: beyond the cap, and while the disk is full, output is counted and
 * dropped, and the log says so; the first time, the daemon's own log does too. The file appears with the first byte of output.
 *
 * Invariants  everything below gord_logfile_end() is whole frames and never changes again.
 * Threads     append and close: goroutines, serialized by `lock`. end, counts: any thread.
 * Ownership   the memory is the caller's, from init to fini.
 */
#ifndef GORD_RUNNER_LOGFILE_H
#define GORD_RUNNER_LOGFILE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/runner/logframe.h"
#include "runtime/gor.h"

struct gord_logfile {
    struct gor_mutex lock;
    const char *root; /* borrowed: the folder of all logs */
    uint64_t id;
    uint64_t cap_bytes;
    uint64_t dropped_bytes; /* since the last remark about it; guarded by lock */
    int fd;                 /* -1: no file yet; guarded by lock */
    bool goes_on;           /* a former run of the job has written; before the first byte */
    bool capped;            /* guarded by lock */
    bool warned;            /* that it cannot be written; guarded by lock */
    _Atomic uint64_t end;   /* release: frames below are written. acquire: gord_logfile_end() */
    _Atomic uint64_t stdout_bytes; /* relaxed counters */
    _Atomic uint64_t stderr_bytes;
    void (*appended)(void *arg); /* called after each append, on the goroutine; may be NULL */
    void *appended_arg;
};

/* `root` must outlive the log. */
void gord_logfile_init(struct gord_logfile *log, const char *root, uint64_t id, uint64_t cap_bytes);

/* Closes the file. */
void gord_logfile_fini(struct gord_logfile *log);

/* Append output of the job. Blocks for the file system. [goroutine] */
void gord_logfile_append(struct gord_logfile *log, enum gord_stream stream, const void *data,
                         size_t length);

/* Append a remark of the daemon's own, which the cap does not stop. [goroutine] */
void gord_logfile_remark(struct gord_logfile *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Where the written frames end; 0: there is no file. [any thread] */
uint64_t gord_logfile_end(const struct gord_logfile *log);

/* Bytes the job wrote, kept or not. [any thread] */
void gord_logfile_counts(const struct gord_logfile *log, uint64_t *out_stdout,
                         uint64_t *out_stderr);

/* The file of job `id`: "<root>/<id / 1024>/<id>.log". */
int gord_logfile_path(const char *root, uint64_t id, char *out, size_t out_bytes);

/* Remove the log of a job, if there is one. 0 or -errno. */
int gord_logfile_remove(const char *root, uint64_t id);

#endif
