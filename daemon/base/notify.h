/* SPDX-License-Identifier: MIT */
/* notify.h - telling systemd how we are: READY, STOPPING, STATUS, WATCHDOG, and
 * what it is to keep for us.
 *
 * Each message is one datagram to $NOTIFY_SOCKET. Without that variable every call
 * does nothing and answers 0. The variables are taken out of the environment at open, so that no
 * job can speak in our name.
 * Threads     loop thread.
 */
#ifndef GORD_BASE_NOTIFY_H
#define GORD_BASE_NOTIFY_H

#include <stdint.h>

struct gord_notify {
    int fd;              /* owned; -1: nobody listens */
    int64_t watchdog_ns; /* how long systemd waits for a sign of life; 0: it does not watch */
};

/* Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, unset them, connect.
 * 0, also when there is nobody to notify; else a negative errno, and the calls below do nothing. */
int gord_notify_open(struct gord_notify *notify);
void gord_notify_close(struct gord_notify *notify);

/* Send one of the messages. 0; -EAGAIN: the other side is slow, try again later; or what the socket
 * answered. Those that systemd waits for (ready, reloading, stopping) wait up to a second for room. */
int gord_notify_ready(struct gord_notify *notify, const char *status);
int gord_notify_reloading(struct gord_notify *notify, const char *status);
int gord_notify_status(struct gord_notify *notify, const char *status);
int gord_notify_stopping(struct gord_notify *notify, const char *status);
int gord_notify_watchdog(struct gord_notify *notify);

/* Ask for `ns` more before systemd gives up on a start or stop under way. */
int gord_notify_extend(struct gord_notify *notify, int64_t ns);

/* The same, and how far it is. */
int gord_notify_progress(struct gord_notify *notify, int64_t ns, const char *status);

/* Have the descriptor kept under that name over a restart, or no longer. */
int gord_notify_keep(struct gord_notify *notify, const char *name, int fd);
int gord_notify_drop(struct gord_notify *notify, const char *name);

#endif
