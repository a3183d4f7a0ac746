/* SPDX-License-Identifier: MIT */
/* The peer of S1: put, reserve and delete on a beanstalkd, one connection, commands pipelined. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/service/service.h"
#include "bench/service/session.h"
#include "bench/service/tcp.h"

enum { COMMAND_MAX = 64 };

/* Read one answer line and its job id, if it has one. */
static uint64_t expect(FILE *server, const char *word)
{
    char line[256];

    tcp_line(server, line, sizeof line);
    if (strncmp(line, word, strlen(word)) != 0) {
        session_fail("beanstalkd answered '%s' instead of %s", line, word);
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
    tcp_send(server, commands, size);
    for (int64_t i = 0; i < depth; i++) {
        expect(server, "INSERTED");
    }
    size = 0;
    for (int64_t i = 0; i < depth; i++) {
        size += (size_t)sprintf(commands + size, "reserve\r\n");
    }
    tcp_send(server, commands, size);
    for (int64_t i = 0; i < depth; i++) {
        char body[16];
        ids[i] = expect(server, "RESERVED");
        tcp_line(server, body, sizeof body);
    }
    size = 0;
    for (int64_t i = 0; i < depth; i++) {
        size += (size_t)sprintf(commands + size, "delete %" PRIu64 "\r\n", ids[i]);
    }
    tcp_send(server, commands, size);
    for (int64_t i = 0; i < depth; i++) {
        expect(server, "DELETED");
    }
}

/* PORT JOBS DEPTH */
int service_beanstalk(char **args)
{
    int64_t depth = service_count(args[2]);
    int64_t rounds = (service_count(args[1]) + depth - 1) / depth;
    FILE *server = tcp_connect(service_count(args[0]), "beanstalkd");
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
