/* SPDX-License-Identifier: MIT */
/* descriptor_test.c - the numbers of descriptors are the program's: while threads of the runtime come, are
 * looked at and lose their Ps, what the program opens still gets the lowest number that it left free. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/runtime/help.h"

enum { SLEEPERS = 20, HANDOFFS = SCALED(200, 50, 50) };

static _Atomic bool over;

/* In the C library, as foreign code does: its P is taken from it, and another thread made for that. */
static void block_often(void *arg)
{
    while (!atomic_load(&over)) {
        usleep(2000);
        gor_yield();
    }
    gor_waitgroup_done(arg);
}

static int open_one(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK_INT(fd, >=, 0);
    return fd;
}

static uint64_t handoffs(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return stats.handoffs;
}

GO_TEST(descriptors_are_numbered_as_if_there_were_no_runtime)
{
    struct gor_waitgroup sleepers = {0};
    int lowest = open_one();
    CHECK_EQ(close(lowest), 0);
    uint64_t wanted = handoffs() + HANDOFFS;
    gor_waitgroup_add(&sleepers, SLEEPERS);
    for (int i = 0; i < SLEEPERS; i++) {
        spawn(block_often, &sleepers);
    }
    while (handoffs() < wanted) {
        for (int i = 0; i < 100; i++) {
            int fd = open_one();
            CHECK_EQ(fd, lowest);
            CHECK_EQ(close(fd), 0);
        }
        gor_yield();
    }
    atomic_store(&over, true);
    gor_waitgroup_wait(&sleepers);
}
