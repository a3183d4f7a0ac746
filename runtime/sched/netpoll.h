/* SPDX-License-Identifier: MIT */
/* netpoll.h - goroutines waiting for descriptors, served by the scheduler through one epoll.
 *
 * Invariants  a descriptor is registered once, edge-triggered, for both directions; its edges are
 *             counted, so that a try and the wait after it miss none in between.
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
struct gor__limit;

enum { GOR__POLL_BATCH = 512 };

int gor__netpoll_init(void);
void gor__netpoll_fini(void);

/* Leave the calling thread no descriptors but those of the poller: see gor__thread_unshare_descriptors. */
bool gor__netpoll_unshare_descriptors(void);

/* Register `fd` if it is not yet, and make it non-blocking if `nonblock`. 0; -EPERM: not pollable,
 * a regular file; -EBADF; -ENOMEM. */
int gor__netpoll_open(int fd, bool nonblock);

/* The same, non-blocking, for a call on `fd` that begins; it ends by gor__netpoll_leave, after
 * -EPERM too. A close in between waits for the call, so that the number cannot mean another file
 * meanwhile. -EBADF also when it is being closed. */
int gor__netpoll_enter(int fd);
void gor__netpoll_leave(int fd);

/* How many events `fd` has had. Asked before a try that may fail for want of readiness, it tells a
 * wait afterwards whether something has changed since: an edge must not be lost because another
 * goroutine that shares the descriptor has seen it too. */
uint32_t gor__netpoll_edges(int fd);

/* A read that was begun after `edges` were counted got less than it asked for. If that means that
 * nothing is left (TCP), and no event has come since, the next read would be in vain: whatever comes
 * raises an event first. Not so after word of an end, which may have come together with the data.
 * Within a call, outside the door. */
void gor__netpoll_note_short_read(int fd, uint32_t edges);
bool gor__netpoll_is_drained(int fd, uint32_t edges);

/* Park until `fd`, registered, has an event in one of the directions `events` (enum gor_fd_events);
 * not at all if it has had any since `edges`. 0: try again; the error of the limit; -ECANCELED:
 * closed by gor__netpoll_close. */
int gor__netpoll_wait(int fd, int events, uint32_t edges, const struct gor__limit *limit,
                      enum gor_wait_reason reason);

/* Forget `fd`, wake whoever waits on it, and return once the calls under way are over, for which it
 * may park: then `fd` is to be closed, outside the door, and gor__netpoll_closed called. Calls that
 * come in between wait for that. -EBADF: it is being closed by somebody else. */
int gor__netpoll_close(int fd);
void gor__netpoll_closed(int fd);

/* `fd` is new: what is known of its number is about a file that was closed behind our back. Whoever
 * still waits for that is woken with -ECANCELED. */
void gor__netpoll_forget(int fd);

/* Goroutines parked on descriptors. */
uint64_t gor__netpoll_waiters(void);

/* Collect the goroutines whose descriptors became ready, as a list linked by g->next; waits until
 * the deadline (0: not at all), or until gor__netpoll_break. */
struct gor__g *gor__netpoll_poll(int64_t deadline, uint32_t *out_count);

/* Make a gor__netpoll_poll that waits, or the next one, return at once. Any thread. */
void gor__netpoll_break(void);

#endif
