/* SPDX-License-Identifier: MIT */
/* export.c - see export.h: the loop's part.
 *
 * The thread is there from the first endpoint to the stop, also while a reload has taken that away again.
 */
#include "daemon/export.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/base/sigmask.h"
#include "daemon/event/event.h"
#include "daemon/export_inside.h"
#include "runtime/gor.h"

/* ---- what the options say */

static int make_target(const struct gord_config *config, char why[GORD_OTLP_WHY],
                       struct gord_otlp_target **out_target)
{
    if (config->otlp_endpoint == NULL) {
        *out_target = NULL;
        return 0;
    }
    return gord_otlp_target_new(config->otlp_endpoint, config->otlp_headers, config->otlp_ca, why,
                                out_target);
}

void gord_export_check(const struct gord_config *config, struct gord_faults *faults)
{
    struct gord_otlp_target *target = NULL;
    char why[GORD_OTLP_WHY], where[PATH_MAX + 64];

    if (make_target(config, why, &target) != 0) {
        gord_fault(faults, "%s: %s",
                   gord_config_where(config, GORD_OPT_OTLP_HEADERS, where, sizeof(where)), why);
    }
    gord_otlp_target_free(target);
}

/* Is the host of the URL this machine, as far as its name tells? */
static bool is_local(const char *url)
{
    const char *host = strstr(url, "://") + strlen("://");

    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           (strncmp(host, "localhost", 9) == 0 && strchr(":/", host[9]) != NULL);
}

static void announce(const struct gord_export *export)
{
    const struct gord_otlp_target *target = export->current;

    if (target == NULL) {
        return;
    }
    gord_log(GORD_LOG_NOTICE, 0, "sending metrics to %s", target->url);
    if (target->header_count > 0 && strncmp(target->url, "http://", 7) == 0 &&
        !is_local(target->url)) {
        gord_log(GORD_LOG_WARNING, 0,
                 "the headers of --otlp-headers go to %s unencrypted; give --otlp-endpoint an "
                 "https URL if they are secret",
                 target->url);
    }
}

/* ---- handing over */

/* For the thread, from now on theirs; locked. */
static void put_next(struct gord_export *export, const struct gord_figures *figures)
{
    if (export->has_next) { /* the thread is busy; these are newer */
        gord_figures_fini(&export->next);
        atomic_fetch_add_explicit(&export->counts->dropped, 1, memory_order_relaxed);
    }
    export->next = *figures;
    export->next_at_ns = gord_event_clock();
    export->has_next = true;
    pthread_cond_signal(&export->changed);
}

static void on_time(uv_timer_t *timer)
{
    struct gord_export *export = timer->data;
    struct gord_figures figures;

    gord_figures_gather(export->service, &figures);
    pthread_mutex_lock(&export->lock);
    put_next(export, &figures);
    pthread_mutex_unlock(&export->lock);
}

/* The thread's copy of the target; its own may be NULL. */
static void hand_over_target(struct gord_export *export, struct gord_otlp_target *target)
{
    pthread_mutex_lock(&export->lock);
    gord_otlp_target_free(export->fresh);
    export->fresh = target;
    export->has_fresh = true;
    pthread_cond_signal(&export->changed);
    pthread_mutex_unlock(&export->lock);
    gord_post_wake(export->post);
}

static int start_thread(struct gord_export *export)
{
    sigset_t old;

    if (!export->inited && gord_post_init() != 0) {
        return -ENOMEM;
    }
    export->inited = true;
    if (export->post == NULL && (export->post = gord_post_new()) == NULL) {
        return -ENOMEM;
    }
    gord_signals_block(&old);
    int result = -pthread_create(&export->thread, NULL, gord_export_run, export);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    export->runs = result == 0;
    return result;
}

static void set_timer(struct gord_export *export)
{
    int64_t interval_ns = export->current != NULL ? export->config->otlp_interval_ns : 0;
    uint64_t interval_ms = (uint64_t)(interval_ns / GOR_MILLISECOND);

    if (interval_ns == export->interval_ns) {
        return;
    }
    export->interval_ns = interval_ns;
    if (interval_ns == 0) {
        uv_timer_stop(&export->timer);
    } else {
        uv_update_time(export->timer.loop); /* a start takes longer than an interval may be */
        uv_timer_start(&export->timer, on_time, interval_ms, interval_ms);
    }
}

/* Send to there from now on; takes over what it is given, twice the same. */
static int set_target(struct gord_export *export, struct gord_otlp_target *target,
                      struct gord_otlp_target *twin)
{
    int result = target != NULL && !export->runs ? start_thread(export) : 0;

    if (result != 0) {
        gord_otlp_target_free(target);
        gord_otlp_target_free(twin);
        return result;
    }
    if (export->runs) {
        hand_over_target(export, twin);
    }
    gord_otlp_target_free(export->current);
    export->current = target;
    atomic_store_explicit(&export->counts->on, target != NULL, memory_order_relaxed);
    announce(export);
    return 0;
}

/* As the configuration has it now. The error was logged. */
static int take_config(struct gord_export *export)
{
    struct gord_otlp_target *target = NULL;
    struct gord_otlp_target *twin = NULL;
    char why[GORD_OTLP_WHY] = "out of memory";
    int result = make_target(export->config, why, &target);

    if (result == 0) {
        result = make_target(export->config, why, &twin);
    }
    if (result != 0) {
        gord_otlp_target_free(target);
    } else if (gord_otlp_target_equal(target, export->current)) {
        gord_otlp_target_free(target);
        gord_otlp_target_free(twin);
    } else {
        result = set_target(export, target, twin);
        snprintf(why, sizeof(why), "cannot start a thread: %s", strerror(-result));
    }
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "--otlp-endpoint: %s", why);
        return result;
    }
    set_timer(export);
    return 0;
}

/* ---- life */

static void init_waiting(struct gord_export *export)
{
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&export->lock, NULL);
    (void)pthread_cond_init(&export->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

int gord_export_start(const struct gord_config *config, uv_loop_t *loop,
                      struct gord_service *service, struct gord_export **out_export)
{
    struct gord_export *export = calloc(1, sizeof(*export));

    if (export == NULL) {
        gord_log(GORD_LOG_ERROR, 0, "cannot send metrics: out of memory");
        return -ENOMEM;
    }
    export->config = config;
    export->service = service;
    export->counts = gord_service_exports(service);
    export->start_ns = gord_event_clock();
    gord_instance_id(config->state_dir, export->instance);
    if (gethostname(export->host, sizeof(export->host) - 1) != 0) {
        snprintf(export->host, sizeof(export->host), "localhost");
    }
    init_waiting(export);
    uv_timer_init(loop, &export->timer);
    export->timer.data = export;
    *out_export = export;
    return take_config(export);
}

void gord_export_change(struct gord_export *export)
{
    if (export != NULL && !export->finished) {
        (void)take_config(export);
    }
}

void gord_export_finish(struct gord_export *export)
{
    struct gord_figures figures;

    if (export == NULL || export->finished) {
        return;
    }
    export->finished = true;
    uv_timer_stop(&export->timer);
    if (!export->runs) {
        return;
    }
    gord_figures_gather(export->service, &figures);
    pthread_mutex_lock(&export->lock);
    put_next(export, &figures); /* the thread shall see both at once: these are the last */
    export->stopping = true;
    export->ends_ns = gor_now() + GORD_EXPORT_LAST_MS * GOR_MILLISECOND;
    pthread_cond_signal(&export->changed);
    pthread_mutex_unlock(&export->lock);
    gord_post_wake(export->post);
}

void gord_export_stop(struct gord_export *export)
{
    if (export == NULL || export->stopped) {
        return;
    }
    gord_export_finish(export);
    export->stopped = true;
    if (export->runs) {
        pthread_join(export->thread, NULL);
    }
    uv_close((uv_handle_t *)&export->timer, NULL);
}

void gord_export_free(struct gord_export *export)
{
    if (export == NULL) {
        return;
    }
    gord_post_free(export->post);
    if (export->inited) {
        gord_post_fini();
    }
    gord_figures_fini(&export->next);
    gord_otlp_target_free(export->current);
    gord_otlp_target_free(export->fresh);
    gord_otlp_target_free(export->target);
    free(export->message);
    (void)pthread_cond_destroy(&export->changed);
    (void)pthread_mutex_destroy(&export->lock);
    free(export);
}
