/* SPDX-License-Identifier: MIT */
/* Alarms: due times ring in order, and only those that are due. */
#include <stdlib.h>

#include "daemon/event/clock.h"
#include "daemon/runner/alarm.h"
#include "tests/test.h"

enum { ENTRIES = 500 };

struct bell {
    uv_loop_t loop;
    struct gord_alarm alarm;
    struct gord_alarm_entry entries[ENTRIES];
    size_t rung;
    int64_t last_ns;
};

static void on_ring(void *arg, struct gord_alarm_entry *entry)
{
    struct bell *bell = arg;
    CHECK_EQ(entry->place, 0);
    CHECK(entry->when_ns >= bell->last_ns);
    CHECK(entry->when_ns <= gord_clock_boot());
    bell->last_ns = entry->when_ns;
    bell->rung++;
}

static void open_bell(struct bell *bell)
{
    memset(bell, 0, sizeof *bell);
    CHECK_EQ(uv_loop_init(&bell->loop), 0);
    CHECK_EQ(gord_alarm_open(&bell->alarm, &bell->loop, CLOCK_BOOTTIME, on_ring, bell), 0);
    uv_ref((uv_handle_t *)&bell->alarm.poll); /* so that the loop runs for it */
}

static void close_bell(struct bell *bell)
{
    gord_alarm_close(&bell->alarm);
    (void)uv_run(&bell->loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&bell->loop), 0);
    gord_alarm_fini(&bell->alarm);
}

static void run_until(struct bell *bell, size_t rung)
{
    while (bell->rung < rung) {
        (void)uv_run(&bell->loop, UV_RUN_ONCE);
    }
}

TEST(alarm_rings_in_the_order_of_times)
{
    static struct bell bell;
    open_bell(&bell);
    srand((unsigned)test_seed());
    int64_t now = gord_clock_boot();
    for (size_t i = 0; i < ENTRIES; i++) {
        CHECK_EQ(gord_alarm_set(&bell.alarm, &bell.entries[i], now + rand() % 50000000), 0);
    }
    run_until(&bell, ENTRIES);
    CHECK_EQ(bell.alarm.count, 0);
    close_bell(&bell);
}

TEST(alarm_cleared_or_moved_does_not_ring_as_before)
{
    static struct bell bell;
    open_bell(&bell);
    int64_t now = gord_clock_boot();
    for (size_t i = 0; i < ENTRIES; i++) {
        CHECK_EQ(gord_alarm_set(&bell.alarm, &bell.entries[i], now + (int64_t)(i + 1) * 1000), 0);
    }
    for (size_t i = 0; i < ENTRIES; i += 2) {
        gord_alarm_clear(&bell.alarm, &bell.entries[i]);
        gord_alarm_clear(&bell.alarm, &bell.entries[i]);
    }
    int64_t later = now + 3600LL * 1000000000;
    CHECK_EQ(gord_alarm_set(&bell.alarm, &bell.entries[1], later), 0);
    run_until(&bell, ENTRIES / 2 - 1);
    CHECK_EQ(bell.alarm.count, 1);
    CHECK_EQ(gord_alarm_set(&bell.alarm, &bell.entries[1], -5), 0);
    bell.last_ns = -5;
    run_until(&bell, ENTRIES / 2);
    close_bell(&bell);
}

TEST(clock_delay_is_corrected_after_another_boot)
{
    struct gord_standing standing = {0};
    gord_clock_delay(&standing, 5000000000);
    int64_t exact = gord_clock_due(&standing);
    CHECK_EQ(exact, standing.due_boot);
    /* As if the machine had been booted since: what the boot-time clock said then is worth nothing,
     * and the wall clock tells how much is left. */
    standing.boot++;
    standing.due_boot = 1;
    int64_t corrected = gord_clock_due(&standing);
    CHECK(corrected <= exact + 1000000000 && corrected > gord_clock_boot());
    /* A delay that has passed meanwhile is due. */
    standing.due_ns -= 10000000000;
    CHECK(gord_clock_due(&standing) < gord_clock_boot());
}
