/* SPDX-License-Identifier: MIT */
/* lua_scripts.h - run a script as a job does, with its output and its end in one struct. */
#ifndef GOR_TESTS_DAEMON_LUA_SCRIPTS_H
#define GOR_TESTS_DAEMON_LUA_SCRIPTS_H

#include <stdlib.h>

#include "daemon/lua/script.h"
#include "tests/go_test.h"

struct script_run {
    struct gord_lua_script script; /* to be filled as far as it matters */
    struct gor_ctx *ctx;           /* NULL: one that never ends */
    struct gor_ctx *hurry;
    int64_t grace_ns;
    struct gord_lua_result result;
    char out[4096]; /* what it wrote, as far as there is room */
    size_t out_bytes;
    struct gor_waitgroup over;
};

__attribute__((unused)) static void script_write(void *arg, int stream, const void *bytes,
                                                 size_t count)
{
    struct script_run *run = arg;
    size_t room = sizeof(run->out) - 1 - run->out_bytes;

    (void)stream;
    count = count < room ? count : room;
    memcpy(run->out + run->out_bytes, bytes, count);
    run->out_bytes += count;
    run->out[run->out_bytes] = '\0';
}

__attribute__((unused)) static void script_body(void *arg)
{
    struct script_run *run = arg;
    struct gord_lua_host host = {.arg = run,
                                 .ctx = run->ctx != NULL ? run->ctx : gor_ctx_background(),
                                 .hurry = run->hurry,
                                 .grace_ns = run->grace_ns,
                                 .id = 7,
                                 .name = "job 7",
                                 .write = script_write};

    gord_lua_run(&run->script, &host, &run->result);
    gor_waitgroup_done(&run->over);
}

/* Begin; script_wait ends it. */
__attribute__((unused)) static void script_start(struct script_run *run, const char *text)
{
    struct gor_go_opts opts = {.stack_bytes = GORD_LUA_STACK_BYTES, .name = "job 7"};

    run->script.text = text;
    run->script.bytes = strlen(text);
    run->script.name = run->script.name != NULL ? run->script.name : "test";
    gor_waitgroup_add(&run->over, 1);
    CHECK_EQ(gor_go_with(&opts, script_body, run), 0);
}

__attribute__((unused)) static void script_wait(struct script_run *run)
{
    gor_waitgroup_wait(&run->over);
}

__attribute__((unused)) static void script_run(struct script_run *run, const char *text)
{
    script_start(run, text);
    script_wait(run);
}

/* It must return `code` and have written `out`. */
__attribute__((unused)) static void check_script(const char *text, int code, const char *out)
{
    struct script_run run = {0};

    script_run(&run, text);
    if (run.result.fate != GORD_LUA_RETURNED || run.result.exit_code != code ||
        strcmp(run.out, out) != 0) {
        test_fail(__FILE__, __LINE__, "script:\n%s\nfate %d, code %d, message '%s', wrote '%s'\n%s",
                  text, run.result.fate, run.result.exit_code, run.result.message, run.out,
                  run.result.traceback != NULL ? run.result.traceback : "");
    }
    gord_lua_result_fini(&run.result);
}

/* It must fail, and the message must contain `message`. */
__attribute__((unused)) static void check_fails(struct script_run *run, const char *text,
                                                const char *message)
{
    script_run(run, text);
    if (run->result.fate != GORD_LUA_FAILED || strstr(run->result.message, message) == NULL) {
        test_fail(__FILE__, __LINE__, "script:\n%s\nfate %d, message '%s', not '%s'", text,
                  run->result.fate, run->result.message, message);
    }
    gord_lua_result_fini(&run->result);
}

#endif
