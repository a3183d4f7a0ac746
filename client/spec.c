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
#include "client/options.h"
#include "client/text.h"

/* --------------------------------------------------------------- options */

enum {
    KEY_TIMEOUT = 0x2000,
    KEY_GRACE,
    KEY_PARENT,
    KEY_NATIVE,
    KEY_SHELL,
    KEY_CLEAR_ENV,
    KEY_ENV_ONLY,
    KEY_ENV_WITHOUT,
    KEY_OUTPUT_MAX,
    KEY_REQUEST_ID,
    KEY_UNIQUE,
    KEY_ON_CONFLICT
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "The job:", 1},
    {"name", 'n', "TEXT", 0, "A name for people", 1},
    {"timeout", KEY_TIMEOUT, "DURATION", 0, "End the run after this long (10s, 1h30m)", 1},
    {"grace", KEY_GRACE, "DURATION", 0, "Time between SIGTERM and SIGKILL when it must end", 1},
    {"output-max", KEY_OUTPUT_MAX, "BYTES", 0,
     "Keep at most so much of its output (64K or more), its beginning and its end", 1},
    {"label", 'l', "KEY=VALUE", 0, "Attach a label; may be repeated", 1},
    {"parent", KEY_PARENT, "ID", 0, "Cancel this job when job ID is cancelled", 1},
    {"shell", KEY_SHELL, "TEXT", 0, "Run TEXT with `sh -c`; words after it are $1, $2, ...", 1},
    {"native", KEY_NATIVE, "FUNCTION", 0,
     "Call a function inside the daemon, such as builtin.fib; words after it are its arguments", 1},
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
    {0},
};

static void append(const char ***list, size_t *count, const char *text)
{
    *list = gorctl_grow(*list, *count + 1, sizeof(**list));
    (*list)[(*count)++] = text;
}

static void set_limit(struct gorctl_spec *spec, int key, const char *arg, struct argp_state *state)
{
    if (key == KEY_TIMEOUT) {
        spec->timeout_ns = gorctl_option_duration(state, "--timeout", arg);
    } else if (key == KEY_GRACE) {
        spec->grace_ns = gorctl_option_duration(state, "--grace", arg);
    } else {
        spec->output_max = gorctl_option_bytes(state, "--output-max", arg);
    }
}

/* What tells when a job is one that is there already. */
static error_t parse_sameness(struct gorctl_spec *spec, int key, char *arg,
                              struct argp_state *state)
{
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

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct gorctl_spec *spec = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &spec->gates;
        state->child_inputs[1] = &spec->retry;
        return 0;
    case 'n':
        spec->name = arg;
        return 0;
    case KEY_TIMEOUT:
    case KEY_GRACE:
    case KEY_OUTPUT_MAX:
        set_limit(spec, key, arg, state);
        return 0;
    case 'l':
        append(&spec->labels, &spec->label_count, arg);
        return 0;
    case KEY_PARENT:
        spec->parent_id = gorctl_option_number(state, "--parent", arg);
        return 0;
    case KEY_SHELL:
        spec->shell = arg;
        return 0;
    case KEY_NATIVE:
        spec->function = arg;
        return 0;
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
    case ARGP_KEY_ARG:
        spec->words = &state->argv[state->next - 1];
        spec->word_count = (size_t)(state->argc - state->next) + 1;
        state->next = state->argc;
        return 0;
    default:
        return parse_sameness(spec, key, arg, state);
    }
}

static const struct argp_child children[] = {
    {&gorctl_gates_argp, 0, NULL, 0}, {&gorctl_retry_argp, 0, NULL, 0}, {0}};

const struct argp gorctl_spec_argp = {
    .options = options, .parser = parse_option, .children = children};

void gorctl_spec_fini(struct gorctl_spec *spec)
{
    gorctl_gates_fini(&spec->gates);
    free(spec->labels);
    free(spec->env);
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
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        /* The store keeps the environment; the key to the daemon has no business there. */
        if (strncmp(*variable, "GOR_TOKEN=", 10) != 0) {
            *add_bytes(&exec->env, &exec->n_env) = copy_of(*variable, strlen(*variable));
        }
    }
    return 0;
}

int gorctl_spec_set_directory(Gor__V1__ExecSpec *exec, const char *directory)
{
    char *absolute;
    if (directory[0] == '/') {
        absolute = gorctl_strdup(directory);
    } else {
        char *here = getcwd(NULL, 0);
        if (here == NULL) {
            return -errno;
        }
        absolute = gorctl_format("%s/%s", here, directory);
        free(here);
    }
    free(exec->cwd.data);
    exec->cwd = (ProtobufCBinaryData){strlen(absolute), (uint8_t *)absolute};
    return 0;
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

/* Which of the three ways to say what to run was taken; exactly one must be. */
static int check_kind(const struct gorctl_spec *spec)
{
    if (spec->function != NULL && spec->shell != NULL) {
        gorctl_say("--native and --shell are two different jobs; give one of them");
        return GORCTL_EXIT_USAGE;
    }
    if (spec->function == NULL && spec->shell == NULL && spec->word_count == 0) {
        gorctl_say("there is nothing to run: give a command, --shell TEXT, or --native FUNCTION");
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
    if (rc != 0) {
        gorctl_say("the current directory cannot be told (%s); give an absolute --cwd",
                   strerror(-rc));
        return GORCTL_EXIT_USAGE;
    }
    return add_environment(spec, exec);
}

static int fill_native(const struct gorctl_spec *spec, Gor__V1__NativeSpec *native)
{
    if (spec->directory != NULL || spec->clear_env || spec->env_count > 0 ||
        spec->env_only != NULL || spec->env_without != NULL) {
        gorctl_say("--cwd, --env, --clear-env, --env-only and --env-without are for programs; a "
                   "native job runs inside the daemon");
        return GORCTL_EXIT_USAGE;
    }
    for (size_t i = 0; i < spec->word_count; i++) {
        if (!is_text("an argument of a native job", spec->words[i])) {
            return GORCTL_EXIT_USAGE;
        }
        gorctl_spec_add_native_argument(native, spec->words[i]);
    }
    return GORCTL_EXIT_OK;
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
    message->parent_id = spec->parent_id;
    message->output_max_bytes = spec->output_max;
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
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    return message->kind_case == GOR__V1__JOB_SPEC__KIND_NATIVE ? fill_native(spec, message->native)
                                                                : fill_exec(spec, message->exec);
}

int gorctl_spec_build(const struct gorctl_spec *spec, Gor__V1__JobSpec **out_message)
{
    int code = check_kind(spec);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (spec->function != NULL && !is_text("--native", spec->function)) {
        return GORCTL_EXIT_USAGE;
    }
    Gor__V1__JobSpec *message =
        spec->function != NULL ? gorctl_spec_new_native(spec->function) : gorctl_spec_new_exec();
    code = fill(spec, message);
    if (code != GORCTL_EXIT_OK) {
        gor__v1__job_spec__free_unpacked(message, NULL);
        return code;
    }
    *out_message = message;
    return GORCTL_EXIT_OK;
}
