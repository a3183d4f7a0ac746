/* SPDX-License-Identifier: MIT */
/* control.h - what the commands that steer running jobs share: the call, and what became of each. */
#ifndef GOR_CLIENT_CONTROL_H
#define GOR_CLIENT_CONTROL_H

#include <stdbool.h>

#include "client/gorctl.h"
#include "gor/v1/jobs.pb-c.h"

struct gorctl_control {
    const char *path; /* of a call that answers with a ControlReply */
    const ProtobufCMessage *request;
    const char *done;      /* "paused": what has been done to each job */
    const char *unchanged; /* "was paused already"; NULL: cannot be */
};

/* Make the call and say what became of each job. GORCTL_EXIT_OK; GORCTL_EXIT_NOT_FOUND: one is not
 * known; GORCTL_EXIT_USAGE: one runs no process that could be steered. A job that has ended, or was
 * so already, is no error. */
int gorctl_control(struct gorctl *ctl, const struct gorctl_control *control);

#endif
