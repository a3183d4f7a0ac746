/* SPDX-License-Identifier: MIT */
/* pattern.c - see pattern.h.
 *
 * An item is a single-character class with what may follow it (* + - ?), a capture's begin or end, %b,
 * %f, or a back reference. match_items() takes one after the other; where there is a choice it calls
 * itself for the rest.
 */
#include "daemon/lua/pattern.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/lua/state.h"

#define DEPTH_MAX 200

static const char *match_items(struct gord_pattern *match, const char *at, const char *item);

void gord_pattern_init(struct gord_pattern *match, lua_State *L, const char *subject,
                       size_t subject_bytes, const char *pattern_end)
{
    match->L = L;
    match->begin = subject;
    match->end = subject + subject_bytes;
    match->pattern_end = pattern_end;
    match->depth = 0;
    match->count = 0;
}

/* ------------------------------------------------------------------ single characters */

/* The end of the set whose "[" is at `set`. */
static const char *set_end(struct gord_pattern *match, const char *set)
{
    const char *p = set + 1;

    if (p < match->pattern_end && *p == '^') {
        p++;
    }
    do { /* a "]" at the very beginning stands for itself */
        if (p >= match->pattern_end) {
            luaL_error(match->L, "malformed pattern (missing ']')");
        }
        if (*p++ == '%') {
            p++;
        }
    } while (p >= match->pattern_end || *p != ']');
    return p + 1;
}

/* The end of the class that begins at `item`. */
static const char *class_end(struct gord_pattern *match, const char *item)
{
    if (*item == '[') {
        return set_end(match, item);
    }
    if (*item != '%') {
        return item + 1;
    }
    if (item + 1 >= match->pattern_end) {
        luaL_error(match->L, "malformed pattern (ends with '%%')");
    }
    return item + 2;
}

/* Whether %letter stands for the byte. */
static bool letter_has(int letter, int byte)
{
    bool has;

    switch (tolower(letter)) {
    case 'a':
        has = isalpha(byte);
        break;
    case 'c':
        has = iscntrl(byte);
        break;
    case 'd':
        has = isdigit(byte);
        break;
    case 'g':
        has = isgraph(byte);
        break;
    case 'l':
        has = islower(byte);
        break;
    case 'p':
        has = ispunct(byte);
        break;
    case 's':
        has = isspace(byte);
        break;
    case 'u':
        has = isupper(byte);
        break;
    case 'w':
        has = isalnum(byte);
        break;
    case 'x':
        has = isxdigit(byte);
        break;
    default:
        return letter == byte;
    }
    return isupper(letter) ? !has : has;
}

/* Whether the set from "[" at `set` to behind its "]" at `end` has the byte. */
static bool set_has(const char *set, const char *end, int byte)
{
    const char *last = end - 1; /* its "]" */
    const char *p = set + 1;
    bool negated = *p == '^';

    p += negated;
    while (p < last) {
        if (*p == '%') {
            if (letter_has((unsigned char)p[1], byte)) {
                return !negated;
            }
            p += 2;
        } else if (p + 2 < last && p[1] == '-') {
            if ((unsigned char)p[0] <= byte && byte <= (unsigned char)p[2]) {
                return !negated;
            }
            p += 3;
        } else if ((unsigned char)*p++ == byte) {
            return !negated;
        }
    }
    return negated;
}

static bool class_has(const char *item, const char *end, int byte)
{
    switch (*item) {
    case '.':
        return true;
    case '%':
        return letter_has((unsigned char)item[1], byte);
    case '[':
        return set_has(item, end, byte);
    default:
        return (unsigned char)*item == byte;
    }
}

static bool matches_here(const struct gord_pattern *match, const char *at, const char *item,
                         const char *end)
{
    return at < match->end && class_has(item, end, (unsigned char)*at);
}

/* ------------------------------------------------------------------ repetitions */

/* As many as there are, then fewer. */
static const char *match_most(struct gord_pattern *match, const char *at, const char *item,
                              const char *end)
{
    const char *last = at;

    while (matches_here(match, last, item, end)) {
        gord_lua_tick(match->L, 1);
        last++;
    }
    for (; last >= at; last--) {
        const char *rest = match_items(match, last, end + 1);
        if (rest != NULL) {
            return rest;
        }
    }
    return NULL;
}

/* As few as can be, then more. */
static const char *match_fewest(struct gord_pattern *match, const char *at, const char *item,
                                const char *end)
{
    for (;; at++) {
        const char *rest = match_items(match, at, end + 1);
        if (rest != NULL || !matches_here(match, at, item, end)) {
            return rest;
        }
    }
}

/* ------------------------------------------------------------------ captures */

static const char *open_capture(struct gord_pattern *match, const char *at, const char *item)
{
    bool position = item + 1 < match->pattern_end && item[1] == ')';

    if (match->count >= GORD_PATTERN_CAPTURES_MAX) {
        luaL_error(match->L, "too many captures");
    }
    match->captures[match->count++] =
        (struct gord_pattern_capture){at, position ? CAPTURE_POSITION : CAPTURE_OPEN};
    const char *rest = match_items(match, at, item + (position ? 2 : 1));
    if (rest == NULL) {
        match->count--;
    }
    return rest;
}

static const char *close_capture(struct gord_pattern *match, const char *at, const char *item)
{
    int index = match->count - 1;

    while (index >= 0 && match->captures[index].length != CAPTURE_OPEN) {
        index--;
    }
    if (index < 0) {
        luaL_error(match->L, "invalid pattern capture");
    }
    match->captures[index].length = at - match->captures[index].start;
    const char *rest = match_items(match, at, item + 1);
    if (rest == NULL) {
        match->captures[index].length = CAPTURE_OPEN;
    }
    return rest;
}

/* ------------------------------------------------------------------ what begins with % */

/* %bxy at `item`: from an x to the y that goes with it; its end, or NULL. */
static const char *match_balanced(struct gord_pattern *match, const char *at, const char *item)
{
    size_t open = 0;

    if (item + 3 >= match->pattern_end) {
        luaL_error(match->L, "malformed pattern (missing arguments to '%%b')");
    }
    if (at >= match->end || *at != item[2]) {
        return NULL;
    }
    for (; at < match->end; at++) {
        gord_lua_tick(match->L, 1);
        if (open > 0 && *at == item[3]) {
            open--;
        } else if (*at == item[2]) {
            open++;
        }
        if (open == 0) {
            return at + 1;
        }
    }
    return NULL;
}

/* %f[set] at `item`: whether here the set begins to hold. *out_end: behind it. */
static bool is_frontier(struct gord_pattern *match, const char *at, const char *item,
                        const char **out_end)
{
    const char *set = item + 2;

    if (set >= match->pattern_end || *set != '[') {
        luaL_error(match->L, "missing '[' after '%%f' in pattern");
    }
    *out_end = set_end(match, set);
    int before = at == match->begin ? 0 : (unsigned char)at[-1];
    int here = at == match->end ? 0 : (unsigned char)*at;
    return !set_has(set, *out_end, before) && set_has(set, *out_end, here);
}

/* %1 to %9 at `item`: the same as a capture has; its end, or NULL. */
static const char *match_again(struct gord_pattern *match, const char *at, const char *item)
{
    int index = item[1] - '1';

    if (index < 0 || index >= match->count || match->captures[index].length == CAPTURE_OPEN) {
        luaL_error(match->L, "invalid capture index %%%d in pattern", index + 1);
    }
    const struct gord_pattern_capture *capture = &match->captures[index];
    size_t length = (size_t)capture->length;
    if (capture->length < 0 || (size_t)(match->end - at) < length ||
        memcmp(capture->start, at, length) != 0) {
        return NULL;
    }
    gord_lua_tick(match->L, 1 + (unsigned)(length / 64));
    return at + length;
}

/* ------------------------------------------------------------------ items */

/* One item that matches exactly one thing: moves *at and *item behind it. False: it does not match. */
static bool match_special(struct gord_pattern *match, const char **at, const char **item)
{
    const char *end = NULL;

    switch ((*item)[1]) {
    case 'b':
        end = match_balanced(match, *at, *item);
        *item += 4;
        break;
    case 'f':
        return is_frontier(match, *at, *item, item);
    default:
        end = match_again(match, *at, *item);
        *item += 2;
    }
    *at = end;
    return end != NULL;
}

static bool is_special(const struct gord_pattern *match, const char *item)
{
    return *item == '%' && item + 1 < match->pattern_end &&
           (item[1] == 'b' || item[1] == 'f' || isdigit((unsigned char)item[1]));
}

/* A class and what follows it. True: go on with *at and *item; false: *out_end is the answer. */
static bool match_class(struct gord_pattern *match, const char **at, const char **item,
                        const char **out_end)
{
    const char *end = class_end(match, *item);
    char suffix = '\0';

    if (end < match->pattern_end) {
        suffix = *end;
    }
    bool here = matches_here(match, *at, *item, end);
    switch (suffix) {
    case '*':
        *out_end = match_most(match, *at, *item, end);
        return false;
    case '+':
        *out_end = here ? match_most(match, *at + 1, *item, end) : NULL;
        return false;
    case '-':
        *out_end = match_fewest(match, *at, *item, end);
        return false;
    case '?':
        if (here) {
            *out_end = match_items(match, *at + 1, end + 1);
            if (*out_end != NULL) {
                return false;
            }
        }
        *item = end + 1;
        return true;
    default:
        *at += here;
        *item = end;
        *out_end = NULL;
        return here;
    }
}

static const char *match_sequence(struct gord_pattern *match, const char *at, const char *item)
{
    const char *end = NULL;

    while (item < match->pattern_end) {
        gord_lua_tick(match->L, 1);
        if (*item == '(') {
            return open_capture(match, at, item);
        }
        if (*item == ')') {
            return close_capture(match, at, item);
        }
        if (*item == '$' && item + 1 == match->pattern_end) {
            return at == match->end ? at : NULL;
        }
        if (is_special(match, item)) {
            if (!match_special(match, &at, &item)) {
                return NULL;
            }
        } else if (!match_class(match, &at, &item, &end)) {
            return end;
        }
    }
    return at;
}

static const char *match_items(struct gord_pattern *match, const char *at, const char *item)
{
    if (++match->depth > DEPTH_MAX) {
        luaL_error(match->L, "pattern too complex");
    }
    const char *end = match_sequence(match, at, item);
    match->depth--;
    return end;
}

const char *gord_pattern_match_at(struct gord_pattern *match, const char *at, const char *pattern)
{
    gord_lua_tick(match->L, 1); /* an empty pattern has no items */
    match->depth = 0;
    match->count = 0;
    return match_items(match, at, pattern);
}

/* ------------------------------------------------------------------ results */

void gord_pattern_push(struct gord_pattern *match, int index, const char *at, const char *end)
{
    if (index >= match->count) {
        if (index != 0) {
            luaL_error(match->L, "invalid capture index %%%d", index + 1);
        }
        lua_pushlstring(match->L, at, (size_t)(end - at));
        return;
    }
    const struct gord_pattern_capture *capture = &match->captures[index];
    if (capture->length == CAPTURE_OPEN) {
        luaL_error(match->L, "unfinished capture");
    }
    if (capture->length == CAPTURE_POSITION) {
        lua_pushinteger(match->L, capture->start - match->begin + 1);
    } else {
        lua_pushlstring(match->L, capture->start, (size_t)capture->length);
    }
}

int gord_pattern_push_all(struct gord_pattern *match, const char *at, const char *end)
{
    int count = match->count == 0 && at != NULL ? 1 : match->count;

    luaL_checkstack(match->L, count, "too many captures");
    for (int i = 0; i < count; i++) {
        gord_pattern_push(match, i, at, end);
    }
    return count;
}
