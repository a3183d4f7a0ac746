/* SPDX-License-Identifier: MIT */
/* Exit codes of jobs and calls. */
#include "client/exits.h"
#include "tests/test.h"

static int code_of(Gor__V1__Outcome outcome, int exit_code, int signal)
{
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    job.state = GOR__V1__JOB_STATE__TERMINATED;
    job.outcome = outcome;
    job.exit_code = exit_code;
    job.signal = signal;
    return gorctl_exit_of_job(&job);
}

TEST(exit_of_job_is_its_own_code)
{
    CHECK_EQ(code_of(GOR__V1__OUTCOME__SUCCEEDED, 0, 0), 0);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__FAILED, 1, 0), 1);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__FAILED, 255, 0), 255);
}

TEST(exit_of_failed_job_is_never_zero)
{
    CHECK_EQ(code_of(GOR__V1__OUTCOME__FAILED, 0, 0), 1);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__FAILED, 256, 0), 1);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__FAILED, -22, 0), 234);
}

TEST(exit_of_job_tells_the_other_ends_apart)
{
    CHECK_EQ(code_of(GOR__V1__OUTCOME__SIGNALED, 0, 9), 137);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__TIMED_OUT, 0, 15), 124);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__CANCELLED, 0, 15), 79);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__LOST, 0, 0), 80);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__SPAWN_ERROR, 0, 0), 81);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__PANICKED, 0, 0), 82);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__DEPENDENCY_FAILED, 0, 0), 83);
    CHECK_EQ(code_of(GOR__V1__OUTCOME__EXPIRED, 0, 0), 84);
    CHECK_EQ(code_of((Gor__V1__Outcome)99, 0, 0), 70);
}

TEST(exit_of_status_maps_every_status)
{
    CHECK_EQ(gorctl_exit_of_status(WIRE_OK), 0);
    CHECK_EQ(gorctl_exit_of_status(WIRE_INVALID_ARGUMENT), 64);
    CHECK_EQ(gorctl_exit_of_status(WIRE_NOT_FOUND), 66);
    CHECK_EQ(gorctl_exit_of_status(WIRE_PERMISSION_DENIED), 77);
    CHECK_EQ(gorctl_exit_of_status(WIRE_UNAUTHENTICATED), 77);
    CHECK_EQ(gorctl_exit_of_status(WIRE_RESOURCE_EXHAUSTED), 75);
    CHECK_EQ(gorctl_exit_of_status(WIRE_UNAVAILABLE), 75);
    CHECK_EQ(gorctl_exit_of_status(WIRE_INTERNAL), 70);
    CHECK_EQ(gorctl_exit_of_status(WIRE_UNIMPLEMENTED), 70);
    for (int status = 1; status <= 16; status++) {
        CHECK(gorctl_exit_of_status((enum wire_status)status) >= 64);
    }
}
