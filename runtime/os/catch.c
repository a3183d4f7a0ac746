/* SPDX-License-Identifier: MIT */
/* catch.c - see catch.h. */
#include "runtime/os/catch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/base/thread.h"
#include "runtime/gor.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/sched.h"

static struct {
    /* Between the handler and the goroutine; atomic. */
    uint64_t pending;
    int bell;          /* eventfd; -1: not there yet, or any more */
    uint32_t handlers; /* that run just now */

    /* Between those who change the set and the thread. */
    uint64_t caught; /* atomic */
    int control;     /* eventfd: the set has changed, or the thread is to end */
    bool ends;       /* atomic */
    pthread_t thread;

    bool started;
    void (*deliver)(int signal);
    uint64_t ignored;
    struct sigaction former[GOR__SIGNALS + 1]; /* of what is caught or ignored */
} catcher = {.bell = -1};

uint64_t gor__catch_possible(void)
{
    static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    uint64_t possible = ~UINT64_C(0);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        possible &= ~gor__signal_bit(never[i]);
    }
    /* The first real-time signals are the C library's own. */
    for (int signal = SIGSYS + 1; signal < SIGRTMIN; signal++) {
        possible &= ~gor__signal_bit(signal);
    }
    if (gor__preempt_signal() != 0) {
        possible &= ~gor__signal_bit(gor__preempt_signal());
    }
    return possible;
}

/* ---- from the handler to the goroutine */

static void ring(int fd)
{
    uint64_t one = 1;
    ssize_t put = write(fd, &one, sizeof one);
    (void)put;
}

static void on_signal(int signal)
{
    int saved = errno;
    /* Release: pairs with the exchange of the goroutine, should the bell ring for another. */
    __atomic_or_fetch(&catcher.pending, gor__signal_bit(signal), __ATOMIC_RELEASE);
    /* In this order: pairs with close_bell, which looks in the other. */
    __atomic_add_fetch(&catcher.handlers, 1, __ATOMIC_SEQ_CST);
    int bell = __atomic_load_n(&catcher.bell, __ATOMIC_SEQ_CST);
    if (bell >= 0) {
        ring(bell);
    }
    __atomic_sub_fetch(&catcher.handlers, 1, __ATOMIC_RELEASE);
    errno = saved;
}

static void deliver_pending(void)
{
    uint64_t signals = __atomic_exchange_n(&catcher.pending, 0, __ATOMIC_ACQUIRE);
    for (int signal = 1; signal <= GOR__SIGNALS; signal++) {
        if ((signals & gor__signal_bit(signal)) != 0) {
            catcher.deliver(signal);
        }
    }
}

static void read_bell(void *unused)
{
    uint64_t rings = 0;
    int bell = __atomic_load_n(&catcher.bell, __ATOMIC_RELAXED);
    (void)unused;
    while (gor_read(bell, &rings, sizeof rings, GOR_NEVER) == sizeof rings) {
        deliver_pending();
    }
}

/* ---- the thread */

enum {
    PATIENCE_MS =
        GOR__SIGNAL_PATIENCE_NS == GOR_NEVER ? -1 : (int)(GOR__SIGNAL_PATIENCE_NS / GOR_MILLISECOND)
};

static void *thread_main(void *unused)
{
    struct pollfd control = {.fd = catcher.control, .events = POLLIN};
    uint64_t changes = 0;
    (void)unused;
    gor__thread_name("gor-signals");
    while (!__atomic_load_n(&catcher.ends, __ATOMIC_ACQUIRE)) {
        gor__thread_let_in(__atomic_load_n(&catcher.caught, __ATOMIC_ACQUIRE));
        if (poll(&control, 1, PATIENCE_MS) == 1) {
            ssize_t got = read(catcher.control, &changes, sizeof changes);
            (void)got;
        }
    }
    return NULL;
}

/* ---- start and stop */

/* No handler uses it any more when this returns. */
static void close_bell(void)
{
    int bell = __atomic_exchange_n(&catcher.bell, -1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&catcher.handlers, __ATOMIC_SEQ_CST) != 0) {
        sched_yield();
    }
    close(bell);
}

static int open_eventfds(void)
{
    catcher.control = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (catcher.control < 0) {
        return -errno;
    }
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0) {
        int error = -errno;
        close(catcher.control);
        return error;
    }
    __atomic_store_n(&catcher.bell, bell, __ATOMIC_SEQ_CST);
    return 0;
}

static int start_thread(void)
{
    sigset_t all;
    sigfillset(&all);
    return gor__thread_start(&catcher.thread, &all, thread_main, NULL);
}

static void stop_thread(void)
{
    __atomic_store_n(&catcher.ends, true, __ATOMIC_RELEASE);
    ring(catcher.control);
    pthread_join(catcher.thread, NULL);
}

int gor__catch_start(void (*deliver)(int signal))
{
    static const struct gor_go_opts named = {.name = "signals"};
    if (catcher.started) {
        return 0;
    }
    int error = open_eventfds();
    if (error < 0) {
        return error;
    }
    catcher.deliver = deliver;
    error = start_thread();
    if (error < 0) {
        goto close_eventfds;
    }
    error = gor__go_own(&named, read_bell, NULL);
    if (error < 0) {
        goto stop_thread;
    }
    catcher.started = true;
    return 0;
stop_thread:
    stop_thread();
    catcher.ends = false;
close_eventfds:
    close_bell();
    close(catcher.control);
    return error;
}

static void set_one(int signal, enum gor__catch_how how)
{
    uint64_t bit = gor__signal_bit(signal);
    bool was_former = ((catcher.caught | catcher.ignored) & bit) == 0;
    struct sigaction action = {.sa_flags = SA_RESTART | SA_ONSTACK};
    struct sigaction *former = &catcher.former[signal];
    sigfillset(&action.sa_mask);
    action.sa_handler = how == GOR__CATCH_CAUGHT ? on_signal : SIG_IGN;
    if (how != GOR__CATCH_FORMER) {
        (void)sigaction(signal, &action, was_former ? former : NULL);
    } else if (!was_former) {
        (void)sigaction(signal, former, NULL);
    }
    uint64_t caught = how == GOR__CATCH_CAUGHT ? catcher.caught | bit : catcher.caught & ~bit;
    __atomic_store_n(&catcher.caught, caught, __ATOMIC_RELEASE);
    catcher.ignored = how == GOR__CATCH_IGNORED ? catcher.ignored | bit : catcher.ignored & ~bit;
}

void gor__catch_set(uint64_t signals, enum gor__catch_how how)
{
    uint64_t before = catcher.caught;
    for (int signal = 1; signal <= GOR__SIGNALS; signal++) {
        if ((signals & gor__signal_bit(signal)) != 0) {
            set_one(signal, how);
        }
    }
    if (catcher.started && catcher.caught != before) {
        ring(catcher.control);
    }
}

void gor__catch_stop(void)
{
    gor__catch_set(catcher.caught | catcher.ignored, GOR__CATCH_FORMER);
    if (catcher.started) {
        stop_thread();
        close_bell();
        close(catcher.control);
    }
    catcher.started = false;
    catcher.ends = false;
    __atomic_store_n(&catcher.pending, 0, __ATOMIC_RELAXED);
}
