/* SPDX-License-Identifier: MIT */
/* text.c - see text.h. vsnprintf of plain numbers and texts does without memory of malloc's. */
#include "runtime/debug/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FORMAT_BYTES = 512 };

void gor__text_init(struct gor__text *text, int (*write)(void *arg, const char *text, size_t bytes),
                    void *arg)
{
    text->write = write;
    text->arg = arg;
    text->error = 0;
    text->used = 0;
}

static void flush(struct gor__text *text)
{
    if (text->error == 0 && text->used > 0) {
        text->error = text->write(text->arg, text->bytes, text->used);
    }
    text->used = 0;
}

void gor__text_put(struct gor__text *text, const char *words)
{
    size_t left = strlen(words);
    while (left > 0) {
        size_t room = sizeof text->bytes - text->used;
        size_t now = left < room ? left : room;
        memcpy(text->bytes + text->used, words, now);
        text->used += now;
        words += now;
        left -= now;
        if (text->used == sizeof text->bytes) {
            flush(text);
        }
    }
}

void gor__text_format(struct gor__text *text, const char *format, ...)
{
    char words[FORMAT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    gor__text_put(text, words);
}

int gor__text_end(struct gor__text *text)
{
    flush(text);
    return text->error;
}
