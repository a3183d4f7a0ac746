/* SPDX-License-Identifier: MIT */
/* S5 and S7: what a long history costs those who look, and a daemon that starts with it. */
#include <inttypes.h>
#include <stdio.h>

#include "bench/service/service.h"
#include "bench/service/session.h"

static void print_times(const char *what, struct burst_times times, int64_t calls)
{
    printf("S5.%s.p50 %.2f ms count=%" PRId64 "\nS5.%s.p99 %.2f ms count=%" PRId64 "\n", what,
           (double)times.p50_ns / 1e6, calls, what, (double)times.p99_ns / 1e6, calls);
}

/* ADDRESS CALLS ; a first page, one of failures that are not there, and the count of all. */
int service_look(char **args)
{
    int64_t calls = service_count(args[1]);
    Gor__V1__ListRequest list = GOR__V1__LIST_REQUEST__INIT;
    Gor__V1__ListRequest failed = GOR__V1__LIST_REQUEST__INIT;
    Gor__V1__CountRequest count = GOR__V1__COUNT_REQUEST__INIT;
    Gor__V1__Outcome outcome = GOR__V1__OUTCOME__FAILED;
    struct session s;

    list.limit = failed.limit = 50;
    list.without_env = failed.without_env = 1;
    failed.outcomes = &outcome;
    failed.n_outcomes = 1;
    session_open(&s, args[0]);
    print_times("list", session_burst(&s, "/gor.v1.Jobs/List", &list.base, calls, 1), calls);
    print_times("none", session_burst(&s, "/gor.v1.Jobs/List", &failed.base, calls, 1), calls);
    print_times("count", session_burst(&s, "/gor.v1.Jobs/Count", &count.base, calls, 1), calls);
    session_close(&s);
    return 0;
}

/* How many jobs a selector means, from the first page of the count. */
static uint64_t count_of(struct session *s, Gor__V1__Selector *selector)
{
    Gor__V1__CountRequest request = GOR__V1__COUNT_REQUEST__INIT;
    struct rpc_result result = {0};

    request.selector = selector;
    session_ask(s, "/gor.v1.Jobs/Count", &request.base, &gor__v1__count_reply__descriptor, &result);
    uint64_t total = ((const Gor__V1__CountReply *)result.reply)->total;
    rpc_result_fini(&result);
    return total;
}

/* ADDRESS JOBS ; jobs that sleep, until all of them have begun to. */
int service_sleep(char **args)
{
    int64_t jobs = service_count(args[1]);
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    Gor__V1__Selector waiting = GOR__V1__SELECTOR__INIT;
    Gor__V1__JobState state = GOR__V1__JOB_STATE__WAITING;
    char *hours[] = {(char *)"9h"};
    struct session s;

    native.function = (char *)"builtin.sleep";
    native.args = hours;
    native.n_args = 1;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    spec.native = &native;
    request.spec = &spec;
    waiting.states = &state;
    waiting.n_states = 1;
    session_open(&s, args[0]);
    session_burst(&s, "/gor.v1.Jobs/Submit", &request.base, jobs, 100);
    while (count_of(&s, &waiting) < (uint64_t)jobs) {
    }
    printf("S7.sleep %" PRId64 " jobs\n", jobs);
    session_close(&s);
    return 0;
}

/* ADDRESS JOBS ; until so many are on record as lost. */
int service_settled(char **args)
{
    int64_t jobs = service_count(args[1]);
    Gor__V1__Selector lost = GOR__V1__SELECTOR__INIT;
    Gor__V1__Outcome outcome = GOR__V1__OUTCOME__LOST;
    struct session s;

    lost.outcomes = &outcome;
    lost.n_outcomes = 1;
    session_open(&s, args[0]);
    int64_t asked = session_now_ns();
    while (count_of(&s, &lost) < (uint64_t)jobs) {
    }
    printf("S7.settled %.2f ms count=%" PRId64 "\n", (double)(session_now_ns() - asked) / 1e6,
           jobs);
    session_close(&s);
    return 0;
}
