/* SPDX-License-Identifier: MIT */
/* log.c - see log.h. The journal's protocol is in journal.c. */
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

#include "daemon/base/journal.h"
#include "proto/utf8.h"

enum { LINE_BYTES = 4096, QUEUE_BYTES = 64 };

static const struct {
    const char *name;
    enum gord_log_level level;
} levels[] = {
    {"error", GORD_LOG_ERROR}, {"warning", GORD_LOG_WARNING}, {"notice", GORD_LOG_NOTICE},
    {"info", GORD_LOG_INFO},   {"debug", GORD_LOG_DEBUG},
};

/* The process's one log. Relaxed throughout: a record more or less around a change is no harm. */
static atomic_int least = GORD_LOG_NOTICE;
static atomic_int form = GORD_LOG_TEXT;
static atomic_int journal_fd = -1; /* owned; open to the end: any thread may be writing to it */
static atomic_bool on_stream; /* our stderr is a stream to the journal, which knows whose it is */

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

void gord_log_init(enum gord_log_level level, const char *journal)
{
    atomic_store_explicit(&least, (int)level, memory_order_relaxed);
    (void)gord_log_use(GORD_LOG_AUTO, journal);
}

int gord_log_use(enum gord_log_format format, const char *journal)
{
    bool wanted = format == GORD_LOG_JOURNAL, streams = stderr_is_journal();
    if (format == GORD_LOG_AUTO) {
        format = streams ? GORD_LOG_JOURNAL : GORD_LOG_TEXT;
    }
    atomic_store_explicit(&on_stream, streams, memory_order_relaxed);
    if (format == GORD_LOG_JOURNAL) {
        int fd = gord_journal_open(journal);
        if (fd < 0 && wanted) {
            return fd;
        }
        int former = atomic_exchange_explicit(&journal_fd, fd < 0 ? -1 : fd, memory_order_relaxed);
        if (former >= 0) {
            close(former);
        }
    }
    atomic_store_explicit(&form, (int)format, memory_order_relaxed);
    return 0;
}

void gord_log_set_level(enum gord_log_level level)
{
    atomic_store_explicit(&least, (int)level, memory_order_relaxed);
}

bool gord_log_is_journal(void)
{
    return atomic_load_explicit(&form, memory_order_relaxed) == GORD_LOG_JOURNAL;
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

int gord_log_queue_length(const struct gord_log_job *job)
{
    size_t length = strcspn(job->queue, " ");
    return length < QUEUE_BYTES ? (int)length : QUEUE_BYTES;
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

static size_t write_time(char *line, size_t room)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    return used + (size_t)snprintf(line + used, room - used, ".%03ldZ", now.tv_nsec / 1000000);
}

/* The part before the text; answers its length. */
static size_t write_head(char *line, size_t room, enum gord_log_level level)
{
    if (gord_log_is_journal()) {
        return (size_t)snprintf(line, room, "<%d>", (int)level);
    }
    size_t used = write_time(line, room);
    return used + (size_t)snprintf(line + used, room - used, " %s ", level_name(level));
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

/* The text, already without control characters, as the inside of a JSON string. */
static size_t write_json_text(char *out, size_t room, const char *text)
{
    const char *end = text + strlen(text);
    size_t used = 0;
    while (*text != '\0') {
        size_t length = wire_utf8_char((const uint8_t *)text, (size_t)(end - text));
        if (room - used < 8) {
            break;
        }
        if (length == 0) {
            used += (size_t)snprintf(out + used, room - used, "\\ufffd");
            text++;
            continue;
        }
        if (*text == '"' || *text == '\\') {
            out[used++] = '\\';
        }
        memcpy(out + used, text, length);
        used += length;
        text += length;
    }
    return used;
}

static size_t write_json(char *line, size_t room, enum gord_log_level level,
                         const struct gord_log_job *job, const char *text)
{
    char when[64], id[48] = "", queue[128] = "";
    write_time(when, sizeof when);
    if (job->id != 0) {
        snprintf(id, sizeof id, "\"job\":%llu,", (unsigned long long)job->id);
    }
    if (job->queue != NULL) { /* a name has nothing that would have to be escaped */
        snprintf(queue, sizeof queue, "\"queue\":\"%.*s\",", gord_log_queue_length(job),
                 job->queue);
    }
    size_t used =
        (size_t)snprintf(line, room, "{\"time\":\"%s\",\"level\":\"%s\",%s%s\"message\":\"", when,
                         level_name(level), id, queue);
    used += write_json_text(line + used, room - used - 4, text);
    return used + (size_t)snprintf(line + used, room - used, "\"}\n");
}

/* On stderr. If nobody takes our words there is nobody to tell. */
static void write_line(enum gord_log_level level, const struct gord_log_job *job, const char *text)
{
    char line[2 * LINE_BYTES];
    size_t used;
    if (atomic_load_explicit(&form, memory_order_relaxed) == GORD_LOG_JSON) {
        used = write_json(line, sizeof line, level, job, text);
    } else {
        used = write_head(line, 120, level);
        used += (size_t)snprintf(line + used, LINE_BYTES - used - 1, "%s", text);
        used = used < LINE_BYTES - 1 ? used : LINE_BYTES - 2;
        line[used++] = '\n';
    }
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}

/* An error that is about no job may be our last word. Of a record that it reads when its sender has gone the
 * journal cannot tell the unit any more; of the stream it can. */
static bool goes_with_fields(enum gord_log_level level, uint64_t job_id)
{
    bool last_word = level == GORD_LOG_ERROR && job_id == 0;
    return gord_log_is_journal() &&
           !(last_word && atomic_load_explicit(&on_stream, memory_order_relaxed));
}

void gord_log_at(const struct gord_log_place *place, enum gord_log_level level,
                 const struct gord_log_job *job, const char *format, ...)
{
    if (!gord_log_wants(level)) {
        return;
    }
    int saved = errno, fd = atomic_load_explicit(&journal_fd, memory_order_relaxed);
    bool json = atomic_load_explicit(&form, memory_order_relaxed) == GORD_LOG_JSON;
    char text[LINE_BYTES - 128], safe[LINE_BYTES - 64];
    size_t used = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (job->id != 0 && !json) { /* there it is a field, and nothing else is shown */
        used = (size_t)snprintf(safe, sizeof safe, "job %llu: ", (unsigned long long)job->id);
    }
    used += write_escaped(safe + used, sizeof safe - used - 1, text);
    safe[used] = '\0';
    const struct gord_journal_record record = {(int)level, job, place, safe};
    if (!goes_with_fields(level, job->id) || fd < 0 || gord_journal_send(fd, &record) != 0) {
        write_line(level, job, safe);
    }
    errno = saved;
}
