/* SPDX-License-Identifier: MIT */
/* thread.c - see thread.h. A thread inherits its creator's mask, so that one is changed for the
 * moment: blocking them later, in the thread, would leave a gap. */
#include "runtime/base/thread.h"

#include <stddef.h>

int gor__thread_start(pthread_t *thread, const sigset_t *blocked, const char *name,
                      void *(*main)(void *arg), void *arg)
{
    sigset_t former;
    pthread_sigmask(SIG_SETMASK, blocked, &former);
    int error = pthread_create(thread, NULL, main, arg);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (error == 0 && name != NULL) {
        (void)pthread_setname_np(*thread, name);
    }
    return -error;
}
