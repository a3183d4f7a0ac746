/* SPDX-License-Identifier: MIT */
/* Writing to a pipe that nobody reads, without waiting for it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/sink.h"
#include "tests/test.h"

struct state {
    unsigned drained;
    int error;
};

static void on_drained(struct gorctl_sink *sink, int error, void *user)
{
    struct state *state = user;
    (void)sink;
    state->drained++;
    state->error = error;
}

/* A sink on a pipe, and the loop it lives on. */
struct fixture {
    uv_loop_t loop;
    struct gorctl_sink *sink;
    struct state state;
    int ends[2];
};

static void begin(struct fixture *fixture)
{
    *fixture = (struct fixture){0};
    (void)signal(SIGPIPE, SIG_IGN);
    CHECK_EQ(uv_loop_init(&fixture->loop), 0);
    CHECK_EQ(pipe(fixture->ends), 0);
    fixture->sink = gorctl_sink_new(&fixture->loop, fixture->ends[1], on_drained, &fixture->state);
}

static void end(struct fixture *fixture)
{
    gorctl_sink_free(fixture->sink);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&fixture->loop), 0);
    if (fixture->ends[0] >= 0) {
        close(fixture->ends[0]);
    }
    close(fixture->ends[1]);
}

TEST(sink_write_that_fits_is_done_at_once)
{
    struct fixture fixture;
    char got[8];
    begin(&fixture);
    CHECK_EQ(gorctl_sink_write(fixture.sink, "hello", 5), 1);
    CHECK(!gorctl_sink_is_full(fixture.sink));
    CHECK_EQ(read(fixture.ends[0], got, sizeof(got)), 5);
    CHECK(memcmp(got, "hello", 5) == 0);
    end(&fixture);
    CHECK_EQ(fixture.state.drained, 0);
}

TEST(sink_keeps_what_does_not_fit_and_finishes_it)
{
    enum { SIZE = 300000 };
    struct fixture fixture;
    begin(&fixture);
    unsigned char *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (unsigned char)(i * 31 >> 3);
    }
    CHECK_EQ(gorctl_sink_write(fixture.sink, bytes, SIZE - 10), 0);
    CHECK(gorctl_sink_is_full(fixture.sink));
    CHECK_EQ(gorctl_sink_write(fixture.sink, bytes + SIZE - 10, 10), 0);
    /* The descriptor is shared with others and must stay blocking. */
    CHECK_EQ(fcntl(fixture.ends[1], F_GETFL) & O_NONBLOCK, 0);
    unsigned char part[4096];
    size_t got = 0;
    while (got < SIZE) {
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
        ssize_t size = read(fixture.ends[0], part, sizeof(part));
        CHECK_INT(size, >, 0);
        CHECK(memcmp(part, bytes + got, (size_t)size) == 0);
        got += (size_t)size;
    }
    while (fixture.state.drained == 0) {
        uv_run(&fixture.loop, UV_RUN_ONCE);
    }
    CHECK_EQ(fixture.state.error, 0);
    CHECK(!gorctl_sink_is_full(fixture.sink));
    free(bytes);
    end(&fixture);
}

TEST(sink_tells_that_the_reader_has_gone)
{
    struct fixture fixture;
    char bytes[200000] = "";
    begin(&fixture);
    CHECK_EQ(gorctl_sink_write(fixture.sink, bytes, sizeof(bytes)), 0);
    close(fixture.ends[0]);
    fixture.ends[0] = -1;
    while (fixture.state.drained == 0) {
        uv_run(&fixture.loop, UV_RUN_ONCE);
    }
    CHECK_EQ(fixture.state.error, -EPIPE);
    CHECK_EQ(gorctl_sink_write(fixture.sink, "x", 1), -EPIPE);
    end(&fixture);
}

TEST(sink_on_a_file_takes_everything)
{
    uv_loop_t loop;
    struct state state = {0};
    char path[128];
    char bytes[200000] = "";
    snprintf(path, sizeof(path), "%s/file", test_tmpdir());
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    CHECK_EQ(uv_loop_init(&loop), 0);
    struct gorctl_sink *sink = gorctl_sink_new(&loop, fd, on_drained, &state);
    CHECK_EQ(gorctl_sink_write(sink, bytes, sizeof(bytes)), 1);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), (long)sizeof(bytes));
    gorctl_sink_free(sink);
    gorctl_sink_free(NULL);
    CHECK_EQ(uv_loop_close(&loop), 0);
    close(fd);
}

TEST(sink_on_a_full_disk_says_so)
{
    uv_loop_t loop;
    struct state state = {0};
    int fd = open("/dev/full", O_WRONLY);
    CHECK_EQ(uv_loop_init(&loop), 0);
    struct gorctl_sink *sink = gorctl_sink_new(&loop, fd, on_drained, &state);
    CHECK_EQ(gorctl_sink_write(sink, "x", 1), -ENOSPC);
    gorctl_sink_free(sink);
    CHECK_EQ(uv_loop_close(&loop), 0);
    close(fd);
}
