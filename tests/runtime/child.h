/* SPDX-License-Identifier: MIT */
/* child.h - for what ends a process: done in a child, with a runtime that has started. The process
 * that asks must not run one itself. */
#ifndef GOR_TESTS_RUNTIME_CHILD_H
#define GOR_TESTS_RUNTIME_CHILD_H

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/gor.h"
#include "tests/test.h"

/* How a child ended that called `body` on its only thread outside the runtime, as waitpid tells;
 * exit code 0 when it survived. It is silent and leaves no core. */
static inline int status_of_child(void (*body)(void))
{
    const struct rlimit no_core = {0, 0};
    int status = 0;
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)close(STDERR_FILENO);
        CHECK_EQ(gor_start(NULL), 0);
        body();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

#endif
