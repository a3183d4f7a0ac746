/* SPDX-License-Identifier: MIT */
/* upgrade.h - Runtime.Upgrade: the daemon becomes what is installed, for whoever asks by a call.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_UPGRADE_H
#define GORD_SERVICE_UPGRADE_H

/* Whoever wants to hear what comes of it: 0, and it begins with a later turn of the loop, so that an answer
 * goes first; else a negative errno and why not. */
struct gord_upgrade_wish {
    void (*told)(void *user, int result, const char *why); /* once; NULL: nobody does */
    void *user;
};

struct gord_upgrader {
    /* What is installed is asked, which may take its time; the wish is told at once or from the loop. */
    void (*upgrade)(void *arg, const struct gord_upgrade_wish *wish);
    /* He whose wish is not yet told has gone: nothing is to come of it, and it is not told. */
    void (*forget)(void *arg);
    void *arg;
    const char *failure; /* of the upgrade that this daemon comes from; borrowed; NULL: none */
};

#endif
