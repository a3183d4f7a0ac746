/* SPDX-License-Identifier: MIT */
/* A binary is asked whether it takes over, while the loop goes on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/upgrade_ask.h"
#include "runtime/gor.h"
#include "tests/test.h"

/* A script in a gord's place. Whoever runs because of it has the writing end of a pipe. */
struct fixture {
    uv_loop_t loop;
    char path[128];
    struct gord_upgrade upgrade;
    struct gord_asking *asking;
    int alive; /* is at its end when none of them is left */
    bool answered;
    int result;
    char why[GORD_UPGRADE_WHY];
};

static void on_answered(void *arg, int result, const char *why)
{
    struct fixture *fixture = arg;
    CHECK(!fixture->answered);
    fixture->answered = true;
    fixture->result = result;
    (void)snprintf(fixture->why, sizeof(fixture->why), "%s", why);
}

static void init(struct fixture *fixture, const char *script)
{
    memset(fixture, 0, sizeof(*fixture));
    CHECK_EQ(uv_loop_init(&fixture->loop), 0);
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/gord", test_tmpdir());
    if (script != NULL) {
        FILE *file = fopen(fixture->path, "we");
        CHECK(file != NULL);
        CHECK_INT(fputs(script, file), >=, 0);
        CHECK_EQ(fclose(file), 0);
        CHECK_EQ(chmod(fixture->path, 0755), 0);
    }
    char *argv[] = {fixture->path, NULL};
    CHECK_EQ(gord_upgrade_init(&fixture->upgrade, argv), 0);
}

static int ask(struct fixture *fixture, int64_t limit_ns)
{
    struct gord_asking_opts opts = {.loop = &fixture->loop,
                                    .upgrade = &fixture->upgrade,
                                    .limit_ns = limit_ns,
                                    .answered = on_answered,
                                    .arg = fixture};
    int ends[2];
    CHECK_EQ(pipe(ends), 0); /* inherited */
    CHECK_EQ(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
    int result = gord_upgrade_ask(&opts, fixture->why, &fixture->asking);
    close(ends[1]);
    fixture->alive = ends[0];
    return result;
}

static void await_answer(struct fixture *fixture)
{
    CHECK_EQ(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0); /* nothing is left in the loop */
    CHECK(fixture->answered);
}

static void fini(struct fixture *fixture)
{
    char byte;
    CHECK_EQ(read(fixture->alive, &byte, 1), 0); /* nobody lives */
    close(fixture->alive);
    while (waitpid(-1, NULL, 0) > 0) {
    }
    gord_upgrade_fini(&fixture->upgrade);
    CHECK_EQ(uv_loop_close(&fixture->loop), 0);
    (void)unlink(fixture->path);
}

TEST(asked_binary_that_takes_over_says_so)
{
    struct fixture fixture;
    init(&fixture, "#!/bin/sh\ncase $1 in --take-over=*.*) echo takes over ;; esac\n");
    CHECK_EQ(ask(&fixture, 0), 0);
    CHECK(!fixture.answered); /* from the loop only */
    await_answer(&fixture);
    CHECK_EQ(fixture.result, 0);
    CHECK_STR(fixture.why, "");
    fini(&fixture);
}

TEST(asked_binary_that_does_not_says_why)
{
    static const char *const scripts[][2] = {
        {"#!/bin/sh\necho gord 9 is too new\n", "does not take over: gord 9 is too new"},
        {"#!/bin/sh\nprintf 'takes '; echo over it does not\n", "takes over it does not"},
        {"#!/bin/sh\nexit 3\n", "it did not answer as a gord does"}};
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        struct fixture fixture;
        init(&fixture, scripts[i][0]);
        CHECK_EQ(ask(&fixture, 0), 0);
        await_answer(&fixture);
        CHECK_EQ(fixture.result, -EPROTO);
        CHECK(strstr(fixture.why, scripts[i][1]) != NULL);
        fini(&fixture);
    }
}

TEST(asked_binary_that_never_ends_its_answer_is_cut_off)
{
    struct fixture fixture;
    init(&fixture, "#!/bin/sh\nexec yes\n");
    CHECK_EQ(ask(&fixture, 0), 0);
    await_answer(&fixture);
    CHECK_EQ(fixture.result, -EPROTO);
    fini(&fixture);
}

TEST(asked_binary_that_hangs_is_given_up_and_killed_with_its_children)
{
    struct fixture fixture;
    init(&fixture, "#!/bin/sh\nsleep 1000 &\nsleep 1000\n");
    CHECK_EQ(ask(&fixture, 50 * GOR_MILLISECOND), 0);
    await_answer(&fixture);
    CHECK_EQ(fixture.result, -ETIMEDOUT);
    CHECK(strstr(fixture.why, "does not take over: it did not answer within 0.05 s") != NULL);
    fini(&fixture);
}

TEST(question_that_is_dropped_is_not_answered_and_leaves_nobody)
{
    struct fixture fixture;
    init(&fixture, "#!/bin/sh\nsleep 1000 &\nsleep 1000\n");
    CHECK_EQ(ask(&fixture, 0), 0);
    gord_asking_drop(fixture.asking);
    CHECK_EQ(uv_run(&fixture.loop, UV_RUN_DEFAULT), 0);
    CHECK(!fixture.answered);
    fini(&fixture);
}

TEST(binary_that_is_not_there_cannot_be_asked)
{
    struct fixture fixture;
    init(&fixture, NULL);
    CHECK_EQ(ask(&fixture, 0), -ENOENT);
    CHECK(strstr(fixture.why, "cannot be run: No such file or directory") != NULL);
    CHECK_EQ(uv_run(&fixture.loop, UV_RUN_DEFAULT), 0);
    CHECK(!fixture.answered);
    fini(&fixture);
}
