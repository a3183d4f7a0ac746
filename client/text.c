/* SPDX-License-Identifier: MIT */
/* text.c - see text.h. */
#include "client/text.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "client/alloc.h"

void gorctl_text_setup(void)
{
    /* Only how characters are told apart; messages and numbers stay as scripts expect them. */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        (void)setlocale(LC_CTYPE, "");
    }
}

bool gorctl_text_is_plain(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *name = NULL;
    for (size_t i = 0; i < 3 && (name == NULL || name[0] == '\0'); i++) {
        name = getenv(variables[i]);
    }
    /* Whoever says nothing has a terminal as they all are today. */
    return name != NULL && name[0] != '\0' && strcasestr(name, ".utf-8") == NULL &&
           strcasestr(name, ".utf8") == NULL && isatty(STDOUT_FILENO) == 1;
}

/* How many bytes the character has that begins with `first`; 0: none begins so. */
static int sequence_length(uint8_t first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        return 3;
    }
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* Second bytes that would make overlong forms, surrogates or more than U+10FFFF. */
static bool second_byte_fits(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second <= 0x9f;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second <= 0x8f;
    default:
        return true;
    }
}

int gorctl_utf8_decode(const void *bytes, size_t length, uint32_t *out_character)
{
    const uint8_t *at = bytes;
    if (length == 0) {
        return -1;
    }
    int wanted = sequence_length(at[0]);
    if (wanted == 0) {
        return 0;
    }
    static const uint8_t first_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t character = at[0] & first_mask[wanted];
    for (int i = 1; i < wanted; i++) {
        if ((size_t)i >= length) {
            return -1;
        }
        if ((at[i] & 0xc0) != 0x80 || (i == 1 && !second_byte_fits(at[0], at[1]))) {
            return 0;
        }
        character = character << 6 | (at[i] & 0x3f);
    }
    *out_character = character;
    return wanted;
}

bool gorctl_character_is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x061c ||
           character == 0x200e || character == 0x200f ||
           (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069) || character == 0xfeff;
}

bool gorctl_utf8_valid(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    while (length > 0) {
        uint32_t character;
        int used = gorctl_utf8_decode(at, length, &character);
        if (used <= 0) {
            return false;
        }
        at += used;
        length -= (size_t)used;
    }
    return true;
}

static void put_escaped(FILE *out, uint32_t character)
{
    switch (character) {
    case '\n':
        fputs("\\n", out);
        break;
    case '\r':
        fputs("\\r", out);
        break;
    case '\t':
        fputs("\\t", out);
        break;
    default:
        fprintf(out, character < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)character);
    }
}

static void put_clean(FILE *out, const uint8_t *at, size_t length)
{
    while (length > 0) {
        uint32_t character;
        int used = gorctl_utf8_decode(at, length, &character);
        if (used <= 0) {
            fprintf(out, "\\x%02x", *at);
            used = 1;
        } else if (gorctl_character_is_control(character)) {
            put_escaped(out, character);
        } else {
            fwrite(at, 1, (size_t)used, out);
        }
        at += used;
        length -= (size_t)used;
    }
}

char *gorctl_text_escape(const void *bytes, size_t length)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = gorctl_memory_stream(&text, &size);
    put_clean(out, bytes, length);
    fclose(out);
    return text;
}

static unsigned character_width(uint32_t character)
{
    int width = wcwidth((wchar_t)character);
    return width < 0 ? 1 : (unsigned)width;
}

/* The bytes of `text` that fit in `columns`; `out_width` gets the columns they take. */
static size_t prefix_within(const char *text, unsigned columns, unsigned *out_width)
{
    size_t length = strlen(text);
    size_t at = 0;
    unsigned width = 0;
    while (at < length) {
        uint32_t character = '?';
        int used = gorctl_utf8_decode(text + at, length - at, &character);
        unsigned more = used > 0 ? character_width(character) : 1;
        if (more > columns - width) {
            break;
        }
        width += more;
        at += used > 0 ? (size_t)used : 1;
    }
    *out_width = width;
    return at;
}

char *gorctl_text_first_line(const char *text)
{
    return gorctl_text_escape(text, strcspn(text, "\n"));
}

unsigned gorctl_text_width(const char *text)
{
    unsigned width;
    (void)prefix_within(text, UINT32_MAX, &width);
    return width;
}

char *gorctl_text_fit(const char *text, unsigned columns)
{
    unsigned width;
    size_t whole = prefix_within(text, columns, &width);
    if (text[whole] == '\0') {
        return gorctl_strdup(text);
    }
    if (columns == 0) {
        return gorctl_strdup("");
    }
    size_t part = prefix_within(text, columns - 1, &width);
    return gorctl_format("%.*s%s", (int)part, text, gorctl_text_is_plain() ? "~" : "\xe2\x80\xa6");
}

/* Would a shell take the word as it is? */
static bool word_is_plain(const struct gorctl_word *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./:=@_";
    const unsigned char *bytes = word->bytes;
    for (size_t i = 0; i < word->length; i++) {
        if (bytes[i] < 0x80 && (bytes[i] == '\0' || strchr(plain, bytes[i]) == NULL)) {
            return false;
        }
    }
    return word->length > 0;
}

static void put_word(FILE *out, const struct gorctl_word *word)
{
    if (word_is_plain(word)) {
        put_clean(out, word->bytes, word->length);
        return;
    }
    const char *at = word->bytes;
    const char *end = at + word->length;
    putc('\'', out);
    while (at < end) {
        const char *quote = memchr(at, '\'', (size_t)(end - at));
        const char *stop = quote != NULL ? quote : end;
        put_clean(out, (const uint8_t *)at, (size_t)(stop - at));
        if (quote != NULL) {
            fputs("'\\''", out);
            stop++;
        }
        at = stop;
    }
    putc('\'', out);
}

char *gorctl_text_words(const struct gorctl_word *words, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = gorctl_memory_stream(&text, &size);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            putc(' ', out);
        }
        put_word(out, &words[i]);
    }
    fclose(out);
    return text;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

unsigned gorctl_text_distance(const char *a, const char *b)
{
    enum { LONGEST = 32 };
    unsigned row[LONGEST + 1];
    size_t a_length = strnlen(a, LONGEST);
    size_t b_length = strnlen(b, LONGEST);
    for (unsigned j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            unsigned above = row[j];
            unsigned change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = least(change, above + 1, row[j - 1] + 1);
            diagonal = above;
        }
    }
    return row[b_length];
}
