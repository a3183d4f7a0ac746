/* SPDX-License-Identifier: MIT */
/* alarm.c - see alarm.h. */
#include "daemon/runner/alarm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "daemon/base/assert.h"
#include "daemon/base/clock.h"
#include "daemon/base/grow.h"

#define SECOND_NS 1000000000

/* ------------------------------------------------------------------ the kernel's timer */

/* Exactly one time is armed: the earliest, or none. An error leaves the former one armed, which then
 * finds nothing due and arms the next. */
static void arm(struct gord_alarm *alarm)
{
    int64_t when = alarm->count > 0 ? alarm->heap[1]->when_ns : 0;
    int flags = TFD_TIMER_ABSTIME;

    if (when == alarm->armed_ns) {
        return;
    }
    if (alarm->count > 0 && when <= 0) {
        when = 1; /* 0 would be none at all */
    }
    struct itimerspec spec = {
        .it_value = {.tv_sec = (time_t)(when / SECOND_NS), .tv_nsec = (long)(when % SECOND_NS)}};
    if (alarm->clock == CLOCK_REALTIME) {
        flags |= TFD_TIMER_CANCEL_ON_SET;
    }
    if (timerfd_settime(alarm->fd, flags, &spec, NULL) == 0) {
        alarm->armed_ns = when;
    }
}

/* ------------------------------------------------------------------ the heap */

static void put(struct gord_alarm *alarm, size_t place, struct gord_alarm_entry *entry)
{
    alarm->heap[place] = entry;
    entry->place = place;
}

/* Find the entry its place, from an empty `place` on. */
static void sift(struct gord_alarm *alarm, size_t place, struct gord_alarm_entry *entry)
{
    for (; place > 1 && entry->when_ns < alarm->heap[place / 2]->when_ns; place /= 2) {
        put(alarm, place, alarm->heap[place / 2]);
    }
    for (size_t child; (child = 2 * place) <= alarm->count; place = child) {
        if (child < alarm->count && alarm->heap[child + 1]->when_ns < alarm->heap[child]->when_ns) {
            child++;
        }
        if (entry->when_ns <= alarm->heap[child]->when_ns) {
            break;
        }
        put(alarm, place, alarm->heap[child]);
    }
    put(alarm, place, entry);
}

static void take_out(struct gord_alarm *alarm, struct gord_alarm_entry *entry)
{
    size_t place = entry->place;
    struct gord_alarm_entry *last = alarm->heap[alarm->count--];

    entry->place = 0;
    if (last != entry) {
        sift(alarm, place, last);
    }
}

int gord_alarm_set(struct gord_alarm *alarm, struct gord_alarm_entry *entry, int64_t when_ns)
{
    /* The first place is number 1. */
    if (entry->place == 0 &&
        gord_grow(&alarm->heap, alarm->count + 1, &alarm->room, sizeof(*alarm->heap)) != 0) {
        return -ENOMEM;
    }
    size_t place = entry->place != 0 ? entry->place : ++alarm->count;
    entry->when_ns = when_ns;
    sift(alarm, place, entry);
    arm(alarm);
    return 0;
}

void gord_alarm_clear(struct gord_alarm *alarm, struct gord_alarm_entry *entry)
{
    if (entry->place != 0) {
        take_out(alarm, entry);
        arm(alarm);
    }
}

/* ------------------------------------------------------------------ ringing */

/* Due, or the clock was set: then the read fails with ECANCELED, and what is due may be anything. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct gord_alarm *alarm = poll->data;
    uint64_t expirations;

    (void)status;
    (void)events;
    bool was_set = read(alarm->fd, &expirations, sizeof(expirations)) < 0 && errno == ECANCELED;
    alarm->armed_ns = 0;
    int64_t now = gord_clock_ns(alarm->clock);
    while (alarm->count > 0 && alarm->heap[1]->when_ns <= now) {
        struct gord_alarm_entry *entry = alarm->heap[1];
        take_out(alarm, entry);
        alarm->ring(alarm->arg, entry);
    }
    if (was_set && alarm->clock_set != NULL) {
        alarm->clock_set(alarm->arg);
    }
    arm(alarm);
}

/* ------------------------------------------------------------------ life cycle */

int gord_alarm_open(struct gord_alarm *alarm, uv_loop_t *loop, clockid_t clock,
                    void (*ring)(void *arg, struct gord_alarm_entry *entry), void *arg)
{
    *alarm = (struct gord_alarm){.clock = clock, .ring = ring, .arg = arg};
    alarm->fd = timerfd_create(clock, TFD_NONBLOCK | TFD_CLOEXEC);
    if (alarm->fd < 0) {
        return -errno;
    }
    int result = uv_poll_init(loop, &alarm->poll, alarm->fd);
    if (result != 0) {
        close(alarm->fd);
        return result;
    }
    alarm->poll.data = alarm;
    result = uv_poll_start(&alarm->poll, UV_READABLE, on_readable);
    GORD_ASSERT(result == 0); /* the handle is fresh */
    uv_unref((uv_handle_t *)&alarm->poll);
    return 0;
}

void gord_alarm_close(struct gord_alarm *alarm)
{
    uv_close((uv_handle_t *)&alarm->poll, NULL);
    close(alarm->fd);
}

void gord_alarm_fini(struct gord_alarm *alarm)
{
    free(alarm->heap);
    alarm->heap = NULL;
}
