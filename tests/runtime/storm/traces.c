/* SPDX-License-Identifier: MIT */
/* traces.c - a thread of the host that traces the storm: it starts and stops traces and the flight
 * recorder, takes snapshots at any moment, with buffers large and small, and checks each. */
#include <unistd.h>

#include "tests/runtime/storm/storm.h"
#include "tests/runtime/trace_checker.h"

struct sink {
    uint8_t *bytes;
    size_t count;
    size_t room;
};

static int take(void *arg, const void *bytes, size_t count)
{
    struct sink *sink = arg;
    if (sink->count + count > sink->room) {
        sink->room = 2 * (sink->count + count);
        sink->bytes = realloc(sink->bytes, sink->room);
        CHECK(sink->bytes != NULL);
    }
    memcpy(sink->bytes + sink->count, bytes, count);
    sink->count += count;
    return 0;
}

static void check(struct storm_tracer *t, struct sink *sink,
                  const struct gor_trace_summary *summary)
{
    CHECK_EQ(summary->bytes, sink->count);
    struct trace_checker seen = trace_check(sink->bytes, sink->count, summary->lost == 0);
    t->traces++;
    t->events += seen.events;
    t->runs += seen.runs_seen;
    t->lost += summary->lost;
    sink->count = 0;
}

static struct gor_trace_opts draw_opts(struct storm_tracer *t)
{
    /* From a few dozen events to all there can be. */
    return (struct gor_trace_opts){.buffer_bytes = (size_t)4096 << random_below(&t->random, 12)};
}

static void wait_a_moment(struct storm_tracer *t)
{
    usleep((unsigned)random_below(&t->random, 3000));
}

static void snap(struct storm_tracer *t, struct sink *sink)
{
    struct gor_trace_summary summary;
    int64_t last_ns = random_below(&t->random, 2) * random_below(&t->random, 3000000);
    CHECK_EQ(gor_trace_snapshot(last_ns, take, sink, &summary), 0);
    /* It begins in the middle: whatever was overwritten counts as lost, and is. */
    check(t, sink, &summary);
}

static void fly(struct storm_tracer *t, struct sink *sink)
{
    struct gor_trace_opts opts = draw_opts(t);
    CHECK_EQ(gor_trace_flight_start(&opts), 0);
    for (int64_t i = random_below(&t->random, 5); i >= 0; i--) {
        wait_a_moment(t);
        snap(t, sink);
    }
}

static void stream(struct storm_tracer *t, struct sink *streamed, struct sink *snapped)
{
    struct gor_trace_opts opts = draw_opts(t);
    struct gor_trace_summary summary;
    CHECK_EQ(gor_trace_start(&opts, take, streamed), 0);
    for (int64_t i = random_below(&t->random, 4); i > 0; i--) {
        wait_a_moment(t);
        snap(t, snapped);
    }
    wait_a_moment(t);
    CHECK_EQ(gor_trace_stop(&summary), 0);
    check(t, streamed, &summary);
}

void *storm_trace(void *arg)
{
    struct storm_tracer *t = arg;
    struct sink streamed = {0};
    struct sink snapped = {0};
    while (!atomic_load(&t->stop)) {
        bool flies = random_below(&t->random, 2) == 0;
        if (flies) {
            fly(t, &snapped);
        }
        if (!flies || random_below(&t->random, 2) == 0) {
            stream(t, &streamed, &snapped);
        }
        if (flies) {
            CHECK_EQ(gor_trace_flight_stop(), 0);
        }
    }
    free(streamed.bytes);
    free(snapped.bytes);
    return NULL;
}
