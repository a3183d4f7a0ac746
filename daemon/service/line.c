/* SPDX-License-Identifier: MIT */
/* line.c - see line.h. */
#include "daemon/service/line.h"

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

static void put(struct gord_line *line, const char *bytes, size_t count)
{
    if (line->full || count > line->room - line->used) {
        line->full = true;
        return;
    }
    if (count > 0) { /* else there may be nothing to point at */
        memcpy(line->out + line->used, bytes, count);
        line->used += count;
    }
}

/* Before each value, and each key. */
static void separate(struct gord_line *line)
{
    if (line->follows) {
        put(line, ",", 1);
    }
    line->follows = true;
}

void gord_line_open(struct gord_line *line, char bracket)
{
    separate(line);
    put(line, &bracket, 1);
    line->follows = false;
}

void gord_line_close(struct gord_line *line, char bracket)
{
    put(line, &bracket, 1);
    line->follows = true;
}

void gord_line_key(struct gord_line *line, const char *key)
{
    separate(line);
    put(line, "\"", 1);
    put(line, key, strlen(key));
    put(line, "\":", 2);
    line->follows = false;
}

/* So many bytes of `text` are whole characters, `most` at most; SIZE_MAX: it is no UTF-8. */
static size_t whole_characters(const uint8_t *text, size_t length, size_t most)
{
    size_t at = 0;

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

void gord_line_text(struct gord_line *line, const void *text, size_t length, size_t most)
{
    const unsigned char *bytes = text;
    size_t end = whole_characters(bytes, length, most);
    size_t begin = 0;

    if (end == SIZE_MAX) {
        gord_line_format(line, "%zu bytes", length);
        return;
    }
    separate(line);
    put(line, "\"", 1);
    for (size_t i = 0; i < end; i++) {
        if (bytes[i] < ' ' || bytes[i] == '"' || bytes[i] == '\\' || bytes[i] == 0x7f) {
            put(line, (const char *)bytes + begin, i - begin);
            put_escape(line, bytes[i]);
            begin = i + 1;
        }
    }
    if (begin < end) {
        put(line, (const char *)bytes + begin, end - begin);
    }
    put(line, "\"", 1);
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
