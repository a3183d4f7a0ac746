/* SPDX-License-Identifier: MIT */
/* trace_thief_test.c - a wake-up is in the trace before the one woken runs, also where its record was to
 * go with the next switch and the one woken goes on elsewhere first. */
#include <stdatomic.h>

#include "tests/runtime/help.h"
#include "tests/runtime/trace_checker.h"

enum { ROUNDS = 5, EXCHANGES = 100 };

struct sink {
    uint8_t *bytes;
    size_t count;
};

static int take(void *arg, const void *bytes, size_t count)
{
    struct sink *sink = arg;
    sink->bytes = realloc(sink->bytes, sink->count + count);
    CHECK(sink->bytes != NULL);
    memcpy(sink->bytes + sink->count, bytes, count);
    sink->count += count;
    return 0;
}

struct pair {
    struct gor_chan *there;
    struct gor_chan *back;
    atomic_int woken; /* how often, by one that then computes */
};

static void answer(void *arg)
{
    struct pair *pair = arg;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < EXCHANGES; i++) {
            send_int(pair->back, recv_int(pair->there));
        }
        (void)recv_int(pair->there);
        atomic_fetch_add(&pair->woken, 1);
    }
}

/* Switch fast, then wake the other one and keep the P until that has run: on another P, or on this once
 * it was taken away. */
static void wake_and_compute(struct pair *pair, int round)
{
    for (int i = 0; i < EXCHANGES; i++) {
        send_int(pair->there, i);
        CHECK_EQ(recv_int(pair->back), i);
    }
    send_int(pair->there, 0);
    while (atomic_load(&pair->woken) <= round) {
    }
}

static void check_traced(void)
{
    struct sink sink = {0};
    struct gor_trace_summary summary;
    struct pair pair = {.there = new_chan(sizeof(int), 0), .back = new_chan(sizeof(int), 0)};
    CHECK_EQ(gor_trace_start(NULL, take, &sink), 0);
    gor_id_t id = spawn_id(answer, &pair);
    for (int round = 0; round < ROUNDS; round++) {
        wake_and_compute(&pair, round);
    }
    await_end(id);
    CHECK_EQ(gor_trace_stop(&summary), 0);
    struct trace_checker seen = trace_check(sink.bytes, sink.count, summary.lost == 0);
    CHECK_INT(seen.runs_seen, >, ROUNDS);
    gor_chan_unref(pair.there);
    gor_chan_unref(pair.back);
    free(sink.bytes);
}

GO_TEST(trace_of_one_woken_and_stolen_has_its_wake_up_first)
{
    int former = gor_gomaxprocs(2);
    check_traced();
    (void)gor_gomaxprocs(former);
}

GO_TEST(trace_of_one_woken_and_given_on_has_its_wake_up_first)
{
    int former = gor_gomaxprocs(1);
    check_traced();
    (void)gor_gomaxprocs(former);
}
