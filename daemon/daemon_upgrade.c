/* SPDX-License-Identifier: MIT */
/* daemon_upgrade.c - gord hands itself over to what is installed: see daemon_inside.h, upgrade.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/daemon_inside.h"
#include "daemon/listen.h"
#include "daemon/runner/handover.h"
#include "daemon/upgrade.h"
#include "daemon/upgrade_ask.h"

/* The listeners are closed with the server; the sockets go on by copies. */
static void keep_listener(void *arg, int fd, const char *path)
{
    struct gord_daemon *d = arg;
    size_t at = d->to.n_listeners;
    int copy = at < GORD_DAEMON_KEPT ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;

    if (copy >= 0) {
        gor__handover__listener__init(&d->kept[at]);
        d->kept[at].name = (char *)(uintptr_t)gord_kept_name(d->config, fd, path);
        d->kept[at].fd = copy;
        d->kept_list[at] = &d->kept[at];
        d->to.n_listeners++;
    }
}

static void begin_upgrade(struct gord_daemon *d)
{
    gord_log(GORD_LOG_NOTICE, 0, "becoming what is installed as %s", d->upgrade->path);
    gord_notify_reloading(&d->notify, "being replaced by another version");
    gor__handover__handover__init(&d->to);
    d->to.began_ns = gor_now();
    d->to.listeners = d->kept_list;
    rpc_server_each_listener(d->server, keep_listener, d);
    rpc_server_leave_files(d->server);
    d->stop.leaving = true;
    gord_stop_begin(&d->stop);
}

static void on_replacing(uv_timer_t *timer)
{
    struct gord_daemon *d = timer->data;

    if (!gord_stop_has_begun(&d->stop)) { /* by a signal since */
        begin_upgrade(d);
    }
}

/* Whether that may be asked; else a negative errno, and why not. */
static int may_upgrade(const struct gord_daemon *d, char why[GORD_UPGRADE_WHY])
{
    if (gord_stop_has_begun(&d->stop) && !d->stop.leaving) {
        snprintf(why, GORD_UPGRADE_WHY, "the daemon is stopping");
        return -EBUSY;
    }
    if (d->stop.leaving || uv_is_active((const uv_handle_t *)&d->replacing)) {
        snprintf(why, GORD_UPGRADE_WHY, "it is being replaced already");
        return -EBUSY;
    }
    if (d->asking != NULL) {
        snprintf(why, GORD_UPGRADE_WHY,
                 "for somebody else %.100s is being asked already whether it takes over; wait for "
                 "what comes of that",
                 d->upgrade->path);
        return -EBUSY;
    }
    if (d->config->store_memory) {
        snprintf(why, GORD_UPGRADE_WHY, "with --store=memory all jobs would be forgotten");
        return -EINVAL;
    }
    return 0;
}

static void tell_wish(const struct gord_upgrade_wish *wish, int result, const char *why)
{
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "no upgrade: %s", why);
    }
    if (wish->told != NULL) {
        wish->told(wish->user, result, why);
    }
}

static void on_upgrade_answered(void *arg, int result, const char *why)
{
    struct gord_daemon *d = arg;

    d->asking = NULL;
    if (result == 0) {
        d->stop.patient = d->wish.patient;
        uv_timer_start(&d->replacing, on_replacing, 0, 0);
    }
    tell_wish(&d->wish, result, why);
}

void gord_daemon_upgrade_soon(void *arg, const struct gord_upgrade_wish *wish)
{
    struct gord_daemon *d = arg;
    char why[GORD_UPGRADE_WHY];
    struct gord_asking_opts opts = {
        .loop = &d->loop, .upgrade = d->upgrade, .answered = on_upgrade_answered, .arg = d};
    int result = may_upgrade(d, why);

    if (result == 0) {
        result = gord_upgrade_ask(&opts, why, &d->asking);
    }
    if (result == 0) {
        d->wish = *wish;
    } else {
        tell_wish(wish, result, why);
    }
}

void gord_daemon_upgrade_drop(struct gord_daemon *d, const char *why)
{
    if (d->asking != NULL) {
        gord_asking_drop(d->asking);
        d->asking = NULL;
        tell_wish(&d->wish, -ECANCELED, why);
    }
}

void gord_daemon_upgrade_forget(void *arg)
{
    struct gord_daemon *d = arg;

    d->wish = (struct gord_upgrade_wish){.told = NULL};
    gord_daemon_upgrade_drop(d, "who asked for it has gone before the answer");
}

int64_t gord_daemon_awaits_ns(void *arg)
{
    const struct gord_daemon *d = arg;

    return gord_stop_awaits_ns(d->config);
}

static void note_ends(const struct gord_ends *ends, Gor__Handover__Ends *out)
{
    gor__handover__ends__init(out);
    out->cancelled = ends->cancelled;
    out->requeued = ends->requeued;
    out->awaited = ends->awaited;
}

static struct gord_ends ends_of(const Gor__Handover__Ends *ends)
{
    return (struct gord_ends){ends->cancelled, ends->requeued, ends->awaited};
}

const struct gord_upgrade_ends *gord_daemon_ended(struct gord_daemon *d)
{
    if (d->from == NULL || d->from->natives == NULL || d->from->scripts == NULL) {
        return NULL;
    }
    d->ended = (struct gord_upgrade_ends){.natives = ends_of(d->from->natives),
                                          .scripts = ends_of(d->from->scripts)};
    return &d->ended;
}

static void tell_ended(const char *what, const struct gord_ends *ends)
{
    if (ends->cancelled + ends->requeued + ends->awaited > 0) {
        gord_log(GORD_LOG_NOTICE, 0,
                 "%s could not go on over that: %" PRIu64 " cancelled, %" PRIu64
                 " queued again, %" PRIu64 " awaited to their end",
                 what, ends->cancelled, ends->requeued, ends->awaited);
    }
}

void gord_daemon_tell_ended(struct gord_daemon *d)
{
    const struct gord_upgrade_ends *ended = gord_daemon_ended(d);

    if (ended != NULL) {
        tell_ended("native jobs", &ended->natives);
        tell_ended("scripts", &ended->scripts);
    }
}

void gord_daemon_upgrade(struct gord_daemon *d, struct gord_handed *notes)
{
    d->to.n_runs = notes->count;
    d->to.runs = notes->items;
    note_ends(&d->stop.ends[GORD_NATIVE], &d->ends[0]);
    note_ends(&d->stop.ends[GORD_LUA], &d->ends[1]);
    d->to.natives = &d->ends[0];
    d->to.scripts = &d->ends[1];
    int result = gord_upgrade_execute(d->upgrade, &d->to, &d->nofile);
    gord_log(GORD_LOG_ERROR, 0, "neither the new gord nor the former one can be run: %s",
             strerror(-result));
    d->code = GORD_EXIT_INTERNAL;
}
