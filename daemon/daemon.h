/* SPDX-License-Identifier: MIT */
/* daemon.h - gord as a whole: started, serving, stopped.
 *
 * Start       lock, store (and the jobs in it), runtime, listeners, READY.
 * Stop        no new work, running jobs cancelled (TERM, grace, KILL), everything on disk, clients
 *             told, exit 0; bounded.
 * Threads     the calling thread becomes the loop.
 */
#ifndef GORD_DAEMON_H
#define GORD_DAEMON_H

#include "daemon/base/config.h"

struct gord_upgrade;

/* Serve until SIGTERM or SIGINT. A reload changes the configuration. Answers the exit code. On SIGUSR2 it becomes the binary that is installed
 * now, and does not return. */
enum gord_exit gord_daemon_run(struct gord_config *config, struct gord_upgrade *upgrade);

#endif
