/* SPDX-License-Identifier: MIT */
/* heartbeat.h - runs that give no sign of life for as long as their jobs allow are found to be stuck.
 *
 * A sign is a word: when it came, by a clock that nobody sets. The loop looks once a heartbeat, and
 * later if there was one since; while a run is stuck, the next sign is brought to it. Time that a run
 * is paused does not count, nor time in which its follower kept it waiting.
 * Invariants  the alarm of a run is set unless it is paused, stuck, or to end.
 * Threads     sign: any. The rest: loop thread.
 * Ownership   open/close/fini; what a run has of it is the run's.
 */
#ifndef GORD_RUNNER_HEARTBEAT_H
#define GORD_RUNNER_HEARTBEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/runner/alarm.h"
#include "daemon/runner/errand.h"

struct gord_bus;
struct gord_run;

struct gord_heartbeats {
    struct gord_bus *bus;
    struct gord_alarm alarm;
    unsigned looks; /* under way, on threads of libuv's */
};

/* A run's. */
struct gord_heartbeat {
    _Atomic int64_t sign_at; /* gor_now() of the last sign, moved on by pauses since */
    atomic_bool stuck;       /* the next sign is news for the loop */
    int64_t paused_at; /* gor_now(); 0: it is not paused, or was before the daemon had it; loop */
    bool
        looking; /* it is looked where it stands, and `due` is when to wait no longer for that; loop */
    unsigned held; /* see gord_hold_was_felt; loop */
    struct gord_alarm_entry due;
    struct gord_errand revived; /* posted by the first sign after `stuck` */
};

/* -errno. */
int gord_heartbeats_open(struct gord_heartbeats *heartbeats, struct gord_bus *bus);
void gord_heartbeats_close(struct gord_heartbeats *heartbeats); /* as gord_alarm_close */
void gord_heartbeats_fini(struct gord_heartbeats *heartbeats);

/* Of a run that nobody else has yet: its clock begins. */
void gord_heartbeat_init(struct gord_heartbeat *heartbeat, int64_t now);

/* Watch a run from now on, and no longer. Nothing if its job has no heartbeat. */
void gord_heartbeat_begin(struct gord_heartbeats *heartbeats, struct gord_run *run);
void gord_heartbeat_end(struct gord_heartbeats *heartbeats, struct gord_run *run);

/* It was paused, or goes on. */
void gord_heartbeat_pause(struct gord_heartbeats *heartbeats, struct gord_run *run);
void gord_heartbeat_resume(struct gord_heartbeats *heartbeats, struct gord_run *run);

/* It lives. [any thread] */
void gord_run_sign(struct gord_run *run);

#endif
