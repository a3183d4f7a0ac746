/* SPDX-License-Identifier: MIT */
/* share.c - see share.h. */
#include "rpc/share.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { KEY_NOBODY, KEY_UID, KEY_IPV4, KEY_IPV6 };

enum { MAPPED_PREFIX = 12 }; /* of an IPv6 address that stands for one of IPv4 */

static struct rpc_share_key make_key(uint8_t kind, const void *bytes, size_t size)
{
    struct rpc_share_key key = {.kind = kind};
    memcpy(key.bytes, bytes, size);
    return key;
}

static struct rpc_share_key key_of_address(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } peer = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t size = sizeof peer;
    (void)getpeername(fd, &peer.any, &size);
    if (peer.any.sa_family == AF_INET) {
        return make_key(KEY_IPV4, &peer.v4.sin_addr, sizeof peer.v4.sin_addr);
    }
    if (peer.any.sa_family != AF_INET6) {
        return make_key(KEY_NOBODY, "", 0);
    }
    const uint8_t *address = peer.v6.sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr)) {
        return make_key(KEY_IPV4, address + MAPPED_PREFIX, sizeof peer.v4.sin_addr);
    }
    return make_key(KEY_IPV6, address, sizeof((struct rpc_share_key *)NULL)->bytes);
}

static struct rpc_share *find(struct list_link *shares, const struct rpc_share_key *key)
{
    for (struct list_link *link = shares->next; link != shares; link = link->next) {
        struct rpc_share *share = CONTAINER_OF(link, struct rpc_share, link);
        if (share->key.kind == key->kind &&
            memcmp(share->key.bytes, key->bytes, sizeof key->bytes) == 0) {
            return share;
        }
    }
    return NULL;
}

struct rpc_share *rpc_share_join(struct list_link *shares, int fd, const struct rpc_peer *peer)
{
    struct rpc_share_key key =
        peer->local ? make_key(KEY_UID, &peer->uid, sizeof peer->uid) : key_of_address(fd);
    struct rpc_share *share = find(shares, &key);
    if (share != NULL) {
        return rpc_share_ref(share);
    }
    share = calloc(1, sizeof *share);
    if (share != NULL) {
        share->key = key;
        share->refs = 1;
        list_append(shares, &share->link);
    }
    return share;
}

struct rpc_share *rpc_share_ref(struct rpc_share *share)
{
    share->refs++;
    return share;
}

void rpc_share_unref(struct rpc_share *share)
{
    if (share != NULL && --share->refs == 0) {
        list_remove(&share->link);
        free(share);
    }
}
