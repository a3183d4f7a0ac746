/* SPDX-License-Identifier: MIT */
/* chan.c - channels between the tasks of a script: those of libgor, with Lua values going through.
 *
 * What travels is a number; the value it stands for is kept in a table beside the channel until it is
 * received, so that the collector sees it. Values are handed over, not copied: all tasks share one
 * state.
 */
#include <errno.h>
#include <string.h>

#include "daemon/lua/state.h"

#define CHAN_TYPE "channel"
#define CAPACITY_MAX 1000000
#define CASES_MAX 31    /* with the one for the end as many as a select never needs memory for */
#define CHAN_CHARGE 256 /* of the memory budget, beside the buffer */

struct gord_lua_chan {
    struct gor_chan *chan; /* owned; NULL: collected */
    struct list_link link; /* list link of the job's channels */
    size_t charge;
};

static struct gord_lua_chan *check_chan(lua_State *L, int index)
{
    return luaL_checkudata(L, index, CHAN_TYPE);
}

/* ------------------------------------------------------------------ life */

static void release(struct gord_lua_job *job, struct gord_lua_chan *chan)
{
    if (chan->chan == NULL) {
        return;
    }
    list_remove(&chan->link);
    gor_chan_unref(chan->chan);
    chan->chan = NULL;
    gord_lua_memory_give(&job->memory, chan->charge);
}

static int collect(lua_State *L)
{
    release(gord_lua_job_of(L), check_chan(L, 1));
    return 0;
}

void gord_lua_chans_fini(struct gord_lua_job *job)
{
    for (struct list_link *link; (link = list_pop(&job->chans)) != NULL;) {
        release(job, CONTAINER_OF(link, struct gord_lua_chan, link));
    }
}

struct gord_lua_chan *gord_lua_chan_push(lua_State *L, size_t capacity)
{
    struct gord_lua_job *job = gord_lua_job_of(L);
    struct gord_lua_chan *chan = lua_newuserdatauv(L, sizeof(*chan), 1);

    memset(chan, 0, sizeof(*chan));
    luaL_setmetatable(L, CHAN_TYPE);
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    chan->charge = CHAN_CHARGE + capacity * sizeof(int);
    if (!gord_lua_memory_take(&job->memory, chan->charge)) {
        lua_gc(L, LUA_GCCOLLECT); /* channels that nobody has any more */
        if (!gord_lua_memory_take(&job->memory, chan->charge)) {
            luaL_error(L, "not enough memory for a channel");
        }
    }
    chan->chan = gor_chan_new(sizeof(int), capacity);
    if (chan->chan == NULL) {
        gord_lua_memory_give(&job->memory, chan->charge);
        luaL_error(L, "not enough memory for a channel");
    }
    list_append(&job->chans, &chan->link);
    return chan;
}

/* chan([capacity]); the first argument is the table `chan` itself. */
static int new_chan(lua_State *L)
{
    lua_Integer capacity = luaL_optinteger(L, 2, 0);

    luaL_argcheck(L, capacity >= 0 && capacity <= CAPACITY_MAX, 2, "a capacity is 0 to 1,000,000");
    gord_lua_tick(L, 10);
    (void)gord_lua_chan_push(L, (size_t)capacity);
    return 1;
}

/* ------------------------------------------------------------------ values on their way */

/* The number that stands for the value at `value`, which goes through the channel at `index`. */
static int keep(lua_State *L, int index, int value)
{
    if (lua_isnoneornil(L, value)) {
        luaL_error(L, "nil cannot be sent, for that is what a closed channel gives");
    }
    value = lua_absindex(L, value);
    lua_getiuservalue(L, index, 1);
    lua_pushvalue(L, value);
    int ref = luaL_ref(L, -2);
    lua_pop(L, 1);
    return ref;
}

static void forget(lua_State *L, int index, int ref)
{
    lua_getiuservalue(L, index, 1);
    luaL_unref(L, -1, ref);
    lua_pop(L, 1);
}

/* Push the value. */
static void fetch(lua_State *L, int index, int ref)
{
    lua_getiuservalue(L, index, 1);
    lua_rawgeti(L, -1, ref);
    luaL_unref(L, -2, ref);
    lua_remove(L, -2);
}

static int push_trouble(lua_State *L, const char *what)
{
    lua_pushnil(L);
    lua_pushstring(L, what);
    return 2;
}

void gord_lua_chan_finish(lua_State *L, int index)
{
    struct gord_lua_chan *chan = check_chan(L, index);

    if (!lua_isnil(L, -1)) {
        int ref = keep(L, index, lua_gettop(L));
        (void)gor_chan_try_send(chan->chan, &ref);
    }
    (void)gor_chan_close(chan->chan); /* the script may have closed it: as it likes */
    lua_pop(L, 1);
}

/* ------------------------------------------------------------------ methods */

/* Nobody else could end a wait without a limit: better said than waited out. */
static void check_company(lua_State *L, int64_t deadline, const char *what)
{
    struct gord_lua_job *job = gord_lua_job_of(L);

    if (deadline == GOR_NEVER && job->live == 1) {
        luaL_error(L, "deadlock: the script's only task would %s for ever", what);
    }
}

/* channel:send(value [, timeout]): true; nil and "timeout". */
static int send_value(lua_State *L)
{
    struct gord_lua_chan *chan = check_chan(L, 1);
    int64_t deadline = gord_lua_deadline(L, 3);
    int ref = keep(L, 1, 2);
    struct gor_case cases[2] = {{.chan = chan->chan, .value = &ref, .op = GOR_SEND}};

    int result = gor_select_try(cases, 1);
    if (result == -EAGAIN) {
        check_company(L, deadline, "send");
        result = gord_lua_wait(L, cases, 1, deadline);
    } else {
        gord_lua_tick(L, 1);
    }
    if (result == 0 && cases[0].result == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    forget(L, 1, ref);
    if (result == -ECANCELED) {
        gord_lua_interrupt(L, true);
    }
    return result == 0 ? luaL_error(L, "send on a closed channel") : push_trouble(L, "timeout");
}

/* What a receive brought. */
static int push_received(lua_State *L, int index, int result, int ref)
{
    if (result != 1) {
        return push_trouble(L, "closed");
    }
    fetch(L, index, ref);
    return 1;
}

/* channel:recv([timeout]): the value; nil and "closed", or "timeout". */
static int receive_value(lua_State *L)
{
    struct gord_lua_chan *chan = check_chan(L, 1);
    int64_t deadline = gord_lua_deadline(L, 2);
    int ref = 0;
    struct gor_case cases[2] = {{.chan = chan->chan, .value = &ref, .op = GOR_RECV}};

    int result = gor_chan_try_recv(chan->chan, &ref);
    if (result != -EAGAIN) {
        gord_lua_tick(L, 1);
        return push_received(L, 1, result, ref);
    }
    check_company(L, deadline, "receive");
    result = gord_lua_wait(L, cases, 1, deadline);
    if (result == -ECANCELED) {
        gord_lua_interrupt(L, true);
    }
    return result == 0 ? push_received(L, 1, cases[0].result, ref) : push_trouble(L, "timeout");
}

static int each_step(lua_State *L)
{
    lua_settop(L, 1);
    (void)receive_value(L);
    lua_settop(L, 2);
    return 1;
}

/* for value in channel:each() do: until it is closed and empty. */
static int each_value(lua_State *L)
{
    (void)check_chan(L, 1);
    lua_pushcfunction(L, each_step);
    lua_pushvalue(L, 1);
    return 2;
}

/* channel:close(); twice is an error, as in Go. */
static int close_chan(lua_State *L)
{
    if (gor_chan_close(check_chan(L, 1)->chan) != 0) {
        return luaL_error(L, "close of a closed channel");
    }
    return 0;
}

static int capacity(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)gor_chan_cap(check_chan(L, 1)->chan));
    return 1;
}

static int length(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)gor_chan_len(check_chan(L, 1)->chan));
    return 1;
}

/* ------------------------------------------------------------------ select */

/* One case from the table on top: {channel} to receive, {channel, value} to send. The channel, then the
 * value if there is one, stay on the stack: two slots. */
static void read_case(lua_State *L, int number, struct gor_case *out_case, int *out_ref)
{
    int table = lua_gettop(L);

    if (lua_rawgeti(L, table, 1) != LUA_TUSERDATA || luaL_testudata(L, -1, CHAN_TYPE) == NULL) {
        luaL_error(L, "chan.select: case %d is not of the form {channel} or {channel, value}",
                   number);
    }
    struct gord_lua_chan *chan = lua_touserdata(L, -1);
    *out_case = (struct gor_case){.chan = chan->chan, .value = out_ref, .op = GOR_RECV};
    if (lua_rawgeti(L, table, 2) != LUA_TNIL) {
        *out_ref = keep(L, table + 1, table + 2);
        out_case->op = GOR_SEND;
    }
    lua_remove(L, table);
}

/* The values of the sends that were not done are kept no longer. */
static void forget_others(lua_State *L, const struct gor_case *cases, const int *refs, int count,
                          int chosen)
{
    for (int i = 0; i < count; i++) {
        if (cases[i].op == GOR_SEND && (i != chosen || cases[i].result != 0)) {
            forget(L, 2 + 2 * i, refs[i]);
        }
    }
}

/* chan.select({case, ..., timeout = seconds}): the number of the case done, and what it received; nil
 * and "timeout". */
static int select_case(lua_State *L)
{
    struct gor_case cases[CASES_MAX + 1];
    int refs[CASES_MAX];

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_Unsigned count = lua_rawlen(L, 1);
    if (count < 1 || count > CASES_MAX) {
        return luaL_error(L, "chan.select takes a list of 1 to %d cases", CASES_MAX);
    }
    luaL_checkstack(L, (int)(2 * count) + 8, "too many cases");
    lua_getfield(L, 1, "timeout");
    int64_t deadline = gord_lua_deadline(L, 2);
    lua_pop(L, 1);
    for (int i = 0; i < (int)count; i++) {
        if (lua_rawgeti(L, 1, i + 1) != LUA_TTABLE) {
            return luaL_error(L, "chan.select: case %d is no table", i + 1);
        }
        read_case(L, i + 1, &cases[i], &refs[i]);
    }
    int result = gor_select_try(cases, count);
    if (result == -EAGAIN) {
        check_company(L, deadline, "select");
        result = gord_lua_wait(L, cases, count, deadline);
    } else {
        gord_lua_tick(L, 1);
    }
    forget_others(L, cases, refs, (int)count, result);
    if (result == -ECANCELED) {
        gord_lua_interrupt(L, true);
    }
    if (result < 0) {
        return push_trouble(L, "timeout");
    }
    lua_pushinteger(L, result + 1);
    if (cases[result].op == GOR_SEND) {
        return cases[result].result == 0 ? 1 : luaL_error(L, "send on a closed channel");
    }
    return 1 + push_received(L, 2 + 2 * result, cases[result].result, refs[result]);
}

/* ------------------------------------------------------------------ the library */

void gord_lua_open_chan(lua_State *L)
{
    static const luaL_Reg methods[] = {{"send", send_value}, {"recv", receive_value},
                                       {"each", each_value}, {"close", close_chan},
                                       {"cap", capacity},    {NULL, NULL}};

    luaL_newmetatable(L, CHAN_TYPE);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, length);
    lua_setfield(L, -2, "__len");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);

    lua_newtable(L);
    lua_pushcfunction(L, select_case);
    lua_setfield(L, -2, "select");
    lua_newtable(L);
    lua_pushcfunction(L, new_chan);
    lua_setfield(L, -2, "__call");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_setglobal(L, "chan");
}
