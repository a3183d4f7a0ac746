/* SPDX-License-Identifier: MIT */
/* cmd_hold.c - `gorctl hold` and `gorctl release`: whether single jobs may start. */
#include "client/act.h"

int gorctl_cmd_hold(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_act act = {
        .path = "/gor.v1.Jobs/Hold",
        .done = "held",
        .none = "There is no job that has not started and is not held.",
        .doc =
            "Keep jobs that have not started from starting, until `gorctl release`. It holds over "
            "a restart of the daemon.\v"
            "A job that has started is not touched; that it cannot be held is told (exit code "
            "64), after the others have been held.\n"
            "\n"
            "Examples:\n"
            "  gorctl hold 12 20-29 --cause 'new input first'\n"
            "  gorctl hold -q nightly -l team=x\n"
            "  gorctl hold --all\n"};
    return gorctl_act_run(ctl, argc, argv, &act);
}

int gorctl_cmd_release(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_act act = {
        .path = "/gor.v1.Jobs/Release",
        .done = "released",
        .none = "There is no job that is held.",
        .doc =
            "Let jobs go that were held by `gorctl hold` or `submit --hold`. What else they wait "
            "for they still wait for; else they go to the end of the queue.\v"
            "Examples:\n"
            "  gorctl release 12\n"
            "  gorctl release --all\n"};
    return gorctl_act_run(ctl, argc, argv, &act);
}
