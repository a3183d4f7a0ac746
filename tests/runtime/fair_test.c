/* SPDX-License-Identifier: MIT */
/* fair_test.c - nobody is kept waiting by those who never park, nor by a root that just goes. */
#include <errno.h>
#include <sys/socket.h>

#include "tests/go_test.h"
#include "tests/runtime/help.h"

struct echo {
    int fd;
    bool stop;
    uint64_t rounds;
};

/* Talks to itself over a socket pair: there is always something to read. */
static void talk_to_itself(void *arg)
{
    struct echo *echo = arg;
    int ends[2];
    char byte = 'x';
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    while (!echo->stop) {
        CHECK_EQ(gor_write(ends[0], &byte, 1, GOR_NEVER), 1);
        CHECK_EQ(gor_read(ends[1], &byte, 1, GOR_NEVER), 1);
        echo->rounds++;
    }
    CHECK_EQ(gor_close(ends[0]), 0);
    CHECK_EQ(gor_close(ends[1]), 0);
}

static void stop_it(void *arg)
{
    struct echo *echo = arg;
    echo->stop = true;
}

static int run_both(void *arg)
{
    struct echo *echo = arg;
    CHECK_EQ(gor_go(stop_it, echo), 0);
    /* On one P this only ends if the other goroutine gets its turn. */
    talk_to_itself(echo);
    return 0;
}

TEST(fd_that_is_always_ready_lets_others_run)
{
    struct echo echo = {.stop = false};
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, run_both, &echo), 0);
    CHECK(echo.rounds < 1000);
}

static int leave_by_exit(void *arg)
{
    (void)arg;
    gor_exit();
}

TEST(root_that_exits_ends_the_run_as_cancelled)
{
    CHECK_EQ(gor_run(NULL, leave_by_exit, NULL), -ECANCELED);
}

static void swallow(void *arg, const char *message)
{
    CHECK_STR(message, "enough");
    *(bool *)arg = true;
}

static int leave_by_panic(void *arg)
{
    gor_on_panic(swallow, arg);
    gor_panic("enough");
}

TEST(root_whose_panic_is_handled_ends_the_run_as_cancelled)
{
    bool handled = false;
    CHECK_EQ(gor_run(NULL, leave_by_panic, &handled), -ECANCELED);
    CHECK(handled);
}
