/* SPDX-License-Identifier: MIT */
/* listen_test.c - addresses, socket files, inherited sockets, TCP. */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "rpc/address.h"
#include "tests/rpc/fixture.h"

static int parse(const char *text, struct rpc_address *out_address)
{
    memset(out_address, 0, sizeof *out_address);
    return rpc_address_parse(text, out_address);
}

TEST(address_tells_paths_from_hosts)
{
    static const struct {
        const char *text;
        int result;
        const char *path; /* NULL: not local */
    } cases[] = {
        {"/run/gord.sock", 0, "/run/gord.sock"},
        {"unix:/run/gord.sock", 0, "/run/gord.sock"},
        {"unix:///run/gord.sock", 0, "/run/gord.sock"},
        {"unix:gord.sock", 0, "gord.sock"},
        {"./gord.sock", 0, "./gord.sock"},
        {"127.0.0.1:4711", 0, NULL},
        {"[::1]:4711", 0, NULL},
        {"localhost:1", 0, NULL},
        {"unix:", -EINVAL, NULL},
        {"", -EINVAL, NULL},
        {"gord", -EINVAL, NULL},
        {"127.0.0.1", -EINVAL, NULL},
        {"127.0.0.1:", -EINVAL, NULL},
        {"127.0.0.1:x", -EINVAL, NULL},
        {"127.0.0.1:65536", -EINVAL, NULL},
        {"127.0.0.1:99999999999999999999", -EINVAL, NULL},
        {":4711", -EINVAL, NULL},
        {"::1:4711", -EINVAL, NULL},
        {"[]:4711", -EINVAL, NULL},
        {"[::1:4711", -EINVAL, NULL},
        {"no-such-host.invalid:1", -EHOSTUNREACH, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc_address address;
        CHECK_EQ(parse(cases[i].text, &address), cases[i].result);
        CHECK_EQ(address.local, cases[i].path != NULL);
        if (address.local) {
            CHECK_STR(((struct sockaddr_un *)&address.storage)->sun_path, cases[i].path);
        }
    }
}

TEST(address_of_a_path_has_a_length)
{
    struct rpc_address address;
    char path[200] = "/";
    memset(path + 1, 'a', sizeof path - 1);
    path[107] = '\0';
    CHECK_EQ(parse(path, &address), 0);
    path[107] = 'a';
    path[108] = '\0';
    CHECK_EQ(parse(path, &address), -ENAMETOOLONG);
}

TEST(address_prints_itself)
{
    struct rpc_address address;
    char text[64];
    CHECK_EQ(parse("127.0.0.1:4711", &address), 0);
    rpc_address_print(&address, text, sizeof text);
    CHECK_STR(text, "127.0.0.1:4711");
    CHECK_EQ(parse("[::1]:80", &address), 0);
    rpc_address_print(&address, text, sizeof text);
    CHECK_STR(text, "[::1]:80");
    CHECK_EQ(parse("/x", &address), 0);
    rpc_address_print(&address, text, sizeof text);
    CHECK_STR(text, "unix");
}

static void check_answers(struct fixture *fixture, const char *address)
{
    struct rpc_result result;
    struct rpc_client *client = fixture_connect(fixture, address, NULL);
    CHECK_EQ(submit(client, 3, &result), WIRE_OK);
    rpc_result_fini(&result);
    rpc_client_close(client);
}

TEST(socket_file_has_its_mode_and_goes_with_the_server)
{
    struct fixture fixture;
    struct stat found;
    fixture_init_server(&fixture, NULL);
    CHECK_EQ(lstat(fixture.path, &found), 0);
    CHECK(S_ISSOCK(found.st_mode));
    CHECK_EQ(found.st_mode & 0777, 0600);
    char other[160];
    (void)snprintf(other, sizeof other, "%s.2", fixture.path);
    CHECK_EQ(rpc_server_listen_unix(fixture.server, other, 0660, getgid()), 0);
    CHECK_EQ(lstat(other, &found), 0);
    CHECK_EQ(found.st_mode & 0777, 0660);
    CHECK_EQ(found.st_gid, getgid());
    check_answers(&fixture, other);
    fixture_fini(&fixture);
    CHECK(access(fixture.path, F_OK) != 0);
    CHECK(access(other, F_OK) != 0);
}

TEST(live_socket_is_not_taken_over)
{
    struct fixture fixture;
    struct fixture second;
    fixture_init_server(&fixture, NULL);
    fixture_init_server(&second, NULL);
    CHECK_EQ(rpc_server_listen_unix(second.server, fixture.path, 0600, (gid_t)-1), -EADDRINUSE);
    /* Nor without the lock file. */
    char lock[160];
    (void)snprintf(lock, sizeof lock, "%s.lock", fixture.path);
    CHECK_EQ(unlink(lock), 0);
    CHECK_EQ(rpc_server_listen_unix(second.server, fixture.path, 0600, (gid_t)-1), -EADDRINUSE);
    check_answers(&fixture, fixture.address);
    fixture_fini(&second);
    fixture_fini(&fixture);
}

TEST(stale_socket_is_replaced_and_a_file_is_not)
{
    struct fixture fixture;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    fixture_init_server(&fixture, NULL);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/stale", test_tmpdir());
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    close(stale);
    CHECK_EQ(rpc_server_listen_unix(fixture.server, address.sun_path, 0600, (gid_t)-1), 0);
    check_answers(&fixture, address.sun_path);
    char file[160];
    (void)snprintf(file, sizeof file, "%s/file", test_tmpdir());
    close(open(file, O_CREAT | O_WRONLY, 0600));
    CHECK_EQ(rpc_server_listen_unix(fixture.server, file, 0600, (gid_t)-1), -ENOTSOCK);
    CHECK_EQ(access(file, F_OK), 0);
    char path[200];
    (void)snprintf(path, sizeof path, "%s/none/x", test_tmpdir());
    CHECK_EQ(rpc_server_listen_unix(fixture.server, path, 0600, (gid_t)-1), -ENOENT);
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = '\0';
    CHECK_EQ(rpc_server_listen_unix(fixture.server, path, 0600, (gid_t)-1), -ENAMETOOLONG);
    CHECK_EQ(rpc_server_listen_unix(fixture.server, "", 0600, (gid_t)-1), -EINVAL);
    fixture_fini(&fixture);
}

TEST(socket_file_of_somebody_else_is_left_alone)
{
    struct fixture fixture;
    fixture_init_server(&fixture, NULL);
    CHECK_EQ(unlink(fixture.path), 0);
    close(open(fixture.path, O_CREAT | O_WRONLY, 0600));
    fixture_fini(&fixture);
    CHECK_EQ(access(fixture.path, F_OK), 0);
}

static enum wire_status see_peer(void *user, struct rpc_peer *peer, const char *path,
                                 const char *bearer, char out_text[256])
{
    struct rpc_peer *seen = user;
    (void)path;
    (void)bearer;
    (void)out_text;
    *seen = *peer;
    return WIRE_OK;
}

TEST(tcp_serves_and_names_its_peer)
{
    struct fixture fixture;
    struct rpc_peer seen;
    struct rpc_server_opts opts = {.authorize = see_peer, .user = &seen};
    uint16_t port = 0;
    char address[64];
    fixture_init_server(&fixture, &opts);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "127.0.0.1:0", &port), 0);
    CHECK_INT(port, >, 0);
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", port);
    check_answers(&fixture, address);
    CHECK(!seen.local);
    CHECK_EQ(seen.uid, (uid_t)-1);
    CHECK_EQ(strncmp(seen.address, "127.0.0.1:", 10), 0);
    (void)snprintf(address, sizeof address, "localhost:%d", port);
    check_answers(&fixture, address);
    check_answers(&fixture, fixture.address);
    CHECK(seen.local);
    CHECK_EQ(seen.uid, getuid());
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", port);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, address, NULL), -EADDRINUSE);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "nonsense", NULL), -EINVAL);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "/a/path", NULL), -EINVAL);
    fixture_fini(&fixture);
}

TEST(refused_tcp_connection_is_told)
{
    struct fixture fixture;
    uint16_t port;
    char address[64];
    fixture_init_server(&fixture, NULL);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "127.0.0.1:0", &port), 0);
    rpc_server_free(fixture.server);
    fixture.server = NULL;
    (void)uv_run(&fixture.loop, UV_RUN_NOWAIT);
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", port);
    struct rpc_client *client = fixture_connect(&fixture, address, NULL);
    CHECK_EQ(rpc_client_wait_ready(client), -ECONNREFUSED);
    CHECK(strstr(rpc_client_error_text(client), "Connection refused") != NULL);
    rpc_client_close(client);
    client = fixture_connect(&fixture, "no-such-host.invalid:1", NULL);
    CHECK_EQ(rpc_client_wait_ready(client), -EHOSTUNREACH);
    CHECK(strstr(rpc_client_error_text(client), "no-such-host.invalid") != NULL);
    rpc_client_close(client);
    fixture_fini(&fixture);
}

TEST(inherited_sockets_are_served)
{
    struct fixture fixture;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    fixture_init_server(&fixture, NULL);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/inherited", test_tmpdir());
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(rpc_server_listen_fd(fixture.server, fd), -EINVAL);
    CHECK_EQ(listen(fd, 10), 0);
    CHECK_EQ(rpc_server_listen_fd(fixture.server, fd), 0);
    check_answers(&fixture, address.sun_path);
    CHECK_EQ(rpc_server_listen_fd(fixture.server, open("/dev/null", O_RDONLY)), -ENOTSOCK);
    fixture_fini(&fixture);
    CHECK_EQ(access(address.sun_path, F_OK), 0);
}

TEST(client_of_something_else_says_so)
{
    /* A listener that accepts nothing and one that speaks no HTTP/2. */
    struct fixture fixture;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct rpc_client *client;
    fixture_init_server(&fixture, NULL);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/mute", test_tmpdir());
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(listen(fd, 10), 0);
    struct rpc_client_opts opts = {.address = address.sun_path,
                                   .connect_timeout_ns = 30 * MILLISECOND};
    CHECK_EQ(rpc_client_open(&fixture.loop, &opts, &client), 0);
    CHECK_EQ(rpc_client_wait_ready(client), -ETIMEDOUT);
    rpc_client_close(client);
    opts.connect_timeout_ns = 10 * SECOND;
    CHECK_EQ(rpc_client_open(&fixture.loop, &opts, &client), 0);
    close(accept(fd, NULL, NULL)); /* the one that has given up */
    int peer = accept(fd, NULL, NULL);
    CHECK_INT(write(peer, "SSH-2.0-OpenSSH_9.2p1 Debian\r\n", 30), ==, 30);
    CHECK_EQ(rpc_client_wait_ready(client), -EPROTO);
    CHECK(strstr(rpc_client_error_text(client), "no gRPC server") != NULL);
    rpc_client_close(client);
    close(peer);
    close(fd);
    opts.address = "nonsense";
    CHECK_EQ(rpc_client_open(&fixture.loop, &opts, &client), -EINVAL);
    fixture_fini(&fixture);
}
