/* SPDX-License-Identifier: MIT */
/* cmd_help.c - `gorctl help`: what there is to do, and the way to more. */
#include <stdio.h>

#include "client/completion.h"
#include "client/exits.h"
#include "client/gorctl.h"

static void list_commands(void)
{
    puts("gorctl - hand jobs to gord, follow them, look back at them.\n"
         "\n"
         "Usage: gorctl [-H ADDRESS] COMMAND [ARGUMENT...]\n"
         "\n"
         "Commands:");
    for (const struct gorctl_command *command = gorctl_commands; command->name != NULL; command++) {
        if (command->new_group) {
            putchar('\n');
        }
        if (command->summary != NULL) {
            printf("  %-12s %s\n", command->name, command->summary);
        }
    }
    puts("\n"
         "`gorctl COMMAND --help` teaches one command, with examples. First steps:\n"
         "  gorctl run echo hello        run a job and see its output\n"
         "  gorctl submit sleep 60       hand one in; prints its id\n"
         "  gorctl ls                    what runs and what waits\n"
         "  gorctl history               what has ended, and how\n"
         "\n"
         "The daemon is looked for in the usual places, or where -H ADDRESS or $GOR_HOST says:\n"
         "a socket's path, unix:PATH, or HOST:PORT (with --token-file or $GOR_TOKEN), and\n"
         "tls://HOST:PORT (with --tls-ca, --tls-cert and --tls-key);\n"
         "`gorctl context` gives several of them names.\n");
    gorctl_exit_list(stdout);
}

int gorctl_cmd_help(struct gorctl *ctl, int argc, char **argv)
{
    gorctl_completion_offer_commands(ctl);
    if (argc < 2 || argv[1][0] == '-') {
        list_commands();
        return GORCTL_EXIT_OK;
    }
    argc = argc > 3 ? 3 : argc;
    const struct gorctl_command *command = gorctl_find_command(argv[1]);
    if (command != NULL && command->run != gorctl_cmd_help) {
        char name[64];
        snprintf(name, sizeof(name), "gorctl %s", command->name);
        /* A word of the command comes behind: commands without words have answered by then. */
        return command->run(ctl, argc, (char *[]){name, (char *)"--help", argv[2], NULL});
    }
    return gorctl_unknown_command(argv[1]);
}
