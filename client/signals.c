/* SPDX-License-Identifier: MIT */
/* signals.c - see signals.h. */
#include "client/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "client/options.h"

enum { LAST_SIGNAL = 64 };

/* "RTMIN", "RTMIN+N", "RTMAX", "RTMAX-N". */
static int parse_real_time(const char *name)
{
    bool from_first = strncasecmp(name, "RTMIN", 5) == 0;
    uint64_t distance = 0;
    if (!from_first && strncasecmp(name, "RTMAX", 5) != 0) {
        return -EINVAL;
    }
    name += 5;
    if (*name != '\0' &&
        (*name != (from_first ? '+' : '-') || gorctl_number_parse(name + 1, &distance) != 0)) {
        return -EINVAL;
    }
    if (distance > (uint64_t)(SIGRTMAX - SIGRTMIN)) {
        return -EINVAL;
    }
    return from_first ? SIGRTMIN + (int)distance : SIGRTMAX - (int)distance;
}

int gorctl_signal_parse(const char *text)
{
    uint64_t number;
    if (gorctl_number_parse(text, &number) == 0) {
        return number >= 1 && number <= LAST_SIGNAL ? (int)number : -EINVAL;
    }
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (int sig = 1; sig <= LAST_SIGNAL; sig++) {
        const char *known = sigabbrev_np(sig);
        if (known != NULL && strcasecmp(name, known) == 0) {
            return sig;
        }
    }
    return parse_real_time(name);
}
