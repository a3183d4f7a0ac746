/* SPDX-License-Identifier: MIT */
/* log.c - see log.h. */
#include "daemon/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };

static const struct {
    const char *name;
    enum gord_log_level level;
} levels[] = {
    {"error", GORD_LOG_ERROR}, {"warning", GORD_LOG_WARNING}, {"notice", GORD_LOG_NOTICE},
    {"info", GORD_LOG_INFO},   {"debug", GORD_LOG_DEBUG},
};

/* The process's one log. Relaxed throughout: a record more or less around a change is no harm. */
static atomic_int least = GORD_LOG_NOTICE;
static atomic_bool to_journal;

/* JOURNAL_STREAM is inherited by whatever a unit starts, so it only counts if it names our stderr.
 */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void gord_log_init(enum gord_log_level level)
{
    atomic_store_explicit(&least, (int)level, memory_order_relaxed);
    atomic_store_explicit(&to_journal, stderr_is_journal(), memory_order_relaxed);
}

bool gord_log_wants(enum gord_log_level level)
{
    return (int)level <= atomic_load_explicit(&least, memory_order_relaxed);
}

int gord_log_level_parse(const char *name)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(name, levels[i].name) == 0) {
            return (int)levels[i].level;
        }
    }
    return -EINVAL;
}

static const char *level_name(enum gord_log_level level)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (levels[i].level == level) {
            return levels[i].name;
        }
    }
    return "?";
}

/* The part before the text; answers its length. */
static size_t write_head(char *line, size_t room, enum gord_log_level level, uint64_t job_id)
{
    size_t used = 0;
    if (atomic_load_explicit(&to_journal, memory_order_relaxed)) {
        used = (size_t)snprintf(line, room, "<%d>", (int)level);
    } else {
        struct timespec now;
        struct tm utc;
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &utc);
        used = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
        used += (size_t)snprintf(line + used, room - used, ".%03ldZ %s ", now.tv_nsec / 1000000,
                                 level_name(level));
    }
    if (job_id != 0) {
        used +=
            (size_t)snprintf(line + used, room - used, "job %llu: ", (unsigned long long)job_id);
    }
    return used;
}

/* Copy text with control characters as \xNN; answers the bytes written, at most `room`. */
static size_t write_escaped(char *out, size_t room, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        size_t need = c < 0x20 || c == 0x7f ? 4 : 1;
        if (room - used < need) {
            break;
        }
        if (need == 1) {
            out[used++] = (char)c;
            continue;
        }
        out[used++] = '\\';
        out[used++] = 'x';
        out[used++] = digits[c >> 4];
        out[used++] = digits[c & 15];
    }
    return used;
}

void gord_log(enum gord_log_level level, uint64_t job_id, const char *format, ...)
{
    if (!gord_log_wants(level)) {
        return;
    }
    int saved = errno;
    char text[LINE_BYTES - 128], line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = write_head(line, 120, level, job_id);
    used += write_escaped(line + used, sizeof line - used - 1, text);
    line[used++] = '\n';
    /* If nobody takes our words there is nobody to tell. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
    errno = saved;
}
