/* SPDX-License-Identifier: MIT */
/* alarm.h - many due times by one clock: a heap, and one timer of the kernel's for the earliest.
 *
 * The wall clock may be set: the kernel says so, and what is due then rings, whatever the step.
 * Threads     loop thread.
 * Ownership   open/close/fini; entries are part of what they wake, and borrowed while they are set.
 */
#ifndef GORD_RUNNER_ALARM_H
#define GORD_RUNNER_ALARM_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <uv.h>

struct gord_alarm_entry {
    int64_t when_ns;
    size_t place; /* in the heap, from 1; 0: not set */
};

struct gord_alarm {
    struct gord_alarm_entry **heap; /* owned array; heap[1] is the earliest */
    size_t count;
    size_t room;
    clockid_t clock;
    int fd;
    int64_t armed_ns; /* 0: not */
    uv_poll_t poll;
    void (*ring)(void *arg, struct gord_alarm_entry *entry);
    void (*clock_set)(void *arg); /* NULL, or called when the wall clock was set, after what rang */
    void *arg;
};

/* Clock: CLOCK_REALTIME, CLOCK_BOOTTIME or CLOCK_MONOTONIC. ring(arg, entry) is called on the loop for each entry that
 * is due, which is not set any more then. -errno. */
int gord_alarm_open(struct gord_alarm *alarm, uv_loop_t *loop, clockid_t clock,
                    void (*ring)(void *arg, struct gord_alarm_entry *entry), void *arg);

/* The loop must run once more before fini. */
void gord_alarm_close(struct gord_alarm *alarm);
void gord_alarm_fini(struct gord_alarm *alarm);

/* Set the entry, anew if it is set; a time that has passed rings in the next turn of the loop.
 * -ENOMEM with nothing changed. */
int gord_alarm_set(struct gord_alarm *alarm, struct gord_alarm_entry *entry, int64_t when_ns);

/* Nothing if it is not set. */
void gord_alarm_clear(struct gord_alarm *alarm, struct gord_alarm_entry *entry);

#endif
