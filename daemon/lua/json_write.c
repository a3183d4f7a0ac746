/* SPDX-License-Identifier: MIT */
/* json_write.c - json.encode, and the library's table. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/lua/json.h"
#include "daemon/lua/state.h"
#include "proto/utf8.h"

#define FIRST_ROOM 256

/* ------------------------------------------------------------------ bytes */

void gord_json_bytes_init(struct gord_json_bytes *bytes, lua_State *L)
{
    *bytes = (struct gord_json_bytes){.L = L, .room = FIRST_ROOM};
    bytes->data = lua_newuserdatauv(L, FIRST_ROOM, 0);
    bytes->index = lua_gettop(L);
}

void gord_json_bytes_add(struct gord_json_bytes *bytes, const char *data, size_t length)
{
    if (length > bytes->room - bytes->length) {
        size_t room = bytes->room;
        while (length > room - bytes->length) {
            room *= 2;
        }
        char *wider = lua_newuserdatauv(bytes->L, room, 0);
        memcpy(wider, bytes->data, bytes->length);
        lua_replace(bytes->L, bytes->index);
        bytes->data = wider;
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

bool gord_json_is_utf8(const char *text, size_t length)
{
    size_t at = 0;

    while (at < length) {
        size_t bytes =
            text[at] == '\0' ? 1 : wire_utf8_char((const uint8_t *)text + at, length - at);
        if (bytes == 0) {
            return false;
        }
        at += bytes;
    }
    return true;
}

static void add_text(struct gord_json_bytes *out, const char *text)
{
    gord_json_bytes_add(out, text, strlen(text));
}

/* ------------------------------------------------------------------ values */

static void add_value(struct gord_json_bytes *out, int depth);

static void add_number(struct gord_json_bytes *out)
{
    lua_State *L = out->L;
    char text[64];

    if (lua_isinteger(L, -1)) {
        snprintf(text, sizeof(text), "%lld", (long long)lua_tointeger(L, -1));
    } else {
        lua_Number number = lua_tonumber(L, -1);
        if (!isfinite(number)) {
            luaL_error(L, "json.encode: %f is no number in JSON", number);
        }
        snprintf(text, sizeof(text), "%.15g", number);
        if (lua_stringtonumber(L, text) == 0 || lua_tonumber(L, -1) != number) {
            snprintf(text, sizeof(text), "%.17g", number);
        }
        lua_pop(L, 1);
    }
    add_text(out, text);
}

/* The string on top. */
static void add_string(struct gord_json_bytes *out)
{
    static const char hex[] = "0123456789abcdef";
    size_t length;
    const char *text = lua_tolstring(out->L, -1, &length);
    size_t done = 0;

    gord_lua_tick(out->L, 1 + (unsigned)(length / 16));
    if (!gord_json_is_utf8(text, length)) {
        luaL_error(out->L, "json.encode: a string is not UTF-8");
    }
    add_text(out, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= ' ' && byte != '"' && byte != '\\') {
            continue;
        }
        gord_json_bytes_add(out, text + done, i - done);
        done = i + 1;
        char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        char plain[] = {'\\', (char)byte};
        gord_json_bytes_add(out, byte < ' ' ? escape : plain, byte < ' ' ? 6 : 2);
    }
    gord_json_bytes_add(out, text + done, length - done);
    add_text(out, "\"");
}

/* Whether the table on top is a list: its keys are 1 to n; *out_count is n. An empty one is if it was
 * said to be. */
static bool is_list(lua_State *L, lua_Integer *out_count)
{
    lua_Integer count = 0;

    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        count++;
        gord_lua_tick(L, 1);
    }
    *out_count = count;
    if (count == 0) {
        return lua_getmetatable(L, -1) && luaL_getmetatable(L, JSON_ARRAY) == LUA_TTABLE &&
               lua_rawequal(L, -1, -2);
    }
    for (lua_Integer i = 1; i <= count; i++) {
        bool there = lua_rawgeti(L, -1, i) != LUA_TNIL;
        lua_pop(L, 1);
        gord_lua_tick(L, 1);
        if (!there) {
            return false;
        }
    }
    return true;
}

static void add_list(struct gord_json_bytes *out, int table, lua_Integer count, int depth)
{
    add_text(out, "[");
    for (lua_Integer i = 1; i <= count; i++) {
        add_text(out, i > 1 ? "," : "");
        lua_rawgeti(out->L, table, i);
        add_value(out, depth);
        lua_pop(out->L, 1);
    }
    add_text(out, "]");
}

static void add_object(struct gord_json_bytes *out, int table, int depth)
{
    lua_State *L = out->L;
    const char *between = "{";

    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            luaL_error(L, "json.encode: a key is a %s; keys are strings, or 1, 2, 3, ...",
                       luaL_typename(L, -2));
        }
        add_text(out, between);
        between = ",";
        lua_pushvalue(L, -2);
        add_string(out);
        lua_pop(L, 1);
        add_text(out, ":");
        add_value(out, depth);
    }
    add_text(out, between[0] == '{' ? "{}" : "}");
}

static void add_table(struct gord_json_bytes *out, int depth)
{
    lua_State *L = out->L;
    int table = lua_gettop(L);
    lua_Integer count;

    if (depth == 0) {
        luaL_error(L, "json.encode: more than %d tables within each other", JSON_DEPTH);
    }
    luaL_checkstack(L, 10, "too deep");
    bool list = is_list(L, &count);
    lua_settop(L, table);
    if (list) {
        add_list(out, table, count, depth - 1);
    } else {
        add_object(out, table, depth - 1);
    }
}

/* The value on top, which stays. */
static void add_value(struct gord_json_bytes *out, int depth)
{
    lua_State *L = out->L;

    gord_lua_tick(L, 1);
    switch (lua_type(L, -1)) {
    case LUA_TLIGHTUSERDATA:
    case LUA_TNIL:
        add_text(out, "null");
        break;
    case LUA_TBOOLEAN:
        add_text(out, lua_toboolean(L, -1) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        add_number(out);
        break;
    case LUA_TSTRING:
        add_string(out);
        break;
    case LUA_TTABLE:
        add_table(out, depth);
        break;
    default:
        luaL_error(L, "json.encode: a %s has no form in JSON", luaL_typename(L, -1));
    }
}

int gord_json_encode(lua_State *L)
{
    struct gord_json_bytes out;

    luaL_checkany(L, 1);
    lua_settop(L, 1);
    gord_json_bytes_init(&out, L);
    lua_pushvalue(L, 1);
    add_value(&out, JSON_DEPTH);
    lua_pushlstring(L, out.data, out.length);
    return 1;
}

/* ------------------------------------------------------------------ the library */

/* json.array(table): it is a list, though it may be empty. */
static int mark_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_setmetatable(L, JSON_ARRAY);
    return 1;
}

void gord_lua_open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {{"encode", gord_json_encode},
                                         {"decode", gord_json_decode},
                                         {"array", mark_array},
                                         {NULL, NULL}};

    luaL_newmetatable(L, JSON_ARRAY);
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_setglobal(L, "json");
}
