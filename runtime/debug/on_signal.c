/* SPDX-License-Identifier: MIT */
/* on_signal.c - a dump whenever a signal comes.
 *
 * The handler notes the signal and wakes a thread that is there for nothing else; so it does not matter
 * what the thread does that the signal came to. In case no other thread lets the signal in, that one
 * does. It waits for no lock that a goroutine may have while it does as it likes: not stdio's, not malloc's,
 * not the loader's; for the scheduler's only, which is held for moments. And it waits for whoever reads
 * standard error; the end of the runtime does not wait for him, but cuts the dump.
 */
#include "runtime/debug/on_signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/futex.h"
#include "runtime/base/thread.h"
#include "runtime/debug/dump.h"
#include "runtime/debug/symbol.h"
#include "runtime/sched/preempt.h"

enum { GOES_ON = -1 };

static struct {
    struct gor__mutex lock;    /* of who asks for signals */
    struct gor__mutex dumping; /* held while the thread looks at goroutines */
    uint64_t ends;             /* of the runtime, so far; under `dumping` */
    bool started;
    pthread_t thread;
    uint64_t caught;                  /* atomic; bit n - 1 is signal n */
    uint64_t pending;                 /* atomic; likewise */
    uint32_t bell;                    /* futex */
    int exit_codes[GOR__SIGNALS + 1]; /* atomic */
} on;

static void ring(void)
{
    __atomic_store_n(&on.bell, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&on.bell, 1);
}

static void handle(int signal)
{
    int error = errno;
    /* Release: pairs with the exchange of the thread. */
    __atomic_or_fetch(&on.pending, gor__signal_bit(signal), __ATOMIC_RELEASE);
    ring();
    errno = error;
}

/* Whoever reads may take his time, and keeps nobody from stopping the runtime. The goroutines have gone
 * then. */
static int write_meanwhile(void *arg, const char *text, size_t bytes)
{
    uint64_t ends = on.ends;
    gor__mutex_unlock(&on.dumping);
    int error = gor__dump_write_to_fd(arg, text, bytes);
    gor__mutex_lock(&on.dumping);
    return error == 0 && ends != on.ends ? -ECANCELED : error;
}

static void look_and_write(struct gor__text *text, int fd)
{
    static const char cut[] = "\n...and more, but the runtime was stopped meanwhile...\n";
    gor__mutex_lock(&on.dumping);
    gor__symbol_begin_alone(GOR__LONER_SIGNAL);
    int error = gor__dump(text, NULL, true);
    gor__symbol_end_alone(GOR__LONER_SIGNAL);
    gor__mutex_unlock(&on.dumping);
    if (error == -ECANCELED) {
        (void)gor__dump_write_to_fd(&fd, cut, sizeof cut - 1);
    }
}

static void dump(int signal)
{
    struct gor__text text;
    int fd = STDERR_FILENO;
    const char *name = sigabbrev_np(signal);
    const char *what = sigdescr_np(signal);
    gor__text_init(&text, write_meanwhile, &fd);
    if (name != NULL) {
        gor__text_format(&text, "SIG%s: %s\n\n", name, what != NULL ? what : "");
    } else {
        gor__text_format(&text, "signal %d\n\n", signal);
    }
    look_and_write(&text, fd);
    int code = __atomic_load_n(&on.exit_codes[signal], __ATOMIC_RELAXED);
    if (code != GOES_ON) {
        /* Not by _exit, which sanitizers take for an occasion to flush all streams. */
        (void)syscall(SYS_exit_group, code);
    }
}

static int64_t patience(void)
{
    return GOR__SIGNAL_PATIENCE_NS == GOR_NEVER ? GOR_NEVER
                                                : gor__monotonic_after(GOR__SIGNAL_PATIENCE_NS);
}

static void *thread_main(void *unused)
{
    (void)unused;
    gor__thread_name("gor-dump");
    for (;;) {
        gor__thread_let_in(__atomic_load_n(&on.caught, __ATOMIC_ACQUIRE));
        if (__atomic_exchange_n(&on.bell, 0, __ATOMIC_ACQ_REL) == 0) {
            (void)gor__futex_wait(&on.bell, 0, patience());
        }
        uint64_t pending = __atomic_exchange_n(&on.pending, 0, __ATOMIC_ACQUIRE);
        for (int signal = 1; signal <= GOR__SIGNALS; signal++) {
            if ((pending & gor__signal_bit(signal)) != 0) {
                dump(signal);
            }
        }
    }
    return NULL;
}

/* Those of faults come again as soon as their handler returns. */
static bool can_be_had(int signal)
{
    static const int never[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        if (signal == never[i]) {
            return false;
        }
    }
    return signal >= 1 && signal <= GOR__SIGNALS && signal != gor__preempt_signal();
}

static int catch_locked(int signal, int exit_code)
{
    struct sigaction action;
    if (!on.started) {
        sigset_t all;
        sigfillset(&all);
        int error = gor__thread_start(&on.thread, &all, thread_main, NULL);
        if (error < 0) {
            return error;
        }
        (void)pthread_detach(on.thread);
        on.started = true;
    }
    __atomic_store_n(&on.exit_codes[signal], exit_code < 0 ? GOES_ON : exit_code, __ATOMIC_RELAXED);
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    if (sigaction(signal, &action, NULL) != 0) {
        return -errno;
    }
    __atomic_or_fetch(&on.caught, gor__signal_bit(signal), __ATOMIC_RELEASE);
    ring();
    return 0;
}

int gor_dump_on_signal(int signal, int exit_code)
{
    if (!can_be_had(signal)) {
        return -EINVAL;
    }
    gor__mutex_lock(&on.lock);
    int result = catch_locked(signal, exit_code);
    gor__mutex_unlock(&on.lock);
    return result;
}

void gor__on_signal_hold(void)
{
    gor__mutex_lock(&on.dumping);
}

void gor__on_signal_ended(void)
{
    on.ends++;
    gor__mutex_unlock(&on.dumping);
}
