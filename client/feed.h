/* SPDX-License-Identifier: MIT */
/* feed.h - what comes out of a descriptor, on its way to the standard input of a job.
 *
 * A piece is read when the one before has been taken by the job's pipe, so a job that does not read
 * holds up whoever writes to us, and nothing piles up.
 */
#ifndef GOR_CLIENT_FEED_H
#define GOR_CLIENT_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/gorctl.h"

/* As much as one call carries. */
enum { GORCTL_FEED_PIECE = 64 * 1024 };

/* Send these bytes, in as many calls as it takes, then close the input if that is wanted. Waits for
 * the job. An exit code. */
int gorctl_feed_bytes(struct gorctl *ctl, uint64_t id, const void *bytes, size_t length,
                      bool close);

/* Send what `fd` has up to its end, then close the input if that is wanted. An exit code. */
int gorctl_feed_all(struct gorctl *ctl, uint64_t id, int fd, bool close);

/* The same beside a stream (channel.h), until its end or until it is stopped. `fd` is borrowed. A
 * job that takes no more is no trouble; anything else is told on stderr. */
struct gorctl_feed;
struct gorctl_feed *gorctl_feed_start(struct gorctl *ctl, uint64_t id, int fd);
void gorctl_feed_stop(struct gorctl_feed *feed); /* NULL is fine */

#endif
