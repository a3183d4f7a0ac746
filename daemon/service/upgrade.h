/* SPDX-License-Identifier: MIT */
/* upgrade.h - Runtime.Upgrade: the daemon becomes what is installed, for whoever asks by a call.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_UPGRADE_H
#define GORD_SERVICE_UPGRADE_H

#include <stddef.h>

struct gord_upgrader {
    /* 0: it begins with a later turn of the loop, so that the answer goes first; else a negative errno
     * and why not. */
    int (*upgrade)(void *arg, char *why, size_t bytes);
    void *arg;
    const char *failure; /* of the upgrade that this daemon comes from; borrowed; NULL: none */
};

#endif
