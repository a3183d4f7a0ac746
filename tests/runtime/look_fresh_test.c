/* SPDX-License-Identifier: MIT */
/* look_fresh_test.c - one looks at goroutines that have just come, and at once go to wait, or to sleep. */
#include <sched.h>

#include "tests/runtime/looks.h"

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
        } else {
            (void)sched_yield(); /* the one we look at may want our CPU */
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
