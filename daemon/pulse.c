/* SPDX-License-Identifier: MIT */
#include "daemon/pulse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/gor.h"

#define STATUS_MS 2000
#define STORE_PATIENCE_NS (60 * GOR_SECOND) /* a disk may be slow; it may not stand still */

static void beat(void *arg)
{
    struct gord_pulse *pulse = arg;

    atomic_fetch_add_explicit(&pulse->beats, 1, memory_order_relaxed);
}

static void ask_beat(struct gord_pulse *pulse)
{
    /* Jobs that have all the places there are do not stop the daemon's heart. */
    struct gor_go_opts opts = {.at_ceiling = GOR_CEILING_EXEMPT};

    pulse->unasked = gor_go_with(&opts, beat, pulse) != 0;
    if (!pulse->unasked) {
        pulse->asked++;
    }
}

static bool store_moves(struct gord_pulse *pulse)
{
    uint64_t committed = gord_bus_committed(pulse->bus);

    if (committed != pulse->committed || committed == gord_bus_last_seq(pulse->bus) ||
        gord_bus_store_error(pulse->bus, NULL) != 0) {
        pulse->committed = committed;
        pulse->committed_at_ns = gor_now();
    }
    return gor_now() - pulse->committed_at_ns < STORE_PATIENCE_NS;
}

static void on_watchdog(uv_timer_t *timer)
{
    struct gord_pulse *pulse = timer->data;

    if (pulse->unasked) { /* no goroutine is no sign of life; perhaps there is one now */
        ask_beat(pulse);
        return;
    }
    if (atomic_load_explicit(&pulse->beats, memory_order_relaxed) == pulse->asked &&
        store_moves(pulse)) {
        gord_notify_watchdog(pulse->notify);
        ask_beat(pulse);
    }
}

static void on_status(uv_timer_t *timer)
{
    struct gord_pulse *pulse = timer->data;
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(pulse->bus));
    const char *error = "";
    char text[160];

    if (gord_bus_store_error(pulse->bus, &error) != 0) {
        snprintf(text, sizeof(text), "the store refuses: %.120s", error);
    } else {
        snprintf(text, sizeof(text), "%s%" PRIu64 " running, %" PRIu64 " queued",
                 pulse->stopping ? "stopping: " : "",
                 counts->taken[GORD_EXEC] + counts->taken[GORD_NATIVE] + counts->taken[GORD_LUA],
                 counts->queued[GORD_EXEC] + counts->queued[GORD_NATIVE] +
                     counts->queued[GORD_LUA]);
    }
    if (strcmp(text, pulse->text) != 0 && gord_notify_status(pulse->notify, text) == 0) {
        memcpy(pulse->text, text, sizeof(text));
    }
}

void gord_pulse_start(struct gord_pulse *pulse, uv_loop_t *loop, struct gord_notify *notify,
                      struct gord_bus *bus)
{
    memset(pulse, 0, sizeof(*pulse));
    pulse->notify = notify;
    pulse->bus = bus;
    pulse->committed_at_ns = gor_now();
    if (notify->fd < 0) {
        return;
    }
    pulse->started = true;
    uv_timer_init(loop, &pulse->watchdog);
    uv_timer_init(loop, &pulse->status);
    pulse->watchdog.data = pulse;
    pulse->status.data = pulse;
    uv_timer_start(&pulse->status, on_status, STATUS_MS, STATUS_MS);
    if (notify->watchdog_ns > 0) {
        uint64_t every_ms = (uint64_t)(notify->watchdog_ns / 3 / GOR_MILLISECOND);
        every_ms = every_ms > 0 ? every_ms : 1;
        ask_beat(pulse);
        uv_timer_start(&pulse->watchdog, on_watchdog, every_ms, every_ms);
    }
}

void gord_pulse_stop(struct gord_pulse *pulse)
{
    if (pulse->started) {
        pulse->started = false;
        uv_close((uv_handle_t *)&pulse->watchdog, NULL);
        uv_close((uv_handle_t *)&pulse->status, NULL);
    }
}

void gord_starting_tell(struct gord_starting *starting, const char *what, uint64_t count,
                        int64_t ns)
{
    int64_t now = gor_now();
    char text[160];

    if (what == starting->what && now - starting->told_ns < GOR_SECOND) {
        return;
    }
    starting->what = what;
    starting->told_ns = now;
    if (count != 0) {
        snprintf(text, sizeof(text), "starting: %" PRIu64 " %s", count, what);
    } else {
        snprintf(text, sizeof(text), "starting: %s", what);
    }
    gord_notify_progress(starting->notify, ns, text);
}
