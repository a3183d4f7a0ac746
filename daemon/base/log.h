/* SPDX-License-Identifier: MIT */
/* log.h - what the daemon tells its operator: one line a record, on stderr.
 *
 * Under systemd (JOURNAL_STREAM names our stderr) a line is "<N>text", so that the journal knows
 * the level; elsewhere it is "time LEVEL text". A job's id goes in front of the text as "job 7: ".
 * Control characters in the text are written as escapes: a record can never look like two.
 * Threads     any; each record is one write().
 */
#ifndef GORD_BASE_LOG_H
#define GORD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* The numbers are syslog's. */
enum gord_log_level {
    GORD_LOG_ERROR = 3,
    GORD_LOG_WARNING = 4,
    GORD_LOG_NOTICE = 5,
    GORD_LOG_INFO = 6,
    GORD_LOG_DEBUG = 7,
};

/* Decide where and how to write; call once before any thread starts. Without it: level notice, with
 * times. */
void gord_log_init(enum gord_log_level level);

/* Whether records of `level` are written, for callers whose text is dear to make. */
bool gord_log_wants(enum gord_log_level level);

/* Write one record; job_id 0: about no job. errno is kept. */
void gord_log(enum gord_log_level level, uint64_t job_id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The level that `name` means ("error", ..., "debug"), or -EINVAL. */
int gord_log_level_parse(const char *name);

#endif
