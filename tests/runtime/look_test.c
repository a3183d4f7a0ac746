/* SPDX-License-Identifier: MIT */
/* look_test.c - what is told of a goroutine that comes and goes while one looks is of a piece. */
#include "tests/runtime/help.h"

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

static void check_of_a_piece(const struct gor_info *info)
{
    if (info->state != GOR_WAITING) {
        CHECK_EQ(info->reason, GOR_WAIT_NONE);
        CHECK_EQ(info->waiting_ns, 0);
        return;
    }
    CHECK(info->reason != GOR_WAIT_NONE);
    CHECK_INT(info->stack_used_bytes, >, 0);
    CHECK_INT(info->stack_used_bytes, <, info->stack_bytes);
    CHECK_INT(info->frame_count, >, 0);
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

static void receive_once(void *arg)
{
    CHECK_EQ(gor_chan_recv(arg, NULL), 0);
}

/* Nothing but the look tells us that it has come so far: what we read of its stack, which is often the first
 * of many that were just made, we have no other dealings with the maker for. */
static void look_until_it_waits(gor_id_t id)
{
    struct gor_info info;
    do {
        if (gor_gomaxprocs(0) == 1) {
            gor_yield();
        }
        CHECK_EQ(gor_lookup(id, &info), 0);
        check_of_a_piece(&info);
    } while (info.state != GOR_WAITING);
}

GO_TEST(look_at_those_that_have_just_come)
{
    struct gor_chan *never = new_chan(0, 0);
    int count = SCALED(20000, 4000, 2000);
    gor_id_t last = 0;
    for (int i = 0; i < count; i++) {
        last = spawn_id(receive_once, never);
        look_until_it_waits(last);
    }
    CHECK_EQ(gor_chan_close(never), 0);
    await_end(last);
    gor_chan_unref(never);
}
