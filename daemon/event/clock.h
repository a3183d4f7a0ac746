/* SPDX-License-Identifier: MIT */
/* clock.h - the two clocks that jobs wait by, and how one is told from the other after a restart.
 *
 * The wall clock may be set at any time. The boot-time clock counts on, through sleep of the machine
 * too, but begins anew with each boot; where that happened, the wall clock is the best there is.
 * Threads     any.
 */
#ifndef GORD_EVENT_CLOCK_H
#define GORD_EVENT_CLOCK_H

#include <stdint.h>

#include "daemon/event/standing.h"

/* Nanoseconds since the machine was booted, sleep included. */
int64_t gord_clock_boot(void);

/* A number for this boot of the machine, which no other has; the same for all who ask. */
uint64_t gord_clock_boot_id(void);

/* Let `standing` be due in `delay_ns` from now, in real time. */
void gord_clock_delay(struct gord_standing *standing, int64_t delay_ns);

/* When `standing` is due by the boot-time clock, also if it was put down in another boot. It must
 * have a due_boot. */
int64_t gord_clock_due(const struct gord_standing *standing);

#endif
