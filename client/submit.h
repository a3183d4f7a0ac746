/* SPDX-License-Identifier: MIT */
/* submit.h - hand in one job from a command line; shared by submit and run. */
#ifndef GOR_CLIENT_SUBMIT_H
#define GOR_CLIENT_SUBMIT_H

#include "client/gorctl.h"
#include "client/spec.h"

enum gorctl_submit_how {
    GORCTL_SUBMIT,
    GORCTL_SUBMIT_DRY,     /* only look whether it would be taken */
    GORCTL_SUBMIT_FOLLOWS, /* gorctl_follow() comes next, and holds it */
};

/* An exit code; on GORCTL_EXIT_OK a reply for wire_decoded_free(). */
int gorctl_submit(struct gorctl *ctl, const struct gorctl_spec *spec, enum gorctl_submit_how how,
                  Gor__V1__SubmitReply **out_reply);

/* The same, and print the id, or with --json the reply; then what is on standard input is sent to a job
 * that takes it. An exit code. */
int gorctl_submit_print(struct gorctl *ctl, const struct gorctl_spec *spec);

#endif
