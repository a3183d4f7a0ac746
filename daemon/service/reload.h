/* SPDX-License-Identifier: MIT */
/* reload.h - Runtime.Reload: the daemon's configuration read again, for whoever asks by a call.
 *
 * The service knows no options; the daemon reads them and tells what came of it, one by one.
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_RELOAD_H
#define GORD_SERVICE_RELOAD_H

#include <stdbool.h>

/* Who is told what a reload comes to; the texts are borrowed for the call. */
struct gord_reload_report {
    /* Something is wrong, so nothing will be changed. */
    void (*fault)(void *arg, const char *text);
    /* An option has another value now; `stays` says why it keeps the old one, NULL: it does not. */
    void (*changed)(void *arg, const char *option, const char *before, const char *after,
                    const char *stays);
    void *arg;
};

struct gord_reloaded {
    bool certificates; /* were read again */
    const char *file;  /* that was read; borrowed; NULL: none */
};

struct gord_reloader {
    /* 0: done, with *out. -EINVAL: the faults have been told, and nothing has changed; -ECANCELED:
     * the daemon stops; -ENOMEM. */
    int (*reload)(void *arg, const struct gord_reload_report *report,
                  struct gord_reloaded *out_reloaded);
    void *arg;
};

#endif
