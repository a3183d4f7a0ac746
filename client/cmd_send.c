/* SPDX-License-Identifier: MIT */
/* cmd_send.c - `gorctl send`: write to the standard input of a job. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/feed.h"
#include "client/gorctl.h"
#include "client/options.h"

enum { KEY_CLOSE = 0x3000 };

static const struct argp_option options[] = {
    {"close", KEY_CLOSE, NULL, 0, "Close its input behind that: the job reads an end of file", 0},
    {NULL, 'n', NULL, 0, "Send the text without a newline behind it", 0},
    {0},
};

static const char doc[] =
    "Write to the standard input of a job that was handed in with --stdin -.\v"
    "TEXT gets a newline; - sends what we read from our own standard input, byte for byte.\n"
    "It waits until the job has started and its pipe has room.\n"
    "\n"
    "Examples:\n"
    "  gorctl send 12 yes\n"
    "  gorctl send 12 - < answers.txt\n"
    "  gorctl send 12 --close\n";

struct arguments {
    struct gorctl *ctl;
    uint64_t id;
    const char *text;
    bool close;
    bool bare;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 1);
        return 0;
    case KEY_CLOSE:
        arguments->close = true;
        return 0;
    case 'n':
        arguments->bare = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            arguments->id = gorctl_option_number(state, "ID", arg);
        } else if (state->arg_num == 1) {
            arguments->text = arg;
        } else {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "one text at a time; put it into quotes");
        }
        return 0;
    case ARGP_KEY_END:
        if (arguments->id == 0 || (arguments->text == NULL && !arguments->close)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "what to which job? `gorctl send 12 yes`, or `gorctl send 12 --close`");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int send_text(const struct arguments *arguments)
{
    const char *text = arguments->text != NULL ? arguments->text : "";
    const char *end = arguments->text != NULL && !arguments->bare ? "\n" : "";
    char *bytes = gorctl_format("%s%s", text, end);
    int code =
        gorctl_feed_bytes(arguments->ctl, arguments->id, bytes, strlen(bytes), arguments->close);
    free(bytes);
    return code;
}

int gorctl_cmd_send(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "ID TEXT\nID -\nID --close",
                                     .doc = doc,
                                     .children = gorctl_connection_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.text != NULL && strcmp(arguments.text, "-") == 0) {
        return gorctl_feed_all(ctl, arguments.id, STDIN_FILENO, arguments.close);
    }
    return send_text(&arguments);
}
