/* SPDX-License-Identifier: MIT */
/* verbs.h - commands that have words of their own: `gorctl cron add`, `gorctl context use`. */
#ifndef GOR_CLIENT_VERBS_H
#define GOR_CLIENT_VERBS_H

#include "client/gorctl.h"

struct gorctl_verb {
    const char *name;
    const char *about;                                     /* a few words for the list */
    int (*run)(struct gorctl *ctl, int argc, char **argv); /* argv[0] is "gorctl COMMAND NAME" */
};

struct gorctl_verbs {
    const char *command;             /* "cron" */
    const char *about;               /* a sentence */
    const struct gorctl_verb *verbs; /* ended by a NULL name */
    /* Without a word. */
    int (*without)(struct gorctl *ctl, int argc, char **argv);
};

/* The command's run(). */
int gorctl_verbs_run(struct gorctl *ctl, const struct gorctl_verbs *verbs, int argc, char **argv);

#endif
