/* SPDX-License-Identifier: MIT */
/* gor-bench-load - the load for every echo server of W11, so that only the servers differ.
 *
 * gor-bench-load PORT CONNECTIONS BYTES SECONDS ; one thread, epoll. Each connection sends BYTES,
 * waits until all of them are back and sends again. The first quarter of the time warms up and is
 * not counted. Prints requests per second, and the latency that 50 and 99 of 100 stayed below.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Latencies are counted in steps of 1/16 of a power of two nanoseconds: at most 6 % off. */
enum { STEPS_LOG2 = 4, STEPS = 1 << STEPS_LOG2, STEP_COUNT = 64 * STEPS, MESSAGE_MAX = 4096 };

struct connection {
    int fd;
    size_t received;
    int64_t sent_ns;
};

struct load {
    int epoll;
    size_t message_bytes;
    bool counting;
    int64_t requests;
    int64_t steps[STEP_COUNT];
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "gor-bench-load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t step_of(int64_t ns)
{
    uint64_t n = ns < STEPS ? STEPS : (uint64_t)ns;
    unsigned log2 = 63U - (unsigned)__builtin_clzll(n);

    return (log2 << STEPS_LOG2) + ((n >> (log2 - STEPS_LOG2)) & (STEPS - 1));
}

/* The upper end of a step. */
static double step_ns(size_t step)
{
    size_t log2 = step >> STEPS_LOG2;

    if (log2 < STEPS_LOG2) {
        return STEPS; /* step_of() counts nothing there */
    }
    uint64_t width = UINT64_C(1) << (log2 - STEPS_LOG2);

    return (double)((UINT64_C(1) << log2) + ((step & (STEPS - 1)) + 1) * width);
}

static double percentile_us(const struct load *l, int percent)
{
    int64_t below = 0;
    size_t step = 0;

    while (step < STEP_COUNT && (below += l->steps[step]) * 100 < l->requests * percent) {
        step++;
    }
    return step_ns(step) / 1e3;
}

static void send_message(const struct load *l, struct connection *c)
{
    static const char message[MESSAGE_MAX];

    c->received = 0;
    c->sent_ns = now_ns();
    /* At most one message is under way, which always fits into the socket's buffer. */
    if (send(c->fd, message, l->message_bytes, MSG_NOSIGNAL) != (ssize_t)l->message_bytes) {
        fail("send");
    }
}

static void receive(struct load *l, struct connection *c)
{
    char buf[MESSAGE_MAX];
    ssize_t got = recv(c->fd, buf, sizeof buf, 0);

    if (got <= 0) {
        fail("the server hung up");
    }
    c->received += (size_t)got;
    if (c->received < l->message_bytes) {
        return;
    }
    if (l->counting) {
        l->requests++;
        l->steps[step_of(now_ns() - c->sent_ns)]++;
    }
    send_message(l, c);
}

static void pump_until(struct load *l, int64_t end_ns)
{
    struct epoll_event events[256];

    while (now_ns() < end_ns) {
        int ready = epoll_wait(l->epoll, events, 256, 100);
        if (ready < 0) {
            fail("epoll_wait");
        }
        for (int i = 0; i < ready; i++) {
            receive(l, events[i].data.ptr);
        }
    }
}

static void open_connection(struct load *l, struct connection *c, uint16_t port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
        fail("connect to 127.0.0.1");
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        fail("epoll_ctl");
    }
}

static void run_load(struct load *l, uint16_t port, size_t count, int64_t ns)
{
    struct connection *connections = calloc(count, sizeof *connections);

    if (connections == NULL) {
        fail("memory for the connections");
    }
    for (size_t i = 0; i < count; i++) {
        open_connection(l, &connections[i], port);
    }
    for (size_t i = 0; i < count; i++) {
        send_message(l, &connections[i]);
    }
    pump_until(l, now_ns() + ns / 4);
    l->counting = true;
    int64_t started = now_ns();
    pump_until(l, started + ns - ns / 4);
    double seconds = (double)(now_ns() - started) / 1e9;
    printf("W11.rate %.0f req/s connections=%zu bytes=%zu\n", (double)l->requests / seconds, count,
           l->message_bytes);
    printf("W11.p50 %.0f us \nW11.p99 %.0f us \n", percentile_us(l, 50), percentile_us(l, 99));
    for (size_t i = 0; i < count; i++) {
        close(connections[i].fd);
    }
    free(connections);
}

int main(int argc, char **argv)
{
    struct load l = {.epoll = epoll_create1(EPOLL_CLOEXEC)};

    if (argc != 5) {
        fprintf(stderr, "usage: gor-bench-load PORT CONNECTIONS BYTES SECONDS\n");
        return 2;
    }
    long port = strtol(argv[1], NULL, 10);
    long count = strtol(argv[2], NULL, 10);
    long bytes = strtol(argv[3], NULL, 10);
    double seconds = strtod(argv[4], NULL);
    if (port < 1 || port > 65535 || count < 1 || bytes < 1 || bytes > MESSAGE_MAX || seconds <= 0) {
        fprintf(stderr, "gor-bench-load: PORT 1-65535, CONNECTIONS and SECONDS above 0, BYTES "
                        "1-4096\n");
        return 2;
    }
    l.message_bytes = (size_t)bytes;
    run_load(&l, (uint16_t)port, (size_t)count, (int64_t)(seconds * 1e9));
    close(l.epoll);
    return 0;
}
