/* SPDX-License-Identifier: MIT */
/* task.c - the tasks of a script: goroutines that take turns with one Lua state.
 *
 * Rejected: tasks as Lua coroutines with a scheduler of our own, since then nothing could wait within
 * pcall's callbacks, metamethods, sort's comparisons or a script's own coroutines; and tasks with a
 * state each, since then functions and tables would have to be copied, and could not be shared.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lua/state.h"

#define SPAWN_STEPS 200   /* what a task costs beside its instructions */
#define STACK_CHARGE 8192 /* of the memory budget, for the goroutine's stack */

/* ------------------------------------------------------------------ turns */

void gord_lua_give_turn(struct gord_lua_job *job)
{
    job->running = NULL;
    gor_mutex_unlock(&job->turn);
}

void gord_lua_take_turn(struct gord_lua_job *job, struct gord_lua_task *task)
{
    gor_mutex_lock(&job->turn);
    job->running = task;
    job->looked_ns = gor_now();
    job->yielded_ns = job->looked_ns;
}

int gord_lua_wait(lua_State *L, struct gor_case *cases, size_t count, int64_t deadline)
{
    struct gord_lua_job *job = gord_lua_job_of(L);
    struct gord_lua_task *task = job->running;
    int result = count > 0 ? gor_select_try(cases, count) : -EAGAIN;

    if (result != -EAGAIN) {
        gord_lua_tick(L, 1);
        return result;
    }
    cases[count] = (struct gor_case){.chan = gor_ctx_done(job->scope), .op = GOR_RECV};
    gord_lua_give_turn(job);
    if (deadline <= gor_now()) {
        gor_yield();
        result = -ETIMEDOUT;
    } else {
        result = gor_select_until(cases, count + 1, deadline);
    }
    gord_lua_take_turn(job, task);
    if (job->fate != GORD_LUA_RUNS) {
        gord_lua_stop(job);
    }
    if (result == (int)count || gor_ctx_err(job->host->ctx) != 0) {
        /* What was sent or received meanwhile counts all the same. */
        return result == (int)count || result < 0 ? -ECANCELED : result;
    }
    return result;
}

int64_t gord_lua_deadline(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index)) {
        return GOR_NEVER;
    }
    lua_Number seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, !isnan(seconds), index, "a time in seconds expected, got nan");
    return seconds < 9e9 ? gor_after((int64_t)(seconds * 1e9)) : GOR_NEVER;
}

/* ------------------------------------------------------------------ running one */

/* The message for people; where it was is kept. Not called for want of memory. */
static int on_error(lua_State *L)
{
    struct gord_lua_job *job = gord_lua_job_of(L);

    gord_lua_keep_trace(job, L, 1); /* behind this function */
    if (lua_type(L, 1) != LUA_TSTRING && !job->running->in_hook) {
        (void)gord_lua_text(L, 1, NULL);
    }
    return 1;
}

void gord_lua_fail(struct gord_lua_task *task, int status)
{
    struct gord_lua_job *job = task->job;
    lua_State *L = task->thread;
    const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;

    if (status == LUA_ERRMEM && job->memory.starved) {
        gord_lua_decide(job, GORD_LUA_FAILED, "not enough memory: the machine has none left");
    } else if (status == LUA_ERRMEM) {
        gord_lua_decide(job, GORD_LUA_FAILED,
                        "not enough memory: the limit of %.6g MiB (max_memory_bytes) is used up",
                        (double)job->memory.budget / (1 << 20));
    } else {
        gord_lua_decide(job, GORD_LUA_FAILED, "%s", message != NULL ? message : "unknown error");
    }
    gord_lua_stop(job);
}

int gord_lua_call(struct gord_lua_task *task, int arg_count)
{
    lua_State *L = task->thread;
    int base = lua_gettop(L) - arg_count;

    lua_pushcfunction(L, on_error);
    lua_insert(L, base);
    int status = lua_pcall(L, arg_count, LUA_MULTRET, base);
    if (status != LUA_OK) {
        gord_lua_fail(task, status);
    }
    lua_remove(L, base);
    return lua_gettop(L) - base + 1;
}

/* ------------------------------------------------------------------ spawn */

static void free_task(struct gord_lua_task *task)
{
    struct gord_lua_job *job = task->job;

    job->live--;
    gord_lua_memory_give(&job->memory, sizeof(*task) + STACK_CHARGE);
    free(task);
}

/* However the goroutine ends, by a panic too, when it has the turn. */
static void end_task(void *arg)
{
    struct gord_lua_task *task = arg;
    struct gord_lua_job *job = task->job;

    if (job->fate == GORD_LUA_RUNS) {
        gord_lua_decide(job, GORD_LUA_FAILED, "a task of the script panicked");
    }
    free_task(task);
    gord_lua_give_turn(job);
    gor_waitgroup_done(&job->tasks);
}

/* The channel for what the function returns, the function, its arguments. */
static int call_and_tell(lua_State *L)
{
    lua_call(L, lua_gettop(L) - 2, 1);
    gord_lua_chan_finish(L, 1);
    return 0;
}

/* Its thread has call_and_tell and what that is given. */
static void run_task(void *arg)
{
    struct gord_lua_task *task = arg;
    struct gord_lua_job *job = task->job;
    struct gor_defer end;

    gor_mutex_lock(&job->turn);
    gor_defer(&end, end_task, task);
    job->running = task;
    job->looked_ns = gor_now();
    job->yielded_ns = job->looked_ns;
    if (setjmp(task->out) == 0 && job->fate == GORD_LUA_RUNS) {
        lua_State *L = task->thread;
        (void)gord_lua_call(task, lua_gettop(L) - 1);
        luaL_unref(L, LUA_REGISTRYINDEX, task->anchor);
        /* It ended well: nothing is decided by that. */
        gor_undefer(&end, false);
        free_task(task);
        gord_lua_give_turn(job);
        gor_waitgroup_done(&job->tasks);
        return;
    }
    gor_undefer(&end, true);
}

/* A goroutine for a thread that has everything. 0 or the runtime's error. */
static int start_task(struct gord_lua_job *job, struct gord_lua_task *task)
{
    struct gor_go_opts opts = {.name = job->host->name,
                               .stack_bytes = GORD_LUA_STACK_BYTES,
                               .at_ceiling = GOR_CEILING_REFUSE,
                               .hibernation = GOR_HIBERNATE_MAY};

    gor_waitgroup_add(&job->tasks, 1);
    job->live++;
    int result = gor_go_with(&opts, run_task, task);
    if (result != 0) {
        gor_waitgroup_done(&job->tasks);
        free_task(task);
    }
    return result;
}

static struct gord_lua_task *new_task(struct gord_lua_job *job, lua_State *thread, int anchor)
{
    struct gord_lua_task *task;

    if (!gord_lua_memory_take(&job->memory, sizeof(*task) + STACK_CHARGE)) {
        return NULL;
    }
    task = calloc(1, sizeof(*task));
    if (task == NULL) {
        gord_lua_memory_give(&job->memory, sizeof(*task) + STACK_CHARGE);
        return NULL;
    }
    task->job = job;
    task->thread = thread;
    task->anchor = anchor;
    return task;
}

/* What may be wrong before anything is made. */
static void check_spawn(lua_State *L)
{
    struct gord_lua_job *job = gord_lua_job_of(L);

    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (job->live >= GORD_LUA_TASKS_MAX) {
        luaL_error(L, "cannot spawn: a script has at most %d tasks at a time", GORD_LUA_TASKS_MAX);
    }
    if (gor_ctx_err(job->host->ctx) != 0) {
        gord_lua_interrupt(L, true);
    }
    gord_lua_tick(L, SPAWN_STEPS);
}

/* spawn(fn, ...): run fn(...) as a task; a channel that brings its first result and is closed then. */
static int spawn(lua_State *L)
{
    struct gord_lua_job *job = gord_lua_job_of(L);
    int count = lua_gettop(L);

    check_spawn(L);
    (void)gord_lua_chan_push(L, 1);
    lua_State *thread = lua_newthread(L);
    luaL_checkstack(thread, count + 8, "too many arguments");
    lua_pushcfunction(thread, call_and_tell);
    lua_pushvalue(L, -2);
    lua_xmove(L, thread, 1);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, i);
    }
    lua_xmove(L, thread, count);
    gord_lua_guard(thread);
    int anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    struct gord_lua_task *task = new_task(job, thread, anchor);
    int result = task != NULL ? start_task(job, task) : -ENOMEM;
    if (result != 0) {
        luaL_unref(L, LUA_REGISTRYINDEX, anchor);
        return luaL_error(L, "cannot spawn: %s",
                          result == -EAGAIN
                              ? "there is no place for a goroutine under the ceilings "
                                "(--max-goroutines, --max-stack-memory)"
                              : "not enough memory");
    }
    return 1;
}

/* ------------------------------------------------------------------ time */

/* sleep(seconds) */
static int sleep_for(lua_State *L)
{
    struct gor_case cases[1];

    luaL_checknumber(L, 1);
    if (gord_lua_wait(L, cases, 0, gord_lua_deadline(L, 1)) == -ECANCELED) {
        gord_lua_interrupt(L, true);
    }
    return 0;
}

/* deadline(): seconds until the job's time is over; nil: it has as long as it likes. */
static int deadline_left(lua_State *L)
{
    int64_t deadline = gor_ctx_deadline(gord_lua_job_of(L)->host->ctx);

    if (deadline == GOR_NEVER) {
        lua_pushnil(L);
    } else {
        int64_t left = deadline - gor_now();
        lua_pushnumber(L, left > 0 ? (lua_Number)left / 1e9 : 0.0);
    }
    return 1;
}

/* cancelled(): whether the script is to end. */
static int is_cancelled(lua_State *L)
{
    lua_pushboolean(L, gor_ctx_err(gord_lua_job_of(L)->host->ctx) != 0);
    return 1;
}

void gord_lua_open_task(lua_State *L)
{
    lua_register(L, "spawn", spawn);
    lua_register(L, "sleep", sleep_for);
    lua_register(L, "deadline", deadline_left);
    lua_register(L, "cancelled", is_cancelled);
}
