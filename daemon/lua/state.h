/* SPDX-License-Identifier: MIT */
/* state.h - what the files of this room share: a script that runs, and its tasks.
 *
 * A task is a goroutine with a Lua thread. All tasks of a script share one Lua state, and take turns:
 * only the one that holds `turn` touches it, and it gives the turn away only in calls that wait. So
 * scripts need no locks, and a call that waits works from anywhere: within pcall, within a
 * metamethod, within the script's own coroutines.
 *
 * Stopping is leaving: a task jumps out of whatever it does (stop), and nobody touches the state any
 * more. That is the way of budgets and of scripts that do not heed a cancellation. There is no
 * clean-up in Lua that could be held up.
 *
 * Invariants  `running` is the task that has the turn; once `fate` is not RUNS nobody enters the state.
 * Threads     everything but `turn`, `tasks` and `scope` belongs to whoever has the turn.
 */
#ifndef GORD_LUA_STATE_H
#define GORD_LUA_STATE_H

#include <setjmp.h>

#include <lauxlib.h>
#include <lua.h>

#include "base/list.h"
#include "daemon/lua/memory.h"
#include "daemon/lua/script.h"

#define GORD_LUA_KEY_BYTES 16 /* as SipHash takes them */

struct gord_lua_chan;
struct gord_lua_job;

struct gord_lua_task {
    struct gord_lua_job *job;
    lua_State *thread;
    int anchor;   /* of the thread in the registry */
    bool told;    /* that it is to end, by an error */
    bool in_hook; /* an error that is being raised comes from the hook */
    jmp_buf out;  /* where stop leads */
};

struct gord_lua_job {
    const struct gord_lua_script *script;
    const struct gord_lua_host *host;
    struct gord_lua_result *result;
    struct gord_lua_memory memory;
    lua_State *main; /* runs nothing of the script's */
    struct gor_mutex turn;
    struct gor_waitgroup tasks; /* all but the main one */
    struct gor_ctx *scope;      /* owned; below the host's, cancelled when the script is over */
    struct gord_lua_task *running;
    struct list_link chans; /* all that live */
    unsigned live;          /* tasks */
    unsigned ticks;         /* steps of library functions that are not in `steps` yet */
    uint64_t steps;
    void *held;         /* owned: what must be freed if the task that runs stops; NULL: nothing */
    int64_t looked_ns;  /* when the task that runs was looked at, or went on, last */
    int64_t took_ns;    /* the time between the last two looks */
    int64_t yielded_ns; /* when it last let other goroutines run */
    int64_t kill_ns;    /* when the grace is over; 0: nobody asked for the end */
    unsigned char key[GORD_LUA_KEY_BYTES]; /* secret: names of values are made with it */
    bool has_key;                          /* it is made when the first name is */
    enum gord_lua_fate fate;
};

struct gord_lua_job *gord_lua_job_of(lua_State *L);

/* ---- guard.c: the budgets, and the end from outside */

/* Count the steps of this thread, and of those made from it. */
void gord_lua_guard(lua_State *L);

/* `steps` more; stops the script when they are too many, raises an error when it is to end. */
void gord_lua_spend(lua_State *L, uint64_t steps);

/* The same for loops in C; cheap. */
void gord_lua_tick(lua_State *L, unsigned steps);

/* It is to end, by its context: raises the error, or stops it when the grace is over. `again`: also
 * a task that was told before. Returns only to those that were. */
void gord_lua_interrupt(lua_State *L, bool again);

/* Called by the memory: a block was refused; `arg` is the job. */
void gord_lua_refused(void *arg);

/* Leave the state for good; the caller's task ends. `fate` must have been decided. */
void gord_lua_stop(struct gord_lua_job *job) __attribute__((noreturn));

/* Decide how it ended, if nobody has, with a message. */
void gord_lua_decide(struct gord_lua_job *job, enum gord_lua_fate fate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Keep where it is, if nobody has, for the result: from that level of the stack on. Allocates nothing
 * of Lua's. */
void gord_lua_keep_trace(struct gord_lua_job *job, lua_State *L, int from);

/* ---- task.c: turns */

/* Wait for one of the cases, as gor_select_until; also -ECANCELED when the script is to end. There must
 * be room for one case more. Others have their turn meanwhile. */
int gord_lua_wait(lua_State *L, struct gor_case *cases, size_t count, int64_t deadline);

/* Around something else that waits. Whoever has the turn back must leave the state alone, and
 * gord_lua_stop, if the script is over (fate). */
void gord_lua_give_turn(struct gord_lua_job *job);
void gord_lua_take_turn(struct gord_lua_job *job, struct gord_lua_task *task);

/* Run the function with its arguments, which lie on task->thread, there; the results replace them.
 * The number of them; an error is decided as the script's failure and stops. */
int gord_lua_call(struct gord_lua_task *task, int arg_count);

/* The error with that status on top of task->thread is the script's failure; stops. */
void gord_lua_fail(struct gord_lua_task *task, int status) __attribute__((noreturn));

/* The deadline that a number of seconds at `index` means; none or nil: GOR_NEVER. Raises. */
int64_t gord_lua_deadline(lua_State *L, int index);

/* ---- the libraries: each adds to the table on top of the stack, or to the globals */

void gord_lua_open_base(lua_State *L);      /* base.c: globals, with what is dangerous taken out */
void gord_lua_open_coroutine(lua_State *L); /* coroutine.c */
void gord_lua_open_string(lua_State *L);    /* text.c, pattern.c */
void gord_lua_open_name(lua_State *L);      /* name.c: string must be there */
void gord_lua_open_table(lua_State *L);     /* array.c */
void gord_lua_open_chan(lua_State *L);      /* chan.c */
void gord_lua_open_task(lua_State *L);      /* task.c */

void gord_lua_open_json(lua_State *L); /* json_write.c, json_read.c */
void gord_lua_open_job(lua_State *L);  /* subjob.c */

/* Free what channels hold outside of the state. */
void gord_lua_chans_fini(struct gord_lua_job *job);

/* Push a new channel. Raises when there is no memory. */
struct gord_lua_chan *gord_lua_chan_push(lua_State *L, size_t capacity);

/* Send the value on top of the stack to the channel at `index`, which must have room, if it is not nil;
 * then close it. Pops the value. */
void gord_lua_chan_finish(lua_State *L, int index);

/* ---- name.c */

/* Push the value at `index` as text, as luaL_tolstring does, but with no address in it. */
const char *gord_lua_text(lua_State *L, int index, size_t *out_bytes);

/* ---- compile.c */

/* As lua_load, of text only, looking at the budgets and the time on the way. The name is shown as it
 * is. */
int gord_lua_compile(lua_State *L, const char *text, size_t bytes, const char *name);

/* The same of what the function at `function` gives, until it gives nothing more. */
int gord_lua_compile_from(lua_State *L, int function, const char *name);

/* Take away a mark of byte order, and a first line that begins with #, as lua(1) does with files. The
 * line's end stays, so that lines have their numbers. */
void gord_lua_trim(const char **text, size_t *bytes);

#endif
