/* SPDX-License-Identifier: MIT */
/* A Lua job's goroutine: runs its script, turns its end into an outcome. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/lua/script.h"
#include "daemon/runner/job_ask.h"
#include "daemon/runner/run.h"

/* What must be freed, also where a panic leaves by another door. */
struct lua_parts {
    Gor__V1__JobSpec *spec;
    struct gord_lua_result result;
};

static void free_parts(void *arg)
{
    struct lua_parts *parts = arg;

    if (parts->spec != NULL) {
        gor__v1__job_spec__free_unpacked(parts->spec, NULL);
    }
    gord_lua_result_fini(&parts->result);
}

/* ------------------------------------------------------------------ the host */

static void write_output(void *arg, int stream, const void *bytes, size_t count)
{
    struct gord_run *run = arg;

    (void)gord_hold_write(run, stream == 1 ? GORD_STDOUT : GORD_STDERR, bytes, count);
}

static int tell(void *arg, uint64_t done, uint64_t total, const char *text)
{
    return gord_run_tell(arg, done, total, text);
}

static void give_sign(void *arg)
{
    gord_run_sign(arg);
}

static int set_result(void *arg, const void *bytes, size_t count)
{
    return gord_run_set_result(arg, bytes, count);
}

/* What the script is told is wrong, if anything is; `asked`: why the loop has not answered, or 0. */
static void take_error(int asked, const struct gord_job_answer *from, struct gord_lua_answer *to)
{
    to->error = asked != 0 ? asked : from->error;
    if (asked == -ENOMEM) {
        snprintf(to->text, sizeof(to->text), "not enough memory: the machine has none left");
    } else {
        snprintf(to->text, sizeof(to->text), "%.*s", (int)sizeof(to->text) - 1, from->text);
    }
    if (asked == 0 && to->error == -ECANCELED) {
        to->error = -ESRCH; /* the daemon stops: it is not the script that was cancelled */
    }
}

static void submit(void *arg, const Gor__V1__JobSpec *spec, struct gord_lua_answer *out_answer)
{
    struct gord_job_answer answer = {0};
    int asked = gord_job_ask_submit(arg, true, spec, &answer);

    take_error(asked, &answer, out_answer);
    if (out_answer->error != 0 && out_answer->text[0] == '\0') {
        snprintf(out_answer->text, sizeof(out_answer->text), "not submitted: %s",
                 strerror(-out_answer->error));
    }
    out_answer->id = answer.id;
}

/* What it left is the script's to free. */
static int copy_value(const struct gord_report *report, struct gord_lua_answer *answer)
{
    if (report == NULL || !report->has_result) {
        return 0;
    }
    answer->value = malloc(report->result_bytes + 1);
    if (answer->value == NULL) {
        return -ENOMEM;
    }
    if (report->result_bytes > 0) {
        memcpy(answer->value, report->result, report->result_bytes);
    }
    answer->value_bytes = report->result_bytes;
    return 0;
}

static void take_end(uint64_t id, const struct gord_job_answer *from, struct gord_lua_answer *to)
{
    to->id = id;
    to->outcome = from->outcome;
    to->exit_code = from->exit_code;
    to->signal = from->signal;
    to->stdout_bytes = from->stdout_bytes;
    to->stderr_bytes = from->stderr_bytes;
    snprintf(to->detail, sizeof(to->detail), "%s", from->detail);
    to->error = copy_value(from->report, to);
    if (to->error != 0) {
        snprintf(to->text, sizeof(to->text), "cannot read what job %" PRIu64 " left: %s", id,
                 strerror(-to->error));
    }
}

static void wait_for(void *arg, uint64_t id, int64_t deadline, struct gord_lua_answer *out_answer)
{
    struct gord_job_answer answer = {0};
    int asked = gord_job_ask_wait(arg, true, id, deadline, &answer);

    take_error(asked, &answer, out_answer);
    if (out_answer->error == 0) {
        take_end(id, &answer, out_answer);
    }
    gord_job_answer_fini(&answer);
}

/* ------------------------------------------------------------------ how it ended */

/* Its lines into the log; and on one line, as far as there is room, behind the message. */
static void tell_trace(struct gord_run *run, char *traceback)
{
    char *rest = traceback;
    char *line;
    const char *between = " (";
    size_t at = strlen(run->detail);

    while ((line = strsep(&rest, "\n")) != NULL) {
        if (line[0] == '\0') {
            continue;
        }
        gord_logfile_remark(&run->log, "%s\n", line);
        int n = snprintf(run->detail + at, sizeof(run->detail) - at, "%s%s", between,
                         line + strspn(line, " "));
        if (n < 0 || (size_t)n + 2 > sizeof(run->detail) - at) {
            run->detail[at] = '\0';
            break;
        }
        at += (size_t)n;
        between = ", ";
    }
    if (between[0] == ',' && at + 2 <= sizeof(run->detail)) {
        memcpy(run->detail + at, ")", 2);
    }
}

static void failed(struct gord_run *run, struct gord_lua_result *result,
                   struct gord_result *out_result)
{
    out_result->outcome = GOR__V1__OUTCOME__FAILED;
    out_result->exit_code = 1;
    snprintf(run->detail, sizeof(run->detail), "%s", result->message);
    gord_logfile_remark(&run->log, "%s\n", result->message);
    if (result->traceback != NULL) {
        tell_trace(run, result->traceback);
    }
}

static void decide(struct gord_run *run, struct gord_lua_result *result,
                   struct gord_result *out_result)
{
    Gor__V1__Outcome stopped = gord_run_stopped(run);

    out_result->exit_code = result->exit_code;
    if (atomic_load(&run->panicked)) {
        out_result->outcome = GOR__V1__OUTCOME__PANICKED;
    } else if (stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        gord_result_stop(out_result, stopped);
    } else if (result->fate != GORD_LUA_RETURNED) {
        failed(run, result, out_result);
    } else {
        out_result->outcome =
            result->exit_code == 0 ? GOR__V1__OUTCOME__SUCCEEDED : GOR__V1__OUTCOME__FAILED;
    }
    if (result->value != NULL &&
        gord_run_set_result(run, result->value, result->value_bytes) != 0) {
        gord_logfile_remark(&run->log, "out of memory: the result is not kept\n");
    }
}

static void run_script(struct gord_run *run, struct lua_parts *parts,
                       struct gord_result *out_result)
{
    const Gor__V1__LuaSpec *lua = parts->spec->lua;
    struct gord_lua_script script = {.text = (const char *)lua->script.data,
                                     .bytes = lua->script.len,
                                     .name = lua->chunk_name[0] != '\0' ? lua->chunk_name
                                                                        : GORD_LUA_NAME_DEFAULT,
                                     .args = (const char *const *)lua->args,
                                     .arg_count = lua->n_args,
                                     .max_steps = lua->max_steps,
                                     .max_memory_bytes = lua->max_memory_bytes};
    struct gord_lua_host host = {
        .arg = run,
        .ctx = gord_run_ctx(run),
        .hurry = run->env->hurry,
        .grace_ns = run->spec->grace_ns > 0
                        ? run->spec->grace_ns
                        : atomic_load_explicit(&run->env->grace_ns, memory_order_relaxed),
        .id = run->id,
        .array_id = run->spec->array_id,
        .array_index = run->spec->array_index,
        .array_count = run->spec->array_count,
        .name = run->name,
        .write = write_output,
        .tell = tell,
        .give_sign = give_sign,
        .set_result = set_result,
        .submit = submit,
        .wait = wait_for};

    if (host.ctx == NULL) {
        snprintf(run->detail, sizeof(run->detail), "out of memory");
        out_result->outcome = GOR__V1__OUTCOME__FAILED;
        out_result->exit_code = 1;
        return;
    }
    gord_lua_run(&script, &host, &parts->result);
    decide(run, &parts->result, out_result);
}

void gord_lua_job_run(struct gord_run *run, struct gord_result *out_result)
{
    struct lua_parts parts = {.spec = gord_spec_to_wire(run->spec, 1)};
    struct gor_defer free_later;

    gor_defer(&free_later, free_parts, &parts);
    if (parts.spec == NULL || parts.spec->kind_case != GOR__V1__JOB_SPEC__KIND_LUA) {
        snprintf(run->detail, sizeof(run->detail), "out of memory");
        out_result->outcome = GOR__V1__OUTCOME__FAILED;
        out_result->exit_code = 1;
    } else {
        run_script(run, &parts, out_result);
    }
    gor_undefer(&free_later, true);
}
