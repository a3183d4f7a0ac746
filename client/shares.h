/* SPDX-License-Identifier: MIT */
/* shares.h - weights of shares of queues, as options give them and tables list them.
 *
 * Ownership   a list of them owns what is in it.
 */
#ifndef GOR_CLIENT_SHARES_H
#define GOR_CLIENT_SHARES_H

#include <stddef.h>

#include "client/gorctl.h"
#include "gor/v1/queues.pb-c.h"

struct gorctl_shares {
    Gor__V1__Share **items; /* owned, with their keys */
    size_t count;
};

/* "KEY=WEIGHT" with 1 to 1000, "KEY=none" to take it away; a key may have '=' in it, and be empty. -EINVAL. */
int gorctl_shares_add(struct gorctl_shares *shares, const char *text);

/* Put numbers for names of users, if shares of that queue go by owner: as `fair` says, or, if that is NULL, as
 * the daemon does. An exit code. */
int gorctl_shares_resolve(struct gorctl *ctl, struct gorctl_shares *shares, const char *queue,
                          const char *fair);

void gorctl_shares_fini(struct gorctl_shares *shares);

size_t gorctl_shares_count(const Gor__V1__ListQueuesReply *reply);

/* A table of those of all queues. */
void gorctl_shares_show(const Gor__V1__ListQueuesReply *reply);

#endif
