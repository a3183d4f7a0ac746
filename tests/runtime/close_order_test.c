/* SPDX-License-Identifier: MIT */
/* close_order_test.c - those who wait for a descriptor go on in the order in which they came: for what the
 * poller tells of, and for the end of a close, when the number may mean another file already. */
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static const struct gor_opts one_proc = {.gomaxprocs = 1};

/* ---- events */

enum { WAITERS = 5 };

struct line {
    int fd;
    int order[WAITERS];
    int count;
};

struct waiter {
    struct line *line;
    int number;
};

static void wait_in_line(void *arg)
{
    struct waiter *w = arg;
    CHECK_EQ(gor_fd_wait(w->line->fd, GOR_FD_READ, GOR_NEVER), GOR_FD_READ);
    w->line->order[w->line->count++] = w->number;
}

static int wait_for_one_event(void *arg)
{
    struct line line = {.count = 0};
    struct waiter waiters[WAITERS];
    int ends[2];
    (void)arg;
    CHECK_EQ(pipe(ends), 0);
    line.fd = ends[0];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){&line, i};
        (void)spawn_parked(wait_in_line, &waiters[i], GOR_WAIT_IO);
    }
    CHECK_EQ(write(ends[1], "x", 1), 1);
    YIELD_UNTIL(line.count == WAITERS)
    for (int i = 0; i < WAITERS; i++) {
        CHECK_EQ(line.order[i], i);
    }
    CHECK_EQ(gor_close(ends[0]), 0);
    CHECK_EQ(gor_close(ends[1]), 0);
    return 0;
}

TEST(waiters_of_one_descriptor_go_on_in_order)
{
    CHECK_EQ(gor_run(&one_proc, wait_for_one_event, NULL), 0);
}

/* ---- the end of a close */

static int number = -1;    /* of the descriptor whose close takes its time */
static int other_pipe[2];  /* what the number means afterwards */
static ssize_t read_there; /* by who came first, while it was being closed */
static int closed_there;
static int ended;

static void read_the_other(void *arg)
{
    char byte = 0;
    (void)arg;
    read_there = gor_read(number, &byte, 1, GOR_NEVER);
    ended++;
}

static void close_the_other(void *arg)
{
    (void)arg;
    closed_there = gor_close(number);
    ended++;
}

/* In place of the C library's, for the runtime too. */
int close(int fd)
{
    int result = (int)syscall(SYS_close, fd);
    if (fd == number && ended == 0) {
        (void)spawn_parked(read_the_other, NULL, GOR_WAIT_IO);
        (void)spawn_parked(close_the_other, NULL, GOR_WAIT_IO);
        CHECK_EQ(dup2(other_pipe[0], fd), fd);
    }
    return result;
}

static int close_slowly(void *arg)
{
    int ends[2];
    (void)arg;
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(other_pipe), 0);
    CHECK_EQ(write(other_pipe[1], "x", 1), 1);
    CHECK_EQ(gor_fd_wait(ends[0], GOR_FD_READ, 0), -ETIMEDOUT);
    number = ends[0];
    CHECK_EQ(gor_close(number), 0);
    YIELD_UNTIL(ended == 2)
    CHECK_EQ(read_there, 1);
    CHECK_EQ(closed_there, 0);
    number = -1;
    CHECK_EQ(gor_close(ends[1]), 0);
    CHECK_EQ(gor_close(other_pipe[0]), 0);
    CHECK_EQ(gor_close(other_pipe[1]), 0);
    return 0;
}

TEST(closer_does_not_overtake_a_reader_that_came_before_it)
{
    CHECK_EQ(gor_run(&one_proc, close_slowly, NULL), 0);
}
