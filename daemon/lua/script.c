/* SPDX-License-Identifier: MIT */
/* script.c - see script.h: a script from its text to its result. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lua/state.h"

#define EXIT_CODE_MAX 255

/* ------------------------------------------------------------------ the state */

/* args: the arguments from 1 on, the script's name at 0. */
static void set_args(lua_State *L, const struct gord_lua_script *script)
{
    lua_createtable(L, (int)script->arg_count, 1);
    lua_pushstring(L, script->name);
    lua_rawseti(L, -2, 0);
    for (size_t i = 0; i < script->arg_count; i++) {
        lua_pushstring(L, script->args[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setglobal(L, "args");
}

/* The chunk and its arguments, on the thread of the main task. */
static void load_chunk(lua_State *L, lua_State *thread, const struct gord_lua_script *script)
{
    const char *text = script->text;
    size_t bytes = script->bytes;
    const char *name = lua_pushfstring(L, "=%s", script->name);

    gord_lua_trim(&text, &bytes);
    if (gord_lua_compile(thread, text, bytes, name) != LUA_OK) {
        lua_xmove(thread, L, 1);
        lua_error(L);
    }
    luaL_checkstack(thread, (int)script->arg_count + 8, "too many arguments");
    for (size_t i = 0; i < script->arg_count; i++) {
        lua_pushstring(thread, script->args[i]);
    }
}

/* Everything that may run out of memory before the script runs. */
static int prepare(lua_State *L)
{
    struct gord_lua_task *task = lua_touserdata(L, 1);

    gord_lua_open_base(L);
    gord_lua_open_coroutine(L);
    gord_lua_open_string(L);
    gord_lua_open_name(L);
    gord_lua_open_table(L);
    gord_lua_open_chan(L);
    gord_lua_open_task(L);
    gord_lua_open_json(L);
    gord_lua_open_job(L);
    set_args(L, task->job->script);
    lua_gc(L, LUA_GCGEN, 0, 0);
    task->thread = lua_newthread(L);
    task->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    gord_lua_guard(task->thread);
    load_chunk(L, task->thread, task->job->script);
    return 0;
}

static void open_state(struct gord_lua_task *task)
{
    struct gord_lua_job *job = task->job;

    job->main = lua_newstate(gord_lua_memory_alloc, &job->memory);
    task->thread = job->main;
    if (job->main == NULL) {
        gord_lua_decide(job, GORD_LUA_FAILED, "not enough memory to begin");
        gord_lua_stop(job);
    }
    *(struct gord_lua_job **)lua_getextraspace(job->main) = job;
    lua_pushcfunction(job->main, prepare);
    lua_pushlightuserdata(job->main, task);
    int status = lua_pcall(job->main, 1, 0, 0);
    if (status != LUA_OK) {
        task->thread = job->main;
        gord_lua_fail(task, status);
    }
}

/* ------------------------------------------------------------------ the result */

static void keep_string(struct gord_lua_job *job, lua_State *L)
{
    size_t bytes;
    const char *text = lua_tolstring(L, 1, &bytes);

    if (bytes > GORD_LUA_RESULT_MAX) {
        gord_lua_decide(job, GORD_LUA_FAILED, "the result has %zu bytes; at most %zu are kept",
                        bytes, GORD_LUA_RESULT_MAX);
        return;
    }
    job->result->value = malloc(bytes + 1);
    if (job->result->value == NULL) {
        gord_lua_decide(job, GORD_LUA_FAILED, "not enough memory: the machine has none left");
        return;
    }
    memcpy(job->result->value, text, bytes);
    job->result->value_bytes = bytes;
}

/* What the chunk returned, at 1 of its thread. Nothing here calls into Lua that could raise. */
static void keep_result(struct gord_lua_job *job, lua_State *L, int count)
{
    int is_integer = 1;
    lua_Integer code = 0;
    int type = count > 0 ? lua_type(L, 1) : LUA_TNIL;

    if (type == LUA_TSTRING) {
        keep_string(job, L);
    } else if (type == LUA_TNUMBER) {
        code = lua_tointegerx(L, 1, &is_integer);
    } else if (type != LUA_TNIL) {
        is_integer = 0;
    }
    if (is_integer == 0) {
        gord_lua_decide(job, GORD_LUA_FAILED,
                        "the script returned a %s; it may return nothing, its exit code (an "
                        "integer) or its result (a string)",
                        type == LUA_TNUMBER ? "fraction" : lua_typename(L, type));
    } else if (code < 0 || code > EXIT_CODE_MAX) {
        gord_lua_decide(job, GORD_LUA_FAILED, "the script returned %lld; an exit code is 0 to %d",
                        (long long)code, EXIT_CODE_MAX);
    }
    job->result->exit_code = (int)code;
    gord_lua_decide(job, GORD_LUA_RETURNED, "%s", "");
}

/* ------------------------------------------------------------------ the whole */

/* With the turn, however the main task ended: the others leave, and nothing is left. */
static void end_script(void *arg)
{
    struct gord_lua_job *job = arg;

    gord_lua_decide(job, GORD_LUA_FAILED, "the script's main task panicked");
    gord_lua_give_turn(job);
    gor_waitgroup_wait(&job->tasks);
    gord_lua_chans_fini(job);
    free(job->held);
    gord_lua_memory_fini(&job->memory);
    gor_ctx_unref(job->scope);
}

static void run_main_task(struct gord_lua_job *job)
{
    struct gord_lua_task task = {.job = job};
    struct gor_defer end;

    gor_mutex_lock(&job->turn);
    gor_defer(&end, end_script, job);
    job->live = 1;
    job->running = &task;
    job->looked_ns = gor_now();
    job->yielded_ns = job->looked_ns;
    if (setjmp(task.out) == 0) {
        open_state(&task);
        int count = gord_lua_call(&task, (int)job->script->arg_count);
        keep_result(job, task.thread, count);
    }
    gor_undefer(&end, true);
}

void gord_lua_run(const struct gord_lua_script *script, const struct gord_lua_host *host,
                  struct gord_lua_result *out_result)
{
    struct gord_lua_job job = {.script = script, .host = host, .result = out_result};
    uint64_t memory = script->max_memory_bytes;

    *out_result = (struct gord_lua_result){.fate = GORD_LUA_RUNS};
    if (gor_ctx_with_cancel(host->ctx, &job.scope) != 0) {
        out_result->fate = GORD_LUA_FAILED;
        snprintf(out_result->message, sizeof(out_result->message),
                 "not enough memory: the machine has none left");
        return;
    }
    gord_lua_memory_init(&job.memory, memory != 0 ? memory : GORD_LUA_MEMORY_DEFAULT);
    job.memory.refused = gord_lua_refused;
    job.memory.arg = &job;
    list_init(&job.chans);
    run_main_task(&job);
}

void gord_lua_result_fini(struct gord_lua_result *result)
{
    free(result->traceback);
    free(result->value);
    result->traceback = NULL;
    result->value = NULL;
}
