/* SPDX-License-Identifier: MIT */
/* A peer of S1: a Redis list as a queue, LPUSH and BRPOP on one connection, commands pipelined. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/service/service.h"
#include "bench/service/session.h"
#include "bench/service/tcp.h"

enum { COMMAND_MAX = 64 };

static void expect(FILE *server, const char *start)
{
    char line[256];

    tcp_line(server, line, sizeof line);
    if (strncmp(line, start, strlen(start)) != 0) {
        session_fail("redis answered '%s' instead of '%s...'", line, start);
    }
}

static void push(FILE *server, char *commands, int64_t depth)
{
    size_t size = 0;

    for (int64_t i = 0; i < depth; i++) {
        size += (size_t)sprintf(commands + size, "LPUSH jobs noop\r\n");
    }
    tcp_send(server, commands, size);
    for (int64_t i = 0; i < depth; i++) {
        expect(server, ":"); /* how long the list is now */
    }
}

static void pop(FILE *server, char *commands, int64_t depth)
{
    static const char *const answer[] = {"*2", "$4", "jobs", "$4", "noop"};
    size_t size = 0;

    for (int64_t i = 0; i < depth; i++) {
        size += (size_t)sprintf(commands + size, "BRPOP jobs 0\r\n");
    }
    tcp_send(server, commands, size);
    for (int64_t i = 0; i < depth; i++) {
        for (size_t line = 0; line < sizeof answer / sizeof answer[0]; line++) {
            expect(server, answer[line]);
        }
    }
}

/* PORT JOBS DEPTH */
int service_redis(char **args)
{
    int64_t depth = service_count(args[2]);
    int64_t rounds = (service_count(args[1]) + depth - 1) / depth;
    FILE *server = tcp_connect(service_count(args[0]), "redis");
    char *commands = malloc((size_t)depth * COMMAND_MAX);

    if (commands == NULL) {
        session_fail("out of memory");
    }
    int64_t started = session_now_ns();
    for (int64_t i = 0; i < rounds; i++) {
        push(server, commands, depth);
        pop(server, commands, depth);
    }
    service_report_rate("redis", rounds * depth, session_now_ns() - started, "jobs/s",
                        "count=%" PRId64 " in_flight=%" PRId64, rounds * depth, depth);
    free(commands);
    fclose(server);
    return 0;
}
