/* SPDX-License-Identifier: MIT */
/* share.h - what each user has of the server, so that none can take all of it.
 *
 * A user is a uid on a Unix socket, an address on TCP; of IPv6 the first 64 bits, which are one
 * network's.
 *
 * Threads     the loop's.
 * Ownership   counted: each connection and each call holds one.
 */
#ifndef GOR_RPC_SHARE_H
#define GOR_RPC_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "rpc/call.h"

/* Who it is. */
struct rpc_share_key {
    uint8_t bytes[8]; /* the uid, or the address */
    uint8_t kind;     /* what they are */
};

struct rpc_share {
    struct list_link link; /* list link of server->shares; in no list once the server is gone */
    struct rpc_share_key key;
    unsigned connections; /* open now */
    unsigned calls;       /* open now, those whose clients are gone as well */
    unsigned refs;
};

/* The share of whoever is at the other end of fd, made if need be, held once for the caller; NULL: no
 * memory. */
struct rpc_share *rpc_share_join(struct list_link *shares, int fd, const struct rpc_peer *peer);

struct rpc_share *rpc_share_ref(struct rpc_share *share);

/* NULL is fine. */
void rpc_share_unref(struct rpc_share *share);

#endif
