/* SPDX-License-Identifier: MIT */
/* cmd_rm.c - `gorctl rm`: remove jobs that have ended. */
#include "client/act.h"

int gorctl_cmd_rm(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_act act = {
        .path = "/gor.v1.Jobs/Remove",
        .done = "removed",
        .none = NULL,
        .confirm = "remove",
        .ended = true,
        .doc =
            "Remove jobs that have ended, with their output, their history and their results. "
            "Nothing brings them back.\v"
            "A job that has not ended is refused (exit code 64): `gorctl cancel` ends it. So is "
            "one "
            "that another job is to run after, until that has ended. Jobs that are chosen by what "
            "they are like, not by id, are those that have ended.\n"
            "More than 100 jobs are removed only when you agree: on a terminal it asks, elsewhere "
            "it needs --yes.\n"
            "gord --keep-age and its like remove by themselves what is old. What --cause says goes "
            "to the "
            "daemon's log, since no history is left.\n"
            "\n"
            "Examples:\n"
            "  gorctl rm 12 20-29\n"
            "  gorctl rm --outcome succeeded --ended-until 7d --yes\n"
            "  gorctl rm -l team=x\n"};
    return gorctl_act_run(ctl, argc, argv, &act);
}
