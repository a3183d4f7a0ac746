/* SPDX-License-Identifier: MIT */
#include "daemon/runner/progress.h"

#include <stdbool.h>
#include <string.h>

#include "daemon/runner/text.h"

#define DIGITS_MOST 18 /* of a number; as many as surely fit */
#define PERCENT 100

struct cursor {
    const char *at;
    const char *end;
};

static bool is_digit(const struct cursor *cursor)
{
    return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

static bool take(struct cursor *cursor, char wanted)
{
    if (cursor->at < cursor->end && *cursor->at == wanted) {
        cursor->at++;
        return true;
    }
    return false;
}

/* Of at most `most` digits: how many there were. */
static unsigned read_number(struct cursor *cursor, unsigned most, uint64_t *value)
{
    unsigned digits = 0;

    for (; is_digit(cursor) && digits < most; digits++) {
        *value = *value * 10 + (uint64_t)(*cursor->at++ - '0');
    }
    return digits;
}

static bool at_word_end(const struct cursor *cursor)
{
    return cursor->at == cursor->end || *cursor->at == ' ' || *cursor->at == '\t';
}

/* "17/230", "42", "42%", "42.5%" at the cursor, followed by a blank or nothing. */
static bool read_share(struct cursor *cursor, struct gord_progress *out)
{
    uint64_t done = 0;
    uint64_t total = 0;

    if (read_number(cursor, DIGITS_MOST, &done) == 0) {
        return false;
    }
    if (take(cursor, '/')) {
        if (read_number(cursor, DIGITS_MOST, &total) == 0) {
            return false;
        }
    } else {
        total = PERCENT;
        if (done <= PERCENT && take(cursor, '.')) {
            unsigned digits = read_number(cursor, 3, &done);
            for (; digits > 0; digits--) {
                total *= 10;
            }
            while (is_digit(cursor)) {
                cursor->at++;
            }
        }
        (void)take(cursor, '%');
    }
    out->done = total != 0 && done > total ? total : done;
    out->total = total;
    return at_word_end(cursor);
}

struct gord_progress gord_progress_read(const char *line, size_t length, char *text)
{
    struct gord_progress progress = {0};
    struct cursor cursor = {line, line + length};
    struct cursor rest = cursor;

    if (read_share(&rest, &progress)) {
        cursor = rest;
    } else {
        progress = (struct gord_progress){0};
    }
    while (cursor.at < cursor.end && (*cursor.at == ' ' || *cursor.at == '\t')) {
        cursor.at++;
    }
    size_t bytes = (size_t)(cursor.end - cursor.at);
    progress.text = gord_text_clean(cursor.at, bytes, text, GORD_PROGRESS_ROOM);
    return progress;
}
