/* SPDX-License-Identifier: MIT */
/* leave.h - ctrl-C while a job is followed: once leaves it running, twice cancels it.
 *
 * The first ctrl-C says how to come back and waits a moment for the second; a third one, after the
 * cancellation, leaves at once.
 * Ownership   start/stop; after stop ctrl-C ends the process as usual.
 */
#ifndef GOR_CLIENT_LEAVE_H
#define GOR_CLIENT_LEAVE_H

#include <stdint.h>

#include "client/gorctl.h"

struct gorctl_leave;

/* After gorctl_connect(); it acts on the stream that runs then. */
struct gorctl_leave *gorctl_leave_start(struct gorctl *ctl, uint64_t job_id);
void gorctl_leave_stop(struct gorctl_leave *leaving);

#endif
