/* SPDX-License-Identifier: MIT */
#include "daemon/runner/heartbeat.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "daemon/base/log.h"
#include "daemon/event/ask.h"
#include "daemon/runner/run.h"
#include "daemon/runner/runner.h"
#include "daemon/runner/stuck.h"

/* ------------------------------------------------------------------ the loop's part */

static int64_t due_at(const struct gord_run *run)
{
    return atomic_load(&run->heartbeat.sign_at) + run->spec->heartbeat_ns;
}

static void set_alarm(struct gord_heartbeats *heartbeats, struct gord_run *run)
{
    if (gord_alarm_set(&heartbeats->alarm, &run->heartbeat.due, due_at(run)) != 0) {
        gord_log_of(GORD_LOG_ERROR, run->id, gord_ask_queue(run->spec->lane),
                    "out of memory: its heartbeat is not watched until it is paused and resumed");
    }
}

static bool is_paused(struct gord_run *run)
{
    bool paused = run->paused;

    if (run->quota == NULL) {
        (void)gord_process_paused_ns(&run->process, &paused);
    }
    return paused;
}

/* What is to be looked at may hang itself: /proc waits for a process that the kernel keeps from going on. */
#define LOOK_NS (5 * GOR_SECOND)

/* A look at where it stands, on a thread of libuv's. */
struct look {
    uv_work_t work;
    struct gord_heartbeats *heartbeats;
    struct gord_run *run; /* owned reference */
    char *where;          /* owned; NULL: not known */
};

/* What happened in one line, a blank one, and where it stands. */
static void say_stuck(struct gord_heartbeats *heartbeats, struct gord_run *run, const char *where)
{
    bool kills = run->spec->on_stuck == GOR__V1__ON_STUCK__ON_STUCK_KILL;
    char text[96];
    char *whole = NULL;

    snprintf(text, sizeof(text), "stuck: no sign of life for %.9g s",
             (double)run->spec->heartbeat_ns / (double)GOR_SECOND);
    if (where != NULL && where[0] != '\0' && asprintf(&whole, "%s\n\n%s", text, where) < 0) {
        whole = NULL;
    }
    if (gord_bus_emit(heartbeats->bus,
                      gord_event_new(GORD_EVENT_STUCK, run->id, whole != NULL ? whole : text),
                      NULL) != 0) {
        gord_log_of(GORD_LOG_ERROR, run->id, gord_ask_queue(run->spec->lane),
                    "out of memory: its history does not say: %s", text);
    }
    free(whole);
    if (kills) {
        gord_run_fail(run, text);
    }
}

static void do_look(uv_work_t *work)
{
    struct look *look = work->data;

    look->where = gord_stuck_where(look->run);
}

static bool is_under_watch(const struct gord_heartbeats *heartbeats, struct gord_run *run)
{
    const struct gord_job *job =
        heartbeats->bus != NULL ? gord_job_find(gord_bus_table(heartbeats->bus), run->id) : NULL;

    return job != NULL && gord_runner_run_of(job) == run && atomic_load(&run->cause) == NULL;
}

/* It may have given a sign since, which says nothing of one that was not told of yet; or have ended, and
 * the daemon too; or the look took too long, and it was told without. */
static void on_looked(uv_work_t *work, int status)
{
    struct look *look = work->data;
    struct gord_heartbeats *heartbeats = look->heartbeats;
    struct gord_run *run = look->run;

    (void)status;
    heartbeats->looks--;
    if (run->heartbeat.looking && atomic_load(&run->heartbeat.stuck) &&
        is_under_watch(heartbeats, run)) {
        run->heartbeat.looking = false;
        gord_alarm_clear(&heartbeats->alarm, &run->heartbeat.due);
        say_stuck(heartbeats, run, look->where);
    }
    free(look->where);
    gord_run_unref(run);
    free(look);
}

static void begin_look(struct gord_heartbeats *heartbeats, struct gord_run *run)
{
    struct look *look = calloc(1, sizeof(*look));

    if (look == NULL) {
        say_stuck(heartbeats, run, NULL);
        return;
    }
    look->heartbeats = heartbeats;
    look->run = gord_run_ref(run);
    look->work.data = look;
    heartbeats->looks++;
    run->heartbeat.looking = true;
    (void)gord_alarm_set(&heartbeats->alarm, &run->heartbeat.due, gor_after(LOOK_NS));
    /* It only refuses to work without a function. */
    (void)uv_queue_work(gord_bus_loop(heartbeats->bus), &look->work, do_look, on_looked);
}

/* Store, then look: either this sees the sign, or whoever gives it sees that it is news. */
static bool is_silent(struct gord_run *run)
{
    atomic_store(&run->heartbeat.stuck, true);
    return gor_now() >= due_at(run) || !atomic_exchange(&run->heartbeat.stuck, false);
}

static void on_due(void *arg, struct gord_alarm_entry *entry)
{
    struct gord_heartbeats *heartbeats = arg;
    struct gord_run *run = CONTAINER_OF(entry, struct gord_run, heartbeat.due);

    if (atomic_load(&run->cause) != NULL || is_paused(run)) {
        return;
    }
    if (run->heartbeat.looking) {
        run->heartbeat.looking = false;
        if (atomic_load(&run->heartbeat.stuck)) { /* else its sign is on its way to us */
            say_stuck(heartbeats, run, NULL);
        }
        return;
    }
    if (gord_hold_was_felt(&run->hold, &run->heartbeat.held)) {
        gord_run_sign(run); /* it could give none itself */
    }
    if (gor_now() >= due_at(run) && is_silent(run)) {
        begin_look(heartbeats, run);
    } else {
        set_alarm(heartbeats, run);
    }
}

/* It may have ended since, or is about to for its silence. */
static void on_revived(struct gord_runner *runner, struct gord_errand *errand)
{
    struct gord_run *run = CONTAINER_OF(errand, struct gord_run, heartbeat.revived);
    struct gord_bus *bus = gord_runner_bus(runner);

    run->heartbeat.looking =
        false; /* of a silence that is over before it was told nothing is told */
    if (is_under_watch(run->env->heartbeats, run)) {
        if (gord_job_find(gord_bus_table(bus), run->id)->body->stuck != NULL) {
            gord_bus_emit(
                bus, gord_event_new(GORD_EVENT_ALIVE, run->id, "gives signs of life again"), NULL);
        }
        if (!is_paused(run)) {
            set_alarm(run->env->heartbeats, run);
        }
    }
    gord_run_unref(run);
}

int gord_heartbeats_open(struct gord_heartbeats *heartbeats, struct gord_bus *bus)
{
    heartbeats->bus = bus;
    return gord_alarm_open(&heartbeats->alarm, gord_bus_loop(bus), CLOCK_MONOTONIC, on_due,
                           heartbeats);
}

void gord_heartbeats_close(struct gord_heartbeats *heartbeats)
{
    gord_alarm_close(&heartbeats->alarm);
    heartbeats->bus = NULL; /* for a look that is under way */
}

void gord_heartbeats_fini(struct gord_heartbeats *heartbeats)
{
    gord_alarm_fini(&heartbeats->alarm);
}

void gord_heartbeat_init(struct gord_heartbeat *heartbeat, int64_t now)
{
    atomic_init(&heartbeat->sign_at, now);
    atomic_init(&heartbeat->stuck, false);
    heartbeat->revived.fn = on_revived;
}

void gord_heartbeat_begin(struct gord_heartbeats *heartbeats, struct gord_run *run)
{
    if (run->spec->heartbeat_ns > 0) {
        set_alarm(heartbeats, run);
    }
}

void gord_heartbeat_end(struct gord_heartbeats *heartbeats, struct gord_run *run)
{
    gord_alarm_clear(&heartbeats->alarm, &run->heartbeat.due);
}

void gord_heartbeat_pause(struct gord_heartbeats *heartbeats, struct gord_run *run)
{
    gord_alarm_clear(&heartbeats->alarm, &run->heartbeat.due);
    run->heartbeat.paused_at = gor_now();
}

/* A sign while it was paused, one that was under way, is not moved; nor is one that comes now. */
void gord_heartbeat_resume(struct gord_heartbeats *heartbeats, struct gord_run *run)
{
    struct gord_heartbeat *heartbeat = &run->heartbeat;
    int64_t now = gor_now();
    int64_t sign_at = atomic_load(&heartbeat->sign_at);
    int64_t paused_at = heartbeat->paused_at;

    heartbeat->paused_at = 0;
    if (sign_at <= paused_at || paused_at == 0) {
        int64_t moved = paused_at != 0 ? sign_at + (now - paused_at) : now;
        (void)atomic_compare_exchange_strong(&heartbeat->sign_at, &sign_at, moved);
    }
    if (run->spec->heartbeat_ns > 0 && (!atomic_load(&heartbeat->stuck) || heartbeat->looking)) {
        set_alarm(heartbeats, run);
    }
}

/* ------------------------------------------------------------------ signs */

void gord_run_sign(struct gord_run *run)
{
    if (run->spec->heartbeat_ns == 0) {
        return;
    }
    atomic_store(&run->heartbeat.sign_at, gor_now());
    if (atomic_load(&run->heartbeat.stuck) && atomic_exchange(&run->heartbeat.stuck, false)) {
        gord_run_ref(run);
        gord_errand_post(run->env->errands, &run->heartbeat.revived);
    }
}
