/* SPDX-License-Identifier: MIT */
/* compile.c - text to a Lua function: in small pieces, with a look at the time between two.
 *
 * Lua's compiler takes time that grows with the square of some texts (ten thousand branches of one
 * "if"), and nothing interrupts it. But it reads its text piece by piece.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/lua/state.h"

#define PIECE_BYTES 512
#define PIECE_STEPS 100
#define CHECK_NS (50 * GOR_MILLISECOND)
#define CHECK_MEMORY ((uint64_t)32 << 20)

struct text {
    const char *at;
    size_t left;
    int64_t deadline; /* by cpu_time(); GOR_NEVER: the budgets of the script count instead */
    int function;     /* stack index of what gives more; 0: there is no more */
    int kept;         /* stack index where what it gave is kept */
};

/* Of this thread: on a machine that is busy with other things no script is refused for that. */
static int64_t cpu_time(void)
{
    return gord_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The next string of the function. */
static void refill(lua_State *L, struct text *text)
{
    lua_pushvalue(L, text->function);
    lua_call(L, 0, 1);
    if (!lua_isnil(L, -1) && !lua_isstring(L, -1)) {
        luaL_error(L, "reader function must return a string");
    }
    lua_replace(L, text->kept);
    text->at = lua_tolstring(L, text->kept, &text->left);
    text->left = text->at != NULL ? text->left : 0;
}

static const char *read_piece(lua_State *L, void *arg, size_t *out_bytes)
{
    struct text *text = arg;

    if (text->left == 0 && text->function != 0) {
        refill(L, text);
    }
    const char *piece = text->at;
    size_t bytes = text->left < PIECE_BYTES ? text->left : PIECE_BYTES;
    if (text->deadline == GOR_NEVER) {
        gord_lua_tick(L, PIECE_STEPS);
    } else if (cpu_time() > text->deadline) {
        luaL_error(L, "it takes too long to compile; make it smaller, or its branches fewer");
    }
    *out_bytes = bytes;
    if (bytes == 0) {
        return NULL; /* an empty script may have no text at all */
    }
    text->at += bytes;
    text->left -= bytes;
    return piece;
}

void gord_lua_trim(const char **text, size_t *bytes)
{
    if (*bytes >= 3 && memcmp(*text, "\xEF\xBB\xBF", 3) == 0) {
        *text += 3;
        *bytes -= 3;
    }
    if (*bytes > 0 && **text == '#') {
        const char *end = memchr(*text, '\n', *bytes);
        size_t line = end != NULL ? (size_t)(end - *text) : *bytes;
        *text += line;
        *bytes -= line;
    }
}

int gord_lua_compile(lua_State *L, const char *text, size_t bytes, const char *name)
{
    struct text rest = {.at = text, .left = bytes, .deadline = GOR_NEVER};

    return lua_load(L, read_piece, &rest, name, "t");
}

int gord_lua_compile_from(lua_State *L, int function, const char *name)
{
    struct text rest = {.deadline = GOR_NEVER, .function = function};

    lua_pushnil(L);
    rest.kept = lua_gettop(L);
    int status = lua_load(L, read_piece, &rest, name, "t");
    lua_remove(L, rest.kept);
    return status;
}

/* ------------------------------------------------------------------ without a job */

struct checking {
    const struct gord_lua_script *script;
    char *error;
    size_t error_bytes;
};

static int check(lua_State *L)
{
    const struct checking *checking = lua_touserdata(L, 1);
    const struct gord_lua_script *script = checking->script;
    struct text rest = {
        .at = script->text, .left = script->bytes, .deadline = cpu_time() + CHECK_NS};

    gord_lua_trim(&rest.at, &rest.left);
    const char *name = lua_pushfstring(L, "=%s", script->name);
    if (lua_load(L, read_piece, &rest, name, "t") != LUA_OK) {
        snprintf(checking->error, checking->error_bytes, "%s", lua_tostring(L, -1));
        return lua_error(L);
    }
    return 0;
}

int gord_lua_check(const struct gord_lua_script *script, char *error, size_t error_bytes)
{
    struct checking checking = {script, error, error_bytes};
    struct gord_lua_memory memory;
    int status = LUA_ERRMEM;

    if (script->bytes > GORD_LUA_SCRIPT_MAX) {
        snprintf(error, error_bytes, "the script has %zu bytes; at most %zu are taken",
                 script->bytes, GORD_LUA_SCRIPT_MAX);
        return -EINVAL;
    }
    if (script->bytes > 0 && script->text[0] == LUA_SIGNATURE[0]) {
        snprintf(error, error_bytes, "the script is bytecode, which is not taken; send its text");
        return -EINVAL;
    }
    snprintf(error, error_bytes, "it takes more than 32 MiB of memory to compile");
    gord_lua_memory_init(&memory, CHECK_MEMORY);
    lua_State *L = lua_newstate(gord_lua_memory_alloc, &memory);
    if (L != NULL) {
        lua_pushcfunction(L, check);
        lua_pushlightuserdata(L, &checking);
        status = lua_pcall(L, 1, 0, 0);
    }
    gord_lua_memory_fini(&memory);
    return status == LUA_OK ? 0 : -EINVAL;
}
