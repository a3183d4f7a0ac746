/* SPDX-License-Identifier: MIT */
/* line.h - one line of JSON, written from the beginning to the end into room that is given.
 *
 * What does not fit is left out and `full` set: the line is no JSON then.
 * Threads     any; pure.
 */
#ifndef GORD_BASE_LINE_H
#define GORD_BASE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gord_line {
    char *out; /* borrowed */
    size_t room;
    size_t used;
    bool follows; /* a value has gone before, so the next one needs a comma */
    bool full;
};

void gord_line_init(struct gord_line *line, char *out, size_t room);

/* '{' or '['; '}' or ']'. */
void gord_line_open(struct gord_line *line, char bracket);
void gord_line_close(struct gord_line *line, char bracket);

/* Inside braces, before each value; made of letters, digits and '_'. */
void gord_line_key(struct gord_line *line, const char *key);

/* A text of at most `most` bytes, cut at the end of a character; where it is no UTF-8, how long it is. */
void gord_line_text(struct gord_line *line, const void *text, size_t length, size_t most);

/* The same in the place of a key, which may be made of anything. */
void gord_line_text_key(struct gord_line *line, const char *key, size_t most);

void gord_line_null(struct gord_line *line);
void gord_line_int(struct gord_line *line, int64_t number);
void gord_line_uint(struct gord_line *line, uint64_t number);
void gord_line_bool(struct gord_line *line, bool truth);

/* A text in the form of printf, which needs no escapes. */
void gord_line_format(struct gord_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
