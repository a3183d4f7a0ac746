/* SPDX-License-Identifier: MIT */
/* upgrade.h - Runtime.Upgrade: the daemon becomes what is installed, for whoever asks by a call.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_UPGRADE_H
#define GORD_SERVICE_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/runner/runner.h"
#include "gor/v1/runtime.pb-c.h"

/* Into the message, which it inits. */
void gord_upgrade_ends_fill(const struct gord_ends *ends, Gor__V1__UpgradeEnds *out);

/* Whoever wants to hear what comes of it: 0, and it begins with a later turn of the loop, so that an answer
 * goes first; else a negative errno and why not. */
struct gord_upgrade_wish {
    bool patient; /* jobs that cannot go on are awaited first */
    void (*told)(void *user, int result, const char *why); /* once; NULL: nobody does */
    void *user;
};

/* Of jobs that ended with an upgrade. */
struct gord_upgrade_ends {
    struct gord_ends natives, scripts;
};

struct gord_upgrader {
    /* What is installed is asked, which may take its time; the wish is told at once or from the loop. */
    void (*upgrade)(void *arg, const struct gord_upgrade_wish *wish);
    /* He whose wish is not yet told has gone: nothing is to come of it, and it is not told. */
    void (*forget)(void *arg);
    void *arg;
    int64_t (*awaits_ns)(void *arg); /* how long jobs are awaited that are */
    const char *failure; /* of the upgrade that this daemon comes from; borrowed; NULL: none */
    const struct gord_upgrade_ends *ended; /* with that; borrowed; NULL: not known */
};

#endif
