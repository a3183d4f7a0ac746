/* SPDX-License-Identifier: MIT */
/* listen_dial_test.c - sockets by the text of their address: both families, Unix, names, races. */
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static int listen_at(const char *network, const char *address, char text[GOR_ADDR_BYTES])
{
    int fd = gor_listen(network, address, NULL, GOR_NEVER);
    CHECK_INT(fd, >=, 0);
    CHECK_INT(gor_local_addr(fd, text, GOR_ADDR_BYTES), >, 0);
    return fd;
}

static bool has_ipv6(void)
{
    int fd = gor_listen("tcp6", "[::1]:0", NULL, GOR_NEVER);
    if (fd >= 0) {
        CHECK_EQ(gor_close(fd), 0);
    }
    return fd >= 0;
}

/* "127.0.0.1" and the port of `text`. */
static void set_host(char address[GOR_ADDR_BYTES], const char *host, const char *text)
{
    snprintf(address, GOR_ADDR_BYTES, "%s%s", host, strrchr(text, ':'));
}

static void say_hello(int from, int to)
{
    char bytes[8];
    CHECK_EQ(gor_write_all(from, "hello", 5, GOR_NEVER, NULL), 0);
    CHECK_EQ(gor_read(to, bytes, sizeof bytes, GOR_NEVER), 5);
    CHECK_EQ(memcmp(bytes, "hello", 5), 0);
}

/* Connect to the listener, talk, and check that both ends name each other alike. */
static void meet(const char *network, const char *address, int listener)
{
    char mine[GOR_ADDR_BYTES];
    char theirs[GOR_ADDR_BYTES];
    int client = gor_dial(network, address, NULL, GOR_NEVER);
    CHECK_INT(client, >=, 0);
    int server = gor_accept(listener, NULL, NULL, GOR_NEVER);
    CHECK_INT(server, >=, 0);
    CHECK(fcntl(client, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    say_hello(client, server);
    say_hello(server, client);
    CHECK_INT(gor_local_addr(client, mine, sizeof mine), >=, 0);
    CHECK_INT(gor_peer_addr(server, theirs, sizeof theirs), >=, 0);
    CHECK_STR(mine, theirs);
    CHECK_INT(gor_peer_addr(client, mine, sizeof mine), >=, 0);
    CHECK_INT(gor_local_addr(server, theirs, sizeof theirs), >=, 0);
    CHECK_STR(mine, theirs);
    CHECK_EQ(gor_close(client), 0);
    CHECK_EQ(gor_close(server), 0);
}

GO_TEST(listen_and_dial_by_number_in_both_families)
{
    char text[GOR_ADDR_BYTES];
    int fd = listen_at("tcp", "127.0.0.1:0", text);
    CHECK_EQ(strncmp(text, "127.0.0.1:", 10), 0);
    meet("tcp", text, fd);
    meet("tcp4", text, fd);
    CHECK_EQ(gor_dial("tcp6", text, NULL, GOR_NEVER), -ENOENT);
    CHECK_EQ(gor_close(fd), 0);
    if (has_ipv6()) {
        fd = listen_at("tcp6", "[::1]:0", text);
        CHECK_EQ(strncmp(text, "[::1]:", 6), 0);
        meet("tcp", text, fd);
        CHECK_EQ(gor_close(fd), 0);
    }
}

GO_TEST(listen_without_a_host_serves_both_families)
{
    char text[GOR_ADDR_BYTES];
    char address[GOR_ADDR_BYTES];
    int fd = listen_at("tcp", ":0", text);
    set_host(address, "127.0.0.1", text);
    meet("tcp", address, fd);
    set_host(address, "", text);
    meet("tcp", address, fd);
    set_host(address, "localhost", text);
    meet("tcp", address, fd);
    if (has_ipv6()) {
        set_host(address, "[::1]", text);
        meet("tcp", address, fd);
    }
    CHECK_EQ(gor_close(fd), 0);
    fd = listen_at("tcp4", ":0", text);
    CHECK_EQ(strncmp(text, "0.0.0.0:", 8), 0);
    CHECK_EQ(gor_close(fd), 0);
}

/* The name has two addresses, of which one answers. */
GO_TEST(dial_by_name_finds_the_address_that_answers)
{
    char text[GOR_ADDR_BYTES];
    char address[GOR_ADDR_BYTES];
    int fd = listen_at("tcp4", "127.0.0.1:0", text);
    set_host(address, "localhost", text);
    meet("tcp", address, fd);
    set_host(address, "", text);
    meet("tcp", address, fd);
    CHECK_EQ(gor_close(fd), 0);
    CHECK_EQ(gor_dial("tcp", address, NULL, GOR_NEVER), -ECONNREFUSED);
    set_host(address, "localhost", text);
    CHECK_EQ(gor_dial("tcp", address, NULL, GOR_NEVER), -ECONNREFUSED);
}

GO_TEST(listen_and_dial_unix_by_path_and_by_abstract_name)
{
    char path[GOR_ADDR_BYTES];
    char text[GOR_ADDR_BYTES];
    snprintf(path, sizeof path, "%s/socket", test_tmpdir());
    const char *const networks[] = {"unix", "unixpacket"};
    for (int i = 0; i < 2; i++) {
        int fd = listen_at(networks[i], path, text);
        CHECK_STR(text, path);
        meet(networks[i], path, fd);
        CHECK_EQ(gor_listen(networks[i], path, NULL, GOR_NEVER), -EADDRINUSE);
        CHECK_EQ(gor_close(fd), 0);
        CHECK_EQ(gor_dial(networks[i], path, NULL, GOR_NEVER), -ECONNREFUSED);
        CHECK_EQ(unlink(path), 0);
        CHECK_EQ(gor_dial(networks[i], path, NULL, GOR_NEVER), -ENOENT);
    }
    snprintf(path, sizeof path, "@gor-test-%d", (int)getpid());
    int fd = listen_at("unix", path, text);
    CHECK_STR(text, path);
    meet("unix", path, fd);
    CHECK_EQ(gor_close(fd), 0);
    CHECK_EQ(gor_dial("unix", path, NULL, GOR_NEVER), -ECONNREFUSED);
}

GO_TEST(listen_and_dial_refuse_what_is_no_address)
{
    static const char *const bad[] = {"",       "127.0.0.1", "localhost", "[::1]",      "[::1:80",
                                      "::1:80", "a]b:80",    "[a]b:80",   "[[::1]]:80", "a:b:c"};
    char address[600];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(gor_listen("tcp", bad[i], NULL, GOR_NEVER), -EINVAL);
        CHECK_EQ(gor_dial("udp", bad[i], NULL, GOR_NEVER), -EINVAL);
    }
    memset(address, 'a', sizeof address);
    snprintf(address + 500, 10, ":80");
    CHECK_EQ(gor_dial("tcp", address, NULL, GOR_NEVER), -EINVAL);
    CHECK_EQ(gor_listen("unix", address, NULL, GOR_NEVER), -ENAMETOOLONG);
    CHECK_EQ(gor_dial("unix", "", NULL, GOR_NEVER), -EINVAL);
    CHECK_EQ(gor_dial("tcp5", "127.0.0.1:80", NULL, GOR_NEVER), -EINVAL);
    CHECK_EQ(gor_listen("", "127.0.0.1:80", NULL, GOR_NEVER), -EINVAL);
    CHECK_INT(gor_dial("tcp", "127.0.0.1:no-such-service", NULL, GOR_NEVER), <, 0);
    CHECK_INT(gor_dial("tcp", "127.0.0.1:65536", NULL, GOR_NEVER), <, 0);
    CHECK_EQ(gor_listen("tcp", "192.0.2.1:0", NULL, GOR_NEVER), -EADDRNOTAVAIL);
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    CHECK_EQ(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

GO_TEST(listen_and_dial_set_the_options_asked_for)
{
    char text[GOR_ADDR_BYTES];
    const struct gor_net_opts opts = {.nagle = true, .no_keepalive = true, .backlog = 3};
    int fd = listen_at("tcp", "127.0.0.1:0", text);
    int client = gor_dial("tcp", text, NULL, GOR_NEVER);
    int server = gor_accept(fd, NULL, NULL, GOR_NEVER);
    CHECK_EQ(option(client, IPPROTO_TCP, TCP_NODELAY), 1);
    CHECK_EQ(option(server, IPPROTO_TCP, TCP_NODELAY), 1);
    CHECK_EQ(option(server, SOL_SOCKET, SO_KEEPALIVE), 1);
    CHECK_EQ(option(client, IPPROTO_TCP, TCP_KEEPIDLE), 15);
    CHECK_EQ(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    CHECK_EQ(gor_close(client), 0);
    CHECK_EQ(gor_close(server), 0);
    CHECK_EQ(gor_close(fd), 0);

    fd = gor_listen("tcp", "127.0.0.1:0", &opts, GOR_NEVER);
    CHECK_INT(gor_local_addr(fd, text, sizeof text), >, 0);
    client = gor_dial("tcp", text, &opts, GOR_NEVER);
    server = gor_accept(fd, NULL, NULL, GOR_NEVER);
    CHECK_EQ(option(client, IPPROTO_TCP, TCP_NODELAY), 0);
    CHECK_EQ(option(server, IPPROTO_TCP, TCP_NODELAY), 0);
    CHECK_EQ(option(client, SOL_SOCKET, SO_KEEPALIVE), 0);
    CHECK_EQ(gor_close(client), 0);
    CHECK_EQ(gor_close(server), 0);
    CHECK_EQ(gor_close(fd), 0);
}

GO_TEST(listen_shares_a_port_only_if_asked_to)
{
    char text[GOR_ADDR_BYTES];
    const struct gor_net_opts shared = {.reuse_port = true};
    int first = gor_listen("tcp", "127.0.0.1:0", &shared, GOR_NEVER);
    CHECK_INT(gor_local_addr(first, text, sizeof text), >, 0);
    int second = gor_listen("tcp", text, &shared, GOR_NEVER);
    CHECK_INT(second, >=, 0);
    CHECK_EQ(gor_listen("tcp", text, NULL, GOR_NEVER), -EADDRINUSE);
    CHECK_EQ(gor_close(first), 0);
    CHECK_EQ(gor_close(second), 0);
}

GO_TEST(dial_from_an_address_of_ones_own)
{
    char text[GOR_ADDR_BYTES];
    char mine[GOR_ADDR_BYTES];
    struct gor_net_opts opts = {.local = "127.0.0.2:0"};
    int fd = listen_at("tcp", "127.0.0.1:0", text);
    int client = gor_dial("tcp", text, &opts, GOR_NEVER);
    CHECK_INT(client, >=, 0);
    CHECK_INT(gor_local_addr(client, mine, sizeof mine), >, 0);
    CHECK_EQ(strncmp(mine, "127.0.0.2:", 10), 0);
    CHECK_EQ(gor_close(client), 0);
    opts.local = "[::1]:0";
    CHECK_INT(gor_dial("tcp", text, &opts, GOR_NEVER), <, 0);
    opts.local = "nonsense";
    CHECK_EQ(gor_dial("tcp", text, &opts, GOR_NEVER), -EINVAL);
    CHECK_EQ(gor_close(fd), 0);
}

/* A listener that takes nobody any more lets a dial hang. */
GO_TEST(dial_deadline_ends_one_that_hangs)
{
    char text[GOR_ADDR_BYTES];
    char address[GOR_ADDR_BYTES];
    const struct gor_net_opts tight = {.backlog = 1};
    int fds[64];
    int count = 0;
    int result = 0;
    int listener = gor_listen("tcp4", "127.0.0.1:0", &tight, GOR_NEVER);
    CHECK_INT(gor_local_addr(listener, text, sizeof text), >, 0);
    while (count < 64) {
        result = gor_dial("tcp", text, NULL, gor_after(20 * GOR_MILLISECOND));
        if (result < 0) {
            break;
        }
        fds[count++] = result;
    }
    CHECK_EQ(result, -ETIMEDOUT);
    set_host(address, "localhost", text);
    int64_t deadline = gor_after(20 * GOR_MILLISECOND);
    CHECK_EQ(gor_dial("tcp", address, NULL, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_dial("tcp", text, NULL, 0), -ETIMEDOUT);
    while (count > 0) {
        CHECK_EQ(gor_close(fds[--count]), 0);
    }
    CHECK_EQ(gor_close(listener), 0);
}

/* The runtime and the C library have files of their own, now more, now fewer. */
static int count_sockets(void)
{
    int count = 0;
    struct dirent *entry = NULL;
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    while ((entry = readdir(folder)) != NULL) {
        struct stat about;
        count += fstatat(dirfd(folder), entry->d_name, &about, 0) == 0 && S_ISSOCK(about.st_mode);
    }
    closedir(folder);
    return count;
}

GO_TEST(dial_leaves_no_descriptor_behind)
{
    char text[GOR_ADDR_BYTES];
    char address[GOR_ADDR_BYTES];
    int before = count_sockets();
    int fd = listen_at("tcp", "127.0.0.1:0", text);
    set_host(address, "localhost", text);
    for (int i = 0; i < 20; i++) {
        meet("tcp", address, fd);
    }
    CHECK_EQ(gor_close(fd), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(gor_dial("tcp", address, NULL, GOR_NEVER), <, 0);
        CHECK_INT(gor_dial("tcp", text, NULL, 0), <, 0);
    }
    YIELD_UNTIL(count_sockets() == before)
}

GO_TEST(addr_text_refuses_what_it_cannot_tell)
{
    char text[GOR_ADDR_BYTES];
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(80)};
    const struct sockaddr *plain = (const struct sockaddr *)&addr;
    CHECK_EQ(gor_addr_text(plain, sizeof addr, text, sizeof text), 10);
    CHECK_STR(text, "0.0.0.0:80");
    text[0] = 'x';
    CHECK_EQ(gor_addr_text(plain, sizeof addr, text, 10), -ENOSPC);
    CHECK_EQ(text[0], 'x');
    CHECK_EQ(gor_addr_text(plain, sizeof addr, text, 11), 10);
    CHECK_EQ(gor_addr_text(plain, 4, text, sizeof text), -EAFNOSUPPORT);
    CHECK_EQ(gor_addr_text(plain, 0, text, sizeof text), -EINVAL);
    addr.sin_family = AF_NETLINK;
    CHECK_EQ(gor_addr_text(plain, sizeof addr, text, sizeof text), -EAFNOSUPPORT);
    CHECK_EQ(gor_local_addr(-1, text, sizeof text), -EBADF);
    CHECK_EQ(gor_peer_addr(STDIN_FILENO, text, sizeof text), -ENOTSOCK);
    struct sockaddr_in6 addr6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)};
    CHECK_EQ(gor_addr_text((struct sockaddr *)&addr6, sizeof addr6, text, sizeof text), 6);
    CHECK_STR(text, "[::]:1");
    addr6.sin6_scope_id = 77777;
    CHECK_INT(gor_addr_text((struct sockaddr *)&addr6, sizeof addr6, text, sizeof text), >, 0);
    CHECK_STR(text, "[::%77777]:1");
}

TEST(listen_and_dial_outside_a_goroutine_are_refused)
{
    CHECK_EQ(gor_dial("tcp", "127.0.0.1:1", NULL, GOR_NEVER), -EPERM);
    CHECK_EQ(gor_dial("unix", "/nowhere", NULL, GOR_NEVER), -EPERM);
    CHECK_EQ(gor_listen("tcp", "127.0.0.1:0", NULL, GOR_NEVER), -EPERM);
}
