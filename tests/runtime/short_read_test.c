/* SPDX-License-Identifier: MIT */
/* short_read_test.c - a read that got less than it asked for spares the next one, if that would be in
 * vain: nothing that comes meanwhile is overlooked, be it data, an end, an error or urgent data. */
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static int listen_here(char address[GOR_ADDR_BYTES])
{
    int fd = gor_listen("tcp", "127.0.0.1:0", NULL, GOR_NEVER);
    CHECK_INT(fd, >=, 0);
    CHECK_INT(gor_local_addr(fd, address, GOR_ADDR_BYTES), >, 0);
    return fd;
}

static void make_pair(int pair[2])
{
    char address[GOR_ADDR_BYTES];
    int listener = listen_here(address);
    pair[0] = gor_dial("tcp", address, NULL, GOR_NEVER);
    pair[1] = gor_accept(listener, NULL, NULL, GOR_NEVER);
    CHECK_INT(pair[0], >=, 0);
    CHECK_INT(pair[1], >=, 0);
    CHECK_EQ(gor_close(listener), 0);
}

static void close_pair(int pair[2])
{
    CHECK_EQ(gor_close(pair[0]), 0);
    CHECK_EQ(gor_close(pair[1]), 0);
}

/* Until the kernel has it, with no word of it to the poller. */
static void await_bytes(int fd, int count)
{
    int there = 0;
    while (there < count) {
        CHECK_EQ(ioctl(fd, FIONREAD, &there), 0);
    }
}

/* Let the poller tell of what is there, so that nothing is left for it to tell later: which is when a
 * read that wrongly waits waits for ever. */
static void let_poller_tell(void)
{
    CHECK_EQ(gor_sleep(GOR_MILLISECOND), 0);
}

GO_TEST(short_read_hides_nothing_from_who_will_not_wait)
{
    int pair[2];
    char bytes[16];
    make_pair(pair);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(gor_write(pair[0], "abc", 3, GOR_NEVER), 3);
        await_bytes(pair[1], 3);
        CHECK_EQ(gor_read(pair[1], bytes, sizeof bytes, 0), 3);
        CHECK_EQ(gor_read(pair[1], bytes, sizeof bytes, 0), -ETIMEDOUT);
    }
    close_pair(pair);
}

/* The end comes with the data, in one event. */
GO_TEST(short_read_before_an_end_is_followed_by_the_end)
{
    char address[GOR_ADDR_BYTES];
    char bytes[16];
    int listener = listen_here(address);
    for (int i = 0; i < 200; i++) {
        int client = gor_dial("tcp", address, NULL, GOR_NEVER);
        CHECK_INT(client, >=, 0);
        int server = gor_accept(listener, NULL, NULL, GOR_NEVER);
        if (i % 2 == 0) {
            CHECK_EQ(gor_read(server, bytes, sizeof bytes, 0), -ETIMEDOUT);
        }
        CHECK_EQ(gor_write(client, "abc", 3, GOR_NEVER), 3);
        CHECK_EQ(i % 3 == 0 ? gor_shutdown(client, SHUT_WR) : gor_close(client), 0);
        if (i % 5 == 0) {
            gor_yield();
        }
        CHECK_EQ(gor_read(server, bytes, sizeof bytes, GOR_NEVER), 3);
        CHECK_EQ(gor_read(server, bytes, sizeof bytes, GOR_NEVER), 0);
        CHECK_EQ(gor_close(server), 0);
        if (i % 3 == 0) {
            CHECK_EQ(gor_close(client), 0);
        }
    }
    CHECK_EQ(gor_close(listener), 0);
}

GO_TEST(short_read_before_a_reset_is_followed_by_the_error)
{
    for (int i = 0; i < 50; i++) {
        int pair[2];
        char bytes[16];
        const struct linger none = {1, 0};
        make_pair(pair);
        CHECK_EQ(gor_write(pair[0], "abc", 3, GOR_NEVER), 3);
        CHECK_EQ(gor_read(pair[1], bytes, sizeof bytes, GOR_NEVER), 3);
        CHECK_EQ(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
        CHECK_EQ(gor_close(pair[0]), 0);
        CHECK_EQ(gor_read(pair[1], bytes, sizeof bytes, GOR_NEVER), -ECONNRESET);
        CHECK_EQ(gor_close(pair[1]), 0);
    }
}

/* A read stops at the mark though there is more. */
GO_TEST(short_read_at_urgent_data_is_followed_by_the_rest)
{
    for (int i = 0; i < 20; i++) {
        int pair[2];
        char bytes[16];
        size_t got = 0;
        const int on = 1;
        make_pair(pair);
        CHECK_EQ(setsockopt(pair[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on), 0);
        if (i % 2 == 0) {
            CHECK_EQ(gor_read(pair[1], bytes, sizeof bytes, 0), -ETIMEDOUT);
        }
        CHECK_EQ(gor_write(pair[0], "abc", 3, GOR_NEVER), 3);
        CHECK_EQ(send(pair[0], "!", 1, MSG_OOB), 1);
        CHECK_EQ(gor_write(pair[0], "defg", 4, GOR_NEVER), 4);
        await_bytes(pair[1], 3);
        let_poller_tell();
        while (got < 8) {
            ssize_t n = gor_read(pair[1], bytes + got, sizeof bytes - got, GOR_NEVER);
            CHECK_INT(n, >, 0);
            got += (size_t)n;
        }
        CHECK_EQ(memcmp(bytes, "abc!defg", 8), 0);
        close_pair(pair);
    }
}

/* Where a short read tells nothing: each read of a Unix stream stops at descriptors passed. */
GO_TEST(short_read_of_other_streams_tells_nothing)
{
    int pair[2];
    char bytes[16];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {(char[]){'b'}, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &pair[0], sizeof(int));
    CHECK_EQ(gor_write(pair[0], "a", 1, GOR_NEVER), 1);
    CHECK_EQ(gor_sendmsg(pair[0], &message, 0, GOR_NEVER), 1);
    CHECK_EQ(gor_write(pair[0], "c", 1, GOR_NEVER), 1);
    CHECK_EQ(gor_fd_wait(pair[1], GOR_FD_READ, GOR_NEVER), GOR_FD_READ);
    let_poller_tell();
    for (size_t got = 0; got < 3;) {
        ssize_t n = gor_read(pair[1], bytes + got, sizeof bytes - got, GOR_NEVER);
        CHECK_INT(n, >, 0);
        got += (size_t)n;
    }
    close_pair(pair);
}

/* ---- a storm */

struct stream {
    int pair[2];
    uint64_t seed;        /* the writer's */
    uint64_t reader_seed; /* what the readers' are made from */
    int readers;
    size_t sent;
    _Atomic size_t received;
    struct gor_waitgroup wg;
};

static void write_bursts(void *arg)
{
    static char bytes[20000];
    struct stream *s = arg;
    int bursts = SCALED(600, 200, 100);
    for (int i = 0; i < bursts; i++) {
        size_t size = (size_t)random_below(&s->seed, i % 16 == 0 ? (int)sizeof bytes : 40) + 1;
        CHECK_EQ(gor_write_all(s->pair[0], bytes, size, GOR_NEVER, NULL), 0);
        s->sent += size;
        for (int k = random_below(&s->seed, 4); k > 0; k--) {
            gor_yield();
        }
        if (random_below(&s->seed, 50) == 0) {
            CHECK_EQ(gor_sleep(random_below(&s->seed, 300000)), 0);
        }
    }
    CHECK_EQ(gor_shutdown(s->pair[0], SHUT_WR), 0);
    gor_waitgroup_done(&s->wg);
}

/* One read of some kind, of some size; 0 at the end, -ETIMEDOUT for the impatient. */
static ssize_t read_somehow(int fd, uint64_t *seed)
{
    char bytes[4096];
    size_t size = (size_t)random_below(seed, random_below(seed, 2) == 0 ? 8 : 4096) + 1;
    struct iovec parts[] = {{bytes, size / 2}, {bytes + size / 2, size - size / 2}};
    switch (random_below(seed, 5)) {
    case 0:
        return gor_readv(fd, parts, 2, GOR_NEVER);
    case 1:
        return gor_recvfrom(fd, bytes, size, NULL, NULL, GOR_NEVER);
    case 2:
        return gor_read(fd, bytes, size, gor_after(random_below(seed, 20000)));
    default:
        return gor_read(fd, bytes, size, GOR_NEVER);
    }
}

static void read_bursts(void *arg)
{
    struct stream *s = arg;
    uint64_t seed = s->reader_seed ^ gor_self();
    ssize_t n = 1;
    while (n != 0) {
        n = read_somehow(s->pair[1], &seed);
        CHECK(n >= 0 || n == -ETIMEDOUT);
        if (n > 0) {
            atomic_fetch_add(&s->received, (size_t)n);
        }
    }
    gor_waitgroup_done(&s->wg);
}

GO_TEST(short_reads_in_a_storm_leave_no_byte_and_no_end_behind)
{
    enum { STREAMS = 8 };
    static struct stream streams[STREAMS];
    uint64_t seed = test_seed();
    for (int i = 0; i < STREAMS; i++) {
        struct stream *s = &streams[i];
        memset(s, 0, sizeof *s);
        make_pair(s->pair);
        s->seed = next_random(&seed);
        s->reader_seed = next_random(&seed);
        s->readers = 1 + i % 3;
        gor_waitgroup_add(&s->wg, 1 + s->readers);
        for (int k = 0; k < s->readers; k++) {
            spawn(read_bursts, s);
        }
        spawn(write_bursts, s);
    }
    for (int i = 0; i < STREAMS; i++) {
        struct stream *s = &streams[i];
        gor_waitgroup_wait(&s->wg);
        CHECK_EQ(atomic_load(&s->received), s->sent);
        close_pair(s->pair);
    }
}
