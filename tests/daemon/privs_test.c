/* SPDX-License-Identifier: MIT */
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/runner/privs.h"
#include "tests/test.h"

#define DEFAULT GOR__V1__NEW_PRIVS__NEW_PRIVS_DEFAULT
#define ALLOW GOR__V1__NEW_PRIVS__NEW_PRIVS_ALLOW
#define FORBID GOR__V1__NEW_PRIVS__NEW_PRIVS_FORBID

TEST(privs_are_the_daemons_word_and_the_jobs)
{
    static const struct {
        enum gord_new_privs policy;
        Gor__V1__NewPrivs asked;
        bool forbidden;
    } cases[] = {
        {GORD_PRIVS_YES, DEFAULT, false}, {GORD_PRIVS_YES, ALLOW, false},
        {GORD_PRIVS_YES, FORBID, true},   {GORD_PRIVS_ASK, DEFAULT, true},
        {GORD_PRIVS_ASK, ALLOW, false},   {GORD_PRIVS_ASK, FORBID, true},
        {GORD_PRIVS_NO, DEFAULT, true},   {GORD_PRIVS_NO, ALLOW, true},
        {GORD_PRIVS_NO, FORBID, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_EQ(gord_privs_are_forbidden(cases[i].policy, cases[i].asked), cases[i].forbidden);
    }
}

TEST(privs_that_nobody_has_are_explained)
{
    char why[200] = "";

    CHECK(gord_privs_can_have(GORD_PRIVS_NO, DEFAULT, why, sizeof(why)));
    CHECK(gord_privs_can_have(GORD_PRIVS_NO, FORBID, why, sizeof(why)));
    CHECK(!gord_privs_can_have(GORD_PRIVS_NO, ALLOW, why, sizeof(why)));
    CHECK_STR(why, "no new rights can be had: gord allows that to no job (--new-privs=no)");
}

/* For good, hence in a process of its own. */
TEST(privs_that_gord_lacks_no_job_can_have)
{
    char why[200] = "";
    int status = 1;
    pid_t pid = fork();

    if (pid == 0) {
        bool had = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                   !gord_privs_can_have(GORD_PRIVS_YES, ALLOW, why, sizeof(why)) &&
                   gord_privs_can_have(GORD_PRIVS_YES, DEFAULT, why, sizeof(why));
        _exit(had ? 0 : 1);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}
