/* SPDX-License-Identifier: MIT */
#include "daemon/runner/reaper.h"

#include <signal.h>
#include <sys/prctl.h>

#include "runtime/gor.h"

#define REAP_AFTER_MS 1000 /* many ends at once make one look at /proc */

static void reap(void *arg)
{
    struct gord_reaper *reaper = arg;

    atomic_store(&reaper->left, gord_children_reap(reaper->children));
    atomic_store(&reaper->reaping, false);
}

static void on_timer(uv_timer_t *timer)
{
    struct gord_reaper *reaper = timer->data;

    struct gor_go_opts opts = {.at_ceiling = GOR_CEILING_EXEMPT};

    if (!atomic_exchange(&reaper->reaping, true) && gor_go_with(&opts, reap, reaper) != 0) {
        atomic_store(&reaper->reaping, false);
    }
    /* Zombies that nobody claimed are looked at once more; after that SIGCHLD tells. */
    if (atomic_load(&reaper->left) > 0 || atomic_load(&reaper->reaping)) {
        uv_timer_start(timer, on_timer, REAP_AFTER_MS, 0);
    }
}

static void on_child_ended(uv_signal_t *handle, int signum)
{
    struct gord_reaper *reaper = handle->data;

    (void)signum;
    if (!uv_is_active((const uv_handle_t *)&reaper->timer)) {
        uv_timer_start(&reaper->timer, on_timer, REAP_AFTER_MS, 0);
    }
}

void gord_reaper_start(struct gord_reaper *reaper, uv_loop_t *loop, struct gord_children *children)
{
    reaper->children = children;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    uv_timer_init(loop, &reaper->timer);
    uv_signal_init(loop, &reaper->child_ended);
    reaper->timer.data = reaper;
    reaper->child_ended.data = reaper;
    uv_signal_start(&reaper->child_ended, on_child_ended, SIGCHLD);
}

void gord_reaper_stop(struct gord_reaper *reaper)
{
    uv_close((uv_handle_t *)&reaper->timer, NULL);
    uv_close((uv_handle_t *)&reaper->child_ended, NULL);
}
