/* SPDX-License-Identifier: MIT */
/* spec.c - see spec.h. */
#include "client/spec.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/hooks.h"
#include "client/input.h"
#include "client/limits.h"
#include "client/script.h"
#include "client/spec_pieces.h"
#include "client/stops.h"
#include "client/text.h"

enum { INPUT_MOST = 1024 * 1024 }; /* as the daemon takes */

static bool is_text(const char *what, const char *text)
{
    if (gorctl_utf8_valid(text, strlen(text))) {
        return true;
    }
    char *shown = gorctl_text_escape(text, strlen(text));
    gorctl_say("%s must be UTF-8 text; '%s' is not", what, shown);
    free(shown);
    return false;
}

bool gorctl_spec_takes_input(const struct gorctl_spec *spec)
{
    return spec->stdin_from != NULL && strcmp(spec->stdin_from, "-") == 0;
}

/* Which of the four ways to say what to run was taken; exactly one must be. */
static int check_kind(const struct gorctl_spec *spec)
{
    int ways = (spec->function != NULL) + (spec->shell != NULL) + (spec->script != NULL);
    if (ways > 1) {
        gorctl_say("--native, --shell and --lua are different jobs; give one of them");
        return GORCTL_EXIT_USAGE;
    }
    if (ways == 0 && spec->word_count == 0) {
        gorctl_say("there is nothing to run: give a command, --shell TEXT, --native FUNCTION or "
                   "--lua FILE");
        return GORCTL_EXIT_USAGE;
    }
    if (spec->script == NULL && (spec->max_steps != 0 || spec->max_memory_bytes != 0)) {
        gorctl_say("--max-steps and --max-memory are for Lua scripts (--lua)");
        return GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}

/* Does the name of a variable match one of the patterns, which have commas between them? */
static bool name_matches(const ProtobufCBinaryData *variable, const char *patterns)
{
    const uint8_t *equals = memchr(variable->data, '=', variable->len);
    size_t length = equals != NULL ? (size_t)(equals - variable->data) : variable->len;
    char *name = gorctl_format("%.*s", (int)length, (const char *)variable->data);
    char *copy = gorctl_strdup(patterns);
    bool found = false;
    char *rest;
    for (char *pattern = strtok_r(copy, ",", &rest); pattern != NULL && !found;
         pattern = strtok_r(NULL, ",", &rest)) {
        found = fnmatch(pattern, name, 0) == 0;
    }
    free(copy);
    free(name);
    return found;
}

static void filter_environment(const struct gorctl_spec *spec, Gor__V1__ExecSpec *exec)
{
    size_t kept = 0;
    for (size_t i = 0; i < exec->n_env; i++) {
        const ProtobufCBinaryData *variable = &exec->env[i];
        bool wanted = spec->env_only == NULL || name_matches(variable, spec->env_only);
        bool unwanted = spec->env_without != NULL && name_matches(variable, spec->env_without);
        if (wanted && !unwanted) {
            exec->env[kept++] = *variable;
        } else {
            free(variable->data);
        }
    }
    exec->n_env = kept;
}

/* What is set by name comes after the filters and is not held to them. */
static int add_environment(const struct gorctl_spec *spec, Gor__V1__ExecSpec *exec)
{
    if (spec->clear_env) {
        gorctl_spec_clear_env(exec);
    }
    filter_environment(spec, exec);
    for (size_t i = 0; i < spec->env_count; i++) {
        const char *given = spec->env[i];
        if (given[0] == '=' || given[0] == '\0') {
            gorctl_say("--env: '%s' has no name; write NAME=VALUE", given);
            return GORCTL_EXIT_USAGE;
        }
        if (strchr(given, '=') != NULL) {
            gorctl_spec_set_env(exec, given);
            continue;
        }
        const char *ours = getenv(given);
        if (ours != NULL) {
            char *assignment = gorctl_format("%s=%s", given, ours);
            gorctl_spec_set_env(exec, assignment);
            free(assignment);
        }
    }
    return GORCTL_EXIT_OK;
}

/* How it is steered while it runs. */
static int add_steering(const struct gorctl_spec *spec, Gor__V1__ExecSpec *exec)
{
    char why[GORCTL_STOPS_WHY];
    exec->timeout_skips_pauses = spec->skips_pauses;
    exec->new_privs = spec->new_privs;
    exec->nice = spec->nice;
    exec->io_class = spec->io_class;
    exec->io_level = spec->io_level;
    if (spec->stops != NULL && gorctl_stops_add(exec, spec->stops, why) != 0) {
        gorctl_say("--signal: %s", why);
        return GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}

static int add_limits(const struct gorctl_spec *spec, Gor__V1__ExecSpec *exec)
{
    char why[GORCTL_LIMITS_WHY];
    for (size_t i = 0; i < spec->limit_count; i++) {
        if (gorctl_limits_add(exec, spec->limits[i], why) != 0) {
            gorctl_say("--limit: %s", why);
            return GORCTL_EXIT_USAGE;
        }
    }
    if (spec->limits_strict) {
        gorctl_limits_of(exec)->strict = true;
    }
    return GORCTL_EXIT_OK;
}

/* "sleep 5" in quotes is a habit from elsewhere; there is hardly a program of such a name. */
static void doubt_name(const struct gorctl_spec *spec)
{
    const char *word = spec->words[0];
    if (spec->word_count == 1 && strpbrk(word, " \t\n|;&<>") != NULL && access(word, F_OK) != 0) {
        char *shown = gorctl_text_escape(word, strlen(word));
        gorctl_say("'%s' is one word, and so the name of a program; without the quotes it is a "
                   "program with arguments, with --shell before it a line for a shell",
                   shown);
        free(shown);
    }
}

static int fill_exec(const struct gorctl_spec *spec, Gor__V1__ExecSpec *exec)
{
    if (spec->shell == NULL) {
        doubt_name(spec);
    }
    if (spec->shell != NULL) {
        gorctl_spec_add_argument(exec, "sh", 2);
        gorctl_spec_add_argument(exec, "-c", 2);
        gorctl_spec_add_argument(exec, spec->shell, strlen(spec->shell));
        if (spec->word_count > 0) {
            gorctl_spec_add_argument(exec, "sh", 2); /* $0 */
        }
    }
    for (size_t i = 0; i < spec->word_count; i++) {
        gorctl_spec_add_argument(exec, spec->words[i], strlen(spec->words[i]));
    }
    int rc = gorctl_spec_set_surroundings(exec);
    if (spec->directory != NULL && (rc == 0 || spec->directory[0] == '/')) {
        rc = gorctl_spec_set_directory(exec, spec->directory);
    }
    if (spec->umask_plus_1 != 0) {
        exec->umask_plus_1 = spec->umask_plus_1;
    }
    exec->stdin_pipe = gorctl_spec_takes_input(spec);
    if (rc == 0 && spec->stdin_from != NULL && !exec->stdin_pipe) {
        rc = gorctl_spec_set_input(exec, spec->stdin_from);
    }
    if (rc != 0) {
        gorctl_say("the current directory cannot be told (%s); give one with --cwd, and absolute "
                   "paths",
                   strerror(-rc));
        return GORCTL_EXIT_USAGE;
    }
    int code = add_environment(spec, exec);
    code = code == GORCTL_EXIT_OK ? add_limits(spec, exec) : code;
    return code == GORCTL_EXIT_OK ? add_steering(spec, exec) : code;
}

static bool is_for_program(const struct gorctl_spec *spec)
{
    return spec->directory != NULL || spec->umask_plus_1 != 0 || spec->clear_env ||
           spec->env_count > 0 || spec->env_only != NULL || spec->env_without != NULL ||
           spec->stops != NULL || spec->skips_pauses || spec->limit_count > 0 ||
           spec->limits_strict || spec->nice != 0 ||
           spec->io_class != GOR__V1__IO_CLASS__IO_CLASS_DEFAULT || spec->stdin_from != NULL ||
           spec->new_privs != GOR__V1__NEW_PRIVS__NEW_PRIVS_DEFAULT;
}

static int add_input(const char *path, Gor__V1__NativeSpec *native)
{
    int rc = gorctl_input_read(path, INPUT_MOST, &native->input.data, &native->input.len);
    if (rc == 0) {
        return GORCTL_EXIT_OK;
    }
    if (rc == -EFBIG) {
        gorctl_say("--input: '%s' has more than the 1 MiB that a job takes; give it the name",
                   path);
        return GORCTL_EXIT_USAGE;
    }
    gorctl_say("--input: cannot read '%s': %s", path, strerror(-rc));
    return GORCTL_EXIT_NOT_FOUND;
}

/* What only processes have was not asked for. */
static int check_inside(const struct gorctl_spec *spec)
{
    if (is_for_program(spec)) {
        gorctl_say(
            "--cwd, --umask, --env, --clear-env, --env-only, --env-without, --stdin, --limit, "
            "--signal and --timeout-skips-pauses are for programs; a %s runs inside the "
            "daemon",
            spec->script != NULL ? "script" : "native job");
        return GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}

static int fill_lua(const struct gorctl_spec *spec, Gor__V1__LuaSpec *lua)
{
    lua->max_steps = spec->max_steps;
    lua->max_memory_bytes = spec->max_memory_bytes;
    for (size_t i = 0; i < spec->word_count; i++) {
        if (!is_text("an argument of a script", spec->words[i])) {
            return GORCTL_EXIT_USAGE;
        }
        gorctl_script_add_argument(lua, spec->words[i]);
    }
    return check_inside(spec);
}

static int fill_native(const struct gorctl_spec *spec, Gor__V1__NativeSpec *native)
{
    for (size_t i = 0; i < spec->word_count; i++) {
        if (!is_text("an argument of a native job", spec->words[i])) {
            return GORCTL_EXIT_USAGE;
        }
        gorctl_spec_add_native_argument(native, spec->words[i]);
    }
    int code = check_inside(spec);
    if (code == GORCTL_EXIT_OK && spec->input != NULL) {
        code = add_input(spec->input, native);
    }
    return code;
}

static int fill_labels(const struct gorctl_spec *spec, Gor__V1__JobSpec *message)
{
    for (size_t i = 0; i < spec->label_count; i++) {
        const char *equals = strchr(spec->labels[i], '=');
        if (!is_text("a label", spec->labels[i])) {
            return GORCTL_EXIT_USAGE;
        }
        if (equals == NULL || equals == spec->labels[i]) {
            gorctl_say("--label: '%s' is not KEY=VALUE", spec->labels[i]);
            return GORCTL_EXIT_USAGE;
        }
        gorctl_spec_add_label(message, spec->labels[i], (size_t)(equals - spec->labels[i]),
                              equals + 1);
    }
    return GORCTL_EXIT_OK;
}

static int fill_unique(const struct gorctl_spec *spec, Gor__V1__JobSpec *message)
{
    static const char *const policies[] = {"skip", "replace", "queue", "fail"};
    if (spec->unique == NULL) {
        if (spec->on_conflict != NULL) {
            gorctl_say("--on-conflict is about --unique; give that one too");
        }
        return spec->on_conflict != NULL ? GORCTL_EXIT_USAGE : GORCTL_EXIT_OK;
    }
    if (!is_text("--unique", spec->unique)) {
        return GORCTL_EXIT_USAGE;
    }
    if (spec->unique[0] == '\0') {
        gorctl_say("--unique: the key is an empty text");
        return GORCTL_EXIT_USAGE;
    }
    message->unique_key = gorctl_strdup(spec->unique);
    for (int i = 0; spec->on_conflict != NULL; i++) {
        if (i == sizeof(policies) / sizeof(policies[0])) {
            gorctl_say("--on-conflict: '%s' is none of skip, replace, queue, fail",
                       spec->on_conflict);
            return GORCTL_EXIT_USAGE;
        }
        if (strcmp(spec->on_conflict, policies[i]) == 0) {
            message->on_conflict = (Gor__V1__OnConflict)i;
            break;
        }
    }
    return GORCTL_EXIT_OK;
}

static int fill(const struct gorctl_spec *spec, Gor__V1__JobSpec *message)
{
    if (spec->name != NULL) {
        if (!is_text("--name", spec->name)) {
            return GORCTL_EXIT_USAGE;
        }
        message->name = gorctl_strdup(spec->name);
    }
    message->timeout_ns = spec->timeout_ns;
    message->grace_ns = spec->grace_ns;
    message->on_stop = spec->on_stop;
    message->heartbeat_ns = spec->heartbeat_ns;
    message->on_stuck = spec->on_stuck;
    message->parent_id = spec->parent_id;
    message->output_max_bytes = spec->output_max;
    int code = gorctl_hooks_fill(spec, message);
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_gates_fill(&spec->gates, message);
    }
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_retry_fill(&spec->retry, message);
    }
    if (code == GORCTL_EXIT_OK) {
        code = fill_unique(spec, message);
    }
    if (code == GORCTL_EXIT_OK) {
        code = fill_labels(spec, message);
    }
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_ask_fill(&spec->ask, message);
    }
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    switch (message->kind_case) {
    case GOR__V1__JOB_SPEC__KIND_NATIVE:
        return fill_native(spec, message->native);
    case GOR__V1__JOB_SPEC__KIND_LUA:
        return fill_lua(spec, message->lua);
    default:
        return fill_exec(spec, message->exec);
    }
}

/* A message of the right kind. An exit code. */
static int begin(const struct gorctl_spec *spec, Gor__V1__JobSpec **out_message)
{
    if (spec->script != NULL) {
        return gorctl_script_read(spec->script, out_message);
    }
    if (spec->function != NULL && !is_text("--native", spec->function)) {
        return GORCTL_EXIT_USAGE;
    }
    *out_message =
        spec->function != NULL ? gorctl_spec_new_native(spec->function) : gorctl_spec_new_exec();
    return GORCTL_EXIT_OK;
}

int gorctl_spec_build(const struct gorctl_spec *spec, Gor__V1__JobSpec **out_message)
{
    Gor__V1__JobSpec *message = NULL;
    int code = check_kind(spec);
    if (code == GORCTL_EXIT_OK) {
        code = begin(spec, &message);
    }
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    code = fill(spec, message);
    if (code != GORCTL_EXIT_OK) {
        gor__v1__job_spec__free_unpacked(message, NULL);
        return code;
    }
    *out_message = message;
    return GORCTL_EXIT_OK;
}
