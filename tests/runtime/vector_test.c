/* SPDX-License-Identifier: MIT */
/* vector_test.c - several parts at once, on streams and files; files sent to sockets. */
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/runtime/help.h"

GO_TEST(vector_parts_are_gathered_and_scattered)
{
    int pair[2];
    char first[3];
    char second[10];
    struct iovec out[] = {{"ab", 2}, {"", 0}, {"cdef", 4}};
    struct iovec in[] = {{first, sizeof first}, {second, sizeof second}};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    CHECK_EQ(gor_readv(pair[1], in, 2, 0), -ETIMEDOUT);
    CHECK_EQ(gor_writev(pair[0], out, 3, GOR_NEVER), 6);
    CHECK_EQ(gor_readv(pair[1], in, 2, GOR_NEVER), 6);
    CHECK_EQ(memcmp(first, "abc", 3), 0);
    CHECK_EQ(memcmp(second, "def", 3), 0);
    CHECK_EQ(gor_writev(pair[0], out, -1, GOR_NEVER), -EINVAL);
    CHECK_EQ(gor_readv(pair[0], in, -1, GOR_NEVER), -EINVAL);
    CHECK_EQ(gor_writev(pair[0], out, 0, GOR_NEVER), 0);
    CHECK_EQ(gor_close(pair[1]), 0);
    CHECK_EQ(gor_writev(pair[0], out, 3, GOR_NEVER), -EPIPE);
    CHECK_EQ(gor_close(pair[0]), 0);
    CHECK_EQ(gor_writev(pair[0], out, 3, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_readv(pair[0], in, 2, GOR_NEVER), -EBADF);
}

struct sink {
    int fd;
    size_t bytes;
    uint64_t sum;
    struct gor_waitgroup wg;
};

/* What came, with its place: parts that were swapped or written twice change the sum. */
static void drain(void *arg)
{
    struct sink *s = arg;
    unsigned char bytes[4096];
    ssize_t n = 0;
    while ((n = gor_read(s->fd, bytes, sizeof bytes, GOR_NEVER)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            s->sum = s->sum * 31 + bytes[i];
        }
        s->bytes += (size_t)n;
    }
    CHECK_EQ(n, 0);
    gor_waitgroup_done(&s->wg);
}

/* More parts than the kernel takes at once, more bytes than the socket holds. */
GO_TEST(vector_all_of_many_parts_arrives_in_order)
{
    enum { PARTS = 3000 };
    struct iovec *parts = calloc(PARTS, sizeof *parts);
    int pair[2];
    size_t written = 0;
    size_t total = 0;
    uint64_t sum = 0;
    uint64_t seed = test_seed();
    struct sink s = {0};
    for (int i = 0; i < PARTS; i++) {
        parts[i].iov_len = (size_t)random_below(&seed, i % 100 == 0 ? 20000 : 300);
        parts[i].iov_base = malloc(parts[i].iov_len + 1);
        unsigned char *bytes = parts[i].iov_base;
        for (size_t k = 0; k < parts[i].iov_len; k++) {
            bytes[k] = (unsigned char)(i + (int)k);
            sum = sum * 31 + bytes[k];
        }
        total += parts[i].iov_len;
    }
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    s.fd = pair[1];
    gor_waitgroup_add(&s.wg, 1);
    spawn(drain, &s);
    CHECK_EQ(gor_writev_all(pair[0], parts, PARTS, GOR_NEVER, &written), 0);
    CHECK_EQ(written, total);
    CHECK_EQ(gor_close(pair[0]), 0);
    gor_waitgroup_wait(&s.wg);
    CHECK_EQ(s.bytes, total);
    CHECK(s.sum == sum);
    CHECK_EQ(gor_close(pair[1]), 0);
    for (int i = 0; i < PARTS; i++) {
        free(parts[i].iov_base);
    }
    free(parts);
}

GO_TEST(vector_all_tells_how_far_it_came)
{
    static char bytes[1 << 20];
    struct iovec parts[] = {{bytes, sizeof bytes}, {bytes, sizeof bytes}};
    int pair[2];
    size_t written = 0;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    CHECK_EQ(gor_writev_all(pair[0], parts, 2, gor_after(GOR_MILLISECOND), &written), -ETIMEDOUT);
    CHECK_INT(written, >, 0);
    CHECK_INT(written, <, 2 * sizeof bytes);
    CHECK_EQ(gor_writev_all(pair[0], parts, -1, GOR_NEVER, &written), -EINVAL);
    CHECK_EQ(written, 0);
    CHECK_EQ(gor_writev_all(pair[0], parts, 0, GOR_NEVER, NULL), 0);
    CHECK_EQ(gor_close(pair[0]), 0);
    CHECK_EQ(gor_close(pair[1]), 0);
}

static int new_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", test_tmpdir(), name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_INT(fd, >=, 0);
    return fd;
}

GO_TEST(vector_works_on_files)
{
    char first[4];
    char second[4];
    struct iovec out[] = {{"abcd", 4}, {"efg", 3}};
    struct iovec in[] = {{first, 4}, {second, 4}};
    int fd = new_file("vector");
    CHECK_EQ(gor_writev(fd, out, 2, GOR_NEVER), 7);
    CHECK_EQ(gor_writev_all(fd, out, 2, GOR_NEVER, NULL), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(gor_readv(fd, in, 2, GOR_NEVER), 8);
    CHECK_EQ(memcmp(first, "abcd", 4), 0);
    CHECK_EQ(memcmp(second, "efga", 4), 0);
    CHECK_EQ(gor_close(fd), 0);
}

GO_TEST(sendfile_parks_when_the_socket_is_full)
{
    enum { BYTES = 1 << 20 };
    static unsigned char bytes[BYTES];
    int pair[2];
    uint64_t sum = 0;
    off_t offset = 0;
    struct sink s = {0};
    int file = new_file("sendfile");
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = (unsigned char)(i * 7);
        sum = sum * 31 + bytes[i];
    }
    CHECK_EQ(gor_write_all(file, bytes, BYTES, GOR_NEVER, NULL), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    s.fd = pair[1];
    gor_waitgroup_add(&s.wg, 1);
    spawn(drain, &s);
    while (offset < BYTES) {
        CHECK_INT(gor_sendfile(pair[0], file, &offset, BYTES, GOR_NEVER), >, 0);
    }
    CHECK_EQ(gor_sendfile(pair[0], file, &offset, BYTES, GOR_NEVER), 0);
    CHECK_EQ(gor_close(pair[0]), 0);
    gor_waitgroup_wait(&s.wg);
    CHECK_EQ(s.bytes, BYTES);
    CHECK(s.sum == sum);
    CHECK_EQ(gor_sendfile(pair[0], file, NULL, 1, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_close(pair[1]), 0);
    CHECK_EQ(gor_close(file), 0);
}

GO_TEST(sendfile_deadline_passes_and_a_broken_pipe_is_only_an_error)
{
    static char bytes[1 << 20];
    int pair[2];
    off_t offset = 0;
    int file = new_file("full");
    CHECK_EQ(gor_write_all(file, bytes, sizeof bytes, GOR_NEVER, NULL), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ssize_t put = 0;
    do {
        put = gor_sendfile(pair[0], file, &offset, sizeof bytes, gor_after(GOR_MILLISECOND));
    } while (put > 0);
    CHECK_EQ(put, -ETIMEDOUT);
    CHECK_EQ(gor_close(pair[1]), 0);
    offset = 0;
    CHECK_EQ(gor_sendfile(pair[0], file, &offset, 10, GOR_NEVER), -EPIPE);
    CHECK_EQ(gor_close(pair[0]), 0);
    CHECK_EQ(gor_close(file), 0);
}

TEST(vector_outside_a_goroutine_is_refused)
{
    struct iovec part = {"", 0};
    CHECK_EQ(gor_readv(0, &part, 1, 0), -EPERM);
    CHECK_EQ(gor_writev(1, &part, 1, 0), -EPERM);
    CHECK_EQ(gor_sendfile(1, 0, NULL, 1, 0), -EPERM);
}
