/* SPDX-License-Identifier: MIT */
/* host.h - what the system under the tests may not be able to do, found out by trying: emulators do
 * without some of it. A test that needs it says so and is skipped. */
#ifndef GOR_TESTS_RUNTIME_HOST_H
#define GOR_TESTS_RUNTIME_HOST_H

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

/* Whether the parent is told that the child could not start its program: the C library has it look
 * into the memory they share until then, which is a copy where vfork is an ordinary fork. */
__attribute__((unused)) static bool spawn_tells_errors(void)
{
    static const char program[] = "/nonexistent/program";
    char name[] = "program";
    char *argv[] = {name, NULL};
    pid_t pid = 0;
    int error = posix_spawn(&pid, program, NULL, NULL, argv, environ);
    if (error == 0) {
        CHECK_EQ(waitpid(pid, NULL, 0), pid);
    }
    return error == ENOENT;
}

/* Whether RLIMIT_AS keeps a process from having more memory. */
__attribute__((unused)) static bool memory_is_limited(void)
{
    const size_t much = (size_t)1 << 30;
    int status = -1;
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        const struct rlimit little = {1 << 20, 1 << 20};
        bool limited =
            setrlimit(RLIMIT_AS, &little) == 0 &&
            mmap(NULL, much, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
        _exit(limited ? 0 : 1);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status == 0;
}

/* What a command line that starts a program like this one must begin with: nothing, or an emulator
 * and a blank. */
__attribute__((unused)) static const char *emulator(void)
{
    static char text[256];
    const char *command = getenv("GOR_EMULATOR");
    if (command != NULL && command[0] != '\0') {
        CHECK_INT(snprintf(text, sizeof text, "%s ", command), <, sizeof text);
    }
    return text;
}

#endif
