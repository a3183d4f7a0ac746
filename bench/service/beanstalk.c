/* SPDX-License-Identifier: MIT */
/* The peer of S1: put, reserve and delete on a beanstalkd, one connection, commands pipelined. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/service/service.h"
#include "bench/service/session.h"

enum { COMMAND_MAX = 64 };

static FILE *connect_to(int64_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
        session_fail("cannot connect to 127.0.0.1:%" PRId64 ": %s", port, strerror(errno));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    FILE *server = fdopen(fd, "r+");
    if (server == NULL) {
        session_fail("out of memory");
    }
    return server;
}

/* Send what was collected and be ready to read the answers. */
static void send_commands(FILE *server, const char *commands, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fileno(server), commands, size, MSG_NOSIGNAL);
        if (sent < 0) {
            session_fail("beanstalkd hung up: %s", strerror(errno));
        }
        commands += sent;
        size -= (size_t)sent;
    }
}

/* Read one answer line and its job id, if it has one. */
static uint64_t expect(FILE *server, const char *word)
{
    char line[256];

    if (fgets(line, sizeof line, server) == NULL || strncmp(line, word, strlen(word)) != 0) {
        session_fail("beanstalkd did not answer %s", word);
    }
    return strtoull(line + strlen(word), NULL, 10);
}

/* `depth` jobs through the queue: all put, all reserved, all deleted. */
static void run_round(FILE *server, char *commands, uint64_t *ids, int64_t depth)
{
    size_t size = 0;

    for (int64_t i = 0; i < depth; i++) {
        size += (size_t)sprintf(commands + size, "put 0 0 60 4\r\nnoop\r\n");
    }
    send_commands(server, commands, size);
    for (int64_t i = 0; i < depth; i++) {
        expect(server, "INSERTED");
    }
    size = 0;
    for (int64_t i = 0; i < depth; i++) {
        size += (size_t)sprintf(commands + size, "reserve\r\n");
    }
    send_commands(server, commands, size);
    for (int64_t i = 0; i < depth; i++) {
        char body[16];
        ids[i] = expect(server, "RESERVED");
        if (fgets(body, sizeof body, server) == NULL) {
            session_fail("beanstalkd hung up");
        }
    }
    size = 0;
    for (int64_t i = 0; i < depth; i++) {
        size += (size_t)sprintf(commands + size, "delete %" PRIu64 "\r\n", ids[i]);
    }
    send_commands(server, commands, size);
    for (int64_t i = 0; i < depth; i++) {
        expect(server, "DELETED");
    }
}

/* PORT JOBS DEPTH */
int service_beanstalk(char **args)
{
    int64_t depth = service_count(args[2]);
    int64_t rounds = (service_count(args[1]) + depth - 1) / depth;
    FILE *server = connect_to(service_count(args[0]));
    char *commands = malloc((size_t)depth * COMMAND_MAX);
    uint64_t *ids = calloc((size_t)depth, sizeof *ids);

    if (commands == NULL || ids == NULL) {
        session_fail("out of memory");
    }
    int64_t started = session_now_ns();
    for (int64_t i = 0; i < rounds; i++) {
        run_round(server, commands, ids, depth);
    }
    service_report_rate("beanstalk", rounds * depth, session_now_ns() - started, "jobs/s",
                        "count=%" PRId64 " in_flight=%" PRId64, rounds * depth, depth);
    free(commands);
    free(ids);
    fclose(server);
    return 0;
}
