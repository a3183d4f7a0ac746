/* SPDX-License-Identifier: MIT */
/* interrupt.h - signals that a command wants to hear of while its loop runs, to end in good order.
 *
 * They come as a call from the loop. What is ignored stays so: SIGINT in a background job of a script, SIGHUP
 * under nohup.
 * Ownership   start/stop; after stop they do what they usually do.
 */
#ifndef GOR_CLIENT_INTERRUPT_H
#define GOR_CLIENT_INTERRUPT_H

#include "client/gorctl.h"

/* What ends a program from outside, all three. */
#define GORCTL_ENDING_SIGNALS SIGINT, SIGTERM, SIGHUP

struct gorctl_interrupt;

typedef void gorctl_on_signal(int number, void *user);

/* After gorctl_connect(). `signals` ends with 0. */
struct gorctl_interrupt *gorctl_interrupt_start(struct gorctl *ctl, const int *signals,
                                                gorctl_on_signal *on_signal, void *user);

/* Its memory goes when the loop has run. NULL is fine. */
void gorctl_interrupt_stop(struct gorctl_interrupt *interrupt);

#endif
