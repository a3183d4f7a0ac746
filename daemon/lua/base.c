/* SPDX-License-Identifier: MIT */
/* base.c - the globals of a script: Lua's own, less what reaches out of it or around its bounds.
 *
 * Taken out: dofile, loadfile, require, package, io, most of os and of debug, string.dump, warn. Ours
 * instead: print (to the job's output), load (text only), setmetatable (no finalizers, which run with
 * the hook off), xpcall (its handler does not run where the hook is off), collectgarbage (counted); in
 * name.c tostring and string.format (no addresses).
 */
#include <string.h>
#include <time.h>

#include <lualib.h>

#include "daemon/lua/state.h"

/* ------------------------------------------------------------------ output */

/* The arguments as text, tabs between, on stdout or stderr. */
static int write_line(lua_State *L, int stream)
{
    struct gord_lua_job *job = gord_lua_job_of(L);
    int count = lua_gettop(L);
    luaL_Buffer line;
    size_t length;

    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) {
            luaL_addchar(&line, '\t');
        }
        (void)gord_lua_text(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_addchar(&line, '\n');
    luaL_pushresult(&line);
    const char *text = lua_tolstring(L, -1, &length);
    gord_lua_tick(L, 20);
    job->host->write(job->host->arg, stream, text, length);
    return 0;
}

static int print(lua_State *L)
{
    return write_line(L, 1);
}

static int log_line(lua_State *L)
{
    return write_line(L, 2);
}

/* ------------------------------------------------------------------ load */

/* load(text or function [, name [, mode [, env]]]): as Lua's, of text only. */
static int load(lua_State *L)
{
    bool has_env = !lua_isnone(L, 4);
    size_t bytes;
    int status;

    lua_settop(L, 4);
    if (lua_isstring(L, 1)) {
        const char *text = lua_tolstring(L, 1, &bytes);
        status = gord_lua_compile(L, text, bytes, luaL_optstring(L, 2, text));
    } else {
        luaL_checktype(L, 1, LUA_TFUNCTION);
        status = gord_lua_compile_from(L, 1, luaL_optstring(L, 2, "=(load)"));
    }
    if (status != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (has_env) {
        lua_pushvalue(L, 4);
        if (lua_setupvalue(L, -2, 1) == NULL) {
            lua_pop(L, 1);
        }
    }
    return 1;
}

/* ------------------------------------------------------------------ around the hook */

static int set_metatable(lua_State *L)
{
    int type = lua_type(L, 2);

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) {
        return luaL_error(L, "cannot change a protected metatable");
    }
    lua_settop(L, 2);
    if (type == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) {
            return luaL_error(L, "there are no finalizers (__gc) in jobs; use __close");
        }
        lua_settop(L, 2);
    }
    lua_setmetatable(L, 1);
    return 1;
}

/* The handler of an xpcall, an upvalue, unless the error comes from where no hook would stop it. */
static int handle(lua_State *L)
{
    struct gord_lua_task *task = gord_lua_job_of(L)->running;

    if (task->in_hook) {
        task->in_hook = false;
        return 1;
    }
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* Its results lie above the handler, in whose place comes whether all went well. */
static int after_xpcall(lua_State *L, int status, lua_KContext unused)
{
    (void)unused;
    lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
    lua_replace(L, 1);
    return lua_gettop(L);
}

/* xpcall(fn, handler, ...) */
static int guarded_xpcall(lua_State *L)
{
    int arg_count = lua_gettop(L) - 2;

    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_remove(L, 2);
    lua_pushcclosure(L, handle, 1);
    lua_insert(L, 1);
    return after_xpcall(L, lua_pcallk(L, arg_count, LUA_MULTRET, 1, 0, after_xpcall), 0);
}

/* collectgarbage("count" | "collect" | "step") */
static int collect_garbage(lua_State *L)
{
    static const char *const words[] = {"collect", "count", "step", NULL};
    struct gord_lua_job *job = gord_lua_job_of(L);
    int word = luaL_checkoption(L, 1, "collect", words);

    if (word == 1) {
        lua_pushnumber(L, (lua_Number)job->memory.used / 1024);
        return 1;
    }
    gord_lua_spend(L, job->memory.used / 64);
    lua_gc(L, LUA_GCCOLLECT);
    lua_pushinteger(L, 0);
    return 1;
}

/* ------------------------------------------------------------------ time */

/* now(): seconds since 1970, with their parts. */
static int now(lua_State *L)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    lua_pushnumber(L, (lua_Number)time.tv_sec + (lua_Number)time.tv_nsec / 1e9);
    return 1;
}

/* clock(): seconds from some point on, never set back. */
static int steady_clock(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)gor_now() / 1e9);
    return 1;
}

/* ------------------------------------------------------------------ the libraries */

static void drop_globals(lua_State *L)
{
    static const char *const names[] = {"dofile", "loadfile", "warn"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        lua_pushnil(L);
        lua_setglobal(L, names[i]);
    }
}

/* Only some functions of a library of Lua's, as the global of its name. */
static void open_some(lua_State *L, const char *name, lua_CFunction open,
                      const char *const *functions)
{
    luaL_requiref(L, name, open, 0);
    lua_newtable(L);
    for (; *functions != NULL; functions++) {
        lua_getfield(L, -2, *functions);
        lua_setfield(L, -2, *functions);
    }
    lua_setglobal(L, name);
    lua_pop(L, 1);
}

void gord_lua_open_base(lua_State *L)
{
    static const luaL_Reg ours[] = {{"print", print},
                                    {"log", log_line},
                                    {"load", load},
                                    {"setmetatable", set_metatable},
                                    {"xpcall", guarded_xpcall},
                                    {"collectgarbage", collect_garbage},
                                    {"now", now},
                                    {"clock", steady_clock},
                                    {NULL, NULL}};
    static const char *const of_os[] = {"time", "date", "difftime", NULL};
    static const char *const of_debug[] = {"traceback", NULL};

    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    luaL_setfuncs(L, ours, 0);
    lua_pop(L, 1);
    drop_globals(L);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    lua_pop(L, 2);
    open_some(L, LUA_OSLIBNAME, luaopen_os, of_os);
    open_some(L, LUA_DBLIBNAME, luaopen_debug, of_debug);
}
