/* SPDX-License-Identifier: MIT */
/* coroutine.c - coroutines whose making is counted, and that are not tidied up where no hook runs.
 *
 * A new thread begins a new stride of its hook, so one that ends before it is over would not be counted:
 * each is charged when it is made. A thread that died by an error from the hook has its hook off;
 * closing its variables there would run without bounds, so once the script was asked to end nothing of
 * a dead coroutine runs any more.
 */
#include <lualib.h>

#include "daemon/lua/state.h"

#define CREATE_STEPS 500 /* the hook's stride */

static lua_State *create_thread(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    gord_lua_tick(L, CREATE_STEPS);
    lua_State *thread = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, thread, 1);
    return thread;
}

static int create(lua_State *L)
{
    (void)create_thread(L);
    return 1;
}

static bool has_died(lua_State *thread)
{
    int status = lua_status(thread);

    return status != LUA_OK && status != LUA_YIELD;
}

static bool may_tidy(lua_State *L, lua_State *thread)
{
    return !has_died(thread) || gord_lua_job_of(L)->kill_ns == 0;
}

/* An error in a coroutine of wrap's: closed, and raised again here, with where if it is a text. */
static int pass_error(lua_State *L, lua_State *thread)
{
    if (has_died(thread) && may_tidy(L, thread)) {
        (void)lua_resetthread(thread); /* an error in there takes the place of the first */
    }
    lua_xmove(thread, L, 1);
    if (lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

/* The function that wrap gives: the thread is its upvalue. */
static int resume_wrapped(lua_State *L)
{
    lua_State *thread = lua_tothread(L, lua_upvalueindex(1));
    int arg_count = lua_gettop(L);
    int result_count = 0;

    luaL_argcheck(L, lua_checkstack(thread, arg_count), 1, "too many arguments");
    lua_xmove(L, thread, arg_count);
    int status = lua_resume(thread, L, arg_count, &result_count);
    if (status != LUA_OK && status != LUA_YIELD) {
        return pass_error(L, thread);
    }
    if (!lua_checkstack(L, result_count + 1)) {
        lua_pop(thread, result_count);
        return luaL_error(L, "too many results");
    }
    lua_xmove(thread, L, result_count);
    return result_count;
}

static int wrap(lua_State *L)
{
    (void)create_thread(L);
    lua_pushcclosure(L, resume_wrapped, 1);
    return 1;
}

/* close(coroutine); the upvalue is Lua's own. */
static int close_thread(lua_State *L)
{
    lua_State *thread = lua_tothread(L, 1);

    luaL_argcheck(L, thread != NULL, 1, "coroutine expected");
    if (!may_tidy(L, thread)) {
        lua_pushboolean(L, 0);
        lua_pushliteral(L, "cancelled");
        return 2;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

void gord_lua_open_coroutine(lua_State *L)
{
    luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 1);
    lua_pushcfunction(L, create);
    lua_setfield(L, -2, "create");
    lua_pushcfunction(L, wrap);
    lua_setfield(L, -2, "wrap");
    lua_getfield(L, -1, "close");
    lua_pushcclosure(L, close_thread, 1);
    lua_setfield(L, -2, "close");
    lua_pop(L, 1);
}
