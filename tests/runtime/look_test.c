/* SPDX-License-Identifier: MIT */
/* look_test.c - what is told of a goroutine that comes and goes while one looks is of a piece. */
#include "tests/runtime/looks.h"

struct pair {
    struct gor_chan *calls;
    struct gor_chan *answers;
    int rounds;
};

static void call(void *arg)
{
    struct pair *pair = arg;
    for (int i = 0; i < pair->rounds; i++) {
        CHECK_EQ(gor_chan_send(pair->calls, NULL), 0);
        CHECK_EQ(gor_chan_recv(pair->answers, NULL), 1);
    }
    CHECK_EQ(gor_chan_close(pair->calls), 0);
}

static void answer(void *arg)
{
    struct pair *pair = arg;
    while (gor_chan_recv(pair->calls, NULL) == 1) {
        CHECK_EQ(gor_chan_send(pair->answers, NULL), 0);
    }
}

/* The two do little but go to wait, so that many looks fall between saying so and having left. */
GO_TEST(look_that_finds_a_goroutine_waiting_finds_where)
{
    struct pair pair = {new_chan(0, 0), new_chan(0, 0), SCALED(200000, 100000, 20000)};
    gor_id_t answers = spawn_parked(answer, &pair, GOR_WAIT_CHAN_RECV);
    gor_id_t calls = spawn_id(call, &pair);
    struct gor_info info;
    while (gor_lookup(answers, &info) == 0) {
        check_of_a_piece(&info);
        if (gor_lookup(calls, &info) == 0) {
            check_of_a_piece(&info);
        }
        if (gor_gomaxprocs(0) == 1) {
            gor_yield();
        }
    }
    await_end(calls);
    gor_chan_unref(pair.calls);
    gor_chan_unref(pair.answers);
}
