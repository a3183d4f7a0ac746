/* SPDX-License-Identifier: MIT */
/* upgrade.h - gord becomes another version of itself: the same process, another binary.
 *
 * Before anything is stopped the new binary is asked whether it can take over (upgrade_ask.h): it must know
 * the format of the handover and of the store, and find the configuration right. When all is closed, what
 * it needs goes into a memory file, whose number is in the environment, and the binary is executed; if
 * that fails the former one is, by a descriptor that was opened while it was sure to be there, and says
 * why.
 *
 * Threads     the main thread.
 * Ownership   init/fini.
 */
#ifndef GORD_UPGRADE_H
#define GORD_UPGRADE_H

#include <limits.h>
#include <stddef.h>
#include <sys/resource.h>

#include "gor/handover.pb-c.h"

enum { GORD_HANDOVER_FORMAT = 1, GORD_UPGRADE_WHY = 1024 };

struct gord_upgrade {
    char path[PATH_MAX]; /* of the binary, as it was started */
    char **argv;         /* owned */
    char **env;          /* owned; as we were started, with what is taken out since */
    int self_fd;         /* owned; the binary that runs; -1: not open */
};

/* Remember how we were started. Before the arguments are parsed. -ENOMEM. */
int gord_upgrade_init(struct gord_upgrade *upgrade, char *const *argv);
void gord_upgrade_fini(struct gord_upgrade *upgrade);

/* While it is sure to be there, as it is before anything is stopped. 0, or a negative errno. */
int gord_upgrade_open_self(struct gord_upgrade *upgrade);

/* Once the loop watches no signals any more: none of those that gord acts on ends us. */
void gord_upgrade_hold_signals(void);

/* We are asked to stop, but on the way: the new one is asked. [any signal handler] */
void gord_upgrade_note_stop(int signum);

/* Become the new binary, or the former one again. All descriptors in `handover` are kept. Returns if both
 * cannot be: a negative errno. */
int gord_upgrade_execute(struct gord_upgrade *upgrade, Gor__Handover__Handover *handover,
                         const struct rlimit *nofile);

/* On the other side, once the loop watches signals: those that came meanwhile come now. */
void gord_upgrade_release_signals(void);

/* What we are handed over; NULL: nothing is. Descriptors are close-on-exec again, and the environment has
 * no trace of it. */
Gor__Handover__Handover *gord_upgrade_take(void);

#endif
