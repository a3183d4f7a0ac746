/* SPDX-License-Identifier: MIT */
/* json.h - JSON from and to Lua values, in memory of the script's.
 *
 * Written for Lua's stack rather than taken from a library: what is read is bounded by the script's own
 * budgets, and there is nothing to free, however the script ends in between.
 *
 * Invariants  at most JSON_DEPTH tables within each other.
 * Threads     whoever has the script's turn.
 */
#ifndef GORD_LUA_JSON_H
#define GORD_LUA_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <lauxlib.h>
#include <lua.h>

enum { JSON_DEPTH = 100 };

/* The metatable of tables that are arrays though nothing in them says so: empty ones. */
#define JSON_ARRAY "json array"

/* Bytes that grow, in a userdata at a fixed place of the stack. */
struct gord_json_bytes {
    lua_State *L;
    int index;
    char *data;
    size_t length;
    size_t room;
};

/* Push the userdata; empty. */
void gord_json_bytes_init(struct gord_json_bytes *bytes, lua_State *L);
void gord_json_bytes_add(struct gord_json_bytes *bytes, const char *data, size_t length);

/* NUL is a character. */
bool gord_json_is_utf8(const char *text, size_t length);

/* json.decode(text), json.encode(value): the functions for Lua. */
int gord_json_decode(lua_State *L);
int gord_json_encode(lua_State *L);

#endif
