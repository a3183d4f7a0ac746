/* SPDX-License-Identifier: MIT */
/* array.c - the functions of `table` that can be made to take long without any memory: a length that a
 * metamethod tells, or a range that is given, may be 2^62. They count their steps. What remains of
 * Lua's own, concat, pack and unpack, ends by the memory or the stack there is.
 */
#include <lualib.h>

#include "daemon/lua/state.h"

#define SORT_DIRECT 1000 /* so many are sorted between two looks */

/* The length of the first argument, which must be a table or have the metamethods to be used as one;
 * `count` values stay on the stack. */
static lua_Integer check_array(lua_State *L, int count)
{
    if (lua_type(L, 1) != LUA_TTABLE && luaL_getmetafield(L, 1, "__index") == LUA_TNIL) {
        luaL_checktype(L, 1, LUA_TTABLE);
    }
    lua_settop(L, count);
    return luaL_len(L, 1);
}

/* table.insert(list, [position,] value) */
static int insert(lua_State *L)
{
    int count = lua_gettop(L);
    lua_Integer next = check_array(L, count) + 1;
    lua_Integer at = next;

    if (count != 2 && count != 3) {
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    if (count == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)at - 1 < (lua_Unsigned)next, 2, "position out of bounds");
    }
    for (lua_Integer i = next; i > at; i--) {
        gord_lua_tick(L, 1);
        lua_geti(L, 1, i - 1);
        lua_seti(L, 1, i);
    }
    lua_seti(L, 1, at);
    return 0;
}

/* table.remove(list [, position]) */
static int remove_at(lua_State *L)
{
    bool has_position = lua_gettop(L) >= 2;
    lua_Integer last = check_array(L, has_position ? 2 : 1);
    lua_Integer at = last;

    if (has_position) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, at == last || (lua_Unsigned)at - 1 <= (lua_Unsigned)last, 2,
                      "position out of bounds");
    }
    lua_geti(L, 1, at);
    for (; at < last; at++) {
        gord_lua_tick(L, 1);
        lua_geti(L, 1, at + 1);
        lua_seti(L, 1, at);
    }
    lua_pushnil(L);
    lua_seti(L, 1, at);
    return 1;
}

/* table.move(from, first, last, at [, to]) */
static int move(lua_State *L)
{
    lua_Integer first = luaL_checkinteger(L, 2);
    lua_Integer last = luaL_checkinteger(L, 3);
    lua_Integer at = luaL_checkinteger(L, 4);
    int to = lua_isnoneornil(L, 5) ? 1 : 5;

    lua_settop(L, 5);
    if (last >= first) {
        luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements");
        lua_Integer count = last - first + 1;
        luaL_argcheck(L, at <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
        /* From the end where it would write over what it has yet to read. */
        bool back = at > first && at <= last && (to == 1 || lua_compare(L, 1, 5, LUA_OPEQ));
        for (lua_Integer i = 0; i < count; i++) {
            lua_Integer step = back ? count - 1 - i : i;
            gord_lua_tick(L, 1);
            lua_geti(L, 1, first + step);
            lua_seti(L, to, at + step);
        }
    }
    lua_pushvalue(L, to);
    return 1;
}

/* A comparison for sort that counts; the upvalue is the one given, or nil. */
static int compare(lua_State *L)
{
    gord_lua_tick(L, 1);
    if (lua_isnil(L, lua_upvalueindex(1))) {
        lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* table.sort(list [, less]); the upvalue is Lua's own. A comparison written in Lua is counted by the
 * hook, and few elements need not be. */
static int sort(lua_State *L)
{
    bool plain = lua_type(L, 1) == LUA_TTABLE && !luaL_getmetafield(L, 1, "__len") &&
                 lua_rawlen(L, 1) <= SORT_DIRECT;

    lua_settop(L, 2);
    gord_lua_tick(L, 10);
    if (!(plain && lua_isnil(L, 2)) && (lua_isnil(L, 2) || lua_iscfunction(L, 2))) {
        lua_pushcclosure(L, compare, 1);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 2, 0);
    return 0;
}

void gord_lua_open_table(lua_State *L)
{
    static const luaL_Reg ours[] = {
        {"insert", insert}, {"remove", remove_at}, {"move", move}, {NULL, NULL}};

    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_setfuncs(L, ours, 0);
    lua_getfield(L, -1, "sort");
    lua_pushcclosure(L, sort, 1);
    lua_setfield(L, -2, "sort");
    lua_pop(L, 1);
}
