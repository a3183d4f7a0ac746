/* SPDX-License-Identifier: MIT */
/* file_test.c - opening, offsets, syncing; what waits for the other end of a FIFO. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", test_tmpdir(), name);
    return path;
}

GO_TEST(file_is_opened_written_and_read_at_offsets)
{
    char bytes[16];
    int fd = gor_open(path_of("offsets"), O_RDWR | O_CREAT | O_EXCL, 0640, GOR_NEVER);
    CHECK_INT(fd, >=, 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(gor_pwrite(fd, "world", 5, 6), 5);
    CHECK_EQ(gor_pwrite(fd, "hello ", 6, 0), 6);
    CHECK_EQ(gor_fsync(fd), 0);
    CHECK_EQ(gor_pread(fd, bytes, sizeof bytes, 0), 11);
    CHECK_EQ(memcmp(bytes, "hello world", 11), 0);
    CHECK_EQ(gor_pread(fd, bytes, 3, 6), 3);
    CHECK_EQ(memcmp(bytes, "wor", 3), 0);
    CHECK_EQ(gor_pread(fd, bytes, sizeof bytes, 11), 0);
    CHECK_EQ(gor_pread(fd, bytes, sizeof bytes, 1000), 0);
    /* The position has not moved. */
    CHECK_EQ(gor_read(fd, bytes, 5, GOR_NEVER), 5);
    CHECK_EQ(memcmp(bytes, "hello", 5), 0);
    CHECK_EQ(gor_pread(fd, bytes, 1, -1), -EINVAL);
    CHECK_EQ(gor_pwrite(fd, bytes, 1, -5), -EINVAL);
    CHECK_EQ(gor_close(fd), 0);
    CHECK_EQ(gor_pread(fd, bytes, 1, 0), -EBADF);
    CHECK_EQ(gor_pwrite(fd, bytes, 1, 0), -EBADF);
    CHECK_EQ(gor_fsync(fd), -EBADF);
}

GO_TEST(file_open_errors_are_those_of_the_system_call)
{
    int fds[2];
    char byte = 0;
    CHECK_EQ(gor_open(path_of("nothing"), O_RDONLY, 0, GOR_NEVER), -ENOENT);
    CHECK_EQ(gor_open(test_tmpdir(), O_WRONLY, 0, GOR_NEVER), -EISDIR);
    CHECK_EQ(gor_open(path_of("nothing"), O_RDONLY, 0, 0), -ETIMEDOUT);
    CHECK_EQ(gor_pipe(fds), 0);
    CHECK_EQ(gor_pread(fds[0], &byte, 1, 0), -ESPIPE);
    CHECK_EQ(gor_pwrite(fds[1], &byte, 1, 0), -ESPIPE);
    CHECK_EQ(gor_fsync(fds[1]), -EINVAL);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}

struct opener {
    const char *path;
    int fd;
    struct gor_waitgroup wg;
};

static void open_to_read(void *arg)
{
    struct opener *o = arg;
    o->fd = gor_open(o->path, O_RDONLY, 0, GOR_NEVER);
    gor_waitgroup_done(&o->wg);
}

GO_TEST(file_open_of_a_fifo_parks_until_the_other_end_comes)
{
    struct opener o = {.path = path_of("fifo")};
    char bytes[8];
    CHECK_EQ(mkfifo(o.path, 0600), 0);
    gor_waitgroup_add(&o.wg, 1);
    spawn_parked(open_to_read, &o, GOR_WAIT_BLOCKING);
    int writer = gor_open(o.path, O_WRONLY, 0, GOR_NEVER);
    CHECK_INT(writer, >=, 0);
    gor_waitgroup_wait(&o.wg);
    CHECK_INT(o.fd, >=, 0);
    CHECK_EQ(gor_write(writer, "fifo", 4, GOR_NEVER), 4);
    CHECK_EQ(gor_read(o.fd, bytes, sizeof bytes, GOR_NEVER), 4);
    CHECK_EQ(gor_close(writer), 0);
    CHECK_EQ(gor_read(o.fd, bytes, sizeof bytes, GOR_NEVER), 0);
    CHECK_EQ(gor_close(o.fd), 0);
}

/* Begin to open a fifo for reading, give that up, and open it for writing while some thread still waits
 * for that. The thread may not even have begun, and then never does. */
static int open_behind_who_gave_up(const char *path)
{
    int writer = -1;
    do {
        CHECK_EQ(gor_open(path, O_RDONLY, 0, gor_after(2 * GOR_MILLISECOND)), -ETIMEDOUT);
        writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    } while (writer < 0 && errno == ENXIO);
    return writer;
}

/* What was given up opens in the end, and is closed again: the writer then finds nobody. */
GO_TEST(file_open_given_up_is_closed_once_it_opens)
{
    const char *path = path_of("given-up");
    int fd = -1;
    CHECK_EQ(mkfifo(path, 0600), 0);
    int writer = open_behind_who_gave_up(path);
    CHECK_INT(writer, >=, 0);
    while (gor_write(writer, "x", 1, GOR_NEVER) == 1) {
        gor_yield();
    }
    CHECK_EQ(gor_write(writer, "x", 1, GOR_NEVER), -EPIPE);
    /* Nobody reads it any more. */
    fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    CHECK_EQ(fd, -1);
    CHECK_EQ(errno, ENXIO);
    CHECK_EQ(gor_close(writer), 0);
}

GO_TEST(pipe_is_close_on_exec_and_parks)
{
    int fds[2];
    char byte = 0;
    CHECK_EQ(gor_pipe(fds), 0);
    CHECK(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(gor_read(fds[0], &byte, 1, 0), -ETIMEDOUT);
    CHECK_EQ(gor_write(fds[1], "p", 1, GOR_NEVER), 1);
    CHECK_EQ(gor_read(fds[0], &byte, 1, GOR_NEVER), 1);
    CHECK_EQ(byte, 'p');
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_write(fds[1], "p", 1, GOR_NEVER), -EPIPE);
    CHECK_EQ(gor_close(fds[1]), 0);
}

/* ---- numbers that were closed behind the library's back */

GO_TEST(fd_number_closed_by_others_and_used_again_starts_clean)
{
    int fds[2];
    char byte = 0;
    for (int seen = 0; seen < 50;) {
        CHECK_EQ(gor_pipe(fds), 0);
        CHECK_EQ(gor_read(fds[0], &byte, 1, 0), -ETIMEDOUT);
        CHECK_EQ(gor_write(fds[1], "x", 1, 0), 1);
        CHECK_EQ(close(fds[0]), 0);
        CHECK_EQ(close(fds[1]), 0);
        int again[2];
        CHECK_EQ(gor_pipe(again), 0);
        /* Unless the C library had a file open just then. */
        seen += again[0] == fds[0];
        CHECK_EQ(gor_write(again[1], "y", 1, GOR_NEVER), 1);
        CHECK_EQ(gor_read(again[0], &byte, 1, GOR_NEVER), 1);
        CHECK_EQ(byte, 'y');
        CHECK_EQ(gor_read(again[0], &byte, 1, gor_after(1000)), -ETIMEDOUT);
        CHECK_EQ(gor_close(again[0]), 0);
        CHECK_EQ(gor_close(again[1]), 0);
    }
}

struct reader {
    int fd;
    ssize_t result;
    struct gor_waitgroup wg;
};

static void read_one(void *arg)
{
    struct reader *r = arg;
    char byte = 0;
    r->result = gor_read(r->fd, &byte, 1, GOR_NEVER);
    gor_waitgroup_done(&r->wg);
}

GO_TEST(fd_number_used_again_wakes_who_waits_for_the_former_file)
{
    int fds[2];
    int again[2] = {-1, -1};
    struct reader r = {0};
    CHECK_EQ(gor_pipe(fds), 0);
    r.fd = fds[0];
    gor_waitgroup_add(&r.wg, 1);
    spawn_parked(read_one, &r, GOR_WAIT_IO);
    CHECK_EQ(close(fds[0]), 0);
    while (again[0] != fds[0]) {
        CHECK_EQ(gor_pipe(again), 0);
    }
    gor_waitgroup_wait(&r.wg);
    CHECK_EQ(r.result, -ECANCELED);
    CHECK_EQ(gor_write(again[1], "n", 1, GOR_NEVER), 1);
    gor_waitgroup_add(&r.wg, 1);
    read_one(&r);
    CHECK_EQ(r.result, 1);
    CHECK_EQ(gor_close(again[0]), 0);
    CHECK_EQ(gor_close(again[1]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}

TEST(file_calls_outside_a_goroutine_are_refused)
{
    char byte = 0;
    CHECK_EQ(gor_open("/dev/null", O_RDONLY, 0, GOR_NEVER), -EPERM);
    CHECK_EQ(gor_pread(0, &byte, 1, 0), -EPERM);
    CHECK_EQ(gor_pwrite(0, &byte, 1, 0), -EPERM);
    CHECK_EQ(gor_fsync(0), -EPERM);
}
