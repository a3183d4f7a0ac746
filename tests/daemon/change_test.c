/* SPDX-License-Identifier: MIT */
/* What a request makes of the spec of a job that waits. */
#include <errno.h>
#include <string.h>

#include "daemon/service/change.h"
#include "tests/test.h"

/* `former` with those fields of `wanted`, in that order; nothing is kept but plain values. */
static Gor__V1__JobSpec changed(const Gor__V1__JobSpec *former, Gor__V1__JobSpec *wanted,
                                char **fields, size_t count)
{
    Gor__V1__UpdateRequest request = GOR__V1__UPDATE_REQUEST__INIT;
    struct gord_standing standing = {.version = 4};
    struct gord_change change;
    char error[200] = "";

    request.spec = wanted;
    request.fields = fields;
    request.n_fields = count;
    CHECK_EQ(gord_change_check(&request, error, sizeof(error)), 0);
    CHECK_EQ(gord_change_make(&change, former, &standing, &request), 0);
    CHECK_EQ(standing.version, 5);
    Gor__V1__JobSpec spec = change.spec;
    gord_change_fini(&change);
    return spec;
}

TEST(change_of_heartbeat_leaves_the_rest)
{
    Gor__V1__JobSpec former = GOR__V1__JOB_SPEC__INIT, wanted = GOR__V1__JOB_SPEC__INIT;
    char *fields[] = {"heartbeat_ns"};
    former.timeout_ns = 7;
    former.heartbeat_ns = 2;
    former.on_stuck = GOR__V1__ON_STUCK__ON_STUCK_KILL;
    wanted.timeout_ns = 8;
    wanted.heartbeat_ns = 3;
    Gor__V1__JobSpec spec = changed(&former, &wanted, fields, 1);
    CHECK_EQ(spec.heartbeat_ns, 3);
    CHECK_EQ(spec.on_stuck, GOR__V1__ON_STUCK__ON_STUCK_KILL);
    CHECK_EQ(spec.timeout_ns, 7);
}

TEST(change_to_no_heartbeat_takes_what_to_do_with_it)
{
    Gor__V1__JobSpec former = GOR__V1__JOB_SPEC__INIT, wanted = GOR__V1__JOB_SPEC__INIT;
    char *fields[] = {"heartbeat_ns"};
    former.heartbeat_ns = 2;
    former.on_stuck = GOR__V1__ON_STUCK__ON_STUCK_KILL;
    Gor__V1__JobSpec spec = changed(&former, &wanted, fields, 1);
    CHECK_EQ(spec.heartbeat_ns, 0);
    CHECK_EQ(spec.on_stuck, GOR__V1__ON_STUCK__ON_STUCK_REPORT);
}

/* So that the check of the whole spec can refuse it. */
TEST(change_to_kill_without_heartbeat_stays_as_asked_in_any_order)
{
    Gor__V1__JobSpec former = GOR__V1__JOB_SPEC__INIT, wanted = GOR__V1__JOB_SPEC__INIT;
    char *fields[][2] = {{"heartbeat_ns", "on_stuck"}, {"on_stuck", "heartbeat_ns"}};
    former.heartbeat_ns = 2;
    wanted.on_stuck = GOR__V1__ON_STUCK__ON_STUCK_KILL;
    for (int i = 0; i < 2; i++) {
        Gor__V1__JobSpec spec = changed(&former, &wanted, fields[i], 2);
        CHECK_EQ(spec.heartbeat_ns, 0);
        CHECK_EQ(spec.on_stuck, GOR__V1__ON_STUCK__ON_STUCK_KILL);
    }
}

TEST(change_of_what_cannot_be_is_refused_with_what_can)
{
    Gor__V1__UpdateRequest request = GOR__V1__UPDATE_REQUEST__INIT;
    Gor__V1__JobSpec wanted = GOR__V1__JOB_SPEC__INIT;
    char *fields[] = {"heartbeat"};
    char error[400] = "";
    request.spec = &wanted;
    request.fields = fields;
    request.n_fields = 1;
    CHECK_EQ(gord_change_check(&request, error, sizeof(error)), -EINVAL);
    CHECK(strstr(error, "'heartbeat' is none that can be changed") != NULL);
    CHECK(strstr(error, "heartbeat_ns, on_stuck") != NULL);
}
