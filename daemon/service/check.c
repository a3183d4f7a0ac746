/* SPDX-License-Identifier: MIT */
#include "daemon/service/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/url.h"
#include "daemon/event/ask.h"
#include "daemon/lua/script.h"
#include "daemon/runner/plugins.h"
#include "daemon/runner/text.h"
#include "daemon/service/array.h"
#include "daemon/service/corr.h"

#define ARGUMENTS_BYTES_MAX (2 * 1024 * 1024) /* what execve takes on Linux by default */
#define INPUT_BYTES_MAX (1024 * 1024)
#define ARGUMENT_BYTES_MAX (128 * 1024) /* MAX_ARG_STRLEN: 32 pages, its end included */
#define HOOK_BYTES_MAX (16 * 1024)
#define CWD_MAX 4095
#define LUA_ARGS_MAX 1000
#define LABELS_MAX 64
#define ZONE_MAX 63
#define AFTER_MAX 1000
#define RETRIES_MAX 1000000
#define CODES_MAX 256
#define LABEL_KEY_MAX 63
#define LABEL_VALUE_MAX 255
#define HEARTBEAT_LEAST_NS 1000000000LL
#define OUTPUT_LEAST ((uint64_t)64 * 1024)
#define OUTPUT_MOST ((uint64_t)1 << 50)
#define DURATION_MAX_NS (10LL * 366 * 24 * 3600 * 1000000000)

static bool has_nul(const ProtobufCBinaryData *data)
{
    return data->len > 0 && memchr(data->data, '\0', data->len) != NULL;
}

static int check_env(const Gor__V1__ExecSpec *exec, char *error, size_t bytes)
{
    for (size_t i = 0; i < exec->n_env; i++) {
        const ProtobufCBinaryData *item = &exec->env[i];
        if (has_nul(item)) {
            return gord_check_refuse(error, bytes, "spec.exec.env[%zu] holds a NUL byte", i);
        }
        if (item->len >= ARGUMENT_BYTES_MAX) {
            return gord_check_refuse(error, bytes,
                                     "spec.exec.env[%zu] has %zu bytes; a variable has less "
                                     "than %d",
                                     i, item->len, ARGUMENT_BYTES_MAX);
        }
        if (item->len == 0 || item->data[0] == '=' || memchr(item->data, '=', item->len) == NULL) {
            return gord_check_refuse(error, bytes,
                                     "spec.exec.env[%zu] is not of the form NAME=value", i);
        }
    }
    return 0;
}

static int check_exec(const Gor__V1__ExecSpec *exec, char *error, size_t bytes)
{
    size_t total = 0;

    if (exec->n_argv == 0) {
        return gord_check_refuse(error, bytes,
                                 "spec.exec.argv is empty: it needs at least the program");
    }
    if (exec->argv[0].len == 0) {
        return gord_check_refuse(error, bytes, "spec.exec.argv[0], the program, is an empty text");
    }
    for (size_t i = 0; i < exec->n_argv; i++) {
        if (has_nul(&exec->argv[i])) {
            return gord_check_refuse(error, bytes, "spec.exec.argv[%zu] holds a NUL byte", i);
        }
        if (exec->argv[i].len >= ARGUMENT_BYTES_MAX) {
            return gord_check_refuse(
                error, bytes, "spec.exec.argv[%zu] has %zu bytes; one argument has less than %d", i,
                exec->argv[i].len, ARGUMENT_BYTES_MAX);
        }
        total += exec->argv[i].len + 1;
    }
    for (size_t i = 0; i < exec->n_env; i++) {
        total += exec->env[i].len + 1;
    }
    if (total > ARGUMENTS_BYTES_MAX) {
        return gord_check_refuse(error, bytes,
                                 "spec.exec: argv and env together have %zu bytes, at most %d "
                                 "can be handed to a program",
                                 total, ARGUMENTS_BYTES_MAX);
    }
    if (has_nul(&exec->cwd) || exec->cwd.len > CWD_MAX ||
        (exec->cwd.len > 0 && exec->cwd.data[0] != '/')) {
        return gord_check_refuse(
            error, bytes, "spec.exec.cwd must be an absolute path of at most %d bytes", CWD_MAX);
    }
    if (has_nul(&exec->stdin_path) || exec->stdin_path.len > CWD_MAX ||
        (exec->stdin_path.len > 0 && exec->stdin_path.data[0] != '/')) {
        return gord_check_refuse(
            error, bytes, "spec.exec.stdin_path must be an absolute path of at most %d bytes",
            CWD_MAX);
    }
    if (exec->stdin_path.len > 0 && exec->stdin_pipe) {
        return gord_check_refuse(error, bytes,
                                 "spec.exec: stdin_path and stdin_pipe exclude each other");
    }
    if (exec->umask_plus_1 > 01000) {
        return gord_check_refuse(error, bytes, "spec.exec.umask_plus_1 is %u; a umask is 0 to 0777",
                                 exec->umask_plus_1);
    }
    if ((unsigned)exec->new_privs > GOR__V1__NEW_PRIVS__NEW_PRIVS_FORBID) {
        return gord_check_refuse(error, bytes,
                                 "spec.exec.new_privs %d is not known; they are DEFAULT, ALLOW, "
                                 "FORBID",
                                 (int)exec->new_privs);
    }
    int result = check_env(exec, error, bytes);
    return result == 0 ? gord_check_steering(exec, error, bytes) : result;
}

/* The function's own word on its arguments. */
static int check_args(const struct gor_job_function *function, const Gor__V1__NativeSpec *native,
                      char *error, size_t bytes)
{
    char why[256] = "";
    char clean[256];

    if (function->check == NULL ||
        function->check((const char *const *)native->args, native->n_args, why, sizeof(why)) == 0) {
        return 0;
    }
    why[sizeof(why) - 1] = '\0';
    return gord_check_refuse(
        error, bytes, "spec.native.args: %s %s (usage: %s%s%s)", native->function,
        gord_text_clean(why, strlen(why), clean, sizeof(clean)), native->function,
        function->usage != NULL ? " " : "", function->usage != NULL ? function->usage : "");
}

static int check_native(const Gor__V1__NativeSpec *native, const struct gord_plugins *plugins,
                        char *error, size_t bytes)
{
    char list[320];
    char why[64] = "";

    if (native->function[0] == '\0') {
        return gord_check_refuse(error, bytes, "spec.native.function is empty; there are %s",
                                 gord_plugins_list(plugins, native->function, list, sizeof(list)));
    }
    const struct gor_job_function *function = gord_plugins_find(plugins, native->function);
    if (function == NULL) {
        return gord_check_refuse(
            error, bytes, "spec.native.function: there is no '%.60s'; there are %s",
            gord_text_clean(native->function, strlen(native->function), why, 64),
            gord_plugins_list(plugins, native->function, list, sizeof(list)));
    }
    if (native->input.len > INPUT_BYTES_MAX) {
        return gord_check_refuse(error, bytes,
                                 "spec.native.input has %zu bytes, at most %d are kept",
                                 native->input.len, INPUT_BYTES_MAX);
    }
    return check_args(function, native, error, bytes);
}

static int check_lua(const Gor__V1__LuaSpec *lua, char *error, size_t bytes)
{
    char why[256] = "";
    char clean[320];
    struct gord_lua_script script = {.text = (const char *)lua->script.data,
                                     .bytes = lua->script.len,
                                     .name = lua->chunk_name[0] != '\0' ? lua->chunk_name
                                                                        : GORD_LUA_NAME_DEFAULT};
    uint64_t memory = lua->max_memory_bytes;

    if (strlen(lua->chunk_name) > GORD_NAME_MAX) {
        return gord_check_refuse(error, bytes,
                                 "spec.lua.chunk_name has %zu bytes, at most %d are kept",
                                 strlen(lua->chunk_name), GORD_NAME_MAX);
    }
    if (lua->n_args > LUA_ARGS_MAX) {
        return gord_check_refuse(error, bytes,
                                 "spec.lua.args has %zu entries, at most %d are taken", lua->n_args,
                                 LUA_ARGS_MAX);
    }
    if (memory != 0 && (memory < GORD_LUA_MEMORY_MIN || memory > GORD_LUA_MEMORY_MAX)) {
        return gord_check_refuse(error, bytes,
                                 "spec.lua.max_memory_bytes is %" PRIu64 "; it may be %" PRIu64
                                 " to %" PRIu64 ", or 0 for %" PRIu64,
                                 memory, GORD_LUA_MEMORY_MIN, GORD_LUA_MEMORY_MAX,
                                 GORD_LUA_MEMORY_DEFAULT);
    }
    if (gord_lua_check(&script, why, sizeof(why)) != 0) {
        return gord_check_refuse(error, bytes, "spec.lua.script: %s",
                                 gord_text_clean(why, strlen(why), clean, sizeof(clean)));
    }
    return 0;
}

static int check_labels(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    if (spec->n_labels > LABELS_MAX) {
        return gord_check_refuse(error, bytes, "spec.labels has %zu entries, at most %d are kept",
                                 spec->n_labels, LABELS_MAX);
    }
    for (size_t i = 0; i < spec->n_labels; i++) {
        size_t key = strlen(spec->labels[i]->key);
        if (key == 0 || key > LABEL_KEY_MAX || strlen(spec->labels[i]->value) > LABEL_VALUE_MAX) {
            return gord_check_refuse(error, bytes,
                                     "spec.labels: a key has 1 to %d bytes, a value at most %d",
                                     LABEL_KEY_MAX, LABEL_VALUE_MAX);
        }
    }
    return 0;
}

static int check_heartbeat(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    if (spec->heartbeat_ns != 0 &&
        (spec->heartbeat_ns < HEARTBEAT_LEAST_NS || spec->heartbeat_ns > GORD_DURATION_MAX_NS)) {
        return gord_check_refuse(
            error, bytes, "spec.heartbeat_ns is out of range: 0 (none), or 1 s to ten years");
    }
    if ((unsigned)spec->on_stuck > GOR__V1__ON_STUCK__ON_STUCK_KILL) {
        return gord_check_refuse(error, bytes,
                                 "spec.on_stuck %d is not known; they are REPORT, KILL",
                                 (int)spec->on_stuck);
    }
    if (spec->on_stuck != GOR__V1__ON_STUCK__ON_STUCK_REPORT && spec->heartbeat_ns == 0) {
        return gord_check_refuse(
            error, bytes,
            "spec.on_stuck is KILL without spec.heartbeat_ns, which says after "
            "how long the job is stuck");
    }
    return 0;
}

static int check_times(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    if (spec->timeout_ns < 0 || spec->timeout_ns > GORD_DURATION_MAX_NS) {
        return gord_check_refuse(error, bytes,
                                 "spec.timeout_ns is out of range: 0 (none) to ten years");
    }
    if (spec->grace_ns < 0 || spec->grace_ns > GORD_DURATION_MAX_NS) {
        return gord_check_refuse(error, bytes,
                                 "spec.grace_ns is out of range: 0 (the default) to ten years");
    }
    if ((unsigned)spec->on_stop > GOR__V1__ON_STOP__ON_STOP_LEAVE) {
        return gord_check_refuse(error, bytes,
                                 "spec.on_stop %d is not known; they are DEFAULT, KILL, WAIT, "
                                 "REQUEUE, LEAVE",
                                 (int)spec->on_stop);
    }
    return check_heartbeat(spec, error, bytes);
}

static int check_output(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    uint64_t most = spec->output_max_bytes;

    if (most != 0 && (most < OUTPUT_LEAST || most > OUTPUT_MOST)) {
        return gord_check_refuse(
            error, bytes,
            "spec.output_max_bytes is %" PRIu64 "; it is 0 (the default) or 64 KiB to 1 PiB", most);
    }
    return 0;
}

static int check_dependency(const Gor__V1__JobSpec *spec, const Gor__V1__Dependency *of,
                            char *error, size_t bytes)
{
    if ((of->id == 0) == (of->line == 0)) {
        return gord_check_refuse(error, bytes, "spec.after: each names a job by either id or line");
    }
    if ((unsigned)of->condition > GOR__V1__DEPENDENCY__CONDITION__CORR) {
        return gord_check_refuse(
            error, bytes,
            "spec.after: condition %d is not known; they are OK, ANY, NOTOK, START, CORR",
            (int)of->condition);
    }
    if (of->id != 0 && of->id == spec->parent_id &&
        of->condition != GOR__V1__DEPENDENCY__CONDITION__START) {
        return gord_check_refuse(
            error, bytes, "spec.after: it is to run after its parent, but it ends with that one");
    }
    return 0;
}

int gord_check_after(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    size_t total = 0;
    int result = 0;

    for (size_t i = 0; i < spec->n_after && result == 0; i++) {
        if (spec->after[i]->n_of == 0) {
            return gord_check_refuse(error, bytes, "spec.after[%zu] names no job", i);
        }
        total += spec->after[i]->n_of;
        for (size_t k = 0; k < spec->after[i]->n_of && result == 0; k++) {
            result = check_dependency(spec, spec->after[i]->of[k], error, bytes);
        }
    }
    if (result == 0 && total > AFTER_MAX) {
        return gord_check_refuse(error, bytes, "spec.after names %zu jobs, at most %d are taken",
                                 total, AFTER_MAX);
    }
    return result == 0 ? gord_corr_check(spec, error, bytes) : result;
}

static int check_retry(const Gor__V1__RetryPolicy *retry, char *error, size_t bytes)
{
    if (retry->retries > RETRIES_MAX) {
        return gord_check_refuse(error, bytes, "spec.retry.retries is %u, at most %d are taken",
                                 retry->retries, RETRIES_MAX);
    }
    if (retry->backoff_ns < 0 || retry->backoff_ns > DURATION_MAX_NS || retry->max_ns < 0 ||
        retry->max_ns > DURATION_MAX_NS) {
        return gord_check_refuse(
            error, bytes, "spec.retry: backoff_ns and max_ns go from 0 (the default) to ten years");
    }
    if (retry->jitter_percent > 100) {
        return gord_check_refuse(error, bytes,
                                 "spec.retry.jitter_percent is %u; it goes from 0 to 100",
                                 retry->jitter_percent);
    }
    if (retry->n_exit_codes > CODES_MAX) {
        return gord_check_refuse(error, bytes,
                                 "spec.retry.exit_codes has %zu entries, at most %d are taken",
                                 retry->n_exit_codes, CODES_MAX);
    }
    if ((unsigned)retry->requeue > GOR__V1__RETRY_POLICY__REQUEUE__NEVER) {
        return gord_check_refuse(
            error, bytes,
            "spec.retry.requeue %d is not known; they are WITH_RETRIES, ALWAYS, NEVER",
            (int)retry->requeue);
    }
    return 0;
}

static int check_unique(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    if (strlen(spec->unique_key) > GORD_NAME_MAX) {
        return gord_check_refuse(error, bytes,
                                 "spec.unique_key has %zu bytes, at most %d are taken",
                                 strlen(spec->unique_key), GORD_NAME_MAX);
    }
    if ((unsigned)spec->on_conflict > GOR__V1__ON_CONFLICT__FAIL) {
        return gord_check_refuse(
            error, bytes, "spec.on_conflict %d is not known; they are SKIP, REPLACE, QUEUE, FAIL",
            (int)spec->on_conflict);
    }
    if (spec->on_conflict != 0 && spec->unique_key[0] == '\0') {
        return gord_check_refuse(error, bytes,
                                 "spec.on_conflict is set, but spec.unique_key is empty");
    }
    return 0;
}

static int check_gates(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    if (spec->rerun_of != 0) {
        return gord_check_refuse(error, bytes, "spec.rerun_of is set by Rerun, not by Submit");
    }
    if (spec->cron != NULL) {
        return gord_check_refuse(error, bytes, "spec.cron is set by the daemon, not by Submit");
    }
    if (spec->hook_of != NULL) {
        return gord_check_refuse(error, bytes, "spec.hook_of is set by gord, not by Submit");
    }
    if (spec->delay_ns < 0 || spec->delay_ns > DURATION_MAX_NS) {
        return gord_check_refuse(error, bytes,
                                 "spec.delay_ns is out of range: 0 (none) to ten years");
    }
    if (spec->not_before_ns < 0) {
        return gord_check_refuse(error, bytes,
                                 "spec.not_before_ns is before 1970; 0 means at once");
    }
    if (spec->delay_ns != 0 && spec->not_before_ns != 0) {
        return gord_check_refuse(
            error, bytes,
            "spec.delay_ns and spec.not_before_ns exclude each other: give one of them");
    }
    if (spec->start_before_ns < 0) {
        return gord_check_refuse(error, bytes,
                                 "spec.start_before_ns is before 1970; 0 means never");
    }
    if (spec->start_before_ns != 0 && spec->start_before_ns <= spec->not_before_ns) {
        return gord_check_refuse(
            error, bytes,
            "spec.start_before_ns is not after spec.not_before_ns: it could never start");
    }
    if (spec->deadline_ns < 0) {
        return gord_check_refuse(error, bytes, "spec.deadline_ns is before 1970; 0 means none");
    }
    if (spec->deadline_ns != 0 && spec->deadline_ns <= spec->not_before_ns) {
        return gord_check_refuse(
            error, bytes, "spec.deadline_ns is not after spec.not_before_ns: it could never run");
    }
    if (strlen(spec->zone) > ZONE_MAX) {
        return gord_check_refuse(error, bytes, "spec.zone has %zu bytes, at most %d are kept",
                                 strlen(spec->zone), ZONE_MAX);
    }
    return 0;
}

/* Its program is looked up when it starts, as that of a job. */
static int check_hook(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    size_t total = 0;

    if (spec->n_on_finish > 0 && spec->on_finish[0].len == 0) {
        return gord_check_refuse(error, bytes, "spec.on_finish[0], the program, is an empty text");
    }
    for (size_t i = 0; i < spec->n_on_finish; i++) {
        if (has_nul(&spec->on_finish[i])) {
            return gord_check_refuse(error, bytes, "spec.on_finish[%zu] holds a NUL byte", i);
        }
        total += spec->on_finish[i].len + 1;
    }
    if (total > HOOK_BYTES_MAX) {
        return gord_check_refuse(error, bytes, "spec.on_finish has %zu bytes, at most %d are kept",
                                 total, HOOK_BYTES_MAX);
    }
    return 0;
}

/* Not what is there: whom it reaches is known when it is sent. */
static int check_url(const char *url, char *error, size_t bytes)
{
    char why[GORD_URL_WHY];

    if (url[0] == '\0') {
        return 0;
    }
    if (!gord_url_check(url, why)) {
        return gord_check_refuse(error, bytes, "spec.on_finish_url %s", why);
    }
    if (gord_url_is_hidden(url)) {
        return gord_check_refuse(
            error, bytes,
            "spec.on_finish_url has '" GORD_URL_HIDDEN
            "' in it, as it is shown: give all of it (gorctl show --env --reveal)");
    }
    return 0;
}

/* What goes for jobs of all kinds. */
static int check_rest(const Gor__V1__JobSpec *spec, char *error, size_t bytes)
{
    if (strlen(spec->name) > GORD_NAME_MAX) {
        return gord_check_refuse(error, bytes, "spec.name has %zu bytes, at most %d are kept",
                                 strlen(spec->name), GORD_NAME_MAX);
    }
    int result = gord_array_check_spec(spec, error, bytes);
    result = result != 0 ? result : check_times(spec, error, bytes);
    result = result != 0 ? result : check_output(spec, error, bytes);
    result = result != 0 ? result : check_labels(spec, error, bytes);
    result = result != 0 ? result : gord_ask_check(spec, error, bytes);
    result = result != 0 ? result : check_gates(spec, error, bytes);
    result = result != 0 ? result : gord_check_after(spec, error, bytes);
    result = result != 0 ? result : check_unique(spec, error, bytes);
    result = result != 0 ? result : check_hook(spec, error, bytes);
    result = result != 0 ? result : check_url(spec->on_finish_url, error, bytes);
    return result != 0 || spec->retry == NULL ? result : check_retry(spec->retry, error, bytes);
}

uint64_t gord_check_parent(const Gor__V1__JobSpec *spec)
{
    return spec != NULL ? spec->parent_id : 0;
}

int gord_check_spec(const Gor__V1__JobSpec *spec, const struct gord_plugins *plugins, char *error,
                    size_t error_bytes)
{
    int result;

    if (spec == NULL) {
        return gord_check_refuse(error, error_bytes, "spec is missing");
    }
    switch (spec->kind_case) {
    case GOR__V1__JOB_SPEC__KIND_EXEC:
        result = check_exec(spec->exec, error, error_bytes);
        break;
    case GOR__V1__JOB_SPEC__KIND_NATIVE:
        result = check_native(spec->native, plugins, error, error_bytes);
        break;
    case GOR__V1__JOB_SPEC__KIND_LUA:
        result = check_lua(spec->lua, error, error_bytes);
        break;
    case GOR__V1__JOB_SPEC__KIND_GROUP:
        return gord_check_refuse(error, error_bytes,
                                 "spec.group is set by gord: give what a task is to do, and "
                                 "spec.array");
    default:
        return gord_check_refuse(error, error_bytes,
                                 "spec.kind is not set: it needs 'exec', 'native' or 'lua'");
    }
    return result != 0 ? result : check_rest(spec, error, error_bytes);
}

static int check_past(const Gor__V1__JobSpec *spec, char *error, size_t error_bytes)
{
    if (spec != NULL && spec->kind_case == GOR__V1__JOB_SPEC__KIND_GROUP) {
        return check_rest(spec, error, error_bytes);
    }
    if (spec == NULL || spec->kind_case != GOR__V1__JOB_SPEC__KIND_NATIVE) {
        return gord_check_spec(spec, NULL, error, error_bytes);
    }
    if (spec->native->function[0] == '\0' || spec->native->input.len > INPUT_BYTES_MAX) {
        return gord_check_refuse(error, error_bytes,
                                 "spec.native: function is empty, or input has more than %d bytes",
                                 INPUT_BYTES_MAX);
    }
    return check_rest(spec, error, error_bytes);
}

int gord_check_past_spec(const Gor__V1__JobSpec *spec, char *error, size_t error_bytes)
{
    Gor__V1__JobSpec shown;

    if (spec == NULL || !gord_url_is_hidden(spec->on_finish_url)) {
        return check_past(spec, error, error_bytes);
    }
    shown = *spec;
    shown.on_finish_url = (char *)(uintptr_t)protobuf_c_empty_string; /* nothing is sent any more */
    return check_past(&shown, error, error_bytes);
}
