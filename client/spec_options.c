/* SPDX-License-Identifier: MIT */
/* spec_options.c - a job's options and words, from the command line: see spec.h. */
#include <stdlib.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/options.h"
#include "client/policies.h"
#include "client/spec.h"

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
    KEY_NICE,
    KEY_IONICE,
    KEY_NEW_PRIVS,
    KEY_NO_NEW_PRIVS,
    KEY_STDIN,
    KEY_UMASK,
    KEY_SKIPS_PAUSES,
    KEY_LUA,
    KEY_MAX_STEPS,
    KEY_MAX_MEMORY,
    KEY_OUTPUT_MAX,
    KEY_ON_FINISH,
    KEY_ON_FINISH_URL,
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
     "When it is stuck, report (default): record it and let it run; or kill: end the run as failed",
     1},
    {"timeout-skips-pauses", KEY_SKIPS_PAUSES, NULL, 0,
     "Time that the job is paused does not count for --timeout", 1},
    {"on-finish", KEY_ON_FINISH, "WORD", 0,
     "Run this program, as a job, when the job has ended; repeated: its arguments. It has "
     "GOR_HOOK_JOB, "
     "GOR_HOOK_OUTCOME, GOR_HOOK_EXIT_CODE in its environment",
     0},
    {"on-finish-url", KEY_ON_FINISH_URL, "URL", 0,
     "Tell this http or https URL when the job has ended, by a POST of JSON; curl sends it, as a "
     "job",
     1},
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
     "32 hex digits that name this submission: repeated within a day, in the same directory, it "
     "makes no second job, and another job under that name is refused",
     1},
    {NULL, 0, NULL, 0, "Its surroundings (default: yours):", 2},
    {"cwd", 'C', "DIR", 0, "Run in DIR", 2},
    {"umask", KEY_UMASK, "MASK", 0, "Create its files without these permissions, as 022 or 0077",
     2},
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
     "What it may have: mem=2G, cpu=1.5, pids=100, cpus=0-3, io-weight=50 for all its processes "
     "together; nofile=, fsize=, "
     "core=, stack=, cputime=, as=, ... for each, soft:hard or both",
     2},
    {"limit-strict", KEY_LIMIT_STRICT, NULL, 0, "Rather do not run it than without its limits", 2},
    {"nice", KEY_NICE, "N", 0,
     "How nice it is to others that want a CPU: -20 to 19 (default: as the daemon)", 2},
    {"ionice", KEY_IONICE, "CLASS", 0,
     "When the disk serves it: idle, best-effort or realtime, the last two with a level from 0 to "
     "7, as "
     "best-effort:7",
     2},
    {"no-new-privs", KEY_NO_NEW_PRIVS, NULL, 0,
     "Neither it nor what it starts gains rights that it does not have, by sudo and the like", 2},
    {"new-privs", KEY_NEW_PRIVS, NULL, 0,
     "It may gain rights, where the daemon lets those that ask (default: as the daemon says)", 2},
    {0},
};

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
    case KEY_UMASK:
        if (!gorctl_umask_parse(arg, &spec->umask_plus_1)) {
            argp_error(state, "--umask is '%s'; it must be octal, from 0 to 0777", arg);
        }
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
    case KEY_NICE:
        if (!gorctl_nice_parse(arg, &spec->nice)) {
            argp_error(state, "--nice is '%s'; it must be a number from -20 to 19", arg);
        }
        return 0;
    case KEY_IONICE:
        if (!gorctl_ionice_parse(arg, &spec->io_class, &spec->io_level)) {
            argp_error(state,
                       "--ionice is '%s'; it must be idle, best-effort or realtime, the last two "
                       "with or without a level as in best-effort:7",
                       arg);
        }
        return 0;
    case KEY_NEW_PRIVS:
        spec->new_privs = GOR__V1__NEW_PRIVS__NEW_PRIVS_ALLOW;
        return 0;
    case KEY_NO_NEW_PRIVS:
        spec->new_privs = GOR__V1__NEW_PRIVS__NEW_PRIVS_FORBID;
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
    case KEY_ON_FINISH_URL:
        spec->on_finish_url = arg;
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
