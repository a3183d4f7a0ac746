/* SPDX-License-Identifier: MIT */
/* dump_on_signal_test.c - dumps by a signal, with every thread stuck, and from a debugger's call, with
 * the locks taken. */
#include <fcntl.h>
#include <poll.h>

#include "runtime/sched/sched.h"
#include "tests/runtime/help.h"
#include "tests/runtime/said.h"

#define COME_BACK() __asm__ volatile("" ::: "memory")

enum { SAID_BYTES = 64 << 10 };

static char said[SAID_BYTES];
static _Atomic int there;

static void check_said(const char *words)
{
    if (strstr(said, words) == NULL) {
        test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", words, said);
    }
}

static __attribute__((noinline, noclone)) void spin_for_ever(void)
{
    atomic_fetch_add(&there, 1);
    for (;;) {
        COME_BACK();
    }
}

/* It keeps what the dump would want if it used stdio. */
static void stick(void *unused)
{
    (void)unused;
    if (atomic_load(&there) == 0) {
        flockfile(stderr);
    }
    spin_for_ever();
    COME_BACK();
}

static int stick_all(void *unused)
{
    (void)unused;
    if (gor_dump_on_signal(SIGQUIT, 2) != 0) {
        return 100;
    }
    for (int i = 0; i < 3; i++) {
        spawn(stick, NULL);
    }
    YIELD_UNTIL(atomic_load(&there) == 3)
    (void)kill(getpid(), SIGQUIT);
    spin_for_ever();
    return 101;
}

TEST(quit_dumps_and_ends_a_process_whose_threads_are_stuck)
{
    int status = status_of_root(stick_all, &(struct gor_opts){.gomaxprocs = 2}, said, SAID_BYTES);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 2) {
        test_fail(__FILE__, __LINE__, "status %#x, said: %s", status, said);
    }
    CHECK(strncmp(said, "SIGQUIT: Quit\n\ngoroutine ", 24) == 0);
    check_said("goroutine 1 [");
    check_said(", \"main\"]:\n");
#if !defined(__SANITIZE_THREAD__)
    check_said("\nspin_for_ever(...)\n");
    check_said("\nstick_all(...)\n");
    check_said("\nstick(...)\n");
#endif
}

/* Read from the pipe, which standard error is, until `words` have come `times` times. */
static bool await_said(int fd, const char *words, int times)
{
    size_t length = 0;
    for (;;) {
        ssize_t got = gor_read(fd, said + length, SAID_BYTES - 1 - length, GOR_NEVER);
        if (got <= 0) {
            return false;
        }
        length += (size_t)got;
        said[length] = '\0';
        int count = 0;
        for (const char *at = said; (at = strstr(at, words)) != NULL; at++) {
            count++;
        }
        if (count >= times) {
            return true;
        }
    }
}

static int dump_and_go_on(void *unused)
{
    int ends[2];
    (void)unused;
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0 || dup2(ends[1], STDERR_FILENO) < 0) {
        return 100;
    }
    if (gor_dump_on_signal(SIGQUIT, -1) != 0 || gor_dump_on_signal(SIGUSR1, -1) != 0) {
        return 101;
    }
    for (int i = 0; i < 3; i++) {
        (void)kill(getpid(), i == 1 ? SIGUSR1 : SIGQUIT);
        if (!await_said(ends[0], "created by", 1)) {
            return 102;
        }
        if (strstr(said, i == 1 ? "SIGUSR1: " : "SIGQUIT: ") == NULL) {
            return 103;
        }
    }
    return 7;
}

TEST(quit_without_an_exit_code_dumps_and_goes_on)
{
    int status =
        status_of_root(dump_and_go_on, &(struct gor_opts){.gomaxprocs = 2}, said, SAID_BYTES);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) {
        test_fail(__FILE__, __LINE__, "status %#x, said: %s", status, said);
    }
}

/* ---- whoever reads is slow, or does not read at all */

static void park(void *unused)
{
    (void)unused;
    (void)gor_sleep(GOR_SECOND * 1000);
}

enum { PARKED = 200 };

/* Standard error becomes a small pipe, which a dump of all has filled when this returns. */
static int fill_with_dump(int flags, int ends[2])
{
    if (pipe2(ends, flags | O_CLOEXEC) != 0 || dup2(ends[1], STDERR_FILENO) < 0 ||
        fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0 || gor_dump_on_signal(SIGQUIT, -1) != 0) {
        return -1;
    }
    for (int i = 0; i < PARKED; i++) {
        spawn(park, NULL);
    }
    (void)kill(getpid(), SIGQUIT);
    struct pollfd room = {.fd = ends[1], .events = POLLOUT};
    YIELD_UNTIL(poll(&room, 1, 0) == 0)
    return 0;
}

static int read_slowly(void *unused)
{
    int ends[2];
    (void)unused;
    if (fill_with_dump(O_NONBLOCK, ends) != 0) {
        return 100;
    }
    return await_said(ends[0], "created by", PARKED) ? 7 : 101;
}

TEST(dump_waits_for_the_reader_of_what_does_not_block)
{
    int status = status_of_root(read_slowly, NULL, said, SAID_BYTES);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) {
        test_fail(__FILE__, __LINE__, "status %#x, said: %s", status, said);
    }
}

static int read_never(void *unused)
{
    int ends[2];
    (void)unused;
    return fill_with_dump(0, ends) == 0 ? 7 : 100;
}

TEST(stop_does_not_wait_for_the_reader_of_a_dump)
{
    int status = status_of_root(read_never, NULL, said, SAID_BYTES);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) {
        test_fail(__FILE__, __LINE__, "status %#x, said: %s", status, said);
    }
}

static int abort_by_hand(void *unused)
{
    (void)unused;
    if (gor_dump_on_signal(SIGABRT, 2) == 0) {
        (void)kill(getpid(), SIGABRT);
        (void)gor_sleep(GOR_SECOND * 1000);
    }
    return 100;
}

TEST(abort_that_is_sent_dumps)
{
    int status = status_of_root(abort_by_hand, NULL, said, SAID_BYTES);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 2) {
        test_fail(__FILE__, __LINE__, "status %#x, said: %s", status, said);
    }
    check_said("SIGABRT: ");
    check_said(", \"main\"]:\n");
}

static int nothing(void *unused)
{
    (void)unused;
    return 0;
}

/* Dumps and the end of the runtime, over and over. */
static void start_and_stop(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK(dup2(null, STDERR_FILENO) >= 0);
    CHECK_EQ(gor_dump_on_signal(SIGUSR2, -1), 0);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(kill(getpid(), SIGUSR2), 0);
        CHECK_EQ(gor_run(NULL, nothing, NULL), 0);
    }
}

TEST(dumps_on_a_signal_do_not_meet_the_end_of_the_runtime)
{
    int status = 0;
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        start_and_stop();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

TEST(dump_on_a_signal_that_cannot_be_had_is_refused)
{
    static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, 0, -1, 65};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        CHECK_EQ(gor_dump_on_signal(never[i], 2), -EINVAL);
    }
}

/* ---- from a debugger */

GO_TEST(debug_dump_waits_for_no_lock)
{
    int ends[2];
    CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, SAID_BYTES) >= 0);
    for (int i = 0; i < 2; i++) {
        gor__mutex_lock(&gor__sched.lock);
        flockfile(stdout);
        gor_debug_dump(ends[1]);
        funlockfile(stdout);
        gor__mutex_unlock(&gor__sched.lock);
        CHECK(await_said(ends[0], "created by", 1));
        check_said("goroutine 1 [running, \"main\"]:\ngor_debug_dump(...)\n");
        check_said("\ntest_debug_dump_waits_for_no_lock(...)\n");
    }
}
