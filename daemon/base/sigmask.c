/* SPDX-License-Identifier: MIT */
/* sigmask.c - see sigmask.h. */
#include "daemon/base/sigmask.h"

void gord_signals_block(sigset_t *out_former)
{
    sigset_t blocked;

    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, out_former);
}
