/* SPDX-License-Identifier: MIT */
/* proc_test.c - waiting for child processes on goroutines. */
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"

extern char **environ;

/* The runtime's threads block all signals, which a child would inherit: it gets a mask of its own.
 */
static pid_t start_shell(const char *script)
{
    pid_t pid;
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, NULL};
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    CHECK_EQ(posix_spawn(&pid, "/bin/sh", NULL, &attributes, argv, environ), 0);
    posix_spawnattr_destroy(&attributes);
    return pid;
}

GO_TEST(proc_exit_code_and_usage_are_told)
{
    int status = -1;
    struct rusage usage = {.ru_maxrss = -1};
    CHECK_EQ(gor_wait_pid(start_shell("exit 7"), &status, &usage, GOR_NEVER), 0);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 7);
    CHECK_INT(usage.ru_maxrss, >, 0);
    CHECK_EQ(gor_wait_pid(start_shell("kill -9 $$"), &status, NULL, GOR_NEVER), 0);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGKILL);
}

GO_TEST(proc_that_is_no_child_is_refused)
{
    int status = 5;
    CHECK_EQ(gor_wait_pid(1, &status, NULL, GOR_NEVER), -ECHILD);
    CHECK_EQ(gor_wait_pid(getpid(), &status, NULL, GOR_NEVER), -ECHILD);
    pid_t pid = start_shell("exit 0");
    CHECK_EQ(gor_wait_pid(pid, &status, NULL, GOR_NEVER), 0);
    status = 5;
    CHECK_EQ(gor_wait_pid(pid, &status, NULL, GOR_NEVER), -ECHILD);
    CHECK_EQ(status, 5);
}

GO_TEST(proc_deadline_leaves_the_child_to_be_waited_for)
{
    int fds[2];
    int status = 5;
    CHECK_EQ(pipe(fds), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        /* Lives until the parent closes its end. */
        char byte;
        close(fds[1]);
        _exit(read(fds[0], &byte, 1) == 0 ? 3 : 4);
    }
    close(fds[0]);
    CHECK_EQ(gor_wait_pid(pid, &status, NULL, 0), -ETIMEDOUT);
    int64_t deadline = gor_after(2 * GOR_MILLISECOND);
    CHECK_EQ(gor_wait_pid(pid, &status, NULL, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(status, 5);
    close(fds[1]);
    CHECK_EQ(gor_wait_pid(pid, &status, NULL, GOR_NEVER), 0);
    CHECK_EQ(WEXITSTATUS(status), 3);
}

struct wait_for {
    pid_t pid;
    int status;
    int result;
    struct gor_waitgroup *wg;
};

static void wait_for_child(void *arg)
{
    struct wait_for *w = arg;
    w->result = gor_wait_pid(w->pid, &w->status, NULL, GOR_NEVER);
    gor_waitgroup_done(w->wg);
}

GO_TEST(proc_waiter_is_parked_with_its_reason)
{
    struct gor_waitgroup wg = {0};
    struct wait_for w = {start_shell("exec sleep 1000"), 0, 1, &wg};
    gor_waitgroup_add(&wg, 1);
    spawn_parked(wait_for_child, &w, GOR_WAIT_PROCESS);
    CHECK_EQ(kill(w.pid, SIGTERM), 0);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(w.result, 0);
    CHECK(WIFSIGNALED(w.status));
    CHECK_EQ(WTERMSIG(w.status), SIGTERM);
}

GO_TEST(proc_many_children_are_each_reaped_by_their_own_waiter)
{
    enum { CHILDREN = SCALED(60, 30, 20) };
    struct gor_waitgroup wg = {0};
    struct wait_for waits[CHILDREN];
    gor_waitgroup_add(&wg, CHILDREN);
    for (int i = 0; i < CHILDREN; i++) {
        char script[32];
        snprintf(script, sizeof script, "exit %d", i);
        waits[i] = (struct wait_for){start_shell(script), 0, 1, &wg};
        spawn(wait_for_child, &waits[i]);
    }
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < CHILDREN; i++) {
        CHECK_EQ(waits[i].result, 0);
        CHECK_EQ(WEXITSTATUS(waits[i].status), i);
    }
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
}

/* The usual job: a child's output is read to its end, then the child is reaped. */
GO_TEST(proc_output_is_read_and_the_child_reaped)
{
    posix_spawn_file_actions_t actions;
    int out[2];
    int status;
    char text[64];
    char *argv[] = {"sh", "-c", "echo one; echo two", NULL};
    pid_t pid;
    size_t length = 0;
    ssize_t n;
    CHECK_EQ(pipe(out), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    CHECK_EQ(posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    while ((n = gor_read(out[0], text + length, sizeof text - length, GOR_NEVER)) > 0) {
        length += (size_t)n;
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(length, 8);
    CHECK_EQ(memcmp(text, "one\ntwo\n", 8), 0);
    CHECK_EQ(gor_wait_pid(pid, &status, NULL, GOR_NEVER), 0);
    CHECK_EQ(status, 0);
    CHECK_EQ(gor_close(out[0]), 0);
}

/* A program that handles SIGCHLD itself is not disturbed, nor does it disturb. */
static volatile sig_atomic_t children_ended;

static void note_child(int signal_number)
{
    (void)signal_number;
    children_ended = 1;
}

GO_TEST(proc_works_beside_a_handler_of_sigchld)
{
    struct sigaction action = {.sa_handler = note_child, .sa_flags = SA_RESTART};
    struct sigaction before;
    int status;
    CHECK_EQ(sigaction(SIGCHLD, &action, &before), 0);
    CHECK_EQ(gor_wait_pid(start_shell("exit 5"), &status, NULL, GOR_NEVER), 0);
    CHECK_EQ(WEXITSTATUS(status), 5);
#if !defined(__SANITIZE_THREAD__)
    /* The handler runs on whichever thread lets signals in, maybe a moment after the child is
     * reaped; TSan holds signals back until that thread calls something it knows. */
    YIELD_UNTIL(children_ended == 1)
#endif
    CHECK_EQ(sigaction(SIGCHLD, &before, NULL), 0);
}

TEST(proc_wait_outside_a_goroutine_is_refused)
{
    CHECK_EQ(gor_wait_pid(1, NULL, NULL, 0), -EPERM);
}
