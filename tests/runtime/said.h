/* SPDX-License-Identifier: MIT */
/* said.h - runs a root goroutine in a child process, and keeps what it says before it dies. */
#ifndef GOR_TESTS_RUNTIME_SAID_H
#define GOR_TESTS_RUNTIME_SAID_H

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/gor.h"
#include "tests/test.h"

/* The wait status of a child that was root(NULL) of a runtime with `opts`; the beginning of what it
 * wrote to standard error is in `said`. It leaves no core. The caller must not run a runtime. */
static inline int status_of_root(int (*root)(void *arg), const struct gor_opts *opts, char *said,
                                 size_t said_bytes)
{
    const struct rlimit no_core = {0, 0};
    int ends[2];
    int status = 0;
    size_t length = 0;
    ssize_t got = 0;
    CHECK_EQ(pipe(ends), 0);
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        _exit(gor_run(opts, root, NULL));
    }
    (void)close(ends[1]);
    do {
        char rest[4096];
        bool keep = length + 1 < said_bytes;
        got = read(ends[0], keep ? said + length : rest,
                   keep ? said_bytes - 1 - length : sizeof rest);
        length += keep && got > 0 ? (size_t)got : 0;
    } while (got > 0);
    said[length] = '\0';
    (void)close(ends[0]);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

#define CHECK_ABORTS(root, procs, message)                                                      \
    do {                                                                                        \
        char said[8192];                                                                        \
        int status =                                                                            \
            status_of_root(root, &(struct gor_opts){.gomaxprocs = (procs)}, said, sizeof said); \
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(said, (message))) {  \
            test_fail(__FILE__, __LINE__, "status %#x, said: %s", status, said);                \
        }                                                                                       \
    } while (0)

#endif
