/* SPDX-License-Identifier: MIT */
/* pulse.h - signs of life for systemd, each from proof of progress: the loop turns, a goroutine
 * started since the last sign has run, and the store has moved if it had anything to do.
 *
 * Threads     loop thread.
 */
#ifndef GORD_PULSE_H
#define GORD_PULSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/base/notify.h"
#include "daemon/runner/bus.h"

struct gord_pulse {
    struct gord_notify *notify;
    struct gord_bus *bus;
    uv_timer_t watchdog;
    uv_timer_t status;
    bool started;
    _Atomic uint64_t beats;  /* by goroutines */
    uint64_t asked;          /* beats asked for */
    bool unasked;            /* no goroutine could be had for the next one */
    bool stopping;           /* the status counts what is still to end */
    uint64_t committed;      /* of the store, at the last beat */
    int64_t committed_at_ns; /* when that changed, or there was nothing to commit */
    char text[160];          /* the status told last */
};

/* Does nothing when nobody listens. */
void gord_pulse_start(struct gord_pulse *pulse, uv_loop_t *loop, struct gord_notify *notify,
                      struct gord_bus *bus);
void gord_pulse_stop(struct gord_pulse *pulse);

/* A start that goes on: each sign asks systemd for time until the next, so a large store may take its
 * time, and one that stands still is given up on. */
struct gord_starting {
    struct gord_notify *notify;
    const char *what; /* told last; a literal */
    int64_t told_ns;
};

/* "starting: WHAT", or "starting: COUNT WHAT" unless that is 0, at most once a second while `what`, a
 * literal, is the same. The next sign comes within `ns`. */
void gord_starting_tell(struct gord_starting *starting, const char *what, uint64_t count,
                        int64_t ns);

#endif
