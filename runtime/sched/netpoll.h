/* SPDX-License-Identifier: MIT */
/* netpoll.h - goroutines waiting for descriptors, served by the scheduler through one epoll.
 *
 * Invariants  a descriptor is registered once, edge-triggered, for both directions; an edge that
 *             nobody waits for is remembered until the next wait in its direction.
 * Threads     descriptors are guarded by their own gor__spin; gor__netpoll_poll may run on any
 *             thread.
 */
#ifndef GOR_SCHED_NETPOLL_H
#define GOR_SCHED_NETPOLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/gor.h"

struct gor__g;

enum { GOR__POLL_BATCH = 128 };

int gor__netpoll_init(void);
void gor__netpoll_fini(void);

/* Register `fd` if it is not yet, and make it non-blocking if `nonblock`. 0; -EPERM: not pollable,
 * a regular file; -EBADF; -ENOMEM. */
int gor__netpoll_open(int fd, bool nonblock);

/* The same, non-blocking, for a call on `fd` that begins; it ends by gor__netpoll_leave. A close in
 * between waits for the call, so that the number cannot mean another file meanwhile. -EBADF also
 * when it is being closed. */
int gor__netpoll_enter(int fd);
void gor__netpoll_leave(int fd);

/* Park until `fd`, registered, is ready in one of `events` (enum gor_fd_events). 0 and more: the
 * events; -ETIMEDOUT; -ECANCELED: closed by gor__netpoll_close. */
int gor__netpoll_wait(int fd, int events, int64_t deadline, enum gor_wait_reason reason);

/* Forget `fd`, wake whoever waits on it, and close it once the calls under way are over, for which
 * it may park. 0, or as close. */
int gor__netpoll_close(int fd);

/* Goroutines parked on descriptors. */
uint64_t gor__netpoll_waiters(void);

/* Collect the goroutines whose descriptors became ready, as a list linked by g->next; waits until
 * the deadline (0: not at all), or until gor__netpoll_break. */
struct gor__g *gor__netpoll_poll(int64_t deadline, uint32_t *out_count);

/* Make a gor__netpoll_poll that waits, or the next one, return at once. Any thread. */
void gor__netpoll_break(void);

#endif
