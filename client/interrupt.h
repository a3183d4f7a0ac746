/* SPDX-License-Identifier: MIT */
/* interrupt.h - ctrl-C while a job is followed: once leaves it running, twice cancels it.
 *
 * The first ctrl-C says how to come back and waits a moment for the second; a third one, after the
 * cancellation, leaves at once. Where SIGINT is ignored (a background job of a script) it stays so.
 * Ownership   start/stop; after stop ctrl-C ends the process as usual.
 */
#ifndef GOR_CLIENT_INTERRUPT_H
#define GOR_CLIENT_INTERRUPT_H

#include <stdint.h>

#include "client/gorctl.h"

struct gorctl_interrupt;

/* After gorctl_connect(); it acts on the stream that runs then. */
struct gorctl_interrupt *gorctl_interrupt_start(struct gorctl *ctl, uint64_t job_id);
void gorctl_interrupt_stop(struct gorctl_interrupt *interrupt);

#endif
