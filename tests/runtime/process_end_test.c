/* SPDX-License-Identifier: MIT */
/* process_end_test.c - exit() by a goroutine, and fork() by a goroutine or a thread of the host, while
 * others are stopped, blocked, and in the middle of malloc. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static _Atomic bool enough;
static _Atomic int begun;
static _Atomic int ended;

static void spin(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
    }
    atomic_fetch_add(&ended, 1);
}

static void allocate(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
#if !defined(__SANITIZE_ADDRESS__)
        /* What is in hand when the process exits would be called a leak. */
        void *volatile memory = malloc(1000);
        free(memory);
#endif
    }
    atomic_fetch_add(&ended, 1);
}

static void sleep_in_libc(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&enough)) {
        CHECK_EQ(usleep(1000), 0);
    }
    atomic_fetch_add(&ended, 1);
}

enum { OTHERS = 6 };

static void start_others(void)
{
    static void (*const kinds[])(void *arg) = {spin, allocate, sleep_in_libc};
    atomic_store(&enough, false);
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
    for (int i = 0; i < OTHERS; i++) {
        spawn(kinds[i % 3], NULL);
    }
    YIELD_UNTIL(atomic_load(&begun) == OTHERS)
}

static void end_others(void)
{
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == OTHERS)
}

static int status_of(pid_t pid)
{
    int status = -1;
    CHECK_INT(pid, >, 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

/* ---- exit */

static int exit_pipe[2];

static void say_so(void)
{
    char *text = malloc(1);
    *text = 'x';
    CHECK_EQ(write(exit_pipe[1], text, 1), 1);
    free(text);
}

static int leave_the_process(void *arg)
{
    (void)arg;
    start_others();
    CHECK_EQ(atexit(say_so), 0);
    exit(7);
}

static void exit_on(unsigned procs)
{
    char byte = 0;
    CHECK_EQ(pipe(exit_pipe), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)gor_run(&(struct gor_opts){.gomaxprocs = procs}, leave_the_process, NULL);
        _exit(1);
    }
    CHECK_EQ(status_of(pid), 7 << 8);
    CHECK_EQ(read(exit_pipe[0], &byte, 1), 1);
    CHECK_EQ(close(exit_pipe[0]), 0);
    CHECK_EQ(close(exit_pipe[1]), 0);
}

TEST(exit_by_a_goroutine_ends_the_process)
{
    for (int i = 0; i < SCALED(10, 5, 3); i++) {
        exit_on(1);
        exit_on(4);
    }
}

/* ---- fork */

static void fork_once(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(3);
    }
    CHECK_EQ(status_of(pid), 3 << 8);
    pid = fork();
    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-c", "exit 4", (char *)NULL);
        _exit(1);
    }
    CHECK_EQ(status_of(pid), 4 << 8);
}

static int fork_often(void *arg)
{
    (void)arg;
    start_others();
    for (int i = 0; i < SCALED(20, 10, 3); i++) {
        fork_once();
        gor_yield();
    }
    end_others();
    return 0;
}

TEST(child_of_a_goroutine_may_exec_and_exit)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, fork_often, NULL), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 4}, fork_often, NULL), 0);
}

static _Atomic bool forked;

static void *fork_outside(void *arg)
{
    (void)arg;
    for (int i = 0; i < SCALED(20, 10, 3); i++) {
        fork_once();
    }
    atomic_store(&forked, true);
    return NULL;
}

static int run_beside_forks(void *arg)
{
    pthread_t thread;
    (void)arg;
    atomic_store(&forked, false);
    start_others();
    CHECK_EQ(pthread_create(&thread, NULL, fork_outside, NULL), 0);
    YIELD_UNTIL(atomic_load(&forked))
    CHECK_EQ(pthread_join(thread, NULL), 0);
    end_others();
    return 0;
}

TEST(child_of_the_host_may_exec_and_exit)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, run_beside_forks, NULL), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 4}, run_beside_forks, NULL), 0);
}
