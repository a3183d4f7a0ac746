/* SPDX-License-Identifier: MIT */
/* misuse.h - what Go answers with a panic: an error here, unless gor_opts.panic_on_misuse asks for
 * Go's way. */
#ifndef GOR_SYNC_MISUSE_H
#define GOR_SYNC_MISUSE_H

#include "runtime/sched/sched.h"

/* Both outside the door. */
static inline int gor__misuse(int result, const char *message)
{
    if (gor__sched.opts.panic_on_misuse && gor__g_self() != NULL) {
        gor_panic("%s", message);
    }
    return result;
}

/* What cannot be answered: the process ends, if misuse does not panic. */
static inline void gor__misuse_fatal(const char *message)
{
    (void)gor__misuse(0, message);
    gor__die("%s", message);
}

#endif
