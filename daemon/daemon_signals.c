/* SPDX-License-Identifier: MIT */
/* daemon_signals.c - what gord does when it is sent a signal: see daemon_inside.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/base/sigmask.h"
#include "daemon/daemon_inside.h"
#include "daemon/reload.h"
#include "daemon/upgrade.h"

static void begin_stop(struct gord_daemon *d, int signum)
{
    gord_log(GORD_LOG_NOTICE, 0, "stopping on %s", signum == SIGTERM ? "SIGTERM" : "SIGINT");
    gord_notify_stopping(&d->notify, "ending jobs");
    d->pulse.stopping = true;
    gord_daemon_upgrade_drop(d, "the daemon is stopping");
    if (d->stored) {
        rpc_server_leave_files(d->server); /* the next one goes on with them, or clears them away */
    }
    gord_stop_begin(&d->stop);
}

int gord_daemon_reload(void *arg, const struct gord_reload_report *report,
                       struct gord_reloaded *out_reloaded)
{
    struct gord_daemon *d = arg;
    struct gord_reload target = {.config = d->config,
                                 .runner = d->runner,
                                 .service = d->service,
                                 .server = d->server,
                                 .export = d->export};
    char text[GORD_RELOAD_TEXT];

    if (gord_stop_has_begun(&d->stop)) {
        gord_log(GORD_LOG_NOTICE, 0, "reload: stopping, so nothing is read again");
        return -ECANCELED;
    }
    gord_notify_reloading(&d->notify, "reading the configuration");
    int result = gord_reload(&target, report, text, out_reloaded);
    gord_notify_ready(&d->notify, text);
    d->pulse.text[0] = '\0'; /* the counts are told again, after this */
    return result;
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct gord_daemon *d = handle->data;
    struct gord_reloaded reloaded;

    switch (signum) {
    case SIGTERM:
    case SIGINT:
        if (!gord_stop_has_begun(&d->stop)) {
            begin_stop(d, signum);
        } else {
            gord_stop_hurry(&d->stop);
            gord_upgrade_note_stop(signum);
        }
        break;
    case SIGUSR2:
        if (!gord_stop_has_begun(&d->stop)) {
            gord_daemon_upgrade_soon(d, &(struct gord_upgrade_wish){.told = NULL});
        }
        break;
    case SIGUSR1:
        gor_dump(stderr);
        gord_job_table_dump(gord_bus_table(d->bus), stderr);
        fflush(stderr);
        break;
    default:
        (void)gord_daemon_reload(d, NULL, &reloaded);
        break;
    }
}

void gord_daemon_watch_signals(struct gord_daemon *d)
{
    static const int numbers[GORD_DAEMON_SIGNALS] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP};
    int result;

    for (int i = 0; i < GORD_DAEMON_SIGNALS; i++) {
        uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&d->loop, &d->replacing);
    d->replacing.data = d;
    gord_upgrade_release_signals();
    /* Not by the loop, which may be what is stuck. */
    result = gor_dump_on_signal(SIGQUIT, -1);
    if (result != 0) {
        gord_log(GORD_LOG_WARNING, 0, "SIGQUIT will end the daemon rather than dump goroutines: %s",
                 strerror(-result));
    }
}

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

static void on_nothing(uv_work_t *work, int status)
{
    (void)work;
    (void)status;
}

/* libuv aborts where its first loop finds none for a pipe. */
static int find_descriptors(void)
{
    int fds[4] = {-1, -1, -1, -1};
    int result = pipe2(&fds[0], O_CLOEXEC) == 0 && pipe2(&fds[2], O_CLOEXEC) == 0 ? 0 : -errno;

    for (int i = 0; i < 4 && fds[i] >= 0; i++) {
        close(fds[i]);
    }
    return result;
}

/* They are made with the mask of whoever has work for them first. */
int gord_daemon_make_pool(void)
{
    uv_loop_t loop;
    uv_work_t work;
    sigset_t before;
    int result = find_descriptors();

    result = result == 0 ? uv_loop_init(&loop) : result;

    if (result != 0) {
        return result;
    }
    gord_signals_block(&before);
    result = uv_queue_work(&loop, &work, do_nothing, on_nothing);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    return result;
}

/* The loop gives them their default actions back; but the process is about to end by itself, with a code of
 * its own, whoever asks it to once more. */
void gord_daemon_close_signals(struct gord_daemon *d)
{
    gord_signals_block(NULL);
    for (int i = 0; i < GORD_DAEMON_SIGNALS; i++) {
        uv_close((uv_handle_t *)&d->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&d->replacing, NULL);
    gord_upgrade_hold_signals(); /* in other threads, too */
}

void gord_daemon_hold_signals(struct gord_daemon *d)
{
    gord_upgrade_hold_signals();
    for (int i = 0; i < GORD_DAEMON_SIGNALS; i++) {
        uv_unref((uv_handle_t *)&d->signals[i]);
    }
}
