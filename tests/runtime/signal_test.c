/* SPDX-License-Identifier: MIT */
/* signal_test.c - signals as values of channels, and as the end of contexts.
 *
 * Each test runs with a host that lets the signals in, or that blocks them on all of its threads.
 * Under ThreadSanitizer only the latter: it holds signals back on a thread that waits for a futex.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static void run_blocked(void (*body)(void))
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    test_run_goroutine(body);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run_open(void (*body)(void))
{
#if defined(__SANITIZE_THREAD__)
    run_blocked(body);
#else
    test_run_goroutine(body);
#endif
}

#define OPEN_TEST(name) TEST_DEFINE(name, run_open)
#define BLOCKED_TEST(name) TEST_DEFINE(name, run_blocked)

static void notify(struct gor_chan *c, int signal)
{
    CHECK_EQ(gor_signal_notify(c, &signal, 1), 0);
}

static void send_signal(int signal)
{
    CHECK_EQ(kill(getpid(), signal), 0);
}

static void one_after_another(void)
{
    struct gor_chan *c = new_chan(sizeof(int), 4);
    const int both[] = {SIGUSR1, SIGUSR2};
    CHECK_EQ(gor_signal_notify(c, both, 2), 0);
    for (int i = 0; i < 50; i++) {
        send_signal(both[i % 2]);
        CHECK_EQ(recv_int(c), both[i % 2]);
    }
    send_signal(SIGRTMIN + 1 == SIGRTMAX ? SIGUSR1 : SIGUSR2);
    (void)recv_int(c);
    gor_signal_stop(c);
    gor_chan_unref(c);
}

OPEN_TEST(signals_arrive_one_after_another)
{
    one_after_another();
}

BLOCKED_TEST(signals_arrive_though_the_host_blocks_them)
{
    one_after_another();
}

static void *raise_here(void *unused)
{
    (void)unused;
    CHECK_EQ(raise(SIGUSR1), 0);
    return NULL;
}

static int raise_on_thread(void *unused)
{
    pthread_t thread;
    sigset_t open;
    (void)unused;
    sigemptyset(&open);
    sigaddset(&open, SIGUSR1);
    /* Inherited by the thread, and left with this one of the pool. */
    pthread_sigmask(SIG_UNBLOCK, &open, NULL);
    CHECK_EQ(pthread_create(&thread, NULL, raise_here, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    pthread_sigmask(SIG_BLOCK, &open, NULL);
    return 0;
}

OPEN_TEST(signals_sent_to_a_thread_of_the_host_arrive)
{
    struct gor_chan *c = new_chan(sizeof(int), 1);
    notify(c, SIGUSR1);
    CHECK_EQ(gor_blocking(raise_on_thread, NULL), 0);
    CHECK_EQ(recv_int(c), SIGUSR1);
    gor_signal_stop(c);
    gor_chan_unref(c);
}

OPEN_TEST(signal_reaches_every_channel_that_asked_for_it)
{
    struct gor_chan *one = new_chan(sizeof(int), 2);
    struct gor_chan *two = new_chan(sizeof(int), 2);
    notify(one, SIGUSR1);
    notify(two, SIGUSR1);
    notify(two, SIGUSR2);
    notify(two, SIGUSR2);
    send_signal(SIGUSR1);
    CHECK_EQ(recv_int(one), SIGUSR1);
    CHECK_EQ(recv_int(two), SIGUSR1);
    send_signal(SIGUSR2);
    CHECK_EQ(recv_int(two), SIGUSR2);
    CHECK_EQ(gor_chan_len(one), 0);
    CHECK_EQ(gor_chan_len(two), 0);
    gor_signal_stop(one);
    send_signal(SIGUSR1);
    CHECK_EQ(recv_int(two), SIGUSR1);
    CHECK_EQ(gor_chan_len(one), 0);
    gor_signal_stop(two);
    gor_signal_stop(two);
    gor_signal_stop(NULL);
    gor_chan_unref(one);
    gor_chan_unref(two);
}

OPEN_TEST(signal_misses_a_full_channel_and_holds_up_nobody)
{
    struct gor_chan *full = new_chan(sizeof(int), 1);
    struct gor_chan *none = new_chan(sizeof(int), 0);
    struct gor_chan *other = new_chan(sizeof(int), 1);
    notify(full, SIGUSR1);
    notify(none, SIGUSR1);
    notify(other, SIGUSR1);
    for (int i = 0; i < 20; i++) {
        send_signal(SIGUSR1);
        CHECK_EQ(recv_int(other), SIGUSR1);
    }
    CHECK_EQ(gor_chan_len(full), 1);
    gor_signal_stop(full);
    gor_signal_stop(none);
    gor_signal_stop(other);
    gor_chan_unref(full);
    gor_chan_unref(none);
    gor_chan_unref(other);
}

/* ---- the host's handlers */

static volatile sig_atomic_t host_signals;

static void count_signal(int signal)
{
    (void)signal;
    host_signals++;
}

static void check_host_handler(int signal)
{
    struct sigaction action;
    CHECK_EQ(sigaction(signal, NULL, &action), 0);
    CHECK(action.sa_handler == count_signal);
}

static void set_handler(int signal, void (*handler)(int signal))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    CHECK_EQ(sigaction(signal, &action, NULL), 0);
}

OPEN_TEST(signal_handlers_of_the_host_come_back)
{
    const int signal = SIGUSR1;
    struct gor_chan *c = new_chan(sizeof(int), 1);
    struct gor_chan *d = new_chan(sizeof(int), 1);
    set_handler(signal, count_signal);
    host_signals = 0;
    notify(c, signal);
    notify(d, signal);
    send_signal(signal);
    CHECK_EQ(recv_int(c), signal);
    CHECK_EQ(recv_int(d), signal);
    CHECK_EQ(host_signals, 0);
    gor_signal_stop(c);
    send_signal(signal);
    CHECK_EQ(recv_int(d), signal);
    gor_signal_stop(d);
    check_host_handler(signal);
    notify(c, signal);
    CHECK_EQ(gor_signal_reset(&signal, 1), 0);
    check_host_handler(signal);
    notify(c, signal);
    CHECK_EQ(gor_signal_reset(NULL, 0), 0);
    check_host_handler(signal);
#if !defined(__SANITIZE_THREAD__)
    send_signal(signal);
    YIELD_UNTIL(host_signals == 1)
#endif
    CHECK_EQ(gor_chan_len(c), 0);
    set_handler(signal, SIG_DFL);
    gor_chan_unref(c);
    gor_chan_unref(d);
}

OPEN_TEST(signal_ignored_is_lost_until_somebody_wants_it_again)
{
    const int signal = SIGUSR2;
    struct gor_chan *c = new_chan(sizeof(int), 1);
    CHECK(!gor_signal_ignored(signal));
    notify(c, signal);
    CHECK_EQ(gor_signal_ignore(&signal, 1), 0);
    CHECK(gor_signal_ignored(signal));
    send_signal(signal);
    CHECK_EQ(gor_chan_len(c), 0);
    notify(c, signal);
    CHECK(!gor_signal_ignored(signal));
    send_signal(signal);
    CHECK_EQ(recv_int(c), signal);
    CHECK_EQ(gor_signal_ignore(&signal, 1), 0);
    CHECK_EQ(gor_signal_reset(&signal, 1), 0);
    CHECK(!gor_signal_ignored(signal));
    CHECK(!gor_signal_ignored(0));
    gor_chan_unref(c);
}

/* ---- contexts */

OPEN_TEST(signal_cancels_its_context_and_tells_why)
{
    const int signals[] = {SIGUSR1, SIGTERM};
    struct gor_ctx *ctx = NULL;
    struct gor_ctx *other = NULL;
    CHECK_EQ(gor_signal_ctx(gor_ctx_background(), signals, 2, &ctx), 0);
    CHECK_EQ(gor_signal_ctx(gor_ctx_background(), signals, 1, &other), 0);
    CHECK_EQ(gor_ctx_err(ctx), 0);
    send_signal(SIGTERM);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(ctx), NULL), 0);
    CHECK_EQ(gor_ctx_err(ctx), -ECANCELED);
    CHECK_STR(gor_ctx_cause(ctx), "signal 15 (Terminated)");
    CHECK_EQ(gor_ctx_err(other), 0);
    /* It is still caught, for nobody has stopped it. Not sent to see that: it might still be on its way
     * when the context is stopped below, and end the process. */
    struct sigaction action;
    CHECK_EQ(sigaction(SIGTERM, NULL, &action), 0);
    CHECK(action.sa_handler != SIG_DFL);
    send_signal(SIGUSR1);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(other), NULL), 0);
    gor_signal_ctx_stop(ctx);
    gor_signal_ctx_stop(other);
    gor_signal_ctx_stop(NULL);
    gor_ctx_unref(ctx);
    gor_ctx_unref(other);
}

OPEN_TEST(signal_context_stopped_is_cancelled_and_lets_the_signal_go)
{
    const int signal = SIGUSR1;
    struct gor_ctx *parent = NULL;
    struct gor_ctx *ctx = NULL;
    set_handler(signal, count_signal);
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &parent), 0);
    CHECK_EQ(gor_signal_ctx(parent, &signal, 1, &ctx), 0);
    gor_signal_ctx_stop(ctx);
    CHECK_EQ(gor_ctx_err(ctx), -ECANCELED);
    check_host_handler(signal);
    gor_ctx_unref(ctx);
    CHECK_EQ(gor_signal_ctx(parent, &signal, 1, &ctx), 0);
    gor_ctx_cancel(parent, "enough");
    CHECK_STR(gor_ctx_cause(ctx), "enough");
    gor_signal_ctx_stop(ctx);
    gor_ctx_unref(ctx);
    gor_ctx_unref(parent);
    set_handler(signal, SIG_DFL);
}

/* ---- beside children, and many at once */

OPEN_TEST(signal_of_a_childs_end_disturbs_no_wait_for_it)
{
    char *argv[] = {"true", NULL};
    struct gor_chan *c = new_chan(sizeof(int), 1);
    struct gor_proc *proc = NULL;
    int status = -1;
    notify(c, SIGCHLD);
    CHECK_EQ(gor_proc_spawn("true", argv, NULL, &proc), 0);
    CHECK_EQ(gor_proc_wait(proc, &status, NULL, GOR_NEVER), 0);
    CHECK_EQ(status, 0);
    CHECK_EQ(recv_int(c), SIGCHLD);
    gor_proc_free(proc);
    gor_signal_stop(c);
    gor_chan_unref(c);
}

OPEN_TEST(signals_all_of_them_can_be_asked_for)
{
    struct gor_chan *c = new_chan(sizeof(int), 8);
    const int some[] = {SIGHUP, SIGINT, SIGALRM, SIGWINCH, SIGCHLD, SIGPIPE, SIGRTMIN};
    set_handler(SIGINT, count_signal);
    CHECK_EQ(gor_signal_notify(c, NULL, 0), 0);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        send_signal(some[i]);
        CHECK_EQ(recv_int(c), some[i]);
    }
    gor_signal_stop(c);
    check_host_handler(SIGINT);
    set_handler(SIGINT, SIG_DFL);
    gor_chan_unref(c);
}

struct changer {
    struct gor_waitgroup *wg;
    _Atomic bool *stop;
};

/* Come and go while signals arrive: once stopped, nothing comes any more. */
static void come_and_go(void *arg)
{
    struct changer *changer = arg;
    while (!atomic_load(changer->stop)) {
        struct gor_chan *c = new_chan(sizeof(int), 1);
        notify(c, SIGUSR1);
        gor_yield();
        gor_signal_stop(c);
        size_t length = gor_chan_len(c);
        gor_yield();
        CHECK_EQ(gor_chan_len(c), length);
        gor_chan_unref(c);
    }
    gor_waitgroup_done(changer->wg);
}

OPEN_TEST(signals_by_the_thousand_while_others_come_and_go)
{
    enum { SIGNALS = SCALED(3000, 1000, 300), CHANGERS = 4 };
    struct gor_waitgroup wg = {0};
    _Atomic bool stop = false;
    struct changer changer = {&wg, &stop};
    struct gor_chan *c = new_chan(sizeof(int), 1);
    notify(c, SIGUSR1);
    gor_waitgroup_add(&wg, CHANGERS);
    for (int i = 0; i < CHANGERS; i++) {
        spawn(come_and_go, &changer);
    }
    for (int i = 0; i < SIGNALS; i++) {
        send_signal(SIGUSR1);
        CHECK_EQ(recv_int(c), SIGUSR1);
    }
    atomic_store(&stop, true);
    gor_waitgroup_wait(&wg);
    gor_signal_stop(c);
    gor_chan_unref(c);
}

/* ---- what is refused, and the end of the runtime */

OPEN_TEST(signals_that_cannot_be_had_are_refused)
{
    static const int bad[] = {0, -1, 65, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, 32, 33};
    struct gor_chan *c = new_chan(sizeof(int), 1);
    struct gor_chan *wide = new_chan(sizeof(int64_t), 1);
    struct gor_ctx *ctx = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const int mixed[] = {SIGUSR1, bad[i]};
        CHECK_EQ(gor_signal_notify(c, mixed, 2), -EINVAL);
        CHECK_EQ(gor_signal_ignore(&bad[i], 1), -EINVAL);
        CHECK_EQ(gor_signal_reset(&bad[i], 1), -EINVAL);
        CHECK_EQ(gor_signal_ctx(gor_ctx_background(), &bad[i], 1, &ctx), -EINVAL);
    }
    const int good = SIGUSR1;
    CHECK_EQ(gor_signal_notify(wide, &good, 1), -EINVAL);
    CHECK_EQ(gor_signal_notify(NULL, &good, 1), -EINVAL);
    CHECK(ctx == NULL);
    gor_chan_unref(c);
    gor_chan_unref(wide);
}

TEST(signal_calls_outside_a_goroutine_are_refused)
{
    const int signal = SIGUSR1;
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_signal_notify(NULL, &signal, 1), -EPERM);
    CHECK_EQ(gor_signal_reset(&signal, 1), -EPERM);
    CHECK_EQ(gor_signal_ignore(&signal, 1), -EPERM);
    CHECK_EQ(gor_signal_ctx(gor_ctx_background(), &signal, 1, &ctx), -EPERM);
}

static int leave_signals_caught(void *arg)
{
    struct gor_chan **c = arg;
    const int signals[] = {SIGUSR1, SIGTERM};
    const int ignored = SIGUSR2;
    *c = new_chan(sizeof(int), 1);
    CHECK_EQ(gor_signal_notify(*c, signals, 2), 0);
    CHECK_EQ(gor_signal_ignore(&ignored, 1), 0);
    send_signal(SIGTERM);
    CHECK_EQ(recv_int(*c), SIGTERM);
    return 0;
}

TEST(signals_are_the_hosts_again_after_the_runtimes_end)
{
    struct gor_chan *c = NULL;
    sigset_t all;
    sigset_t before;
    set_handler(SIGUSR1, count_signal);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(gor_run(NULL, leave_signals_caught, &c), 0);
        check_host_handler(SIGUSR1);
        CHECK(!gor_signal_ignored(SIGUSR2));
        gor_chan_unref(c);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    set_handler(SIGUSR1, SIG_DFL);
}
