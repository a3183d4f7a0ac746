/* SPDX-License-Identifier: MIT */
/* answer.h - a call whose reply is all that is shown. */
#ifndef GOR_CLIENT_ANSWER_H
#define GOR_CLIENT_ANSWER_H

#include "client/channel.h"

/* Make the call and print the reply: as JSON if that was asked for, else by show(reply, arg); NULL: not
 * at all. An exit code; what went wrong has been said. */
int gorctl_call_show(struct gorctl *ctl, const struct gorctl_call *call,
                     void (*show)(const ProtobufCMessage *reply, void *arg), void *arg);

#endif
