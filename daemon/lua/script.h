/* SPDX-License-Identifier: MIT */
/* script.h - run one Lua 5.4 script on the calling goroutine, within bounds.
 *
 * A script has a Lua state of its own with a fresh environment: no files, no modules, no bytecode,
 * nothing of the process it runs in. Its memory is counted and refused above a budget, its
 * instructions are counted and it is stopped above a budget; it ends when its context does.
 *
 * Invariants  one task of a script runs at a time; when gord_lua_run returns, none is left.
 * Threads     gord_lua_run: a goroutine with GORD_LUA_STACK_BYTES of stack. gord_lua_check: any.
 * Ownership   script and host are borrowed for the call; a result is the caller's.
 * See also    docs/lua.md, docs/decisions/lua-tasks.md
 */
#ifndef GORD_LUA_SCRIPT_H
#define GORD_LUA_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gor/v1/jobs.pb-c.h"
#include "runtime/gor.h"

/* Lua goes 200 C calls deep (LUAI_MAXCCALLS) before it says "C stack overflow"; the dearest of them,
 * a callback of string.gsub in another, takes 3 KiB. tests/daemon/lua_stack_test.c measures it. */
#define GORD_LUA_STACK_BYTES ((size_t)2 * 1024 * 1024)

#define GORD_LUA_NAME_DEFAULT "script"
#define GORD_LUA_SCRIPT_MAX ((size_t)256 * 1024)     /* bytes of a script's text */
#define GORD_LUA_MEMORY_DEFAULT ((uint64_t)32 << 20) /* where the spec says 0 */
#define GORD_LUA_MEMORY_MIN ((uint64_t)256 << 10)    /* the libraries alone take 40 KiB */
#define GORD_LUA_MEMORY_MAX ((uint64_t)4 << 30)
#define GORD_LUA_RESULT_MAX ((size_t)64 * 1024) /* bytes of a string that a script returns */
#define GORD_LUA_TASKS_MAX 10000                /* of one script, its main task included */

struct gord_lua_script {
    const char *text; /* UTF-8 or not; never bytecode */
    size_t bytes;
    const char *name; /* for messages, such as "report.lua" */
    const char *const *args;
    size_t arg_count;
    uint64_t max_steps; /* VM instructions, and what library functions do; 0: as many as it likes */
    uint64_t max_memory_bytes; /* 0: GORD_LUA_MEMORY_DEFAULT */
};

/* What a script asked of its host about a job below its own, and the answer. */
struct gord_lua_answer {
    int error;      /* 0; -ETIMEDOUT, -ECANCELED; or another negative errno, and */
    char text[256]; /* what is wrong */
    uint64_t id;
    Gor__V1__Outcome outcome; /* of a wait, as the rest */
    int exit_code;
    int signal;
    char detail[512];
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    void *value; /* what it left as its result: the script's to free; NULL: nothing */
    size_t value_bytes;
};

/* Who runs it. The functions are called by its goroutines, one at a time but for `submit` and `wait`. */
struct gord_lua_host {
    void *arg;
    struct gor_ctx *ctx;   /* borrowed: the script's end */
    struct gor_ctx *hurry; /* borrowed: no more grace; may be NULL */
    int64_t grace_ns;      /* between the asking and the stopping */
    uint64_t id;           /* of the job */
    uint64_t array_id;     /* of the array it is a task of; 0: of none */
    uint32_t array_index;
    uint32_t array_count;
    const char *name; /* of the goroutines of its tasks */
    /* Output: 1 stdout, 2 stderr. */
    void (*write)(void *arg, int stream, const void *bytes, size_t count);
    /* How far it is, and what comes out of it: 0; -EMSGSIZE, -ENOMEM. */
    int (*tell)(void *arg, uint64_t done, uint64_t total, const char *text);
    int (*set_result)(void *arg, const void *bytes, size_t count);
    void (*give_sign)(void *arg); /* it lives */
    /* Hand in a job below this one, and wait for the end of one, until the deadline, or the end of the
     * context. `spec` is not used any more when it waits. NULL: there are no jobs. */
    void (*submit)(void *arg, const Gor__V1__JobSpec *spec, struct gord_lua_answer *out_answer);
    void (*wait)(void *arg, uint64_t id, int64_t deadline, struct gord_lua_answer *out_answer);
};

enum gord_lua_fate {
    GORD_LUA_RUNS,
    GORD_LUA_RETURNED, /* exit_code, and `value` if it returned a string */
    GORD_LUA_FAILED,   /* an error, or a budget used up: message, traceback */
    GORD_LUA_STOPPED,  /* its context ended, and it did not within the grace */
};

struct gord_lua_result {
    enum gord_lua_fate fate;
    int exit_code;
    char message[512]; /* UTF-8 or not */
    char *traceback;   /* owned; NULL: none */
    void *value;       /* owned; NULL: none */
    size_t value_bytes;
};

/* Run it to its end. Out of memory is a failure like others. */
void gord_lua_run(const struct gord_lua_script *script, const struct gord_lua_host *host,
                  struct gord_lua_result *out_result);
void gord_lua_result_fini(struct gord_lua_result *result);

/* Is the text a Lua chunk? 0, or -EINVAL with a sentence in `error`: bytecode, a syntax error, too
 * large, or it takes longer to compile than a loop may be held up (50 ms of
 * processor time). [any thread] */
int gord_lua_check(const struct gord_lua_script *script, char *error, size_t error_bytes);

#endif
