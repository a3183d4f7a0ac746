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
    uint64_t committed;      /* of the store, at the last beat */
    int64_t committed_at_ns; /* when that changed, or there was nothing to commit */
    char text[160];          /* the status told last */
};

/* Does nothing when nobody listens. */
void gord_pulse_start(struct gord_pulse *pulse, uv_loop_t *loop, struct gord_notify *notify,
                      struct gord_bus *bus);
void gord_pulse_stop(struct gord_pulse *pulse);

#endif
