/* SPDX-License-Identifier: MIT */
/* tls_test.c - TLS between our two ends, and with others that break its rules. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "rpc/certificate.h"
#include "rpc/tls.h"
#include "tests/rpc/fixture.h"

struct secure {
    struct fixture fixture;
    char folder[128];
    char address[64];
    struct rpc_tls_context *mine; /* of the client */
    struct rpc_peer seen;         /* by authorize, last */
};

static char *in(const struct secure *s, const char *name, char out[256])
{
    (void)snprintf(out, 256, "%s/%s", s->folder, name);
    return out;
}

static void make(const struct secure *s, const char *name, const char *ca,
                 struct rpc_certificate what)
{
    char cert[256], key[256], ca_cert[256], ca_key[256], why[RPC_TLS_TEXT];
    (void)snprintf(cert, sizeof cert, "%s/%s.crt", s->folder, name);
    (void)snprintf(key, sizeof key, "%s/%s.key", s->folder, name);
    (void)snprintf(ca_cert, sizeof ca_cert, "%s/%s.crt", s->folder, ca != NULL ? ca : "");
    (void)snprintf(ca_key, sizeof ca_key, "%s/%s.key", s->folder, ca != NULL ? ca : "");
    CHECK_EQ(rpc_certificate_make(&what, cert, key, ca != NULL ? ca_cert : NULL,
                                  ca != NULL ? ca_key : NULL, why),
             0);
}

static void make_set(struct secure *s)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    static const char *const elsewhere[] = {"build1.example.org"};
    static int count;
    (void)snprintf(s->folder, sizeof s->folder, "%s/set%d", test_tmpdir(), ++count);
    CHECK_EQ(mkdir(s->folder, 0700), 0);
    make(s, "ca", NULL, (struct rpc_certificate){RPC_CERTIFICATE_CA, "CA", NULL, 0, NULL, 10});
    make(s, "other", NULL, (struct rpc_certificate){RPC_CERTIFICATE_CA, "CA", NULL, 0, NULL, 10});
    make(s, "server", "ca",
         (struct rpc_certificate){RPC_CERTIFICATE_SERVER, "gord", hosts, 2, NULL, 10});
    make(s, "elsewhere", "ca",
         (struct rpc_certificate){RPC_CERTIFICATE_SERVER, "gord", elsewhere, 1, NULL, 10});
    make(s, "late", "ca",
         (struct rpc_certificate){RPC_CERTIFICATE_SERVER, "gord", hosts, 2, NULL, -1});
    make(s, "anna", "ca",
         (struct rpc_certificate){RPC_CERTIFICATE_CLIENT, "anna", NULL, 0, "urn:x:role:y", 10});
    make(s, "old", "ca",
         (struct rpc_certificate){RPC_CERTIFICATE_CLIENT, "old", NULL, 0, NULL, -1});
    make(s, "stranger", "other",
         (struct rpc_certificate){RPC_CERTIFICATE_CLIENT, "stranger", NULL, 0, NULL, 10});
}

static int load(const struct secure *s, const char *ca, const char *own, bool server, char *why,
                struct rpc_tls_context **out)
{
    char ca_path[256], cert[256], key[256];
    (void)snprintf(ca_path, sizeof ca_path, "%s/%s.crt", s->folder, ca != NULL ? ca : "");
    (void)snprintf(cert, sizeof cert, "%s/%s.crt", s->folder, own != NULL ? own : "");
    (void)snprintf(key, sizeof key, "%s/%s.key", s->folder, own != NULL ? own : "");
    struct rpc_tls_files files = {ca != NULL ? ca_path : NULL, own != NULL ? cert : NULL,
                                  own != NULL ? key : NULL, NULL};
    return rpc_tls_context_new(&files, server, why, out);
}

static struct rpc_tls_context *must_load(const struct secure *s, const char *ca, const char *own,
                                         bool server)
{
    char why[RPC_TLS_TEXT];
    struct rpc_tls_context *context;
    CHECK_EQ(load(s, ca, own, server, why, &context), 0);
    return context;
}

static enum wire_status note_peer(void *user, struct rpc_peer *peer, const char *path,
                                  const char *bearer, char out_text[256])
{
    struct secure *s = user;
    (void)path;
    (void)bearer;
    (void)out_text;
    s->seen = *peer;
    return WIRE_OK;
}

/* A server with the certificate `own`, which asks for those of `ca`. */
static void begin_with(struct secure *s, const char *own, int64_t handshake_ns)
{
    struct rpc_server_opts opts = {.authorize = note_peer, .user = s, .handshake_ns = handshake_ns};
    uint16_t port;
    memset(s, 0, sizeof *s);
    make_set(s);
    fixture_init_server(&s->fixture, &opts);
    rpc_server_use_tls(s->fixture.server, must_load(s, "ca", own, true));
    CHECK_EQ(rpc_server_listen_tcp(s->fixture.server, "127.0.0.1:0", &port), 0);
    (void)snprintf(s->address, sizeof s->address, "127.0.0.1:%u", port);
}

static void begin(struct secure *s, const char *own)
{
    begin_with(s, own, 0);
}

static void end(struct secure *s)
{
    fixture_fini(&s->fixture);
    rpc_tls_context_free(s->mine);
}

static void connect_as(struct secure *s, const char *ca, const char *own)
{
    struct rpc_client_opts opts = {.address = s->address};
    opts.tls = s->mine = must_load(s, ca, own, false);
    CHECK_EQ(rpc_client_open(&s->fixture.loop, &opts, &s->fixture.client), 0);
}

/* One call fails, and its text says so. */
static void check_refused(const char *server, const char *ca, const char *own, const char *text)
{
    struct secure s;
    struct outcome outcome = {0};
    begin(&s, server);
    connect_as(&s, ca, own);
    begin_get(s.fixture.client, NOW, 20 * SECOND, &outcome);
    RUN_UNTIL(&s.fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_UNAVAILABLE);
    if (strstr(outcome.text, text) == NULL) {
        (void)fprintf(stderr, "said: %s\n", outcome.text);
    }
    CHECK(strstr(outcome.text, text) != NULL);
    CHECK_EQ(s.fixture.begun, 0);
    end(&s);
}

TEST(tls_carries_calls_and_tells_who_calls)
{
    struct secure s;
    struct rpc_result result;
    begin(&s, "server");
    connect_as(&s, "ca", "anna");
    CHECK_EQ(submit(s.fixture.client, 3 << 20, &result), WIRE_OK);
    CHECK_EQ(((Gor__V1__SubmitReply *)result.reply)->id, 3 << 20);
    rpc_result_fini(&result);
    CHECK(s.seen.tls && s.seen.certified && !s.seen.local);
    CHECK_STR(s.seen.name, "anna");
    CHECK_STR(s.seen.uri, "urn:x:role:y");
    end(&s);
}

TEST(tls_without_client_certificate_tells_nobody)
{
    struct secure s;
    struct rpc_result result;
    begin(&s, "server");
    connect_as(&s, "ca", NULL);
    CHECK_EQ(submit(s.fixture.client, 5, &result), WIRE_OK);
    rpc_result_fini(&result);
    CHECK(s.seen.tls && !s.seen.certified);
    CHECK_STR(s.seen.name, "");
    end(&s);
}

/* Messages larger than any buffer on the way, and one after the other: nothing may stay inside. */
TEST(tls_streams_large_messages_to_the_end)
{
    struct secure s;
    struct outcome outcome = {0};
    begin(&s, "server");
    connect_as(&s, "ca", "anna");
    begin_logs(s.fixture.client, 40, 1 << 20, 0, &outcome);
    RUN_UNTIL(&s.fixture, outcome.done);
    CHECK_STR(outcome.text, "");
    CHECK_EQ(outcome.status, WIRE_OK);
    CHECK_EQ(outcome.messages, 40);
    CHECK(outcome.bytes > (40 << 20));
    end(&s);
}

TEST(tls_refuses_a_server_of_an_unknown_ca)
{
    check_refused("server", "other", NULL, "CA that");
}

TEST(tls_refuses_a_server_of_another_name)
{
    check_refused("elsewhere", "ca", NULL, "for another address");
}

TEST(tls_refuses_a_server_that_has_expired)
{
    check_refused("late", "ca", NULL, "has expired");
}

TEST(tls_tells_a_client_that_it_has_expired)
{
    check_refused("server", "ca", "old", "our certificate has expired");
}

TEST(tls_tells_a_client_that_its_ca_is_unknown)
{
    check_refused("server", "ca", "stranger", "does not know the CA");
}

TEST(tls_exchanges_certificates_for_connections_to_come)
{
    struct secure s;
    struct rpc_result result;
    begin(&s, "server");
    connect_as(&s, "ca", NULL);
    CHECK_EQ(submit(s.fixture.client, 1, &result), WIRE_OK);
    rpc_result_fini(&result);
    rpc_server_use_tls(s.fixture.server, must_load(&s, "ca", "late", true));
    CHECK_EQ(submit(s.fixture.client, 2, &result), WIRE_OK); /* it stands */
    rpc_result_fini(&result);
    rpc_client_close(s.fixture.client);
    struct rpc_client_opts opts = {.address = s.address, .tls = s.mine};
    CHECK_EQ(rpc_client_open(&s.fixture.loop, &opts, &s.fixture.client), 0);
    CHECK_EQ(submit(s.fixture.client, 3, &result), WIRE_UNAVAILABLE);
    CHECK(strstr(result.text, "has expired") != NULL);
    rpc_result_fini(&result);
    end(&s);
}

static int plain_socket(const struct secure *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(strrchr(s->address, ':') + 1)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(fd, >=, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    *(bool *)poll->data = true;
}

static void on_poll_closed(uv_handle_t *poll)
{
    poll->data = NULL;
}

/* Run the loop until there is something to read, or the end. */
static void await_readable(struct secure *s, int fd)
{
    uv_poll_t poll;
    bool readable = false;
    CHECK_EQ(uv_poll_init(&s->fixture.loop, &poll, fd), 0);
    poll.data = &readable;
    CHECK_EQ(uv_poll_start(&poll, UV_READABLE, on_readable), 0);
    RUN_UNTIL(&s->fixture, readable);
    uv_close((uv_handle_t *)&poll, on_poll_closed);
    RUN_UNTIL(&s->fixture, poll.data == NULL);
}

/* Run the loop until the server has closed fd, whatever it says before. */
static size_t read_to_end(struct secure *s, int fd)
{
    char bytes[4096];
    size_t size = 0;
    for (;;) {
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return size;
        }
        size += got > 0 ? (size_t)got : 0;
        await_readable(s, fd);
    }
}

TEST(tls_ends_a_handshake_that_stands_still)
{
    struct secure s;
    begin_with(&s, "server", 300 * MILLISECOND);
    int silent = plain_socket(&s);
    int half = plain_socket(&s);
    CHECK_EQ(send(half, "\x16\x03\x01\x02\x00\x01", 6, 0), 6); /* the head of a ClientHello */
    CHECK_EQ(read_to_end(&s, silent), 0);
    CHECK_EQ(read_to_end(&s, half), 0);
    struct rpc_server_stats stats;
    rpc_server_stats_get(s.fixture.server, &stats);
    CHECK_EQ(stats.connections, 0);
    CHECK_EQ(stats.cut[RPC_CUT_HANDSHAKE], 2);
    CHECK_EQ(stats.cut[RPC_CUT_SOCKET_STALL], 0);
    close(silent);
    close(half);
    end(&s);
}

TEST(tls_does_not_speak_in_the_clear)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct secure s;
    begin(&s, "server");
    int fd = plain_socket(&s);
    CHECK_EQ(send(fd, preface, sizeof preface - 1, 0), (ssize_t)sizeof preface - 1);
    CHECK_INT(read_to_end(&s, fd), <, 16); /* an alert at most */
    CHECK_EQ(s.fixture.begun, 0);
    struct rpc_server_stats stats;
    rpc_server_stats_get(s.fixture.server, &stats);
    CHECK_EQ(stats.cut[RPC_CUT_TLS], 1);
    close(fd);
    end(&s);
}

/* A client of OpenSSL's own that has sent its first bytes, and the loop has not run since: it can do what
 * ours never does. */
static SSL *raw_client(struct secure *s, int *out_fd)
{
    static const char greeting[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;
    CHECK(ssl != NULL);
    SSL_CTX_free(ctx); /* the other holds it now */
    *out_fd = plain_socket(s);
    CHECK_EQ(fcntl(*out_fd, F_SETFL, O_NONBLOCK), 0);
    CHECK_EQ(setsockopt(*out_fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    CHECK_EQ(SSL_set_fd(ssl, *out_fd), 1);
    CHECK_EQ(SSL_set_alpn_protos(ssl, (const unsigned char *)"\2h2", 3), 0);
    while (SSL_connect(ssl) != 1) {
        await_readable(s, *out_fd);
    }
    CHECK_EQ(SSL_write(ssl, greeting, sizeof greeting), sizeof greeting);
    return ssl;
}

/* What comes until it has the words in it, or to the end; true: it had them. */
static bool read_until(struct secure *s, SSL *ssl, int fd, const char *words)
{
    char bytes[8192];
    size_t size = 0;
    for (;;) {
        int got = SSL_read(ssl, bytes + size, (int)(sizeof bytes - size));
        if (got > 0) {
            size += (size_t)got;
            if (memmem(bytes, size, words, strlen(words)) != NULL) {
                return true;
            }
        } else if (SSL_get_error(ssl, got) == SSL_ERROR_WANT_READ) {
            await_readable(s, fd);
        } else {
            return false;
        }
    }
}

static void on_drained(struct rpc_server *server, void *user)
{
    (void)server;
    (void)user;
}

TEST(tls_data_behind_the_handshake_is_read_though_a_write_has_taken_it_in)
{
    static const char ping[] = "\0\0\10\6\0\0\0\0\0are you?";
    struct secure s;
    int fd;
    begin(&s, "server");
    SSL *ssl = raw_client(&s, &fd);
    CHECK_EQ(SSL_write(ssl, ping, sizeof ping - 1), sizeof ping - 1);
    /* The server writes before it looks what has come. */
    rpc_server_drain(s.fixture.server, 20 * SECOND, on_drained, &s);
    CHECK(read_until(&s, ssl, fd, "are you?"));
    SSL_free(ssl);
    close(fd);
    end(&s);
}

static void change_keys(SSL *ssl, int times)
{
    for (int i = 0; i < times; i++) {
        CHECK_EQ(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        CHECK_EQ(SSL_do_handshake(ssl), 1);
    }
}

TEST(tls_new_keys_without_end_are_cut_off)
{
    struct secure s;
    struct outcome outcome = {0};
    struct rpc_server_stats stats;
    int fd;
    begin(&s, "server");
    SSL *ssl = raw_client(&s, &fd);
    CHECK(read_until(&s, ssl, fd, "\4"));
    change_keys(ssl, 1000);
    CHECK(read_until(&s, ssl, fd, "too many TLS records without data"));
    rpc_server_stats_get(s.fixture.server, &stats);
    CHECK_EQ(stats.cut[RPC_CUT_RECORDS], 1);
    connect_as(&s, "ca", "anna");
    begin_get(s.fixture.client, NOW, 20 * SECOND, &outcome);
    RUN_UNTIL(&s.fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_OK);
    SSL_free(ssl);
    close(fd);
    end(&s);
}

TEST(tls_new_keys_now_and_then_are_fine)
{
    static const char ping[] = "\0\0\10\6\0\0\0\0\0are you?";
    struct secure s;
    struct rpc_server_stats stats;
    int fd;
    begin(&s, "server");
    SSL *ssl = raw_client(&s, &fd);
    change_keys(ssl, 200); /* more than one read takes */
    CHECK_EQ(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    CHECK_EQ(SSL_do_handshake(ssl), 1);
    CHECK_EQ(SSL_write(ssl, ping, sizeof ping - 1), sizeof ping - 1);
    CHECK(read_until(&s, ssl, fd, "are you?"));
    rpc_server_stats_get(s.fixture.server, &stats);
    CHECK_EQ(stats.cut[RPC_CUT_RECORDS], 0);
    CHECK_EQ(stats.cut[RPC_CUT_TLS], 0);
    SSL_free(ssl);
    close(fd);
    end(&s);
}

/* A byte a record, more of them than one read takes: none is lost, none waits for another to come. */
TEST(tls_small_records_all_come_through)
{
    static const char ping[] = "\0\0\10\6\0\0\0\0\0are you?";
    struct secure s;
    int fd;
    begin(&s, "server");
    SSL *ssl = raw_client(&s, &fd);
    for (int i = 0; i < 1000; i++) { /* a frame of a kind that nobody knows */
        CHECK_EQ(SSL_write(ssl, &"\0\3\337\372\0\0\0\0\0"[i < 9 ? i : 8], 1), 1);
    }
    CHECK_EQ(SSL_write(ssl, ping, sizeof ping - 1), sizeof ping - 1);
    CHECK(read_until(&s, ssl, fd, "are you?"));
    SSL_free(ssl);
    close(fd);
    end(&s);
}

TEST(tls_wants_it_on_both_ends)
{
    struct secure s;
    struct outcome outcome = {0};
    begin(&s, "server");
    s.fixture.client = fixture_connect(&s.fixture, s.address, NULL);
    begin_get(s.fixture.client, NOW, 20 * SECOND, &outcome);
    RUN_UNTIL(&s.fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_UNAVAILABLE);
    end(&s);
}

/* Other clients: see what openssl's own says. */
static int say_by_openssl(struct secure *s, const char *options)
{
    char command[512];
    (void)snprintf(command, sizeof command,
                   "openssl s_client -connect %s %s </dev/null >/dev/null 2>&1", s->address,
                   options);
    FILE *run = popen(command, "r");
    CHECK(run != NULL);
    await_readable(s, fileno(run)); /* its end, for it says nothing */
    return pclose(run);
}

TEST(tls_needs_version_1_3_and_h2)
{
    struct secure s;
    begin(&s, "server");
    if (system("openssl version >/dev/null 2>&1") == 0) {
        CHECK_EQ(say_by_openssl(&s, "-alpn h2"), 0);
        CHECK(say_by_openssl(&s, "-alpn h2 -tls1_2") != 0);
        CHECK(say_by_openssl(&s, "-alpn http/1.1") != 0);
    }
    end(&s);
}

TEST(tls_files_are_private_and_complete)
{
    struct secure s = {0};
    struct rpc_tls_context *context;
    char why[RPC_TLS_TEXT], path[256], copy[256];
    struct stat found;
    make_set(&s);
    CHECK_EQ(stat(in(&s, "ca.key", path), &found), 0);
    CHECK_EQ(found.st_mode & 0777, 0600);
    CHECK_EQ(stat(in(&s, "server.crt", path), &found), 0);
    CHECK_EQ(found.st_mode & 0777, 0600);
    CHECK_EQ(load(&s, "ca", "nobody", true, why, &context), -ENOENT);
    CHECK(strstr(why, "nobody.crt") != NULL);
    CHECK_EQ(chmod(in(&s, "server.key", path), 0640), 0);
    CHECK_EQ(load(&s, "ca", "server", true, why, &context), -EACCES);
    CHECK(strstr(why, "others can read") != NULL);
    CHECK_EQ(chmod(path, 0600), 0);
    CHECK_EQ(rename(in(&s, "anna.key", copy), path), 0); /* somebody else's */
    CHECK_EQ(load(&s, "ca", "server", true, why, &context), -EINVAL);
    CHECK(strstr(why, "server.key") != NULL);
    FILE *broken = fopen(in(&s, "ca.crt", path), "w");
    CHECK(broken != NULL && fclose(broken) == 0);
    CHECK_EQ(load(&s, "ca", NULL, false, why, &context), -EINVAL);
    CHECK(strstr(why, "ca.crt") != NULL);
}

TEST(tls_writes_over_no_file)
{
    struct secure s = {0};
    char path[256], key[256], why[RPC_TLS_TEXT];
    struct rpc_certificate ca = {RPC_CERTIFICATE_CA, "CA", NULL, 0, NULL, 10};
    make_set(&s);
    CHECK_EQ(
        rpc_certificate_make(&ca, in(&s, "new.crt", path), in(&s, "ca.key", key), NULL, NULL, why),
        -EEXIST);
    CHECK_EQ(access(path, F_OK), -1);
    struct rpc_certificate bad = {RPC_CERTIFICATE_CA, "", NULL, 0, NULL, 10};
    CHECK_EQ(rpc_certificate_make(&bad, path, in(&s, "new.key", key), NULL, NULL, why), -EINVAL);
}
