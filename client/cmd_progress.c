/* SPDX-License-Identifier: MIT */
/* cmd_progress.c - `gorctl progress`: inside a job, tell how far it is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/completion.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"

static const char doc[] =
    "To be called by a program that runs as a job: tell how far it is. People see it in `gorctl "
    "ls` "
    "and `show`, and as a bar where they wait for the job. Only the newest is kept.\v"
    "It writes one line to the descriptor whose number is in $GOR_PROGRESS_FD, as any\n"
    "program can: a share (42, 42.5%, 17/230) and a text, of which each may be missing.\n"
    "A share is in percent: 2 is 2%, and 0.5 half of one. What begins with a number that\n"
    "is none, as 2024 or -1, is refused here.\n"
    "\n"
    "Examples:\n"
    "  gorctl progress 42 'resizing pictures'\n"
    "  gorctl progress 17/230\n"
    "  echo 42 resizing pictures >&$GOR_PROGRESS_FD\n";

struct arguments {
    struct gorctl *ctl;
    char **words;
    int count;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_completion_offer(arguments->ctl, state);
        return 0;
    case ARGP_KEY_ARGS:
        arguments->words = state->argv + state->next;
        arguments->count = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "how far is it? write 42, 17/230, or a text");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What looks like a share, but would be shown as none, or as all that there is. */
static bool is_wrong_share(const char *word)
{
    double done;
    double total = 100;
    int used = 0;
    if (word[0] == '\0' || strspn(word, "+-.0123456789/%") != strlen(word) ||
        strpbrk(word, "0123456789") == NULL) {
        return false;
    }
    if (sscanf(word, "%lf/%lf%n", &done, &total, &used) == 2 && word[used] == '\0') {
        return strpbrk(word, "+-.") != NULL || total == 0 || done > total;
    }
    if (sscanf(word, "%lf%n", &done, &used) != 1) {
        return true;
    }
    used += word[used] == '%';
    return word[used] != '\0' || strpbrk(word, "+-") != NULL || done > 100;
}

/* The words with blanks between, as one line; in one write, so that lines of several do not mix. */
static char *make_line(const struct arguments *arguments)
{
    char *line = gorctl_format("%s", arguments->words[0]);
    for (int i = 1; i < arguments->count; i++) {
        char *longer = gorctl_format("%s %s", line, arguments->words[i]);
        free(line);
        line = longer;
    }
    for (char *at = line; *at != '\0'; at++) {
        *at = *at == '\n' ? ' ' : *at;
    }
    char *whole = gorctl_format("%s\n", line);
    free(line);
    return whole;
}

int gorctl_cmd_progress(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse, .args_doc = "[SHARE] [TEXT...]", .doc = doc};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments);
    const char *number = getenv("GOR_PROGRESS_FD");
    uint64_t fd = 0;
    if (number == NULL || gorctl_number_parse(number, &fd) != 0 || fd > INT32_MAX) {
        gorctl_say("$GOR_PROGRESS_FD names no descriptor; this is for programs that run as jobs");
        return GORCTL_EXIT_USAGE;
    }
    if (is_wrong_share(arguments.words[0])) {
        gorctl_say("'%s' is no share: write percent, as 42 or 42.5%%, 0 to 100, or so many of so "
                   "many, as 17/230",
                   arguments.words[0]);
        return GORCTL_EXIT_USAGE;
    }
    char *line = make_line(&arguments);
    ssize_t put = write((int)fd, line, strlen(line));
    int error = errno;
    free(line);
    if (put < 0) {
        gorctl_say("cannot write to descriptor %s ($GOR_PROGRESS_FD): %s", number, strerror(error));
        return GORCTL_EXIT_OUTPUT;
    }
    return GORCTL_EXIT_OK;
}
