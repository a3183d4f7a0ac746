/* SPDX-License-Identifier: MIT */
/* fault_handler_test.c - the runtime watches for stack overflows, and leaves to the host program what
 * is none: other faults, and handlers of its own. */
#include <signal.h>

#include "tests/runtime/child.h"
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

static void send_fault(void)
{
    (void)raise(SIGSEGV);
}

/* Nothing faults again by itself then: the signal must not be swallowed. */
TEST(fault_signal_that_was_sent_ends_the_process_at_once)
{
    int status = status_of_child(send_fault);
    /* AddressSanitizer makes an exit code of it. */
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}
