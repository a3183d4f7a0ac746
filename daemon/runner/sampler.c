/* SPDX-License-Identifier: MIT */
#include "daemon/runner/sampler.h"

#include "daemon/runner/native.h"

#define PERIOD_MS 50
#define PERIOD_NS (PERIOD_MS * GOR_MILLISECOND)
#define LOOKS_PER_TICK 512

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
        struct list_link *link = list_pop(&sampler->runs);
        struct gord_run *run = CONTAINER_OF(link, struct gord_run, sampled);
        list_append(&sampler->runs, link);
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
    list_init(&sampler->runs);
    uv_timer_init(gord_bus_loop(bus), &sampler->timer);
    sampler->timer.data = sampler;
}

void gord_sampler_close(struct gord_sampler *sampler)
{
    uv_close((uv_handle_t *)&sampler->timer, NULL);
}

void gord_sampler_add(struct gord_sampler *sampler, struct gord_run *run)
{
    list_append(&sampler->runs, &run->sampled);
    sampler->count++;
    if (!uv_is_active((const uv_handle_t *)&sampler->timer)) {
        uv_timer_start(&sampler->timer, on_tick, PERIOD_MS, PERIOD_MS);
    }
}

void gord_sampler_remove(struct gord_sampler *sampler, struct gord_run *run)
{
    if (list_link_is_listed(&run->sampled)) {
        list_remove(&run->sampled);
        sampler->count--;
    }
}
