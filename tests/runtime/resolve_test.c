/* SPDX-License-Identifier: MIT */
/* resolve_test.c - names without a network: numbers, the hosts file, nobody, impatience, crowds. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include "tests/runtime/help.h"

GO_TEST(resolve_numbers_are_answered_at_once)
{
    struct addrinfo *list = NULL;
    struct gor_stats before;
    struct gor_stats after;
    CHECK_EQ(gor_stats_get(&before, false), 0);
    CHECK_EQ(gor_resolve("192.0.2.7", "80", NULL, 0, &list), 0);
    CHECK(list != NULL);
    const struct sockaddr_in *addr = (const struct sockaddr_in *)(const void *)list->ai_addr;
    CHECK_EQ(list->ai_family, AF_INET);
    CHECK_EQ(ntohl(addr->sin_addr.s_addr), 0xc0000207);
    CHECK_EQ(ntohs(addr->sin_port), 80);
    freeaddrinfo(list);
    CHECK_EQ(gor_resolve("::1", NULL, NULL, 0, &list), 0);
    CHECK_EQ(list->ai_family, AF_INET6);
    freeaddrinfo(list);
    CHECK_EQ(gor_resolve(NULL, "80", NULL, 0, &list), 0);
    freeaddrinfo(list);
    CHECK_EQ(gor_stats_get(&after, false), 0);
    CHECK_EQ(after.blocking_calls, before.blocking_calls);
}

GO_TEST(resolve_names_of_the_hosts_file)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    CHECK_EQ(gor_resolve("localhost", "80", &hints, GOR_NEVER, &list), 0);
    const struct sockaddr_in *addr = (const struct sockaddr_in *)(const void *)list->ai_addr;
    CHECK_EQ(ntohl(addr->sin_addr.s_addr), INADDR_LOOPBACK);
    freeaddrinfo(list);
}

GO_TEST(resolve_failures_are_told_apart_and_leave_the_list_alone)
{
    struct addrinfo *list = (struct addrinfo *)(uintptr_t)8;
    const struct addrinfo bad = {.ai_family = 77};
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST};
    const struct addrinfo stream = {.ai_socktype = SOCK_STREAM};
    /* What has no network to ask may be told to come back later. */
    int error = gor_resolve("no-such-host.invalid", "80", NULL, GOR_NEVER, &list);
    CHECK(error == -ENOENT || error == -EAGAIN);
    CHECK_EQ(gor_resolve("localhost", "80", &numeric, GOR_NEVER, &list), -ENOENT);
    CHECK_EQ(gor_resolve("127.0.0.1", "80", &bad, GOR_NEVER, &list), -EAFNOSUPPORT);
    error = gor_resolve("127.0.0.1", "no-such-service", &stream, GOR_NEVER, &list);
    CHECK(error == -EINVAL || error == -ENOENT);
    CHECK_EQ(gor_resolve(NULL, NULL, NULL, GOR_NEVER, &list), -EINVAL);
    CHECK_EQ(gor_resolve("localhost", NULL, NULL, 0, &list), -ETIMEDOUT);
    CHECK_EQ((uintptr_t)list, 8);
}

struct asker {
    struct gor_waitgroup *wg;
    int64_t deadline;
    int result;
};

static void ask(void *arg)
{
    struct asker *a = arg;
    struct addrinfo *list = NULL;
    a->result = gor_resolve("localhost", "1", NULL, a->deadline, &list);
    if (a->result == 0) {
        freeaddrinfo(list);
    }
    gor_waitgroup_done(a->wg);
}

/* More than are looked up at once, half of them with hardly any patience. */
GO_TEST(resolve_crowds_are_all_answered)
{
    enum { ASKERS = SCALED(400, 200, 200) };
    struct gor_waitgroup wg = {0};
    struct asker *askers = calloc(ASKERS, sizeof *askers);
    gor_waitgroup_add(&wg, ASKERS);
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){&wg, i % 2 == 0 ? GOR_NEVER : gor_after(i * 1000), 1};
        spawn(ask, &askers[i]);
    }
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < ASKERS; i++) {
        CHECK(askers[i].result == 0 || (i % 2 == 1 && askers[i].result == -ETIMEDOUT));
    }
    free(askers);
}

TEST(resolve_outside_a_goroutine_is_refused)
{
    struct addrinfo *list = NULL;
    CHECK_EQ(gor_resolve("localhost", "80", NULL, GOR_NEVER, &list), -EPERM);
}
