/* SPDX-License-Identifier: MIT */
/* log.h - what the daemon tells its operator: one line a record, on stderr or to the journal.
 *
 * A job's id goes in front of the text as "job 7: ", and into a field where there are fields, as its queue
 * does. Control characters in the text are written as escapes: a record can never look like two.
 * Threads     any; each record is one write() or one datagram.
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

enum gord_log_format {
    GORD_LOG_AUTO, /* for the journal if JOURNAL_STREAM names our stderr, else text */
    GORD_LOG_TEXT, /* "time LEVEL text" */
    GORD_LOG_JSON, /* an object with time, level, job and queue if there is one, message */
    GORD_LOG_JOURNAL, /* records with fields; "<N>text" on stderr while the journal does not take them, and
                       * for an error about no job where stderr goes to the journal */
};

/* Decide where and how to write; call once before any thread starts. Without it: level notice, as
 * text. Otherwise as gord_log_use(GORD_LOG_AUTO, journal). */
void gord_log_init(enum gord_log_level level, const char *journal);

/* Write so, as said before any thread starts. `journal` is the socket of the journal, needed for
 * GORD_LOG_JOURNAL and tried for GORD_LOG_AUTO. 0; or, with nothing changed, why it cannot be reached. */
int gord_log_use(enum gord_log_format format, const char *journal);

/* Change the level. [any thread] */
void gord_log_set_level(enum gord_log_level level);

/* Do records go to the journal? */
bool gord_log_is_journal(void);

/* Whether records of `level` are written, for callers whose text is dear to make. */
bool gord_log_wants(enum gord_log_level level);

/* Where in the sources something is said. */
struct gord_log_place {
    const char *file, *function;
    unsigned line;
};

/* What something is said about. */
struct gord_log_job {
    uint64_t id; /* 0: no job */
    /* Its queue's name, or a text that begins with that and a blank; NULL: not known. Borrowed. */
    const char *queue;
};

/* Write one record; job_id 0: about no job. errno is kept. A function to whoever calls it, as the next is.
 * NOLINTNEXTLINE(readability-identifier-naming) */
#define gord_log(level, job_id, ...) gord_log_of(level, job_id, NULL, __VA_ARGS__)

/* Write one record about a job of that queue, see above.
 * NOLINTNEXTLINE(readability-identifier-naming) */
#define gord_log_of(level, job_id, queue, ...)                                       \
    gord_log_at(&(const struct gord_log_place){__FILE__, __func__, __LINE__}, level, \
                &(const struct gord_log_job){job_id, queue}, __VA_ARGS__)

void gord_log_at(const struct gord_log_place *place, enum gord_log_level level,
                 const struct gord_log_job *job, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Of the name of its queue, which is there. Names have 63 bytes at most. */
int gord_log_queue_length(const struct gord_log_job *job);

/* The level that `name` means ("error", ..., "debug"), or -EINVAL. */
int gord_log_level_parse(const char *name);

#endif
