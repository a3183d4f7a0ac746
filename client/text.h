/* SPDX-License-Identifier: MIT */
/* text.h - bytes from anywhere made fit for a terminal: UTF-8, escapes, columns.
 *
 * Pure functions. Width is counted in terminal columns by wcwidth() under a UTF-8 LC_CTYPE, which
 * gorctl_text_setup() selects; without it everything beyond ASCII counts as one column.
 * Ownership   char * results are the caller's, to be given to free().
 */
#ifndef GOR_CLIENT_TEXT_H
#define GOR_CLIENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void gorctl_text_setup(void);

/* Standard output is a terminal, and LC_ALL, LC_CTYPE or LANG say that it knows no UTF-8: marks of our own
 * are ASCII there. What jobs are called and what they wrote is not changed. */
bool gorctl_text_is_plain(void);

/* Decode one character. Returns the bytes it takes (1 to 4), 0 when the bytes are not UTF-8, and -1
 * when they are the beginning of a character whose rest is missing. */
int gorctl_utf8_decode(const void *bytes, size_t length, uint32_t *out_character);

/* May not be sent to a terminal as it is: controls, and what turns the direction of text. */
bool gorctl_character_is_control(uint32_t character);

bool gorctl_utf8_valid(const void *bytes, size_t length);

/* The bytes as one line of harmless text: controls and stray bytes as \n, \t, \x1b, \u202e. */
char *gorctl_text_escape(const void *bytes, size_t length);

/* The same of its first line: what follows may be a backtrace. */
char *gorctl_text_first_line(const char *text);

unsigned gorctl_text_width(const char *text);

/* `text` cut to at most `columns`, ending in "…", or "~" where that is not known, if something is missing; never
 * inside a character. */
char *gorctl_text_fit(const char *text, unsigned columns);

/* Words as one would type them to a shell, escaped for display. */
struct gorctl_word {
    const void *bytes; /* borrowed */
    size_t length;
};
char *gorctl_text_words(const struct gorctl_word *words, size_t count);

/* Letters to change to make `a` into `b`, for "did you mean". */
unsigned gorctl_text_distance(const char *a, const char *b);

#endif
