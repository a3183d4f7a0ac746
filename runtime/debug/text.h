/* SPDX-License-Identifier: MIT */
/* text.h - text on its way to somebody, in pieces; without stdio, which takes locks and memory.
 *
 * Threads     one at a time.
 */
#ifndef GOR_DEBUG_TEXT_H
#define GOR_DEBUG_TEXT_H

#include <stddef.h>

enum { GOR__TEXT_BYTES = 8192 };

struct gor__text {
    int (*write)(void *arg, const char *text, size_t bytes);
    void *arg;
    int error; /* the first answer of `write` that was not zero; nothing is written any more */
    size_t used;
    char bytes[GOR__TEXT_BYTES];
};

void gor__text_init(struct gor__text *text, int (*write)(void *arg, const char *text, size_t bytes),
                    void *arg);
void gor__text_put(struct gor__text *text, const char *words);
/* Of which at most 512 bytes come out. */
void gor__text_format(struct gor__text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Write what is left: the error. */
int gor__text_end(struct gor__text *text);

#endif
