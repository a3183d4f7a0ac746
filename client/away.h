/* SPDX-License-Identifier: MIT */
/* away.h - the daemon goes away in the midst of a call, to be restarted or replaced, and comes back.
 *
 * Whoever makes a call that can be made again (see channel.h) asks why it ended, and waits here until
 * there is a connection once more. That is only for connections that stood: the first one is made or
 * fails at once.
 */
#ifndef GOR_CLIENT_AWAY_H
#define GOR_CLIENT_AWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "client/channel_inside.h"

/* How long to wait, from --patience, $GOR_PATIENCE or the default. An exit code, with a word on
 * stderr. */
int gorctl_patience_find(const struct gorctl *ctl, int64_t *out_ns);

void gorctl_away_init(struct gorctl_channel *channel);
void gorctl_away_fini(struct gorctl_channel *channel);

/* Did a call end with this because the daemon goes, and is it to be waited for? */
bool gorctl_went_away(const struct gorctl_channel *channel, enum wire_status status);

/* Connect again, as long as patience lasts. GORCTL_EXIT_TIMED_OUT when `until_ns` comes first (0: never);
 * any code when the stream is stopped meanwhile; else an exit code that has been explained. */
int gorctl_come_back(struct gorctl *ctl, int64_t until_ns);

/* The same for who has something else to do meanwhile, and asks every now and then: one try, which takes no
 * longer than `limit_ns`. GORCTL_EXIT_TIMED_OUT: not yet. */
int gorctl_try_to_come_back(struct gorctl *ctl, int64_t limit_ns);

/* When something that may take so long ends; 0, which is no limit, stays 0. And back again: at least
 * 1 of a limit. */
int64_t gorctl_until(int64_t timeout_ns);
int64_t gorctl_time_left(int64_t until_ns);

#endif
