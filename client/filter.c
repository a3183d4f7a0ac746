/* SPDX-License-Identifier: MIT */
/* filter.c - see filter.h. */
#include "client/filter.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/text.h"

/* An escape sequence that may pass, at `at`: its length; 0: none; -1: not whole yet. */
static int safe_sequence(const uint8_t *at, size_t length)
{
    size_t end = 2;
    if (length >= 2 && at[1] != '[') {
        return 0;
    }
    while (end < length && ((at[end] >= '0' && at[end] <= '9') || at[end] == ';')) {
        end++;
    }
    if (end >= sizeof(((struct gorctl_filter *)NULL)->held)) {
        return 0;
    }
    if (end >= length) {
        return -1;
    }
    return at[end] == 'm' || at[end] == 'K' ? (int)end + 1 : 0;
}

static bool passes(uint32_t character)
{
    return character == '\n' || character == '\r' || character == '\t' || character == '\b' ||
           !gorctl_character_is_control(character);
}

/* Put one thing of those at `at`. How many bytes that was; 0: more bytes are needed to tell. */
static size_t put_one(FILE *out, const uint8_t *at, size_t length)
{
    if (at[0] == 0x1b) {
        int sequence = safe_sequence(at, length);
        if (sequence != 0) {
            fwrite(at, 1, sequence > 0 ? (size_t)sequence : 0, out);
            return sequence > 0 ? (size_t)sequence : 0;
        }
    }
    uint32_t character;
    int used = gorctl_utf8_decode(at, length, &character);
    if (used < 0) {
        return 0;
    }
    if (used == 0) {
        fprintf(out, "\\x%02x", at[0]);
        return 1;
    }
    if (passes(character)) {
        fwrite(at, 1, (size_t)used, out);
    } else {
        fprintf(out, character < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)character);
    }
    return (size_t)used;
}

static void put_all(struct gorctl_filter *filter, FILE *out, const uint8_t *at, size_t length)
{
    while (length > 0) {
        size_t used = put_one(out, at, length);
        if (used == 0) {
            memcpy(filter->held, at, length); /* both unfinished forms are shorter than `held` */
            filter->held_length = length;
            return;
        }
        at += used;
        length -= used;
    }
}

char *gorctl_filter_run(struct gorctl_filter *filter, const void *bytes, size_t length,
                        size_t *out_length)
{
    size_t whole_length = filter->held_length + length;
    uint8_t *whole = gorctl_alloc(whole_length);
    memcpy(whole, filter->held, filter->held_length);
    if (length > 0) {
        memcpy(whole + filter->held_length, bytes, length);
    }
    filter->held_length = 0;
    char *text = NULL;
    FILE *out = gorctl_memory_stream(&text, out_length);
    put_all(filter, out, whole, whole_length);
    fclose(out);
    free(whole);
    return text;
}

char *gorctl_filter_end(struct gorctl_filter *filter, size_t *out_length)
{
    char *text = gorctl_text_escape(filter->held, filter->held_length);
    filter->held_length = 0;
    *out_length = strlen(text);
    return text;
}
