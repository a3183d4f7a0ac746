/* SPDX-License-Identifier: MIT */
/* stream.h - jobs from lines as they come: each is handed in by itself, whatever becomes of others. */
#ifndef GOR_CLIENT_STREAM_H
#define GOR_CLIENT_STREAM_H

#include "client/gorctl.h"

/* Hand in a job for each line of `fd` (see batch.h), printing its id, or on stderr why it was not
 * taken; with ctl->json the answer as a JSON object a line. `name` is for messages. An exit code: OK
 * when all were taken, else that of the first refusal. */
int gorctl_submit_stream(struct gorctl *ctl, int fd, const char *name);

#endif
