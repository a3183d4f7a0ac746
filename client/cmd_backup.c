/* SPDX-License-Identifier: MIT */
/* cmd_backup.c - `gorctl backup`: a copy of all that the daemon keeps, while it works. */
#include <string.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/inspect.h"
#include "client/options.h"
#include "gor/v1/store.pb-c.h"

enum { KEY_WITHOUT_OUTPUT = 0x3000 };

static const struct argp_option options[] = {
    {"without-output", KEY_WITHOUT_OUTPUT, NULL, 0, "Leave out what jobs wrote", 0},
    {0},
};

static const char doc[] =
    "A copy of all that the daemon keeps, as of one moment, as a tar file: jobs, their history and "
    "their output. The daemon goes on working. FILE is complete or not there; - is stdout.\v"
    "To restore it, unpack it into an empty state directory. For the service, as root:\n"
    "\n"
    "  systemctl stop gord.service gord.socket\n"
    "  mv /var/lib/gord /var/lib/gord-before && mkdir -m 700 /var/lib/gord\n"
    "  tar -xf FILE -C /var/lib/gord && chown -R gord:gor /var/lib/gord\n"
    "  runuser -u gord -- gord --state-dir /var/lib/gord --check-store\n"
    "  systemctl start gord.service\n"
    "\n"
    "Jobs that were queued run then, and those that were running are lost, so do not let it run "
    "beside the first.\n"
    "\n"
    "Examples:\n"
    "  gorctl backup gord-monday.tar\n"
    "  gorctl backup - | zstd > gord-monday.tar.zst\n"
    "  gorctl -H tls://build1:7070 backup --without-output jobs.tar\n";

struct arguments {
    struct gorctl *ctl;
    const char *file;
    Gor__V1__BackupRequest request;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 1);
        return 0;
    case KEY_WITHOUT_OUTPUT:
        arguments->request.without_output = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "one file at a time");
        }
        arguments->file = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "into which file? - is stdout");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int gorctl_cmd_backup(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "FILE",
                                     .doc = doc,
                                     .children = gorctl_connection_children};
    struct arguments arguments = {.ctl = ctl, .request = GOR__V1__BACKUP_REQUEST__INIT};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (strcmp(arguments.file, "-") == 0 && isatty(STDOUT_FILENO)) {
        gorctl_say("a backup is nothing to look at on a terminal; send it into a file or a pipe");
        return GORCTL_EXIT_USAGE;
    }
    struct gorctl_fetch fetch = {.call = {.path = "/gor.v1.Store/Backup",
                                          .request = &arguments.request.base,
                                          .reply = &gor__v1__inspect_chunk__descriptor},
                                 .output = arguments.file};
    return gorctl_fetch(ctl, &fetch);
}
