/* SPDX-License-Identifier: MIT */
/* cmd_lua.c - `gorctl lua`: hand in a Lua script. */
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/submit.h"

static const char doc[] =
    "Hand in a Lua 5.4 script, FILE or standard input (-), with its arguments. Prints the job's id "
    "once the daemon has it on disk; `gorctl run --lua FILE` follows it as well.\v"
    "The script runs inside the daemon, in bounds: no files, no modules, at most\n"
    "--max-memory of memory and --max-steps of work. It has channels, tasks, sleep,\n"
    "JSON, and jobs below its own: see gorctl(1), and docs/lua.md for all of it.\n"
    "A string it returns is the job's result, an integer its exit code.\n"
    "\n"
    "Examples:\n"
    "  gorctl lua report.lua 2026-11\n"
    "  echo 'print(\"hello\", ...)' | gorctl lua - world\n"
    "  gorctl lua --timeout 10s --max-memory 64M --max-steps 100000000 search.lua\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_spec spec;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->spec;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The first word is the script. */
static int take_script(struct gorctl_spec *spec)
{
    if (spec->script != NULL || spec->shell != NULL || spec->function != NULL) {
        gorctl_say("`gorctl lua` takes the script as its first word; leave --lua, --shell and "
                   "--native out");
        return GORCTL_EXIT_USAGE;
    }
    if (spec->word_count == 0) {
        gorctl_say("which script? give a FILE, or - for standard input");
        return GORCTL_EXIT_USAGE;
    }
    spec->script = spec->words[0];
    spec->words++;
    spec->word_count--;
    return GORCTL_EXIT_OK;
}

int gorctl_cmd_lua(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                                 {&gorctl_format_argp, 0, NULL, 0},
                                                 {&gorctl_spec_argp, 0, NULL, 1},
                                                 {0}};
    static const struct argp argp = {
        .parser = parse, .args_doc = "FILE|- [ARGUMENT...]", .doc = doc, .children = children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments);
    int code = take_script(&arguments.spec);
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_submit_print(ctl, &arguments.spec);
    }
    gorctl_spec_fini(&arguments.spec);
    return code;
}
