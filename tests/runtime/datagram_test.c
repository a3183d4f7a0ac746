/* SPDX-License-Identifier: MIT */
/* datagram_test.c - messages: UDP, Unix datagrams, descriptors handed over, deadlines, close. */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static int bind_at(const char *network, const char *address, char text[GOR_ADDR_BYTES])
{
    int fd = gor_listen(network, address, NULL, GOR_NEVER);
    CHECK_INT(fd, >=, 0);
    CHECK_INT(gor_local_addr(fd, text, GOR_ADDR_BYTES), >, 0);
    return fd;
}

GO_TEST(udp_messages_keep_their_bounds_and_tell_their_sender)
{
    char text[GOR_ADDR_BYTES];
    char from[GOR_ADDR_BYTES];
    char mine[GOR_ADDR_BYTES];
    char bytes[32];
    struct sockaddr_storage addr;
    socklen_t length = sizeof addr;
    int server = bind_at("udp", "127.0.0.1:0", text);
    int client = gor_dial("udp", text, NULL, GOR_NEVER);
    CHECK_INT(client, >=, 0);
    CHECK_EQ(gor_write(client, "one", 3, GOR_NEVER), 3);
    CHECK_EQ(gor_sendto(client, "", 0, NULL, 0, GOR_NEVER), 0);
    CHECK_EQ(gor_write(client, "three", 5, GOR_NEVER), 5);
    CHECK_EQ(
        gor_recvfrom(server, bytes, sizeof bytes, (struct sockaddr *)&addr, &length, GOR_NEVER), 3);
    CHECK_INT(gor_addr_text((struct sockaddr *)&addr, length, from, sizeof from), >, 0);
    CHECK_INT(gor_local_addr(client, mine, sizeof mine), >, 0);
    CHECK_STR(from, mine);
    CHECK_EQ(gor_recvfrom(server, bytes, sizeof bytes, NULL, NULL, GOR_NEVER), 0);
    CHECK_EQ(gor_recvfrom(server, bytes, 2, NULL, NULL, GOR_NEVER), 2);
    CHECK_EQ(gor_recvfrom(server, bytes, sizeof bytes, NULL, NULL, 0), -ETIMEDOUT);
    CHECK_EQ(gor_sendto(server, "back", 4, (struct sockaddr *)&addr, length, GOR_NEVER), 4);
    CHECK_EQ(gor_read(client, bytes, sizeof bytes, GOR_NEVER), 4);
    CHECK_EQ(gor_close(client), 0);
    CHECK_EQ(gor_close(server), 0);
}

struct receiver {
    int fd;
    ssize_t result;
    struct gor_waitgroup wg;
};

static void receive(void *arg)
{
    struct receiver *r = arg;
    char bytes[8];
    r->result = gor_recvfrom(r->fd, bytes, sizeof bytes, NULL, NULL, GOR_NEVER);
    gor_waitgroup_done(&r->wg);
}

GO_TEST(udp_receiver_is_woken_by_a_message_and_by_close)
{
    char text[GOR_ADDR_BYTES];
    struct receiver r = {.fd = bind_at("udp", ":0", text)};
    char address[GOR_ADDR_BYTES];
    snprintf(address, sizeof address, "localhost%s", strrchr(text, ':'));
    int client = gor_dial("udp", address, NULL, GOR_NEVER);
    CHECK_INT(client, >=, 0);
    gor_waitgroup_add(&r.wg, 1);
    spawn_parked(receive, &r, GOR_WAIT_IO);
    CHECK_EQ(gor_write(client, "x", 1, GOR_NEVER), 1);
    gor_waitgroup_wait(&r.wg);
    CHECK_EQ(r.result, 1);
    gor_waitgroup_add(&r.wg, 1);
    spawn_parked(receive, &r, GOR_WAIT_IO);
    CHECK_EQ(gor_close(r.fd), 0);
    gor_waitgroup_wait(&r.wg);
    CHECK_EQ(r.result, -ECANCELED);
    CHECK_EQ(gor_close(client), 0);
}

GO_TEST(udp_to_nobody_is_refused_at_the_next_call)
{
    char text[GOR_ADDR_BYTES];
    char byte;
    int fd = bind_at("udp", "127.0.0.1:0", text);
    CHECK_EQ(gor_close(fd), 0);
    fd = gor_dial("udp", text, NULL, GOR_NEVER);
    CHECK_EQ(gor_write(fd, "x", 1, GOR_NEVER), 1);
    CHECK_EQ(gor_read(fd, &byte, 1, GOR_NEVER), -ECONNREFUSED);
    CHECK_EQ(gor_close(fd), 0);
}

struct sender {
    int fd;
    struct sockaddr_un to;
    socklen_t to_len;
    int count;
    _Atomic int sent;
    struct gor_waitgroup wg;
};

static void send_all(void *arg)
{
    struct sender *s = arg;
    for (int i = 0; i < s->count; i++) {
        CHECK_EQ(gor_sendto(s->fd, &i, sizeof i, (struct sockaddr *)&s->to, s->to_len, GOR_NEVER),
                 sizeof i);
        atomic_fetch_add(&s->sent, 1);
    }
    gor_waitgroup_done(&s->wg);
}

/* Nothing tells a sender that is not connected when there is room again. */
GO_TEST(unix_datagrams_wait_for_room_at_the_other_end)
{
    char text[GOR_ADDR_BYTES];
    struct sender s = {.count = 300, .to = {.sun_family = AF_UNIX}};
    snprintf(s.to.sun_path, sizeof s.to.sun_path, "%s/receiver", test_tmpdir());
    s.to_len = sizeof s.to;
    int receiver = bind_at("unixgram", s.to.sun_path, text);
    s.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    gor_waitgroup_add(&s.wg, 1);
    spawn_parked(send_all, &s, GOR_WAIT_IO);
    CHECK_INT(atomic_load(&s.sent), <, s.count);
    for (int i = 0; i < s.count; i++) {
        int got = -1;
        CHECK_EQ(gor_recvfrom(receiver, &got, sizeof got, NULL, NULL, GOR_NEVER), sizeof got);
        CHECK_EQ(got, i);
    }
    gor_waitgroup_wait(&s.wg);
    int filler = 0;
    while (gor_sendto(s.fd, &filler, sizeof filler, (struct sockaddr *)&s.to, s.to_len, 0) > 0) {
    }
    CHECK_EQ(gor_sendto(s.fd, &filler, sizeof filler, (struct sockaddr *)&s.to, s.to_len,
                        gor_after(3 * GOR_MILLISECOND)),
             -ETIMEDOUT);
    CHECK_EQ(gor_close(s.fd), 0);
    CHECK_EQ(gor_close(receiver), 0);
    CHECK_EQ(unlink(s.to.sun_path), 0);
}

GO_TEST(unix_datagrams_are_answered_at_the_senders_own_path)
{
    char text[GOR_ADDR_BYTES];
    char path[GOR_ADDR_BYTES];
    char local[GOR_ADDR_BYTES];
    char bytes[8];
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    snprintf(path, sizeof path, "%s/server", test_tmpdir());
    snprintf(local, sizeof local, "%s/client", test_tmpdir());
    int server = bind_at("unixgram", path, text);
    const struct gor_net_opts opts = {.local = local};
    int client = gor_dial("unixgram", path, &opts, GOR_NEVER);
    CHECK_INT(client, >=, 0);
    CHECK_EQ(gor_write(client, "ping", 4, GOR_NEVER), 4);
    CHECK_EQ(
        gor_recvfrom(server, bytes, sizeof bytes, (struct sockaddr *)&from, &length, GOR_NEVER), 4);
    CHECK_EQ(gor_sendto(server, "pong", 4, (struct sockaddr *)&from, length, GOR_NEVER), 4);
    CHECK_EQ(gor_read(client, bytes, sizeof bytes, GOR_NEVER), 4);
    CHECK_EQ(memcmp(bytes, "pong", 4), 0);
    CHECK_EQ(gor_close(client), 0);
    CHECK_EQ(gor_close(server), 0);
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(unlink(local), 0);
}

/* A message with room for one descriptor. */
struct packet {
    char byte;
    struct iovec part;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message;
};

static void init_packet(struct packet *p)
{
    memset(p, 0, sizeof *p);
    p->part = (struct iovec){&p->byte, 1};
    p->message.msg_iov = &p->part;
    p->message.msg_iovlen = 1;
    p->message.msg_control = p->control;
    p->message.msg_controllen = sizeof p->control;
}

GO_TEST(unix_messages_carry_descriptors)
{
    int pair[2];
    int pipe_fds[2];
    struct packet out;
    struct packet in;
    int got = -1;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    CHECK_EQ(gor_pipe(pipe_fds), 0);
    init_packet(&out);
    init_packet(&in);
    struct cmsghdr *header = CMSG_FIRSTHDR(&out.message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &pipe_fds[0], sizeof(int));
    CHECK_EQ(gor_sendmsg(pair[0], &out.message, 0, GOR_NEVER), 1);
    CHECK_EQ(gor_recvmsg(pair[1], &in.message, 0, GOR_NEVER), 1);
    header = CMSG_FIRSTHDR(&in.message);
    CHECK(header != NULL && header->cmsg_type == SCM_RIGHTS);
    memcpy(&got, CMSG_DATA(header), sizeof got);
    CHECK(fcntl(got, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(gor_write(pipe_fds[1], "z", 1, GOR_NEVER), 1);
    char byte = 0;
    CHECK_EQ(gor_read(got, &byte, 1, GOR_NEVER), 1);
    CHECK_EQ(byte, 'z');
    int fds[] = {got, pair[0], pair[1], pipe_fds[0], pipe_fds[1]};
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(gor_close(fds[i]), 0);
    }
}

GO_TEST(messages_on_what_is_no_socket_are_refused)
{
    int fds[2];
    char byte = 0;
    CHECK_EQ(gor_pipe(fds), 0);
    CHECK_EQ(gor_recvfrom(fds[0], &byte, 1, NULL, NULL, 0), -ENOTSOCK);
    CHECK_EQ(gor_sendto(fds[1], &byte, 1, NULL, 0, 0), -ENOTSOCK);
    CHECK_EQ(gor_shutdown(fds[1], SHUT_WR), -ENOTSOCK);
    CHECK_EQ(gor_recvfrom(-1, &byte, 1, NULL, NULL, 0), -EBADF);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}

GO_TEST(shutdown_ends_one_direction_and_wakes_readers)
{
    int pair[2];
    char byte = 0;
    struct receiver r = {0};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    r.fd = pair[1];
    gor_waitgroup_add(&r.wg, 1);
    spawn_parked(receive, &r, GOR_WAIT_IO);
    CHECK_EQ(gor_shutdown(pair[0], SHUT_WR), 0);
    gor_waitgroup_wait(&r.wg);
    CHECK_EQ(r.result, 0);
    CHECK_EQ(gor_write(pair[1], "y", 1, GOR_NEVER), 1);
    CHECK_EQ(gor_read(pair[0], &byte, 1, GOR_NEVER), 1);
    CHECK_EQ(gor_write(pair[0], "y", 1, GOR_NEVER), -EPIPE);
    CHECK_EQ(gor_shutdown(pair[0], 77), -EINVAL);
    CHECK_EQ(gor_close(pair[0]), 0);
    CHECK_EQ(gor_close(pair[1]), 0);
}

TEST(messages_outside_a_goroutine_are_refused)
{
    char byte = 0;
    CHECK_EQ(gor_recvfrom(0, &byte, 1, NULL, NULL, 0), -EPERM);
    CHECK_EQ(gor_sendto(1, &byte, 1, NULL, 0, 0), -EPERM);
    CHECK_EQ(gor_shutdown(0, SHUT_RD), -EPERM);
}
