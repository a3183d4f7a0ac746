/* SPDX-License-Identifier: MIT */
/* clock.h - what a clock of the system says, as one number. Of the wall clock gord_event_clock() asks, of
 * the boot-time clock gord_clock_boot(), see daemon/event.
 *
 * Threads     any.
 */
#ifndef GORD_BASE_CLOCK_H
#define GORD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds by CLOCK_REALTIME, CLOCK_MONOTONIC or another that there is. */
int64_t gord_clock_ns(clockid_t clock);

#endif
