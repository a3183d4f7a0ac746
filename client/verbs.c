/* SPDX-License-Identifier: MIT */
/* verbs.c - see verbs.h. */
#include "client/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/completion.h"
#include "client/exits.h"
#include "client/text.h"

static int help(const struct gorctl_verbs *verbs)
{
    printf("Usage: gorctl %s WORD [ARGUMENT...]\n%s\n\n", verbs->command, verbs->about);
    for (const struct gorctl_verb *verb = verbs->verbs; verb->name != NULL; verb++) {
        printf("  %-8s %s\n", verb->name, verb->about);
    }
    printf("\n`gorctl %s WORD --help` tells more about each; without a word they are listed.\n",
           verbs->command);
    return GORCTL_EXIT_OK;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0 || strcmp(word, "-h") == 0;
}

static int run_verb(struct gorctl *ctl, const struct gorctl_verbs *verbs, int argc, char **argv)
{
    for (const struct gorctl_verb *verb = verbs->verbs; verb->name != NULL; verb++) {
        if (strcmp(argv[1], verb->name) == 0) {
            char *whole = gorctl_format("gorctl %s %s", verbs->command, verb->name);
            argv[1] = whole;
            int code = verb->run(ctl, argc - 1, argv + 1);
            free(whole);
            return code;
        }
    }
    char *shown = gorctl_text_escape(argv[1], strlen(argv[1]));
    gorctl_say("there is no `%s %s`; `gorctl %s --help` lists what there is", verbs->command, shown,
               verbs->command);
    free(shown);
    return GORCTL_EXIT_USAGE;
}

int gorctl_verbs_run(struct gorctl *ctl, const struct gorctl_verbs *verbs, int argc, char **argv)
{
    gorctl_completion_offer_verbs(ctl, verbs);
    if (argc > 1 && asks_for_help(argv[1])) {
        if (argc < 3 || argv[2][0] == '-') {
            return help(verbs);
        }
        char *turned[] = {argv[0], argv[2], argv[1], NULL}; /* `--help WORD` as `WORD --help` */
        return run_verb(ctl, verbs, 3, turned);
    }
    if (argc < 2 || argv[1][0] == '-') {
        return verbs->without(ctl, argc, argv);
    }
    return run_verb(ctl, verbs, argc, argv);
}
