/* SPDX-License-Identifier: MIT */
/* guard.c - the budgets of a script, and its end from outside.
 *
 * The hook is called after a number of VM instructions, on whatever Lua thread runs them. Lua switches
 * hooks off while one runs, so what an error raised there leads to would run without them: the handler
 * of xpcall, and what closes the variables of a coroutine that died. base.c and coroutine.c keep
 * scripts out of both; finalizers (__gc), which run without hooks always, are refused.
 *
 * What an operation in C costs is not seen by the hook. Library functions that can be made to take long
 * are our own and count for themselves (gord_lua_tick). Single operations on long strings remain, and
 * the collector: where the instructions since the last look took long, the hook comes sooner.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lua/state.h"

#define STRIDE 500    /* instructions between two looks; 1 % of the time is spent on them */
#define STRIDE_SLOW 4 /* where they take long */
#define SLOW_NS (2 * GOR_MILLISECOND)
#define SLICE_NS GOR_MILLISECOND /* of computing; then others may run */
#define TICKS_PER_LOOK 1000
#define BYTES_PER_STEP 64 /* of memory that is collected in vain */
#define TRACE_LEVELS 24
#define TRACE_BYTES 4096

struct gord_lua_job *gord_lua_job_of(lua_State *L)
{
    return *(struct gord_lua_job **)lua_getextraspace(L);
}

void gord_lua_decide(struct gord_lua_job *job, enum gord_lua_fate fate, const char *format, ...)
{
    va_list args;

    if (job->fate != GORD_LUA_RUNS) {
        return;
    }
    job->fate = fate;
    job->result->fate = fate;
    va_start(args, format);
    vsnprintf(job->result->message, sizeof(job->result->message), format, args);
    va_end(args);
    gor_ctx_cancel(job->scope, NULL); /* for its tasks that wait */
}

#if defined(__SANITIZE_THREAD__)
/* What Debian's Lua calls for an error. ThreadSanitizer does not know this one, and would take the frames
 * that are left for still there, until it has no more room for them. */
void __longjmp_chk(jmp_buf env, int value) __attribute__((noreturn, visibility("default")));

void __longjmp_chk(jmp_buf env, int value)
{
    longjmp(env, value);
}
#endif

void gord_lua_stop(struct gord_lua_job *job)
{
    longjmp(job->running->out, 1);
}

/* ------------------------------------------------------------------ where it is */

/* One level of the stack, as Lua's own tracebacks have it. */
static int describe(lua_State *L, lua_Debug *level, char *out, size_t room)
{
    lua_getinfo(L, "Snl", level);
    if (*level->what == 'C') {
        return snprintf(out, room, "  [C]: in %s\n", level->name != NULL ? level->name : "?");
    }
    if (*level->what == 'm') {
        return snprintf(out, room, "  %s:%d: in main chunk\n", level->short_src,
                        level->currentline);
    }
    return snprintf(out, room, "  %s:%d: in function %s%s\n", level->short_src, level->currentline,
                    level->name != NULL ? level->name : "at line ",
                    level->name != NULL ? "" : "of its own");
}

void gord_lua_keep_trace(struct gord_lua_job *job, lua_State *L, int from)
{
    lua_Debug level;
    size_t at = 0;

    if (L == NULL || job->result->traceback != NULL || job->fate != GORD_LUA_RUNS) {
        return;
    }
    char *text = malloc(TRACE_BYTES);
    if (text == NULL) {
        return;
    }
    text[0] = '\0';
    for (int i = from; i < from + TRACE_LEVELS && lua_getstack(L, i, &level) != 0; i++) {
        int n = describe(L, &level, text + at, TRACE_BYTES - at);
        if (n < 0 || (size_t)n >= TRACE_BYTES - at) {
            text[at] = '\0';
            break;
        }
        at += (size_t)n;
    }
    job->result->traceback = text;
}

/* ------------------------------------------------------------------ the end from outside */

/* It was asked to end; the grace begins when that is first seen. */
static bool is_over_grace(struct gord_lua_job *job)
{
    const struct gord_lua_host *host = job->host;
    int64_t now = gor_now();

    if (job->kill_ns == 0) {
        job->kill_ns = host->grace_ns < GOR_NEVER - now ? now + host->grace_ns : GOR_NEVER;
    }
    return now >= job->kill_ns || (host->hurry != NULL && gor_ctx_err(host->hurry) != 0);
}

void gord_lua_interrupt(lua_State *L, bool again)
{
    struct gord_lua_job *job = gord_lua_job_of(L);
    const struct gord_lua_host *host = job->host;
    struct gord_lua_task *task = job->running;

    if (is_over_grace(job)) {
        gord_lua_keep_trace(job, L, 0);
        gord_lua_decide(job, GORD_LUA_STOPPED, "stopped");
        gord_lua_stop(job);
    }
    if (task->told && !again) {
        return;
    }
    task->told = true;
    if (gor_ctx_err(host->ctx) == -ETIMEDOUT) {
        lua_pushliteral(L, "cancelled: its time is over");
    } else {
        lua_pushfstring(L, "cancelled: %s", gor_ctx_cause(host->ctx));
    }
    lua_error(L);
}

/* ------------------------------------------------------------------ budgets */

static void check_steps(lua_State *L, struct gord_lua_job *job)
{
    uint64_t most = job->script->max_steps;

    if (most != 0 && job->steps > most) {
        gord_lua_keep_trace(job, L, 0);
        gord_lua_decide(job, GORD_LUA_FAILED,
                        "too many steps: the limit of %" PRIu64 " steps (max_steps) is used up",
                        most);
        gord_lua_stop(job);
    }
}

void gord_lua_spend(lua_State *L, uint64_t steps)
{
    struct gord_lua_job *job = gord_lua_job_of(L);

    job->steps += steps;
    check_steps(L, job);
    if (gor_ctx_err(job->host->ctx) != 0) {
        gord_lua_interrupt(L, false);
    }
    int64_t now = gor_now();
    job->took_ns = now - job->looked_ns;
    job->looked_ns = now;
    if (now - job->yielded_ns > SLICE_NS) {
        gor_yield();
        job->looked_ns = gor_now();
        job->yielded_ns = job->looked_ns;
    }
}

/* A block was refused; Lua collects garbage now and tries once more, which is dear when little is free:
 * a script that catches the error and goes on pays for it. Nothing can be raised here. */
void gord_lua_refused(void *arg)
{
    struct gord_lua_job *job = arg;
    const struct gord_lua_host *host = job->host;

    if (job->fate != GORD_LUA_RUNS) {
        return;
    }
    job->steps += job->memory.used / BYTES_PER_STEP;
    check_steps(NULL, job);
    if (gor_ctx_err(host->ctx) != 0 && is_over_grace(job)) {
        gord_lua_decide(job, GORD_LUA_STOPPED, "stopped");
        gord_lua_stop(job);
    }
}

void gord_lua_tick(lua_State *L, unsigned steps)
{
    struct gord_lua_job *job = gord_lua_job_of(L);

    job->ticks += steps;
    if (job->ticks >= TICKS_PER_LOOK) {
        steps = job->ticks;
        job->ticks = 0;
        gord_lua_spend(L, steps);
    }
}

static void on_count(lua_State *L, lua_Debug *unused)
{
    struct gord_lua_job *job = gord_lua_job_of(L);
    int stride = lua_gethookcount(L);

    (void)unused;
    job->running->in_hook = true;
    gord_lua_spend(L, (uint64_t)stride);
    job->running->in_hook = false;
    int wanted = job->took_ns > SLOW_NS ? STRIDE_SLOW : STRIDE;
    if (wanted != stride) {
        lua_sethook(L, on_count, LUA_MASKCOUNT, wanted);
    }
}

void gord_lua_guard(lua_State *L)
{
    lua_sethook(L, on_count, LUA_MASKCOUNT, STRIDE);
}
