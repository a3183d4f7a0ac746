/* SPDX-License-Identifier: MIT */
/* subjob.c - what a script does with jobs: others below its own, and what its own tells of itself.
 *
 * A spec for the wire is made of memory of Lua's: its texts are Lua strings, its lists userdata, all
 * kept alive by the stack. So there is nothing to free, however the script ends in between.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lua/state.h"

#define LIST_MAX 100000
#define SUBMIT_STEPS 2000
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ------------------------------------------------------------------ reading the table */

/* Push a member of the table at 1, without metamethods; its type. It stays where it is. */
static int member(lua_State *L, const char *name)
{
    luaL_checkstack(L, 8, "too much in one job");
    lua_pushstring(L, name);
    return lua_rawget(L, 1);
}

/* A text that may be left out; "" then. NUL bytes only if it is taken as bytes. */
static const char *text_member(lua_State *L, const char *name, size_t *out_bytes)
{
    size_t bytes = 0;
    const char *text = "";
    int type = member(L, name);

    if (type == LUA_TSTRING) {
        text = lua_tolstring(L, -1, &bytes);
    } else if (type != LUA_TNIL) {
        luaL_error(L, "job.submit: '%s' must be a string", name);
    }
    if (out_bytes != NULL) {
        *out_bytes = bytes;
    } else if (strlen(text) != bytes) {
        luaL_error(L, "job.submit: '%s' has a NUL byte", name);
    }
    return text;
}

static uint64_t number_member(lua_State *L, const char *name)
{
    int is_integer = 1;
    lua_Integer value = 0;

    if (member(L, name) != LUA_TNIL) {
        value = lua_tointegerx(L, -1, &is_integer);
    }
    if (is_integer == 0 || value < 0) {
        luaL_error(L, "job.submit: '%s' must be a number, 0 or above", name);
    }
    lua_pop(L, 1);
    return (uint64_t)value;
}

/* Seconds, as nanoseconds. */
static int64_t time_member(lua_State *L, const char *name)
{
    lua_Number seconds = 0;

    if (member(L, name) != LUA_TNIL) {
        seconds = lua_tonumber(L, -1);
        if (!lua_isnumber(L, -1) || !(seconds >= 0) || seconds > 9e9) {
            luaL_error(L, "job.submit: '%s' must be a time in seconds", name);
        }
    }
    lua_pop(L, 1);
    return (int64_t)(seconds * 1e9);
}

/* The list of that name and its length on the stack's top; 0 and nil if there is none. */
static size_t list_member(lua_State *L, const char *name)
{
    int type = member(L, name);

    if (type == LUA_TNIL) {
        return 0;
    }
    if (type != LUA_TTABLE || lua_rawlen(L, -1) > LIST_MAX) {
        luaL_error(L, "job.submit: '%s' must be a list", name);
    }
    gord_lua_tick(L, (unsigned)lua_rawlen(L, -1));
    return (size_t)lua_rawlen(L, -1);
}

/* The text at `index` of the list on top. It is alive as long as the list is. */
static const char *item_of(lua_State *L, const char *name, size_t index, size_t *out_bytes)
{
    if (lua_rawgeti(L, -1, (lua_Integer)index + 1) != LUA_TSTRING) {
        luaL_error(L, "job.submit: '%s' must be a list of strings", name);
    }
    const char *text = lua_tolstring(L, -1, out_bytes);
    lua_pop(L, 1);
    return text;
}

static void *room(lua_State *L, size_t count, size_t bytes)
{
    void *memory = lua_newuserdatauv(L, count > 0 ? count * bytes : bytes, 0);

    memset(memory, 0, count > 0 ? count * bytes : bytes);
    return memory;
}

static char **text_list(lua_State *L, const char *name, size_t *out_count)
{
    size_t count = list_member(L, name);
    int list = lua_gettop(L);
    char **texts = room(L, count, sizeof(*texts));

    lua_pushvalue(L, list);
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        texts[i] = (char *)(uintptr_t)item_of(L, name, i, &bytes);
        if (strlen(texts[i]) != bytes) {
            luaL_error(L, "job.submit: '%s' has a NUL byte", name);
        }
    }
    *out_count = count;
    return texts;
}

static ProtobufCBinaryData *byte_list(lua_State *L, const char *name, size_t *out_count)
{
    size_t count = list_member(L, name);
    int list = lua_gettop(L);
    ProtobufCBinaryData *items = room(L, count, sizeof(*items));

    lua_pushvalue(L, list);
    for (size_t i = 0; i < count; i++) {
        items[i].data = (uint8_t *)(uintptr_t)item_of(L, name, i, &items[i].len);
    }
    *out_count = count;
    return items;
}

/* How many strings the table on top has under strings. */
static size_t count_pairs(lua_State *L, const char *name)
{
    size_t count = 0;

    for (lua_pushnil(L); lua_next(L, -2) != 0; count++) {
        if (lua_type(L, -1) != LUA_TSTRING || lua_type(L, -2) != LUA_TSTRING || count > LIST_MAX) {
            luaL_error(L, "job.submit: '%s' must be a table of names and strings", name);
        }
        lua_pop(L, 1);
    }
    gord_lua_tick(L, (unsigned)count);
    return count;
}

/* ------------------------------------------------------------------ the spec */

/* env: {NAME = "value"}; a PATH if there is none, since a script has no environment of its own. */
static void read_env(lua_State *L, Gor__V1__ExecSpec *exec)
{
    size_t at = 0;

    if (member(L, "env") == LUA_TNIL) {
        ProtobufCBinaryData *path = room(L, 1, sizeof(*path));
        *path = (ProtobufCBinaryData){sizeof(DEFAULT_PATH) - 1, (uint8_t *)(uintptr_t)DEFAULT_PATH};
        exec->n_env = 1;
        exec->env = path;
        return;
    }
    if (lua_type(L, -1) != LUA_TTABLE) {
        luaL_error(L, "job.submit: 'env' must be a table of names and strings");
    }
    exec->n_env = count_pairs(L, "env");
    int table = lua_gettop(L);
    exec->env = room(L, exec->n_env, sizeof(*exec->env));
    lua_createtable(L, (int)exec->n_env, 0); /* keeps "NAME=value" alive */
    int kept = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table) != 0; at++) {
        lua_pushvalue(L, -2);
        lua_pushliteral(L, "=");
        lua_rotate(L, -3, 2);
        lua_concat(L, 3);
        exec->env[at].data = (uint8_t *)(uintptr_t)lua_tolstring(L, -1, &exec->env[at].len);
        lua_rawseti(L, kept, (lua_Integer)at + 1);
    }
}

static void read_exec(lua_State *L, Gor__V1__JobSpec *spec)
{
    Gor__V1__ExecSpec *exec = room(L, 1, sizeof(*exec));

    gor__v1__exec_spec__init(exec);
    spec->kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec->exec = exec;
    exec->argv = byte_list(L, "argv", &exec->n_argv);
    exec->cwd.data = (uint8_t *)(uintptr_t)text_member(L, "cwd", &exec->cwd.len);
    read_env(L, exec);
}

static void read_native(lua_State *L, Gor__V1__JobSpec *spec)
{
    Gor__V1__NativeSpec *native = room(L, 1, sizeof(*native));

    gor__v1__native_spec__init(native);
    spec->kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    spec->native = native;
    native->function = (char *)(uintptr_t)text_member(L, "native", NULL);
    native->args = text_list(L, "args", &native->n_args);
}

static void read_lua(lua_State *L, Gor__V1__JobSpec *spec)
{
    Gor__V1__LuaSpec *lua = room(L, 1, sizeof(*lua));

    gor__v1__lua_spec__init(lua);
    spec->kind_case = GOR__V1__JOB_SPEC__KIND_LUA;
    spec->lua = lua;
    lua->script.data = (uint8_t *)(uintptr_t)text_member(L, "lua", &lua->script.len);
    lua->chunk_name = (char *)(uintptr_t)text_member(L, "chunk_name", NULL);
    lua->args = text_list(L, "args", &lua->n_args);
    lua->max_steps = number_member(L, "max_steps");
    lua->max_memory_bytes = number_member(L, "max_memory");
}

static void read_labels(lua_State *L, Gor__V1__JobSpec *spec)
{
    size_t at = 0;
    int type = member(L, "labels");

    if (type == LUA_TNIL) {
        return;
    }
    if (type != LUA_TTABLE) {
        luaL_error(L, "job.submit: 'labels' must be a table of names and strings");
    }
    size_t count = count_pairs(L, "labels");
    int table = lua_gettop(L);
    spec->labels = room(L, count, sizeof(*spec->labels));
    Gor__V1__JobSpec__LabelsEntry *entries = room(L, count, sizeof(*entries));
    for (lua_pushnil(L); lua_next(L, table) != 0; at++) {
        gor__v1__job_spec__labels_entry__init(&entries[at]);
        entries[at].key = (char *)(uintptr_t)lua_tostring(L, -2);
        entries[at].value = (char *)(uintptr_t)lua_tostring(L, -1);
        spec->labels[at] = &entries[at];
        lua_pop(L, 1);
    }
    spec->n_labels = count;
}

/* What may be said, so that a typing error is not passed over. */
static void check_members(lua_State *L)
{
    static const char *const names[] = {"argv",   "env",        "cwd",  "native",    "lua",
                                        "args",   "chunk_name", "name", "max_steps", "max_memory",
                                        "labels", "timeout",    "grace"};

    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        bool known = false;
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            known |= strcmp(names[i], name) == 0;
        }
        if (!known) {
            luaL_error(L, "job.submit: there is no member '%s'", gord_lua_text(L, -2, NULL));
        }
    }
}

static void read_spec(lua_State *L, Gor__V1__JobSpec *spec)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    check_members(L);
    bool is_native = member(L, "native") != LUA_TNIL;
    bool is_lua = member(L, "lua") != LUA_TNIL;
    bool is_exec = member(L, "argv") != LUA_TNIL;
    if (is_native + is_lua + is_exec != 1) {
        luaL_error(L, "job.submit: one of 'argv', 'lua' and 'native' must be there");
    }
    (is_lua ? read_lua : is_native ? read_native : read_exec)(L, spec);
    spec->name = (char *)(uintptr_t)text_member(L, "name", NULL);
    spec->timeout_ns = time_member(L, "timeout");
    spec->grace_ns = time_member(L, "grace");
    spec->parent_id = gord_lua_job_of(L)->host->id;
    read_labels(L, spec);
}

/* ------------------------------------------------------------------ asking */

/* With the turn back: the answer is no error, unless it is a timeout. */
static void check_answer(lua_State *L, struct gord_lua_job *job, struct gord_lua_answer *answer)
{
    job->held = answer->value;
    if (job->fate != GORD_LUA_RUNS) {
        gord_lua_stop(job);
    }
    if (answer->error == -ECANCELED || gor_ctx_err(job->host->ctx) != 0) {
        free(answer->value);
        job->held = NULL;
        gord_lua_interrupt(L, true);
    }
    if (answer->error != 0 && answer->error != -ETIMEDOUT) {
        luaL_error(L, "%s", answer->text);
    }
}

/* job.submit{...}: the id of a job below this one. Raises what the daemon refuses. */
static int submit(lua_State *L)
{
    struct gord_lua_job *job = gord_lua_job_of(L);
    struct gord_lua_task *task = job->running;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    struct gord_lua_answer answer = {0};

    if (job->host->submit == NULL) {
        return luaL_error(L, "there are no jobs here");
    }
    read_spec(L, &spec);
    gord_lua_tick(L, SUBMIT_STEPS);
    gord_lua_give_turn(job);
    job->host->submit(job->host->arg, &spec, &answer);
    gord_lua_take_turn(job, task);
    check_answer(L, job, &answer);
    lua_pushinteger(L, (lua_Integer)answer.id);
    return 1;
}

/* "succeeded", "failed", ... */
static void push_outcome(lua_State *L, Gor__V1__Outcome outcome)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&gor__v1__outcome__descriptor, (int)outcome);
    luaL_Buffer word;

    luaL_buffinit(L, &word);
    for (const char *letter = value != NULL ? value->name : "?"; *letter != '\0'; letter++) {
        bool upper = *letter >= 'A' && *letter <= 'Z';
        luaL_addchar(&word, (char)(upper ? *letter - 'A' + 'a' : *letter));
    }
    luaL_pushresult(&word);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

/* The table for an answer, which is a light userdata. */
static int make_table(lua_State *L)
{
    const struct gord_lua_answer *answer = lua_touserdata(L, 1);

    lua_newtable(L);
    set_integer(L, "id", (lua_Integer)answer->id);
    push_outcome(L, answer->outcome);
    lua_setfield(L, -2, "outcome");
    set_integer(L, "exit_code", answer->exit_code);
    if (answer->signal != 0) {
        set_integer(L, "signal", answer->signal);
    }
    lua_pushstring(L, answer->detail);
    lua_setfield(L, -2, "detail");
    set_integer(L, "stdout_bytes", (lua_Integer)answer->stdout_bytes);
    set_integer(L, "stderr_bytes", (lua_Integer)answer->stderr_bytes);
    if (answer->value != NULL) {
        lua_pushlstring(L, answer->value, answer->value_bytes);
        lua_setfield(L, -2, "result");
    }
    return 1;
}

/* job.wait(id [, timeout]): how it ended; nil and "timeout". */
static int wait_for(lua_State *L)
{
    struct gord_lua_job *job = gord_lua_job_of(L);
    struct gord_lua_task *task = job->running;
    lua_Integer id = luaL_checkinteger(L, 1);
    int64_t deadline = gord_lua_deadline(L, 2);
    struct gord_lua_answer answer = {0};

    luaL_argcheck(L, id > 0, 1, "the id of a job expected");
    if (job->host->wait == NULL) {
        return luaL_error(L, "there are no jobs here");
    }
    gord_lua_tick(L, 20);
    gord_lua_give_turn(job);
    job->host->wait(job->host->arg, (uint64_t)id, deadline, &answer);
    gord_lua_take_turn(job, task);
    check_answer(L, job, &answer);
    if (answer.error == -ETIMEDOUT) {
        lua_pushnil(L);
        lua_pushliteral(L, "timeout");
        return 2;
    }
    lua_pushcfunction(L, make_table);
    lua_pushlightuserdata(L, &answer);
    int status = lua_pcall(L, 1, 1, 0);
    free(answer.value);
    job->held = NULL;
    return status == LUA_OK ? 1 : lua_error(L);
}

/* ------------------------------------------------------------------ of itself */

static uint64_t check_count(lua_State *L, int index)
{
    lua_Number count = luaL_checknumber(L, index);

    luaL_argcheck(L, count >= 0 && count < 9e15, index, "a number from 0 on expected");
    return (uint64_t)count;
}

/* progress(percent [, text]), progress(done, total [, text]) */
static int progress(lua_State *L)
{
    const struct gord_lua_host *host = gord_lua_job_of(L)->host;
    lua_Number share = luaL_checknumber(L, 1);
    uint64_t done = 0;
    uint64_t total = 100;
    int text = 2;

    if (lua_type(L, 2) == LUA_TNUMBER) {
        text = 3;
        done = check_count(L, 1);
        total = check_count(L, 2);
        done = total != 0 && done > total ? total : done;
    } else {
        luaL_argcheck(L, share >= 0 && share <= 100, 1, "a percentage is 0 to 100");
        total = share == floor(share) ? 100 : 100000;
        done = (uint64_t)(share * (lua_Number)total / 100 + 0.5);
    }
    gord_lua_tick(L, 20);
    if (host->tell != NULL &&
        host->tell(host->arg, done, total, luaL_optstring(L, text, "")) != 0) {
        return luaL_error(L, "not enough memory: the machine has none left");
    }
    return 0;
}

/* alive(): a sign of life, for a job with a heartbeat. */
static int give_sign(lua_State *L)
{
    const struct gord_lua_host *host = gord_lua_job_of(L)->host;

    gord_lua_tick(L, 20);
    if (host->give_sign != NULL) {
        host->give_sign(host->arg);
    }
    return 0;
}

/* result(bytes): what the job leaves behind. */
static int set_result(lua_State *L)
{
    const struct gord_lua_host *host = gord_lua_job_of(L)->host;
    size_t bytes;
    const char *text = luaL_checklstring(L, 1, &bytes);

    luaL_argcheck(L, bytes <= GORD_LUA_RESULT_MAX, 1, "a result has at most 65536 bytes");
    gord_lua_tick(L, 20);
    if (host->set_result != NULL && host->set_result(host->arg, text, bytes) != 0) {
        return luaL_error(L, "not enough memory: the machine has none left");
    }
    return 0;
}

/* job.array, of a script that is a task of one. */
static void open_array(lua_State *L, const struct gord_lua_host *host)
{
    if (host->array_id != 0) {
        lua_createtable(L, 0, 3);
        set_integer(L, "id", (lua_Integer)host->array_id);
        set_integer(L, "index", (lua_Integer)host->array_index);
        set_integer(L, "count", (lua_Integer)host->array_count);
        lua_setfield(L, -2, "array");
    }
}

void gord_lua_open_job(lua_State *L)
{
    static const luaL_Reg functions[] = {{"submit", submit}, {"wait", wait_for}, {NULL, NULL}};

    luaL_newlib(L, functions);
    lua_pushinteger(L, (lua_Integer)gord_lua_job_of(L)->host->id);
    lua_setfield(L, -2, "id");
    open_array(L, gord_lua_job_of(L)->host);
    lua_setglobal(L, "job");
    lua_register(L, "progress", progress);
    lua_register(L, "alive", give_sign);
    lua_register(L, "result", set_result);
}
