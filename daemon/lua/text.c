/* SPDX-License-Identifier: MIT */
/* text.c - the functions of `string` that can take long: find, match, gmatch, gsub, rep; and dump,
 * which is taken out, for bytecode is not taken back in.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include <lualib.h>

#include "daemon/lua/pattern.h"
#include "daemon/lua/state.h"

#define BYTES_PER_STEP 64 /* of what runs at the speed of memory */

/* ------------------------------------------------------------------ find, match */

/* Where to begin, from an optional position at `index` that may count from the end: an offset, which is
 * beyond `length` if there is nothing to look at. */
static size_t start_offset(lua_State *L, int index, size_t length)
{
    lua_Integer position = luaL_optinteger(L, index, 1);

    if (position > 0) {
        return (size_t)position - 1;
    }
    if (position == 0 || position < -(lua_Integer)length) {
        return 0;
    }
    return length - (size_t)-position;
}

static bool is_plain(const char *pattern, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (pattern[i] != '\0' && strchr("^$*+?.([%-", pattern[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* The first place from `at` on where the text is, as it is. */
static int find_plain(lua_State *L, const char *subject, size_t bytes, size_t offset)
{
    size_t wanted_bytes;
    const char *wanted = lua_tolstring(L, 2, &wanted_bytes);
    const char *found = memmem(subject + offset, bytes - offset, wanted, wanted_bytes);

    gord_lua_tick(L, 1 + (unsigned)((bytes - offset) / BYTES_PER_STEP));
    if (found == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - subject + 1);
    lua_pushinteger(L, found - subject + (lua_Integer)wanted_bytes);
    return 2;
}

static int search(lua_State *L, bool find)
{
    size_t bytes;
    size_t pattern_bytes;
    struct gord_pattern match;
    const char *subject = luaL_checklstring(L, 1, &bytes);
    const char *pattern = luaL_checklstring(L, 2, &pattern_bytes);
    size_t offset = start_offset(L, 3, bytes);

    if (offset > bytes) {
        lua_pushnil(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || is_plain(pattern, pattern_bytes))) {
        return find_plain(L, subject, bytes, offset);
    }
    bool anchored = pattern_bytes > 0 && *pattern == '^';
    gord_pattern_init(&match, L, subject, bytes, pattern + pattern_bytes);
    const char *at = subject + offset;
    do {
        const char *end = gord_pattern_match_at(&match, at, pattern + anchored);
        if (end != NULL && find) {
            lua_pushinteger(L, at - subject + 1);
            lua_pushinteger(L, end - subject);
            return 2 + gord_pattern_push_all(&match, NULL, NULL);
        }
        if (end != NULL) {
            return gord_pattern_push_all(&match, at, end);
        }
    } while (at++ < match.end && !anchored);
    lua_pushnil(L);
    return 1;
}

/* string.find(subject, pattern [, from [, plain]]) */
static int find(lua_State *L)
{
    return search(L, true);
}

/* string.match(subject, pattern [, from]) */
static int match_once(lua_State *L)
{
    return search(L, false);
}

/* ------------------------------------------------------------------ gmatch */

/* Where the next match may begin, and where the last one ended, as offsets; the strings are the first
 * two upvalues. */
struct walk {
    size_t at;
    size_t last_end; /* SIZE_MAX: there was none */
};

static int next_match(lua_State *L)
{
    size_t bytes;
    size_t pattern_bytes;
    struct gord_pattern match;
    const char *subject = lua_tolstring(L, lua_upvalueindex(1), &bytes);
    const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_bytes);
    struct walk *walk = lua_touserdata(L, lua_upvalueindex(3));

    gord_lua_tick(L, 1);
    gord_pattern_init(&match, L, subject, bytes, pattern + pattern_bytes);
    for (size_t at = walk->at; at <= bytes; at++) {
        const char *end = gord_pattern_match_at(&match, subject + at, pattern);
        if (end != NULL && (size_t)(end - subject) != walk->last_end) {
            walk->at = walk->last_end = (size_t)(end - subject);
            return gord_pattern_push_all(&match, subject + at, end);
        }
    }
    walk->at = bytes + 1;
    return 0;
}

/* string.gmatch(subject, pattern [, from]) */
static int gmatch(lua_State *L)
{
    size_t bytes;

    (void)luaL_checklstring(L, 1, &bytes);
    (void)luaL_checkstring(L, 2);
    size_t offset = start_offset(L, 3, bytes);
    lua_settop(L, 2);
    struct walk *walk = lua_newuserdatauv(L, sizeof(*walk), 0);
    walk->at = offset <= bytes ? offset : bytes + 1;
    walk->last_end = SIZE_MAX;
    lua_pushcclosure(L, next_match, 3);
    return 1;
}

/* ------------------------------------------------------------------ gsub */

/* The replacement string, argument 3, with what matched where it has a %. */
static void add_string(struct gord_pattern *match, luaL_Buffer *out, const char *at,
                       const char *end)
{
    lua_State *L = match->L;
    size_t bytes;
    const char *text = lua_tolstring(L, 3, &bytes);
    const char *text_end = text + bytes;
    const char *percent;

    while ((percent = memchr(text, '%', (size_t)(text_end - text))) != NULL) {
        luaL_addlstring(out, text, (size_t)(percent - text));
        char what = percent + 1 < text_end ? percent[1] : '\0';
        if (what == '%') {
            luaL_addchar(out, '%');
        } else if (what == '0') {
            luaL_addlstring(out, at, (size_t)(end - at));
        } else if (isdigit((unsigned char)what)) {
            gord_pattern_push(match, what - '1', at, end);
            (void)luaL_tolstring(L, -1, NULL); /* a position is a number */
            lua_remove(L, -2);
            luaL_addvalue(out);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
        text = percent + 2;
    }
    luaL_addlstring(out, text, (size_t)(text_end - text));
}

/* What takes the place of the match: *out_changed whether it is something else. */
static bool add_replacement(struct gord_pattern *match, luaL_Buffer *out, const char *at,
                            const char *end)
{
    lua_State *L = match->L;

    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, gord_pattern_push_all(match, at, end), 1);
        break;
    case LUA_TTABLE:
        gord_pattern_push(match, 0, at, end);
        lua_gettable(L, 3);
        break;
    default:
        add_string(match, out, at, end);
        return true;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(out, at, (size_t)(end - at));
        return false;
    }
    if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    luaL_addvalue(out);
    return true;
}

/* The whole walk; the number of matches. */
static lua_Integer substitute(struct gord_pattern *match, luaL_Buffer *out, const char *pattern,
                              lua_Integer most, bool *out_changed)
{
    bool anchored = pattern < match->pattern_end && *pattern == '^';
    const char *at = match->begin;
    const char *last_end = NULL;
    lua_Integer count = 0;

    while (count < most) {
        const char *end = gord_pattern_match_at(match, at, pattern + anchored);
        if (end != NULL && end != last_end) {
            count++;
            *out_changed |= add_replacement(match, out, at, end);
            at = last_end = end;
        } else if (at < match->end) {
            luaL_addchar(out, *at++);
        } else {
            break;
        }
        if (anchored) {
            break;
        }
    }
    luaL_addlstring(out, at, (size_t)(match->end - at));
    return count;
}

/* string.gsub(subject, pattern, replacement [, most]) */
static int gsub(lua_State *L)
{
    size_t bytes;
    size_t pattern_bytes;
    struct gord_pattern match;
    luaL_Buffer out;
    bool changed = false;
    const char *subject = luaL_checklstring(L, 1, &bytes);
    const char *pattern = luaL_checklstring(L, 2, &pattern_bytes);
    int type = lua_type(L, 3);
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)bytes + 1);

    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
    if (type == LUA_TNUMBER) {
        (void)lua_tostring(L, 3);
    }
    gord_pattern_init(&match, L, subject, bytes, pattern + pattern_bytes);
    luaL_buffinit(L, &out);
    lua_Integer count = substitute(&match, &out, pattern, most, &changed);
    luaL_pushresult(&out);
    if (!changed) {
        lua_pushvalue(L, 1);
    }
    lua_pushinteger(L, count);
    return 2;
}

/* ------------------------------------------------------------------ rep */

/* string.rep(text, count [, between]); the upvalue is Lua's own, which goes round `count` times even
 * where there is nothing to write. */
static int repeat(lua_State *L)
{
    size_t bytes;
    size_t between = 0;

    (void)luaL_checklstring(L, 1, &bytes);
    lua_Integer count = luaL_checkinteger(L, 2);
    (void)luaL_optlstring(L, 3, "", &between);
    if (count <= 0 || bytes + between == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((size_t)count <= SIZE_MAX / 2 / (bytes + between)) {
        uint64_t steps = (uint64_t)count * (bytes + between) / BYTES_PER_STEP;
        uint64_t budget = gord_lua_job_of(L)->memory.budget / BYTES_PER_STEP;
        gord_lua_tick(L, (unsigned)(steps < budget ? steps : budget)); /* more is refused anyway */
    }
    lua_settop(L, 3);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 3, 1);
    return 1;
}

void gord_lua_open_string(lua_State *L)
{
    static const luaL_Reg ours[] = {
        {"find", find}, {"match", match_once}, {"gmatch", gmatch}, {"gsub", gsub}, {NULL, NULL}};

    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_setfuncs(L, ours, 0);
    lua_getfield(L, -1, "rep");
    lua_pushcclosure(L, repeat, 1);
    lua_setfield(L, -2, "rep");
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pop(L, 1);

    /* Strings find their methods in that table; how is nobody's to change. */
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1)) {
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}
