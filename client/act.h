/* SPDX-License-Identifier: MIT */
/* act.h - commands that do one thing to many jobs, and what they have in common. */
#ifndef GOR_CLIENT_ACT_H
#define GOR_CLIENT_ACT_H

#include "client/gorctl.h"

struct gorctl_act {
    const char *path; /* "/gor.v1.Jobs/Hold" */
    const char *doc;
    const char *done; /* what is said behind an id: "held" */
    const char *none; /* what is said when --all finds none; NULL: there is no --all */
};

/* The whole command. */
int gorctl_act_run(struct gorctl *ctl, int argc, char **argv, const struct gorctl_act *act);

#endif
