/* SPDX-License-Identifier: MIT */
/* line.c - see line.h. */
#include "daemon/base/line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/utf8.h"

enum { NUMBER_BYTES = 24, FORMAT_BYTES = 160 };

void gord_line_init(struct gord_line *line, char *out, size_t room)
{
    *line = (struct gord_line){.out = out, .room = room};
}

/* Room for so many bytes more, which the caller fills; NULL: there is none. */
static inline char *take(struct gord_line *line, size_t count)
{
    if (line->full || count > line->room - line->used) {
        line->full = true;
        return NULL;
    }
    char *at = line->out + line->used;
    line->used += count;
    return at;
}

static void put(struct gord_line *line, const char *bytes, size_t count)
{
    char *at = take(line, count);

    if (at != NULL && count > 0) { /* else there may be nothing to point at */
        memcpy(at, bytes, count);
    }
}

static void put_char(struct gord_line *line, char c)
{
    char *at = take(line, 1);

    if (at != NULL) {
        *at = c;
    }
}

/* Before each value, and each key. */
static void separate(struct gord_line *line)
{
    if (line->follows) {
        put_char(line, ',');
    }
    line->follows = true;
}

void gord_line_open(struct gord_line *line, char bracket)
{
    separate(line);
    put_char(line, bracket);
    line->follows = false;
}

void gord_line_close(struct gord_line *line, char bracket)
{
    put_char(line, bracket);
    line->follows = true;
}

void gord_line_key(struct gord_line *line, const char *key)
{
    size_t length = strlen(key);

    separate(line);
    char *at = take(line, length + 3);
    if (at != NULL) {
        *at++ = '"';
        at = (char *)mempcpy(at, key, length);
        *at++ = '"';
        *at = ':';
    }
    line->follows = false;
}

static bool needs_escape(unsigned char c)
{
    return c < ' ' || c == '"' || c == '\\' || c == 0x7f;
}

/* How many bytes there are before one that must be looked at more closely. */
static size_t plain_bytes(const unsigned char *bytes, size_t length)
{
    size_t at = 0;

    while (at < length && bytes[at] < 0x80 && !needs_escape(bytes[at])) {
        at++;
    }
    return at;
}

/* So many bytes of `text` are whole characters, `most` at most; SIZE_MAX: it is no UTF-8. The first
 * `at` bytes are known to be plain. */
static size_t whole_characters(const uint8_t *text, size_t length, size_t at, size_t most)
{
    while (at < length) {
        size_t bytes = text[at] < 0x80 ? 1 : wire_utf8_char(text + at, length - at);
        if (bytes == 0) {
            return SIZE_MAX;
        }
        if (at + bytes > most) {
            break;
        }
        at += bytes;
    }
    return at;
}

static void put_escape(struct gord_line *line, unsigned char c)
{
    char escape[8];

    if (c == '"' || c == '\\') {
        escape[0] = '\\';
        escape[1] = (char)c;
        put(line, escape, 2);
    } else {
        (void)snprintf(escape, sizeof(escape), "\\u%04x", c);
        put(line, escape, 6);
    }
}

static void put_escaped(struct gord_line *line, const unsigned char *bytes, size_t length)
{
    size_t begin = 0;

    for (size_t i = 0; i < length; i++) {
        if (needs_escape(bytes[i])) {
            put(line, (const char *)bytes + begin, i - begin);
            put_escape(line, bytes[i]);
            begin = i + 1;
        }
    }
    put(line, (const char *)bytes + begin, length - begin);
}

void gord_line_text(struct gord_line *line, const void *text, size_t length, size_t most)
{
    const unsigned char *bytes = text;
    size_t plain = plain_bytes(bytes, length < most ? length : most);
    size_t end = plain;

    if (plain < length && plain < most) {
        end = whole_characters(bytes, length, plain, most);
        if (end == SIZE_MAX) {
            gord_line_format(line, "%zu bytes", length);
            return;
        }
    }
    separate(line);
    put_char(line, '"');
    put(line, (const char *)bytes, plain);
    if (plain < end) {
        put_escaped(line, bytes + plain, end - plain);
    }
    put_char(line, '"');
}

void gord_line_text_key(struct gord_line *line, const char *key, size_t most)
{
    gord_line_text(line, key, strlen(key), most);
    put_char(line, ':');
    line->follows = false;
}

void gord_line_null(struct gord_line *line)
{
    separate(line);
    put(line, "null", 4);
}

void gord_line_uint(struct gord_line *line, uint64_t number)
{
    char digits[NUMBER_BYTES];
    char *first = digits + sizeof(digits);

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    separate(line);
    put(line, first, (size_t)(digits + sizeof(digits) - first));
}

void gord_line_int(struct gord_line *line, int64_t number)
{
    if (number >= 0) {
        gord_line_uint(line, (uint64_t)number);
        return;
    }
    separate(line);
    put(line, "-", 1);
    line->follows = false;
    gord_line_uint(line, -(uint64_t)number);
}

void gord_line_bool(struct gord_line *line, bool truth)
{
    separate(line);
    put(line, truth ? "true" : "false", truth ? 4 : 5);
}

void gord_line_format(struct gord_line *line, const char *format, ...)
{
    char text[FORMAT_BYTES];
    va_list args;

    va_start(args, format);
    int bytes = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    separate(line);
    put(line, "\"", 1);
    put(line, text, bytes < (int)sizeof(text) ? (size_t)bytes : sizeof(text) - 1);
    put(line, "\"", 1);
}
