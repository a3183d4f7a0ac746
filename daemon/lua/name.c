/* SPDX-License-Identifier: MIT */
/* name.c - what stands for a value that has no text of its own: "table: 0x4be1...".
 *
 * Lua takes the value's address for that. Here it would be one of the daemon's, and tell whoever may
 * hand in scripts where its memory lies. The number is made from the address and a secret of the
 * script's instead: as Lua's, it is the same as long as the value lives, and another for another value.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <lualib.h>

#include "daemon/lua/state.h"

#define NUMBER_ROOM 20   /* 0x, 16 digits, the end */
#define BYTES_PER_STEP 8 /* of a format */

static void need_key(lua_State *L, struct gord_lua_job *job)
{
    if (job->has_key) {
        return;
    }
    /* So few bytes come whole or, before the kernel has any, not at all. */
    if (getrandom(job->key, sizeof(job->key), 0) != (ssize_t)sizeof(job->key)) {
        luaL_error(L, "cannot name a value: the kernel gives no random bytes");
    }
    job->has_key = true;
}

static uint64_t hash(lua_State *L, const unsigned char key[GORD_LUA_KEY_BYTES], const void *address)
{
    unsigned char mac[16]; /* of SipHash's two lengths the one that OpenSSL takes by itself */
    uint64_t number = 0;

    if (EVP_Q_mac(NULL, "SIPHASH", NULL, NULL, NULL, key, GORD_LUA_KEY_BYTES,
                  (const unsigned char *)&address, sizeof(address), mac, sizeof(mac),
                  NULL) == NULL) {
        luaL_error(L, "cannot name a value: OpenSSL has no SipHash");
    }
    memcpy(&number, mac, sizeof(number));
    return number;
}

/* The number of the value at `index`; "(null)", as Lua's %p has it, for what lies nowhere. Of 64 bits:
 * no two of the values that fit in memory have the same. */
static void write_number(lua_State *L, int index, char out[NUMBER_ROOM])
{
    struct gord_lua_job *job = gord_lua_job_of(L);
    const void *address = lua_topointer(L, index);

    if (address == NULL) {
        snprintf(out, NUMBER_ROOM, "(null)");
        return;
    }
    need_key(L, job);
    snprintf(out, NUMBER_ROOM, "0x%016" PRIx64, hash(L, job->key, address));
}

/* Does Lua make a text of the value at `index` that no address is in? */
static bool has_text(lua_State *L, int index)
{
    switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TSTRING:
        return true;
    default:
        if (luaL_getmetafield(L, index, "__tostring") == LUA_TNIL) {
            return false;
        }
        lua_pop(L, 1);
        return true;
    }
}

const char *gord_lua_text(lua_State *L, int index, size_t *out_bytes)
{
    char number[NUMBER_ROOM];

    index = lua_absindex(L, index);
    if (has_text(L, index)) {
        return luaL_tolstring(L, index, out_bytes);
    }
    write_number(L, index, number);
    const char *kind = luaL_typename(L, index);
    int type = luaL_getmetafield(L, index, "__name");
    lua_pushfstring(L, "%s: %s", type == LUA_TSTRING ? lua_tostring(L, -1) : kind, number);
    if (type != LUA_TNIL) {
        lua_remove(L, -2);
    }
    return lua_tolstring(L, -1, out_bytes);
}

/* tostring(value) */
static int to_string(lua_State *L)
{
    luaL_checkany(L, 1);
    (void)gord_lua_text(L, 1, NULL);
    return 1;
}

/* ------------------------------------------------------------------ format */

/* Let the argument at `index` be a string where Lua's own format would show an address for the
 * conversion. */
static void name_argument(lua_State *L, int index, char *conversion)
{
    char number[NUMBER_ROOM];

    if (*conversion == 'p') {
        write_number(L, index, number);
        lua_pushstring(L, number);
        *conversion = 's';
    } else if (*conversion == 's' && lua_type(L, index) != LUA_TSTRING) {
        (void)gord_lua_text(L, index, NULL);
    } else {
        return;
    }
    lua_replace(L, index);
}

/* The conversions in the text, one argument each; those that are missing Lua's own format has the words
 * for. Between the % and the letter may be more here than Lua allows: what it does not allow it
 * refuses, whatever was taken for the letter. */
static void name_arguments(lua_State *L, int arg_count, char *text, size_t bytes)
{
    const char *end = text + bytes;
    int index = 1;

    while ((text = memchr(text, '%', (size_t)(end - text))) != NULL) {
        text++;
        bool plain = text < end && *text == '%';
        while (text < end && *text != '\0' && strchr("-+ #.0123456789", *text) != NULL) {
            text++;
        }
        if (text == end || (!plain && ++index > arg_count)) {
            return;
        }
        if (!plain) {
            name_argument(L, index, text);
        }
        text++;
    }
}

/* string.format(format, ...); the upvalue is Lua's own. It is in a protected call so that what it
 * complains of can be told with where that was: it sees no Lua function that called it. */
static int format(lua_State *L)
{
    size_t bytes;
    const char *text = luaL_checklstring(L, 1, &bytes);
    int arg_count = lua_gettop(L);

    gord_lua_tick(L, 1 + (unsigned)(bytes / BYTES_PER_STEP));
    char *copy = lua_newuserdatauv(L, bytes + 1, 0);
    memcpy(copy, text, bytes);
    name_arguments(L, arg_count, copy, bytes);
    lua_pushlstring(L, copy, bytes);
    lua_replace(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_replace(L, arg_count + 1);
    lua_insert(L, 1);
    int status = lua_pcall(L, arg_count, 1, 0);
    if (status == LUA_OK) {
        return 1;
    }
    if (status == LUA_ERRRUN) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

/* ------------------------------------------------------------------ the library */

void gord_lua_open_name(lua_State *L)
{
    lua_register(L, "tostring", to_string);
    lua_getglobal(L, LUA_STRLIBNAME);
    lua_getfield(L, -1, "format");
    /* Lua's messages call a function what it is called among what is loaded, which no script sees. */
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "format");
    lua_pop(L, 1);
    lua_pushcclosure(L, format, 1);
    lua_setfield(L, -2, "format");
    lua_pop(L, 1);
}
