/* SPDX-License-Identifier: MIT */
/* reaper.h - reaps what jobs left behind, some time after SIGCHLD, on a goroutine.
 *
 * Makes the daemon the sub-reaper of its descendants, so that they come to it and not to init.
 * Threads     loop thread.
 * Ownership   the memory is the caller's; it stays in use until the loop has run after stop.
 */
#ifndef GORD_RUNNER_REAPER_H
#define GORD_RUNNER_REAPER_H

#include <stdatomic.h>
#include <stdbool.h>

#include <uv.h>

#include "daemon/runner/children.h"

struct gord_reaper {
    struct gord_children *children; /* borrowed */
    uv_signal_t child_ended;
    uv_timer_t timer;
    atomic_bool reaping; /* a goroutine is at it */
    atomic_size_t left;  /* zombies that it could not decide about */
};

void gord_reaper_start(struct gord_reaper *reaper, uv_loop_t *loop, struct gord_children *children);
void gord_reaper_stop(struct gord_reaper *reaper);

#endif
