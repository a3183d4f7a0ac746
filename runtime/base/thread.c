/* SPDX-License-Identifier: MIT */
/* thread.c - see thread.h. A thread inherits its creator's mask, so that one is changed for the
 * moment: blocking them later, in the thread, would leave a gap. */
#include "runtime/base/thread.h"

#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whoever touches memory of a goroutine's may have to bring it back; the kernel ends a process that blocks
 * what its fault raises. */
static void let_faults_in(sigset_t *blocked)
{
    sigdelset(blocked, SIGSEGV);
    sigdelset(blocked, SIGBUS);
}

int gor__thread_start(pthread_t *thread, const sigset_t *blocked, void *(*main)(void *arg),
                      void *arg)
{
    sigset_t former;
    sigset_t mask = *blocked;
    let_faults_in(&mask);
    pthread_sigmask(SIG_SETMASK, &mask, &former);
    int error = pthread_create(thread, NULL, main, arg);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return -error;
}

/* pthread_setname_np of another thread opens a file. */
void gor__thread_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

/* By system calls, since ThreadSanitizer knows one table only. */
static int close_range_of(unsigned first, unsigned last, unsigned flags)
{
    return first <= last ? (int)syscall(SYS_close_range, first, last, flags) : 0;
}

bool gor__thread_unshare_descriptors(int kept, int kept_too)
{
    unsigned low = (unsigned)(kept < kept_too ? kept : kept_too);
    unsigned high = (unsigned)(kept < kept_too ? kept_too : kept);
    if (close_range_of(high + 1, ~0U, CLOSE_RANGE_UNSHARE) != 0) {
        return false;
    }
    (void)close_range_of(low + 1, high - 1, 0);
    if (low > 0) {
        (void)close_range_of(0, low - 1, 0);
    }
    return true;
}

void gor__thread_let_in(uint64_t signals)
{
    sigset_t blocked;
    sigfillset(&blocked);
    let_faults_in(&blocked);
    for (int signal = 1; signal <= GOR__SIGNALS; signal++) {
        if ((signals & gor__signal_bit(signal)) != 0) {
            sigdelset(&blocked, signal);
        }
    }
#if defined(__SANITIZE_THREAD__)
    /* What a thread has put off is noted in memory that it gets at its first call of that kind: a signal that
     * comes right then is lost. */
    (void)poll(NULL, 0, 0);
#endif
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
}
