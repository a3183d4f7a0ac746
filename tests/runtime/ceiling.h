/* SPDX-License-Identifier: MIT */
/* ceiling.h - goroutines up to a ceiling, for the tests of it. */
#ifndef GOR_TESTS_RUNTIME_CEILING_H
#define GOR_TESTS_RUNTIME_CEILING_H

#include "tests/runtime/help.h"

static inline void park_on(void *arg)
{
    (void)gor_chan_recv(arg, NULL);
}

static inline void do_nothing(void *arg)
{
    (void)arg;
}

static inline struct gor_stats stats_now(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return stats;
}

/* Parked goroutines up to the ceiling; how many. */
static inline uint64_t fill(struct gor_chan *gate)
{
    uint64_t count = 0;
    while (gor_go(park_on, gate) == 0) {
        count++;
    }
    return count;
}

static inline void empty(struct gor_chan *gate)
{
    CHECK_EQ(gor_chan_close(gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(gate);
}

/* Let one parked goroutine go. */
static inline void open_once(struct gor_chan *gate)
{
    CHECK_EQ(gor_chan_send(gate, NULL), 0);
}

#endif
