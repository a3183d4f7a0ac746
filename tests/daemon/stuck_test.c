/* SPDX-License-Identifier: MIT */
/* What is told of processes by their numbers: each number may be another process's a moment later. */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/runner/proc.h"
#include "daemon/runner/stuck.h"
#include "tests/test.h"

#define NOBODY 65534

/* A child that waits for a signal, with that number; 0: any. -errno. */
static pid_t start_waiting(pid_t number)
{
    struct clone_args args = {.exit_signal = SIGCHLD,
                              .set_tid = number != 0 ? (uintptr_t)&number : 0,
                              .set_tid_size = number != 0 ? 1 : 0};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    return pid > 0 ? pid : -errno;
}

static void end(pid_t pid)
{
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static void await_sleep(pid_t pid)
{
    struct gord_proc proc;

    do {
        CHECK_EQ(gord_proc_read(pid, &proc), 0);
    } while (proc.state != 'S');
}

TEST(what_is_told_is_of_the_process_that_was_looked_at)
{
    struct gord_stuck_process look;
    pid_t pid = start_waiting(0);

    CHECK(pid > 0);
    const pid_t pids[] = {getpid(), pid};
    CHECK(gord_stuck_look(pid, &look));
    CHECK(gord_stuck_was(&look, pids, 2));
    CHECK(!gord_stuck_was(&look, pids, 1)); /* it left the job meanwhile */
    end(pid);
    CHECK(!gord_stuck_was(&look, pids, 2));
    CHECK(!gord_stuck_look(pid, &look));
}

TEST(a_number_that_is_another_processs_now_is_not_told_of)
{
    struct gord_stuck_process look;
    struct gord_proc proc;
    pid_t pid = start_waiting(0);

    CHECK(pid > 0);
    CHECK(gord_stuck_look(pid, &look));
    /* The kernel counts starts in hundredths of a second; no number comes round in less. */
    do {
        end(pid);
        pid_t again = start_waiting(pid);
        if (again == -EPERM || again == -ENOSYS || again == -EINVAL) {
            test_skip("no process can be given a number here");
        }
        CHECK_EQ(again, pid);
        CHECK_EQ(gord_proc_read(pid, &proc), 0);
    } while (proc.start_ticks == look.start_ticks);
    CHECK(!gord_stuck_was(&look, &pid, 1));
    CHECK(gord_stuck_look(pid, &look));
    CHECK(gord_stuck_was(&look, &pid, 1));
    end(pid);
}

/* As somebody else, who may not know where `pid` waits. */
static void look_as_nobody(pid_t pid, int to)
{
    struct gord_stuck_process look = {0};

    if (setgid(NOBODY) == 0 && setuid(NOBODY) == 0 && gord_stuck_look(pid, &look)) {
        (void)!write(to, look.text, strlen(look.text));
    }
    _exit(0);
}

TEST(where_it_waits_is_said_to_be_hidden_if_it_is)
{
    char expected[128];
    char text[512] = "";
    int ends[2];

    if (geteuid() != 0) {
        test_skip("only root can become somebody else");
    }
    pid_t pid = start_waiting(0);
    await_sleep(pid);
    CHECK_EQ(pipe(ends), 0);
    pid_t looker = fork();
    if (looker == 0) {
        look_as_nobody(pid, ends[1]);
    }
    close(ends[1]);
    CHECK_EQ(waitpid(looker, NULL, 0), looker);
    if (read(ends[0], text, sizeof(text) - 1) <= 0) {
        end(pid);
        test_skip("nobody can be had here");
    }
    close(ends[0]);
    snprintf(expected, sizeof(expected), "of %d: S (sleeping), the kernel does not say in what",
             getpid());
    CHECK_STR(strstr(text, "of ") != NULL ? strstr(text, "of ") : text, expected);
    end(pid);
}
