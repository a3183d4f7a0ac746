/* SPDX-License-Identifier: MIT */
/* json_read.c - json.decode: RFC 8259, whole and nothing else. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lua/json.h"
#include "daemon/lua/state.h"

#define NUMBER_MAX 100 /* bytes of one */

struct reading {
    lua_State *L;
    const char *begin;
    const char *at;
    const char *end;
    struct gord_json_bytes bytes; /* of the string that is being read */
};

static void read_value(struct reading *reading, int depth);

static void complain(const struct reading *reading, const char *what)
{
    luaL_error(reading->L, "json.decode: %s at byte %d", what,
               (int)(reading->at - reading->begin) + 1);
}

static void skip_blanks(struct reading *reading)
{
    while (reading->at < reading->end && *reading->at != '\0' &&
           strchr(" \t\r\n", *reading->at) != NULL) {
        reading->at++;
    }
}

static bool take(struct reading *reading, char wanted)
{
    if (reading->at < reading->end && *reading->at == wanted) {
        reading->at++;
        return true;
    }
    return false;
}

static bool take_word(struct reading *reading, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(reading->end - reading->at) >= length && memcmp(reading->at, word, length) == 0) {
        reading->at += length;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ numbers */

static bool take_digits(struct reading *reading)
{
    const char *begin = reading->at;

    while (reading->at < reading->end && *reading->at >= '0' && *reading->at <= '9') {
        reading->at++;
    }
    return reading->at > begin;
}

/* Push it: an integer if it is written as one and fits. */
static void read_number(struct reading *reading)
{
    const char *begin = reading->at;
    char text[NUMBER_MAX + 1];
    bool is_integer = true;

    (void)take(reading, '-');
    if (!take(reading, '0') && !take_digits(reading)) {
        complain(reading, "a value expected");
    }
    if (take(reading, '.')) {
        is_integer = false;
        if (!take_digits(reading)) {
            complain(reading, "a digit expected");
        }
    }
    if (take(reading, 'e') || take(reading, 'E')) {
        is_integer = false;
        if (!take(reading, '+')) {
            (void)take(reading, '-');
        }
        if (!take_digits(reading)) {
            complain(reading, "a digit expected");
        }
    }
    size_t length = (size_t)(reading->at - begin);
    if (length > NUMBER_MAX) {
        complain(reading, "a number that is too long, which ends");
    }
    memcpy(text, begin, length);
    text[length] = '\0';
    errno = 0;
    long long integer = strtoll(text, NULL, 10);
    if (is_integer && errno == 0) {
        lua_pushinteger(reading->L, integer);
    } else {
        lua_pushnumber(reading->L, strtod(text, NULL));
    }
}

/* ------------------------------------------------------------------ strings */

/* Four hex digits. */
static unsigned read_unit(struct reading *reading)
{
    static const char digits[] = "00112233445566778899aAbBcCdDeEfF";
    unsigned unit = 0;

    for (int i = 0; i < 4; i++) {
        const char *digit = NULL;
        if (reading->at < reading->end) {
            digit = memchr(digits, *reading->at, sizeof(digits) - 1);
        }
        if (digit == NULL) {
            complain(reading, "four hex digits expected");
        }
        unit = unit * 16 + (unsigned)(digit - digits) / 2;
        reading->at++;
    }
    return unit;
}

static void add_character(struct gord_json_bytes *bytes, unsigned code)
{
    char utf8[4];
    size_t length = 1;

    if (code < 0x80) {
        utf8[0] = (char)code;
    } else if (code < 0x800) {
        utf8[0] = (char)(0xc0 | code >> 6);
        utf8[1] = (char)(0x80 | (code & 0x3f));
        length = 2;
    } else if (code < 0x10000) {
        utf8[0] = (char)(0xe0 | code >> 12);
        utf8[1] = (char)(0x80 | (code >> 6 & 0x3f));
        utf8[2] = (char)(0x80 | (code & 0x3f));
        length = 3;
    } else {
        utf8[0] = (char)(0xf0 | code >> 18);
        utf8[1] = (char)(0x80 | (code >> 12 & 0x3f));
        utf8[2] = (char)(0x80 | (code >> 6 & 0x3f));
        utf8[3] = (char)(0x80 | (code & 0x3f));
        length = 4;
    }
    gord_json_bytes_add(bytes, utf8, length);
}

/* Behind \u: one character, of two units if it is beyond the first 65,536. */
static void read_unicode(struct reading *reading)
{
    unsigned code = read_unit(reading);

    if (code >= 0xd800 && code < 0xdc00) {
        unsigned low = take_word(reading, "\\u") ? read_unit(reading) : 0;
        if (low < 0xdc00 || low > 0xdfff) {
            complain(reading, "half a character");
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        complain(reading, "half a character");
    }
    add_character(&reading->bytes, code);
}

static void read_escape(struct reading *reading)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";

    if (take(reading, 'u')) {
        read_unicode(reading);
        return;
    }
    char letter = '\0';
    if (reading->at < reading->end) {
        letter = *reading->at;
    }
    const char *name = letter != '\0' ? strchr(names, letter) : NULL;
    if (name == NULL) {
        complain(reading, "an unknown escape");
    }
    reading->at++;
    gord_json_bytes_add(&reading->bytes, &values[name - names], 1);
}

/* Behind its quote; push it. */
static void read_string(struct reading *reading)
{
    const char *begin = reading->at;

    reading->bytes.length = 0;
    while (!take(reading, '"')) {
        const char *plain = reading->at;
        while (reading->at < reading->end && (unsigned char)*reading->at >= ' ' &&
               *reading->at != '"' && *reading->at != '\\') {
            reading->at++;
        }
        gord_json_bytes_add(&reading->bytes, plain, (size_t)(reading->at - plain));
        if (take(reading, '\\')) {
            read_escape(reading);
        } else if (reading->at >= reading->end || *reading->at != '"') {
            complain(reading, "the end of a string expected");
        }
    }
    gord_lua_tick(reading->L, 1 + (unsigned)((reading->at - begin) / 16));
    lua_pushlstring(reading->L, reading->bytes.data, reading->bytes.length);
}

/* ------------------------------------------------------------------ lists, objects */

static void read_list(struct reading *reading, int depth)
{
    lua_Integer count = 0;

    lua_newtable(reading->L);
    skip_blanks(reading);
    if (take(reading, ']')) {
        luaL_setmetatable(reading->L, JSON_ARRAY);
        return;
    }
    do {
        read_value(reading, depth);
        lua_rawseti(reading->L, -2, ++count);
        skip_blanks(reading);
    } while (take(reading, ','));
    if (!take(reading, ']')) {
        complain(reading, "',' or ']' expected");
    }
}

static void read_object(struct reading *reading, int depth)
{
    lua_newtable(reading->L);
    skip_blanks(reading);
    if (take(reading, '}')) {
        return;
    }
    do {
        skip_blanks(reading);
        if (!take(reading, '"')) {
            complain(reading, "a name in quotes expected");
        }
        read_string(reading);
        skip_blanks(reading);
        if (!take(reading, ':')) {
            complain(reading, "':' expected");
        }
        read_value(reading, depth);
        lua_rawset(reading->L, -3);
        skip_blanks(reading);
    } while (take(reading, ','));
    if (!take(reading, '}')) {
        complain(reading, "',' or '}' expected");
    }
}

static void read_value(struct reading *reading, int depth)
{
    lua_State *L = reading->L;

    gord_lua_tick(L, 1);
    luaL_checkstack(L, 10, "too deep");
    skip_blanks(reading);
    if (depth == 0) {
        luaL_error(L, "json.decode: more than %d values within each other", JSON_DEPTH);
    }
    if (take(reading, '{')) {
        read_object(reading, depth - 1);
    } else if (take(reading, '[')) {
        read_list(reading, depth - 1);
    } else if (take(reading, '"')) {
        read_string(reading);
    } else if (take_word(reading, "true")) {
        lua_pushboolean(L, 1);
    } else if (take_word(reading, "false")) {
        lua_pushboolean(L, 0);
    } else if (take_word(reading, "null")) {
        lua_pushlightuserdata(L, NULL);
    } else {
        read_number(reading);
    }
}

int gord_json_decode(lua_State *L)
{
    struct reading reading = {.L = L};
    size_t length;

    reading.begin = luaL_checklstring(L, 1, &length);
    reading.at = reading.begin;
    reading.end = reading.begin + length;
    lua_settop(L, 1);
    if (!gord_json_is_utf8(reading.begin, length)) {
        return luaL_error(L, "json.decode: the text is not UTF-8");
    }
    gord_json_bytes_init(&reading.bytes, L);
    read_value(&reading, JSON_DEPTH);
    skip_blanks(&reading);
    if (reading.at != reading.end) {
        complain(&reading, "the end of the text expected");
    }
    return 1;
}
