/* SPDX-License-Identifier: MIT */
/* What an earlier daemon in our place left, as where it was replaced by another binary: processes that are
 * children of ours. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/runner/bus.h"
#include "daemon/runner/handover.h"
#include "daemon/runner/sweep.h"
#include "daemon/runner/unborn.h"
#include "runtime/gor.h"
#include "tests/daemon/specs.h"

#define DAYS ((int64_t)100 * 24 * 3600 * GOR_SECOND)

/* A child that leads its group, or does not, and becomes no program. */
static pid_t make_unborn(bool leads)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    CHECK_EQ(setpgid(pid, leads ? pid : getpgrp()), 0);
    return pid;
}

/* A child that leads its group and is a program of the job `id`. */
static pid_t make_program(uint64_t id)
{
    char variable[40], end;
    char *const words[] = {(char[]){"sleep"}, (char[]){"1000"}, NULL};
    char *const variables[] = {variable, NULL};
    int began[2];
    (void)snprintf(variable, sizeof variable, "GOR_JOB_ID=%llu", (unsigned long long)id);
    CHECK_EQ(pipe2(began, O_CLOEXEC), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        (void)setpgid(0, 0);
        (void)execve("/bin/sleep", words, variables);
        _exit(127);
    }
    (void)close(began[1]);
    CHECK_EQ(read(began[0], &end, 1), 0); /* it has become it */
    (void)close(began[0]);
    return pid;
}

static int status_of(pid_t pid, int options)
{
    int status = -1;
    return waitpid(pid, &status, options) == pid ? status : -1;
}

static void check_lives(pid_t pid)
{
    CHECK_EQ(status_of(pid, WNOHANG), -1);
    CHECK_EQ(kill(pid, SIGTERM), 0);
    CHECK_EQ(WTERMSIG(status_of(pid, 0)), SIGTERM);
}

TEST(process_that_has_not_become_its_program_is_killed)
{
    pid_t hangs = make_unborn(true);
    pid_t of_our_group = make_unborn(false);
    gord_unborn_kill(NULL);
    CHECK_EQ(WTERMSIG(status_of(hangs, 0)), SIGKILL);
    check_lives(of_our_group);
}

TEST(program_that_is_handed_over_is_left_alone_whatever_its_command)
{
    pid_t pid = make_unborn(true);
    Gor__Handover__Run note = GOR__HANDOVER__RUN__INIT, *notes = &note;
    struct gord_handed handed = {.items = &notes, .count = 1};
    note.pid = pid;
    gord_unborn_kill(&handed);
    check_lives(pid);
}

TEST(program_is_left_alone)
{
    pid_t pid = make_program(1);
    gord_unborn_kill(NULL);
    check_lives(pid);
}

/* A job as it is on record that began so long ago, and whose process is not. */
static uint64_t record(struct gord_bus *bus, uv_loop_t *loop, struct gord_spec *spec,
                       int64_t ago_ns)
{
    struct gord_job_table *table = gord_bus_table(bus);
    uint64_t id = gord_job_next_id(table);
    struct gord_event *started = gord_event_started(id, 1, 0, 0);
    started->at_ns -= ago_ns;
    CHECK_EQ(gord_bus_emit(bus, gord_event_submitted(id, spec, 1000), NULL), 0);
    CHECK_EQ(gord_bus_emit(bus, gord_event_new(GORD_EVENT_QUEUED, id, ""), NULL), 0);
    while (gord_bus_committed(bus) != gord_bus_last_seq(bus)) {
        (void)uv_run(loop, UV_RUN_ONCE);
    }
    CHECK_EQ(gord_job_take(table, GORD_EXEC)->id, id);
    CHECK_EQ(gord_bus_emit(bus, started, NULL), 0);
    return id;
}

TEST(program_that_started_between_two_daemons_is_found_however_long_its_start_took)
{
    char text[GORD_STORE_TEXT];
    uv_loop_t loop;
    struct gord_bus *bus = NULL;
    struct gord_swept swept;
    struct gord_bus_opts opts = {.loop = &loop, .state_dir = test_tmpdir(), .memory = true};
    struct gord_spec *spec = exec_spec("slow", "A=B");
    CHECK_EQ(uv_loop_init(&loop), 0);
    CHECK_EQ(gord_bus_open(&opts, text, &bus), 0);
    CHECK_EQ(prctl(PR_SET_NAME, "gord"), 0); /* whose children are not an other daemon's */
    /* No orphan was made then that could be taken for it. */
    pid_t pid = make_program(record(bus, &loop, spec, DAYS));

    CHECK_EQ(gord_sweep(bus, NULL, &swept), 0);
    CHECK_EQ(swept.lost, 1);
    CHECK_EQ(WTERMSIG(status_of(pid, 0)), SIGKILL);

    CHECK_EQ(gord_bus_close(bus), 0);
    CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    gord_bus_free(bus);
    gord_spec_unref(spec);
    CHECK_EQ(uv_loop_close(&loop), 0);
}
