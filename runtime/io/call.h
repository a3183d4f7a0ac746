/* SPDX-License-Identifier: MIT */
/* call.h - one call on a descriptor: begun, tried, waited for, tried again, ended.
 *
 * Between gor__call_begin and gor__call_end the number keeps its meaning: a close waits for the end.
 * The tries themselves, being system calls, are made by the caller, outside the door, and in
 * functions that are never inlined: a compiler keeps the address of errno, and after a wait the
 * goroutine may be on another thread.
 *
 * Threads     a goroutine's, outside the door.
 */
#ifndef GOR_IO_CALL_H
#define GOR_IO_CALL_H

#include <stdint.h>

#include "runtime/gor.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/netpoll.h"

#define GOR__NEVER_INLINED __attribute__((noinline))

/* Begin: 0; 1: there is nothing to wait for, it is a regular file or a device; both are to be ended
 * by gor__call_end. Not begun: -EPERM outside a goroutine; -EBADF; -ENOMEM. */
int gor__call_begin(int fd);
void gor__call_end(int fd);

/* gor__netpoll_wait, from outside the door. */
int gor__call_wait(int fd, int events, uint32_t edges, const struct gor__limit *limit,
                   enum gor_wait_reason reason);

/* After a try that failed with `error`, negative, and was begun after `edges` were counted: 0 to try
 * again, maybe after a wait, else the error to answer. */
int gor__call_retry(int fd, int error, int events, uint32_t edges, const struct gor__limit *limit);

/* Wait a little for what nothing tells of, a millisecond at first, up to 50 later; *pause starts at 0.
 * 0 to try again; the error of the limit; -ECANCELED when `fd` is closed. */
int gor__call_pause(int fd, int64_t *pause, const struct gor__limit *limit);

/* The limit with a deadline `ns` from now, if that is sooner. */
struct gor__limit gor__limit_sooner(const struct gor__limit *limit, int64_t ns);

/* After a try that did something: let others run if this goroutine has not parked for long. Answers
 * `result`. */
ssize_t gor__call_done(ssize_t result);

/* `fd` has just been made, so whatever the poller knows of its number is about a file that somebody
 * has closed behind our back. Answers `fd`; errors pass through. Any thread. */
int gor__call_new_fd(int fd);

#endif
