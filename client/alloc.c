/* SPDX-License-Identifier: MIT */
/* alloc.c - see alloc.h. */
#include "client/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/exits.h"

void gorctl_out_of_memory(void)
{
    fputs("gorctl: out of memory\n", stderr);
    exit(GORCTL_EXIT_INTERNAL);
}

static void *there_or_end(void *memory)
{
    if (memory == NULL) {
        gorctl_out_of_memory();
    }
    return memory;
}

void *gorctl_alloc(size_t size)
{
    return there_or_end(calloc(1, size > 0 ? size : 1));
}

void *gorctl_grow(void *memory, size_t count, size_t size)
{
    return there_or_end(reallocarray(memory, count > 0 ? count : 1, size));
}

void *gorctl_copy(const void *bytes, size_t length)
{
    char *copy = gorctl_alloc(length + 1);
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

char *gorctl_strdup(const char *text)
{
    return gorctl_copy(text, strlen(text));
}

char *gorctl_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    return there_or_end(length < 0 ? NULL : text);
}

FILE *gorctl_memory_stream(char **out_text, size_t *out_length)
{
    return there_or_end(open_memstream(out_text, out_length));
}
