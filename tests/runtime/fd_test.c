/* SPDX-License-Identifier: MIT */
/* fd_test.c - regular files, waiting for readiness, and descriptors that are none. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static int open_temporary(const char *name, int flags)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", test_tmpdir(), name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    CHECK_INT(fd, >=, 0);
    return fd;
}

GO_TEST(fd_regular_file_is_written_and_read_back)
{
    static char bytes[300000];
    static char got[300001];
    size_t written = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 7);
    }
    int fd = open_temporary("file", O_CREAT | O_RDWR | O_TRUNC);
    CHECK_EQ(gor_write_all(fd, bytes, sizeof bytes, GOR_NEVER, &written), 0);
    CHECK_EQ(written, sizeof bytes);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    size_t length = 0;
    ssize_t n;
    while ((n = gor_read(fd, got + length, sizeof got - length, GOR_NEVER)) > 0) {
        length += (size_t)n;
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(length, sizeof bytes);
    CHECK_EQ(memcmp(bytes, got, length), 0);
    CHECK_EQ(gor_read(fd, got, sizeof got, 0), 0);
    CHECK_EQ(gor_fd_wait(fd, GOR_FD_READ, 0), -EPERM);
    CHECK_EQ(gor_close(fd), 0);
}

GO_TEST(fd_errors_are_those_of_the_system_call)
{
    char byte = 0;
    int directory = open(test_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int read_only = open_temporary("read_only", O_CREAT | O_RDONLY);
    CHECK_EQ(gor_read(directory, &byte, 1, GOR_NEVER), -EISDIR);
    CHECK_EQ(gor_write(read_only, &byte, 1, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_close(directory), 0);
    CHECK_EQ(gor_close(read_only), 0);
    CHECK_EQ(gor_read(read_only, &byte, 1, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_write(read_only, &byte, 1, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_close(read_only), -EBADF);
    CHECK_EQ(gor_read(-1, &byte, 1, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_close(-1), -EBADF);
    CHECK_EQ(gor_fd_wait(-1, GOR_FD_READ, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_fd_wait(1 << 30, GOR_FD_READ, GOR_NEVER), -EBADF);
}

GO_TEST(fd_null_and_zero_devices_work)
{
    char bytes[100];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    CHECK_EQ(gor_write(null, bytes, sizeof bytes, GOR_NEVER), sizeof bytes);
    CHECK_EQ(gor_read(null, bytes, sizeof bytes, GOR_NEVER), 0);
    memset(bytes, 1, sizeof bytes);
    CHECK_EQ(gor_read(zero, bytes, sizeof bytes, GOR_NEVER), sizeof bytes);
    CHECK_EQ(bytes[99], 0);
    CHECK_EQ(gor_close(null), 0);
    CHECK_EQ(gor_close(zero), 0);
}

GO_TEST(fd_of_zero_bytes_is_done_at_once)
{
    int fds[2];
    size_t written = 9;
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(gor_write_all(fds[1], "", 0, GOR_NEVER, &written), 0);
    CHECK_EQ(written, 0);
    CHECK_EQ(gor_write(fds[1], "", 0, GOR_NEVER), 0);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}

/* ----------------------------------------------------------- waiting for it */

struct fd_waiter {
    int fd;
    int events;
    int64_t deadline;
    int result;
    struct gor_waitgroup *wg;
};

static void wait_for_fd(void *arg)
{
    struct fd_waiter *w = arg;
    w->result = gor_fd_wait(w->fd, w->events, w->deadline);
    gor_waitgroup_done(w->wg);
}

GO_TEST(fd_wait_tells_what_is_ready)
{
    int fds[2];
    struct gor_waitgroup wg = {0};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_EQ(gor_fd_wait(fds[0], GOR_FD_READ, 0), -ETIMEDOUT);
    CHECK_EQ(gor_fd_wait(fds[0], GOR_FD_WRITE, GOR_NEVER), GOR_FD_WRITE);
    CHECK_EQ(gor_fd_wait(fds[0], GOR_FD_READ | GOR_FD_WRITE, GOR_NEVER), GOR_FD_WRITE);
    struct fd_waiter w = {fds[0], GOR_FD_READ, GOR_NEVER, 0, &wg};
    gor_waitgroup_add(&wg, 1);
    spawn_parked(wait_for_fd, &w, GOR_WAIT_IO);
    CHECK_EQ(gor_write(fds[1], "x", 1, GOR_NEVER), 1);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(w.result, GOR_FD_READ);
    /* Still ready: nothing was read. */
    CHECK_EQ(gor_fd_wait(fds[0], GOR_FD_READ, GOR_NEVER), GOR_FD_READ);
    CHECK_EQ(gor_fd_wait(fds[0], GOR_FD_READ | GOR_FD_WRITE, 0), GOR_FD_READ | GOR_FD_WRITE);
    char byte;
    CHECK_EQ(gor_read(fds[0], &byte, 1, GOR_NEVER), 1);
    CHECK_EQ(gor_fd_wait(fds[0], GOR_FD_READ, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
    CHECK_EQ(gor_close(fds[1]), 0);
    CHECK_EQ(gor_fd_wait(fds[0], GOR_FD_READ, GOR_NEVER), GOR_FD_READ);
    CHECK_EQ(gor_close(fds[0]), 0);
}

GO_TEST(fd_wait_is_woken_by_hang_up_and_by_close)
{
    int fds[2];
    struct gor_waitgroup wg = {0};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct fd_waiter w = {fds[0], GOR_FD_READ, GOR_NEVER, 0, &wg};
    gor_waitgroup_add(&wg, 1);
    spawn_parked(wait_for_fd, &w, GOR_WAIT_IO);
    CHECK_EQ(gor_close(fds[1]), 0);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(w.result, GOR_FD_READ);
    CHECK_EQ(gor_close(fds[0]), 0);

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    w.fd = fds[0];
    gor_waitgroup_add(&wg, 1);
    spawn_parked(wait_for_fd, &w, GOR_WAIT_IO);
    CHECK_EQ(gor_close(fds[0]), 0);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(w.result, -ECANCELED);
    CHECK_EQ(gor_close(fds[1]), 0);
}

GO_TEST(fd_wait_with_no_event_is_refused)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(gor_fd_wait(fds[0], 0, 0), -EINVAL);
    CHECK_EQ(gor_fd_wait(fds[0], 64, 0), -EINVAL);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}

/* Several goroutines read from one pipe: each byte goes to one of them and nobody sleeps on. */
struct sharing {
    int fd;
    struct gor_waitgroup wg;
    _Atomic long bytes;
};

static void read_to_the_end(void *arg)
{
    struct sharing *s = arg;
    char byte;
    while (gor_read(s->fd, &byte, 1, GOR_NEVER) == 1) {
        atomic_fetch_add(&s->bytes, 1);
    }
    gor_waitgroup_done(&s->wg);
}

GO_TEST(fd_shared_by_several_readers_wakes_them_all_in_the_end)
{
    int fds[2];
    CHECK_EQ(pipe(fds), 0);
    struct sharing s = {.fd = fds[0]};
    gor_waitgroup_add(&s.wg, 8);
    for (int i = 0; i < 8; i++) {
        spawn(read_to_the_end, &s);
    }
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(gor_write(fds[1], "x", 1, GOR_NEVER), 1);
        if (i % 7 == 0) {
            gor_yield();
        }
    }
    CHECK_EQ(gor_close(fds[1]), 0);
    gor_waitgroup_wait(&s.wg);
    CHECK_EQ(atomic_load(&s.bytes), 1000);
    CHECK_EQ(gor_close(fds[0]), 0);
}
