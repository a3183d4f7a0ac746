/* SPDX-License-Identifier: MIT */
/* fault_handler_test.c - the runtime watches for stack overflows, and leaves to the host program what
 * is none: other faults, and handlers of its own. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static void ignore_fault(int signal)
{
    (void)signal;
}

/* The same handler before and after. */
static void check_handler(int signal, void (*expected)(int))
{
    struct sigaction now;
    CHECK_EQ(sigaction(signal, NULL, &now), 0);
    CHECK(now.sa_handler == expected);
}

TEST(fault_handlers_are_as_before_after_the_runtime)
{
    struct sigaction before;
    CHECK_EQ(sigaction(SIGBUS, NULL, &before), 0);
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(gor_stop(), 0);
    check_handler(SIGBUS, before.sa_handler);
}

TEST(fault_handler_of_the_host_outlives_the_runtime)
{
    struct sigaction before;
    const struct sigaction own = {.sa_handler = ignore_fault};
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(sigaction(SIGBUS, &own, &before), 0);
    CHECK_EQ(gor_stop(), 0);
    check_handler(SIGBUS, ignore_fault);
    CHECK_EQ(signal(SIGBUS, SIG_DFL) == SIG_ERR, 0);
}

/* Nothing faults again by itself then: the signal must not be swallowed. */
TEST(fault_signal_that_was_sent_ends_the_process_at_once)
{
    const struct rlimit no_core = {0, 0};
    int status = 0;
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)close(STDERR_FILENO);
        CHECK_EQ(gor_start(NULL), 0);
        (void)raise(SIGSEGV);
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    /* AddressSanitizer makes an exit code of it. */
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}
