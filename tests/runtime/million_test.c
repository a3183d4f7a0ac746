/* SPDX-License-Identifier: MIT */
/* million_test.c - a million goroutines parked at once, then woken at once. */
#include "runtime/cpu/memory.h"
#include "tests/runtime/help.h"

struct parked_crowd {
    struct gor_waitgroup parked;
    struct gor_waitgroup gone;
    struct gor_chan *gate;
};

static void park_at_gate(void *arg)
{
    struct parked_crowd *crowd = arg;
    gor_waitgroup_done(&crowd->parked);
    CHECK_EQ(gor_chan_recv(crowd->gate, NULL), 0);
    gor_waitgroup_done(&crowd->gone);
}

/* As many of `count` as there may be stacks: where a guard takes a mapping of its own there are two
 * for each stack, and some are needed otherwise. */
static int allowed(int count)
{
    enum { OTHERS = 4000 };
    int mappings = 0;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
    CHECK(f != NULL);
    CHECK_EQ(fscanf(f, "%d", &mappings), 1);
    fclose(f);
    if (!gor__memory_guards_split() || count <= (mappings - OTHERS) / 2) {
        return count;
    }
    count = (mappings - OTHERS) / 2;
    printf("no guard markers here, and vm.max_map_count is %d: only %d are parked\n", mappings,
           count);
    return count;
}

GO_TEST(spawn_keeps_a_million_parked_at_once)
{
    struct parked_crowd crowd = {.gate = new_chan(0, 0)};
    int count = allowed(SCALED(1000000, 20000, 1000));
    gor_waitgroup_add(&crowd.parked, count);
    gor_waitgroup_add(&crowd.gone, count);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(gor_go_with(&(struct gor_go_opts){.stack_bytes = 65536}, park_at_gate, &crowd), 0);
    }
    gor_waitgroup_wait(&crowd.parked);
    CHECK_EQ(gor_num_goroutine(), 1 + count);
    CHECK_EQ(gor_chan_close(crowd.gate), 0);
    gor_waitgroup_wait(&crowd.gone);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(crowd.gate);
}
