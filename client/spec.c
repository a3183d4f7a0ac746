/* SPDX-License-Identifier: MIT */
/* spec.c - see spec.h. */
#include "client/spec.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/input.h"
#include "client/limits.h"
#include "client/options.h"
#include "client/policies.h"
#include "client/script.h"
#include "client/stops.h"
#include "client/text.h"

/* --------------------------------------------------------------- options */

enum {
    KEY_TIMEOUT = 0x2000,
    KEY_GRACE,
    KEY_ON_STOP,
    KEY_HEARTBEAT,
    KEY_ON_STUCK,
    KEY_PARENT,
    KEY_NATIVE,
    KEY_INPUT,
    KEY_SHELL,
    KEY_CLEAR_ENV,
    KEY_ENV_ONLY,
    KEY_ENV_WITHOUT,
    KEY_SIGNAL,
    KEY_LIMIT,
    KEY_LIMIT_STRICT,
    KEY_STDIN,
    KEY_SKIPS_PAUSES,
    KEY_LUA,
    KEY_MAX_STEPS,
    KEY_MAX_MEMORY,
    KEY_OUTPUT_MAX,
    KEY_ON_FINISH,
    KEY_REQUEST_ID,
    KEY_UNIQUE,
    KEY_ON_CONFLICT
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "The job:", 1},
    {"name", 'n', "TEXT", 0, "A name for people", 1},
    {"timeout", KEY_TIMEOUT, "DURATION", 0, "End the run after this long (10s, 1h30m)", 1},
    {"grace", KEY_GRACE, "DURATION", 0, "Time between SIGTERM and SIGKILL when it must end", 1},
    {"signal", KEY_SIGNAL, "LIST", 0,
     "What it is sent when it must end, and how long each may take: INT@10s,TERM@5s (default: TERM "
     "and the grace); SIGKILL comes last",
     1},
    {"on-stop", KEY_ON_STOP, "POLICY", 0,
     "When the daemon is stopped while it runs: kill, wait for it, requeue or leave it (default: "
     "as the daemon says)",
     1},
    {"heartbeat", KEY_HEARTBEAT, "DURATION", 0,
     "The run is stuck once it gives no sign of life for this long (1s or more): no progress, and "
     "no "
     "empty line in its place",
     1},
    {"on-stuck", KEY_ON_STUCK, "POLICY", 0,
     "Once it is stuck: report (default), which it goes on after, or kill, which fails the run", 1},
    {"timeout-skips-pauses", KEY_SKIPS_PAUSES, NULL, 0,
     "Time that the job is paused does not count for --timeout", 1},
    {"on-finish", KEY_ON_FINISH, "WORD", 0,
     "Run this program, as a job, when the job has ended; repeated: its arguments. It has "
     "GOR_HOOK_JOB, "
     "GOR_HOOK_OUTCOME, GOR_HOOK_EXIT_CODE in its environment",
     0},
    {"output-max", KEY_OUTPUT_MAX, "BYTES", 0,
     "Keep at most so much of its output (64K or more), its beginning and its end", 1},
    {"label", 'l', "KEY=VALUE", 0, "Attach a label; may be repeated", 1},
    {"parent", KEY_PARENT, "ID", 0, "Cancel this job when job ID is cancelled", 1},
    {"shell", KEY_SHELL, "TEXT", 0, "Run TEXT with `sh -c`; words after it are $1, $2, ...", 1},
    {"native", KEY_NATIVE, "FUNCTION", 0,
     "Call a function inside the daemon, such as builtin.fib; words after it are its arguments", 1},
    {"input", KEY_INPUT, "FILE", 0, "Give a native job the bytes of FILE (- is standard input)", 1},
    {"lua", KEY_LUA, "FILE", 0,
     "Run the Lua script in FILE (- is standard input); words after it are its arguments", 1},
    {"max-steps", KEY_MAX_STEPS, "N", 0,
     "End a Lua script after so many instructions (default: no limit)", 1},
    {"max-memory", KEY_MAX_MEMORY, "BYTES", 0,
     "Let a Lua script have so much memory, as 64M (default: 32M)", 1},
    {"unique", KEY_UNIQUE, "KEY", 0, "Not beside another job with this key", 1},
    {"on-conflict", KEY_ON_CONFLICT, "POLICY", 0,
     "What to do if there is one: skip (print its id), replace, queue, fail", 1},
    {"request-id", KEY_REQUEST_ID, "HEX", 0,
     "32 hex digits that name this submission: repeated within a day it makes no second job", 1},
    {NULL, 0, NULL, 0, "Its surroundings (default: yours):", 2},
    {"cwd", 'C', "DIR", 0, "Run in DIR", 2},
    {"env", 'e', "NAME[=VALUE]", 0, "Set a variable, or take yours after --clear-env", 2},
    {"clear-env", KEY_CLEAR_ENV, NULL, 0, "Begin with no variables", 2},
    {"env-only", KEY_ENV_ONLY, "PATTERNS", 0,
     "Take along only variables whose names match one of these, as 'PATH,LC_*'", 2},
    {"env-without", KEY_ENV_WITHOUT, "PATTERNS", 0,
     "Leave out variables whose names match one of these, as '*TOKEN,AWS_*'", 2},
    {"stdin", KEY_STDIN, "FILE", 0,
     "Have it read FILE, which the daemon opens when it starts; -: what we read from our own "
     "standard input, and what `gorctl send` sends (default: nothing)",
     2},
    {"limit", KEY_LIMIT, "LIST", 0,
     "What it may have: mem=2G, cpu=1.5, pids=100 for all its processes together; nofile=, fsize=, "
     "core=, stack=, cputime=, as=, ... for each, soft:hard or both",
     2},
    {"limit-strict", KEY_LIMIT_STRICT, NULL, 0, "Rather do not run it than without its limits", 2},
    {0},
};

enum { INPUT_MOST = 1024 * 1024 }; /* as the daemon takes */

static void append(const char ***list, size_t *count, const char *text)
{
    *list = gorctl_grow(*list, *count + 1, sizeof(**list));
    (*list)[(*count)++] = text;
}

/* What tells when a job is one that is there already. */
static error_t parse_sameness(int key, char *arg, struct argp_state *state)
{
    struct gorctl_spec *spec = state->input;
    switch (key) {
    case KEY_UNIQUE:
        spec->unique = arg;
        return 0;
    case KEY_ON_CONFLICT:
        spec->on_conflict = arg;
        return 0;
    case KEY_REQUEST_ID:
        if (gorctl_request_parse(arg, &spec->request) != 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--request-id: '%s' is not 32 hex digits",
                         arg);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What it runs, and within what. */
static error_t parse_kind(int key, char *arg, struct argp_state *state)
{
    struct gorctl_spec *spec = state->input;
    switch (key) {
    case KEY_SHELL:
        spec->shell = arg;
        return 0;
    case KEY_NATIVE:
        spec->function = arg;
        return 0;
    case KEY_INPUT:
        spec->input = arg;
        return 0;
    case KEY_LUA:
        spec->script = arg;
        return 0;
    case KEY_MAX_STEPS:
        spec->max_steps = gorctl_option_number(state, "--max-steps", arg);
        return 0;
    case KEY_MAX_MEMORY:
        spec->max_memory_bytes = gorctl_option_bytes(state, "--max-memory", arg);
        return 0;
    case ARGP_KEY_ARG:
        spec->words = &state->argv[state->next - 1];
        spec->word_count = (size_t)(state->argc - state->next) + 1;
        state->next = state->argc;
        return 0;
    default:
        return parse_sameness(key, arg, state);
    }
}

/* What only programs have. */
static error_t parse_surroundings(int key, char *arg, struct argp_state *state)
{
    struct gorctl_spec *spec = state->input;
    switch (key) {
    case 'C':
        spec->directory = arg;
        return 0;
    case 'e':
        append(&spec->env, &spec->env_count, arg);
        return 0;
    case KEY_CLEAR_ENV:
        spec->clear_env = true;
        return 0;
    case KEY_ENV_ONLY:
        spec->env_only = arg;
        return 0;
    case KEY_ENV_WITHOUT:
        spec->env_without = arg;
        return 0;
    case KEY_STDIN:
        spec->stdin_from = arg;
        return 0;
    case KEY_LIMIT:
        append(&spec->limits, &spec->limit_count, arg);
        return 0;
    case KEY_LIMIT_STRICT:
        spec->limits_strict = true;
        return 0;
    case KEY_SIGNAL:
        spec->stops = arg;
        return 0;
    case KEY_SKIPS_PAUSES:
        spec->skips_pauses = true;
        return 0;
    default:
        return parse_kind(key, arg, state);
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct gorctl_spec *spec = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &spec->gates;
        state->child_inputs[1] = &spec->retry;
        state->child_inputs[2] = &spec->ask;
        return 0;
    case 'n':
        spec->name = arg;
        return 0;
    case 'l':
        append(&spec->labels, &spec->label_count, arg);
        return 0;
    case KEY_TIMEOUT:
        spec->timeout_ns = gorctl_option_duration(state, "--timeout", arg);
        return 0;
    case KEY_GRACE:
        spec->grace_ns = gorctl_option_duration(state, "--grace", arg);
        return 0;
    case KEY_ON_STOP:
        if (!gorctl_on_stop_parse(arg, &spec->on_stop)) {
            argp_error(state, "--on-stop is '%s'; it must be kill, wait, requeue or leave", arg);
        }
        return 0;
    case KEY_HEARTBEAT:
        spec->heartbeat_ns = gorctl_option_duration(state, "--heartbeat", arg);
        return 0;
    case KEY_ON_STUCK:
        if (!gorctl_on_stuck_parse(arg, &spec->on_stuck)) {
            argp_error(state, "--on-stuck is '%s'; it must be report or kill", arg);
        }
        return 0;
    case KEY_ON_FINISH:
        append(&spec->on_finish, &spec->on_finish_count, arg);
        return 0;
    case KEY_OUTPUT_MAX:
        spec->output_max = gorctl_option_bytes(state, "--output-max", arg);
        return 0;
    case KEY_PARENT:
        spec->parent_id = gorctl_option_number(state, "--parent", arg);
        return 0;
    default:
        return parse_surroundings(key, arg, state);
    }
}

static const struct argp_child children[] = {{&gorctl_gates_argp, 0, NULL, 0},
                                             {&gorctl_retry_argp, 0, NULL, 0},
                                             {&gorctl_ask_argp, 0, NULL, 0},
                                             {0}};

const struct argp gorctl_spec_argp = {
    .options = options, .parser = parse_option, .children = children};

void gorctl_spec_fini(struct gorctl_spec *spec)
{
    gorctl_gates_fini(&spec->gates);
    gorctl_ask_fini(&spec->ask);
    free(spec->on_finish);
    free(spec->labels);
    free(spec->env);
    free(spec->limits);
}

/* ---------------------------------------------------------------- pieces */

static ProtobufCBinaryData *add_bytes(ProtobufCBinaryData **list, size_t *count)
{
    *list = gorctl_grow(*list, *count + 1, sizeof(**list));
    return &(*list)[(*count)++];
}

static ProtobufCBinaryData copy_of(const void *bytes, size_t length)
{
    return (ProtobufCBinaryData){length, gorctl_copy(bytes, length)};
}

Gor__V1__JobSpec *gorctl_spec_new_exec(void)
{
    Gor__V1__JobSpec *message = gorctl_alloc(sizeof(*message));
    gor__v1__job_spec__init(message);
    message->kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    message->exec = gorctl_alloc(sizeof(*message->exec));
    gor__v1__exec_spec__init(message->exec);
    return message;
}

Gor__V1__JobSpec *gorctl_spec_new_native(const char *function)
{
    Gor__V1__JobSpec *message = gorctl_alloc(sizeof(*message));
    gor__v1__job_spec__init(message);
    message->kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    message->native = gorctl_alloc(sizeof(*message->native));
    gor__v1__native_spec__init(message->native);
    message->native->function = gorctl_strdup(function);
    return message;
}

void gorctl_spec_add_argument(Gor__V1__ExecSpec *exec, const void *bytes, size_t length)
{
    *add_bytes(&exec->argv, &exec->n_argv) = copy_of(bytes, length);
}

void gorctl_spec_add_hook_word(Gor__V1__JobSpec *message, const void *bytes, size_t length)
{
    *add_bytes(&message->on_finish, &message->n_on_finish) = copy_of(bytes, length);
}

void gorctl_spec_add_native_argument(Gor__V1__NativeSpec *native, const char *text)
{
    native->args = gorctl_grow(native->args, native->n_args + 1, sizeof(*native->args));
    native->args[native->n_args++] = gorctl_strdup(text);
}

void gorctl_spec_add_label(Gor__V1__JobSpec *message, const char *key, size_t key_length,
                           const char *value)
{
    Gor__V1__JobSpec__LabelsEntry *entry = gorctl_alloc(sizeof(*entry));
    gor__v1__job_spec__labels_entry__init(entry);
    entry->key = gorctl_copy(key, key_length);
    entry->value = gorctl_strdup(value);
    message->labels = gorctl_grow(message->labels, message->n_labels + 1, sizeof(*message->labels));
    message->labels[message->n_labels++] = entry;
}

/* The variable's place in the environment; NULL: it is not set. */
static ProtobufCBinaryData *find_env(const Gor__V1__ExecSpec *exec, const char *name, size_t length)
{
    for (size_t i = 0; i < exec->n_env; i++) {
        ProtobufCBinaryData *variable = &exec->env[i];
        if (variable->len > length && variable->data[length] == '=' &&
            memcmp(variable->data, name, length) == 0) {
            return variable;
        }
    }
    return NULL;
}

void gorctl_spec_set_env(Gor__V1__ExecSpec *exec, const char *assignment)
{
    ProtobufCBinaryData *place = find_env(exec, assignment, strcspn(assignment, "="));
    if (place == NULL) {
        place = add_bytes(&exec->env, &exec->n_env);
    } else {
        free(place->data);
    }
    *place = copy_of(assignment, strlen(assignment));
}

void gorctl_spec_clear_env(Gor__V1__ExecSpec *exec)
{
    for (size_t i = 0; i < exec->n_env; i++) {
        free(exec->env[i].data);
    }
    exec->n_env = 0;
}

int gorctl_spec_set_surroundings(Gor__V1__ExecSpec *exec)
{
    char *directory = getcwd(NULL, 0);
    if (directory == NULL) {
        return -errno;
    }
    exec->cwd = (ProtobufCBinaryData){strlen(directory), (uint8_t *)directory};
    /* There is no way to read it without setting it. */
    mode_t mask = umask(0);
    (void)umask(mask);
    exec->umask_plus_1 = (uint32_t)mask + 1;
    gorctl_limits_capture(exec);
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        /* The store keeps the environment; the key to the daemon has no business there. */
        if (strncmp(*variable, "GOR_TOKEN=", 10) != 0) {
            *add_bytes(&exec->env, &exec->n_env) = copy_of(*variable, strlen(*variable));
        }
    }
    return 0;
}

/* `path` absolute, seen from where we are, in place of what is in *out. */
static int set_path(ProtobufCBinaryData *out, const char *path)
{
    char *absolute;
    if (path[0] == '/') {
        absolute = gorctl_strdup(path);
    } else {
        char *here = getcwd(NULL, 0);
        if (here == NULL) {
            return -errno;
        }
        absolute = gorctl_format("%s/%s", here, path);
        free(here);
    }
    free(out->data);
    *out = (ProtobufCBinaryData){strlen(absolute), (uint8_t *)absolute};
    return 0;
}

int gorctl_spec_set_directory(Gor__V1__ExecSpec *exec, const char *directory)
{
    return set_path(&exec->cwd, directory);
}

int gorctl_spec_set_input(Gor__V1__ExecSpec *exec, const char *path)
{
    return set_path(&exec->stdin_path, path);
}

/* -------------------------------------------------------------- building */

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

static int fill_exec(const struct gorctl_spec *spec, Gor__V1__ExecSpec *exec)
{
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
    if (rc == 0 && spec->directory != NULL) {
        rc = gorctl_spec_set_directory(exec, spec->directory);
    }
    exec->stdin_pipe = gorctl_spec_takes_input(spec);
    if (rc == 0 && spec->stdin_from != NULL && !exec->stdin_pipe) {
        rc = gorctl_spec_set_input(exec, spec->stdin_from);
    }
    if (rc != 0) {
        gorctl_say("the current directory cannot be told (%s); give absolute paths", strerror(-rc));
        return GORCTL_EXIT_USAGE;
    }
    int code = add_environment(spec, exec);
    code = code == GORCTL_EXIT_OK ? add_limits(spec, exec) : code;
    return code == GORCTL_EXIT_OK ? add_steering(spec, exec) : code;
}

static bool is_for_program(const struct gorctl_spec *spec)
{
    return spec->directory != NULL || spec->clear_env || spec->env_count > 0 ||
           spec->env_only != NULL || spec->env_without != NULL || spec->stops != NULL ||
           spec->skips_pauses || spec->limit_count > 0 || spec->limits_strict ||
           spec->stdin_from != NULL;
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
        gorctl_say("--cwd, --env, --clear-env, --env-only, --env-without, --stdin, --limit, "
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
    for (size_t i = 0; i < spec->on_finish_count; i++) {
        gorctl_spec_add_hook_word(message, spec->on_finish[i], strlen(spec->on_finish[i]));
    }
    int code = gorctl_gates_fill(&spec->gates, message);
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
