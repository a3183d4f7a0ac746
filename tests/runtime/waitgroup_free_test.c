/* SPDX-License-Identifier: MIT */
/* waitgroup_free_test.c - the memory of a wait group belongs to the caller again as soon as its wait
 * is over, also when the deadline and the last done come at the same moment. */
#include <stdlib.h>

#include "tests/runtime/help.h"

enum { GONE = 0xa5, ROUNDS_KEPT = 64 };

struct job {
    struct gor_waitgroup wg;
    int64_t at; /* when the last done comes */
};

static void finish_at(void *arg)
{
    struct job *job = arg;
    while (gor_now() < job->at) {
        gor_yield();
    }
    gor_waitgroup_done(&job->wg);
}

static void check_untouched(const struct job *job)
{
    const unsigned char *bytes = (const unsigned char *)&job->wg;
    for (size_t i = 0; i < sizeof job->wg; i++) {
        CHECK_EQ(bytes[i], GONE);
    }
}

/* The time when the deadline fires wanders around that of the done. */
static void one_round(struct job *job, int round)
{
    memset(&job->wg, 0, sizeof job->wg);
    gor_waitgroup_add(&job->wg, 1);
    job->at = gor_after(20 * GOR_MICROSECOND);
    spawn(finish_at, job);
    if (gor_waitgroup_wait_until(&job->wg, job->at + round % 40 * 200 - 4000) == -ETIMEDOUT) {
        gor_waitgroup_wait(&job->wg);
    }
    memset(&job->wg, GONE, sizeof job->wg);
}

GO_TEST(waitgroup_is_the_callers_once_the_wait_is_over)
{
    static struct job jobs[ROUNDS_KEPT];
    for (int round = 0; round < SCALED(20000, 4000, 2000); round++) {
        struct job *job = &jobs[round % ROUNDS_KEPT];
        if (round >= ROUNDS_KEPT) {
            check_untouched(job);
        }
        one_round(job, round);
    }
}
