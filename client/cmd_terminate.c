/* SPDX-License-Identifier: MIT */
/* cmd_terminate.c - `gorctl terminate`, `gorctl rerun` and `gorctl retry`. */
#include "client/act.h"

int gorctl_cmd_terminate(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_act act = {
        .path = "/gor.v1.Jobs/Terminate",
        .done = "terminated",
        .none = "There is no job that has not ended.",
        .confirm = "terminate",
        .doc =
            "End jobs, and all below them, by force: their processes are killed at once, without "
            "SIGTERM and grace.\v"
            "`gorctl cancel` asks first, and mostly that is better: a killed program cleans up "
            "nothing. The function of a native job cannot be forced; it is asked.\n"
            "\n"
            "Examples:\n"
            "  gorctl terminate 12 --cause 'eats the disk'\n"
            "  gorctl terminate -l team=x --state running\n"};
    return gorctl_act_run(ctl, argc, argv, &act);
}

int gorctl_cmd_rerun(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_act act = {
        .path = "/gor.v1.Jobs/Rerun",
        .done = "run again",
        .none = NULL,
        .doc = "Hand in again what jobs were to do, each as a new job: at once, whatever times and "
               "jobs the former one waited for, and below no other. `gorctl show` tells which job "
               "it repeats.\v"
               "Each runs once. An array that is named by id runs again as a whole, and its tasks, "
               "if they are named too, with it. Jobs that are chosen by what they are like are "
               "single tasks, each by itself with its index, and never the array.\n"
               "\n"
               "Examples:\n"
               "  gorctl rerun 12\n"
               "  gorctl rerun --outcome bad --ended-since today\n"};
    return gorctl_act_run(ctl, argc, argv, &act);
}

int gorctl_cmd_retry(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_act act = {
        .path = "/gor.v1.Jobs/Retry",
        .done = "retried",
        .none = NULL,
        .ended = true,
        .delays = true,
        .doc =
            "Run jobs again that have ended, as the jobs they are: same id, attempts count on, the "
            "history and the output keep what was before.\v"
            "Jobs that are chosen by what they are like, not by id, are those that did not "
            "succeed. One that has not ended is refused (exit code 64), and so is one whose queue "
            "is gone, or whose unique key another job has.\n"
            "At once: times it was to start at, or before, no longer count. What it was to run "
            "after does, unless it has run since. A job that waited for this one, and ended "
            "because "
            "it failed, stays so; retried with it, it waits anew.\n"
            "A retry does not begin --retries anew: those are counted over the job's whole life.\n"
            "With a task of an array that has ended the array lives again, until its tasks have "
            "ended, and tells its end anew. An array that is named by id stands for those of its "
            "tasks that did not succeed; each task runs once, however often it is named.\n"
            "`gorctl rerun` makes a new job of it instead.\n"
            "\n"
            "Examples:\n"
            "  gorctl retry 12\n"
            "  gorctl retry --delay 10m --outcome bad --ended-since today\n"
            "  gorctl retry 7 --cause 'the disk is back'\n"
            "  gorctl retry 20 --delay 5m             # an array: its tasks that failed\n"};
    return gorctl_act_run(ctl, argc, argv, &act);
}
