/* SPDX-License-Identifier: MIT */
/* fatal_test.c - misuse that must end the process, with a report that says what happened.
 *
 * Each case runs in a child process whose standard error is read; the parent never starts a
 * runtime, so forking it is safe.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"
#include "tests/runtime/recurse.h"

struct death {
    int status;
    char report[16384];
};

static void run_child(int (*body)(void *arg), int err)
{
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)dup2(err, STDERR_FILENO);
    (void)gor_run(NULL, body, NULL);
    _exit(0);
}

/* Run `body` as a root goroutine in a child; how it ended and what it said. */
static void die_in_child(int (*body)(void *arg), struct death *out_death)
{
    int err[2];
    size_t length = 0;
    ssize_t got;
    CHECK_EQ(pipe(err), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        run_child(body, err[1]);
    }
    close(err[1]);
    while ((got = read(err[0], out_death->report + length, sizeof out_death->report - 1 - length)) >
           0) {
        length += (size_t)got;
    }
    out_death->report[length] = '\0';
    close(err[0]);
    CHECK_EQ(waitpid(pid, &out_death->status, 0), pid);
}

static void check_dies(int (*body)(void *arg), const char *words[])
{
    struct death death;
    die_in_child(body, &death);
    if (WIFEXITED(death.status) && WEXITSTATUS(death.status) == 0) {
        test_fail(__FILE__, __LINE__, "the process lived on; it said: %s", death.report);
    }
    for (int i = 0; words[i] != NULL; i++) {
        if (strstr(death.report, words[i]) == NULL) {
            test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", words[i], death.report);
        }
    }
}

static void check_aborts(int (*body)(void *arg), const char *words[])
{
    struct death death;
    die_in_child(body, &death);
    if (!WIFSIGNALED(death.status) || WTERMSIG(death.status) != SIGABRT) {
        test_fail(__FILE__, __LINE__, "status %#x, not SIGABRT; it said: %s", death.status,
                  death.report);
    }
    for (int i = 0; words[i] != NULL; i++) {
        if (strstr(death.report, words[i]) == NULL) {
            test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", words[i], death.report);
        }
    }
}

static int panic_in_root(void *arg)
{
    (void)arg;
    gor_panic("the sky is %s", "falling");
}

TEST(fatal_panic_without_a_handler_reports_and_aborts)
{
    check_aborts(panic_in_root, (const char *[]){"panic", "the sky is falling", "goroutine", NULL});
}

static void panic_in_child(void *arg)
{
    (void)arg;
    gor_set_name("unlucky");
    gor_panic("child fell");
}

static int wait_for_panic(void *arg)
{
    spawn(panic_in_child, arg);
    (void)gor_chan_recv(NULL, NULL);
    return 0;
}

TEST(fatal_panic_of_any_goroutine_ends_the_process)
{
    check_aborts(wait_for_panic, (const char *[]){"child fell", NULL});
}

static int unlock_unlocked(void *arg)
{
    (void)arg;
    static struct gor_mutex m;
    gor_mutex_unlock(&m);
    return 0;
}

TEST(fatal_unlock_of_an_unlocked_mutex)
{
    check_aborts(unlock_unlocked, (const char *[]){"unlock", NULL});
}

static int runlock_unlocked(void *arg)
{
    (void)arg;
    static struct gor_rwmutex rw;
    gor_rwmutex_runlock(&rw);
    return 0;
}

static int wunlock_unlocked(void *arg)
{
    (void)arg;
    static struct gor_rwmutex rw;
    gor_rwmutex_unlock(&rw);
    return 0;
}

static int wunlock_rlocked(void *arg)
{
    (void)arg;
    static struct gor_rwmutex rw;
    gor_rwmutex_rlock(&rw);
    gor_rwmutex_unlock(&rw);
    return 0;
}

TEST(fatal_unlock_of_an_unlocked_rwmutex)
{
    check_aborts(runlock_unlocked, (const char *[]){"nlock", NULL});
    check_aborts(wunlock_unlocked, (const char *[]){"nlock", NULL});
    check_aborts(wunlock_rlocked, (const char *[]){"nlock", NULL});
}

static int done_too_often(void *arg)
{
    (void)arg;
    struct gor_waitgroup wg = {0};
    gor_waitgroup_add(&wg, 1);
    gor_waitgroup_done(&wg);
    gor_waitgroup_done(&wg);
    return 0;
}

TEST(fatal_waitgroup_below_zero)
{
    check_aborts(done_too_often, (const char *[]){"negative", NULL});
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static int undefer_out_of_order(void *arg)
{
    (void)arg;
    struct gor_defer a;
    struct gor_defer b;
    gor_defer(&a, do_nothing, NULL);
    gor_defer(&b, do_nothing, NULL);
    gor_undefer(&a, false);
    return 0;
}

TEST(fatal_undefer_of_what_is_not_the_newest)
{
    check_aborts(undefer_out_of_order, (const char *[]){NULL});
}

/* ------------------------------------------------------------ stack overflow */

static void overflow(void *arg)
{
    (void)arg;
    (void)recurse_without_end(0, NULL);
}

static int wait_for_overflow(void *arg)
{
    struct gor_go_opts opts = {.name = "deep-diver", .stack_bytes = 65536};
    CHECK_EQ(gor_go_with(&opts, overflow, arg), 0);
    (void)gor_chan_recv(NULL, NULL);
    return 0;
}

TEST(fatal_stack_overflow_names_goroutine_and_limit)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    /* The sanitizer's own report comes first; that the process dies is all one can ask. */
    check_dies(wait_for_overflow, (const char *[]){NULL});
#else
    check_dies(wait_for_overflow,
               (const char *[]){"stack overflow", "deep-diver", "stack_bytes", NULL});
#endif
}

/* A plain wild access is the program's own crash, not a stack overflow. */
static int crash_plainly(void *arg)
{
    (void)arg;
    volatile uintptr_t nowhere = 4096 + 16;
    return *(volatile int *)nowhere;
}

TEST(fatal_wild_access_still_dies_by_sigsegv)
{
    struct death death;
    die_in_child(crash_plainly, &death);
    CHECK(strstr(death.report, "stack overflow") == NULL);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(WIFSIGNALED(death.status));
    CHECK_EQ(WTERMSIG(death.status), SIGSEGV);
#else
    CHECK(!WIFEXITED(death.status) || WEXITSTATUS(death.status) != 0);
#endif
}

/* Functions without a result to answer with fail an assertion outside a goroutine. */
static int yield_outside(void *arg)
{
    (void)arg;
    return 0;
}

TEST(fatal_yield_outside_a_goroutine)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        (void)freopen("/dev/null", "w", stderr);
        (void)gor_run(NULL, yield_outside, NULL);
        gor_yield();
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

/* ------------------------------------------------------ a stop that cannot be */

static _Atomic bool spinning;

static void spin_without_a_call(void *arg)
{
    (void)arg;
    atomic_store(&spinning, true);
    while (atomic_load(&spinning)) {
    }
}

static int stop_beside_a_spinner(void)
{
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(gor_go(spin_without_a_call, NULL), 0);
    while (!atomic_load(&spinning)) {
        usleep(100);
    }
    CHECK_EQ(gor_stop(), -EBUSY);
    CHECK_EQ(gor_start(NULL), -EBUSY);
    CHECK_EQ(gor_go(spin_without_a_call, NULL), -ESRCH);
    return 0;
}

TEST(stop_beside_a_goroutine_that_never_calls_is_refused)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        _exit(stop_beside_a_spinner());
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}
