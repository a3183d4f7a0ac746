/* SPDX-License-Identifier: MIT */
/* act.h - commands that do one thing to many jobs, and what they have in common. */
#ifndef GOR_CLIENT_ACT_H
#define GOR_CLIENT_ACT_H

#include <argp.h>
#include <stdbool.h>

#include "client/gorctl.h"
#include "gor/v1/jobs.pb-c.h"

struct gorctl_act {
    const char *path; /* "/gor.v1.Jobs/Hold" */
    const char *doc;
    const char *done; /* what is said behind an id: "held" */
    const char
        *none; /* what is said when --all finds none; NULL: there is no --all, and it is about
                       * jobs that have ended as well */
    const char *confirm;        /* "terminate": not done to many without --yes; NULL: it is */
    bool ended;                 /* jobs that live are meant only by their ids */
    bool delays;                /* takes --delay */
    const struct argp *options; /* the command's own; NULL: none */
    void *arguments;            /* their input, and that of the next */
    /* What is sent, which borrows from `common`; NULL: `common` itself. An exit code, with a word. */
    int (*request)(void *arguments, const Gor__V1__ActRequest *common,
                   const ProtobufCMessage **out_request);
};

/* The whole command. */
int gorctl_act_run(struct gorctl *ctl, int argc, char **argv, const struct gorctl_act *act);

#endif
