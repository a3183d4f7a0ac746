/* SPDX-License-Identifier: MIT */
#include "daemon/runner/sampler.h"

#include "daemon/runner/native.h"

#define PERIOD_MS 50
#define PERIOD_NS (PERIOD_MS * GOR_MILLISECOND)
#define LOOKS_PER_TICK 512

static void unlink_run(struct gord_sampler *sampler, struct gord_run *run)
{
    *(run->prev != NULL ? &run->prev->next : &sampler->first) = run->next;
    *(run->next != NULL ? &run->next->prev : &sampler->last) = run->prev;
    run->prev = NULL;
    run->next = NULL;
    sampler->count--;
}

static void link_last(struct gord_sampler *sampler, struct gord_run *run)
{
    run->prev = sampler->last;
    run->next = NULL;
    *(sampler->last != NULL ? &sampler->last->next : &sampler->first) = run;
    sampler->last = run;
    sampler->count++;
}

/* It stands still until it is resumed, or is to end, for which it has to go on. */
static void look_at_paused(struct gord_sampler *sampler, struct gord_run *run)
{
    struct gor_ctx *ctx = atomic_load(&run->ctx);
    bool ends = atomic_load(&run->cause) != NULL || (ctx != NULL && gor_ctx_err(ctx) != 0);

    if (ends && gord_bus_emit(sampler->bus,
                              gord_event_state(run->id, GOR__V1__JOB_STATE__RUNNING,
                                               "resumed, since it is to end"),
                              NULL) == 0) {
        run->paused = false;
        run->shown = GOR__V1__JOB_STATE__RUNNING;
        (void)gor_quota_resume(run->quota);
    }
}

static void look(struct gord_sampler *sampler, struct gord_run *run)
{
    struct gor_info info;
    Gor__V1__JobState state = GOR__V1__JOB_STATE__RUNNING;
    const char *reason = "";

    if (run->paused) {
        look_at_paused(sampler, run);
        return;
    }
    if (gor_lookup(run->goroutine, &info) != 0) {
        gord_plugin_job_lost(run->job); /* else its last event is on its way */
        return;
    }
    if (info.state == GOR_WAITING && info.waiting_ns >= PERIOD_NS) {
        state = GOR__V1__JOB_STATE__WAITING;
        reason = gor_wait_reason_name(info.reason);
    }
    if (state != run->shown &&
        gord_bus_emit(sampler->bus, gord_event_state(run->id, state, reason), NULL) == 0) {
        run->shown = state;
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct gord_sampler *sampler = timer->data;
    int64_t born_before = gor_now() - PERIOD_NS;
    size_t looks = sampler->count < LOOKS_PER_TICK ? sampler->count : LOOKS_PER_TICK;

    for (; looks > 0; looks--) {
        struct gord_run *run = sampler->first;
        unlink_run(sampler, run);
        link_last(sampler, run);
        if (run->started_at <= born_before) {
            look(sampler, run);
        }
    }
    if (sampler->count == 0) {
        uv_timer_stop(timer);
    }
}

void gord_sampler_init(struct gord_sampler *sampler, struct gord_bus *bus)
{
    *sampler = (struct gord_sampler){.bus = bus};
    uv_timer_init(gord_bus_loop(bus), &sampler->timer);
    sampler->timer.data = sampler;
}

void gord_sampler_close(struct gord_sampler *sampler)
{
    uv_close((uv_handle_t *)&sampler->timer, NULL);
}

void gord_sampler_add(struct gord_sampler *sampler, struct gord_run *run)
{
    link_last(sampler, run);
    if (!uv_is_active((const uv_handle_t *)&sampler->timer)) {
        uv_timer_start(&sampler->timer, on_tick, PERIOD_MS, PERIOD_MS);
    }
}

void gord_sampler_remove(struct gord_sampler *sampler, struct gord_run *run)
{
    if (run->prev != NULL || run->next != NULL || sampler->first == run) {
        unlink_run(sampler, run);
    }
}
