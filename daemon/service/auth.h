/* SPDX-License-Identifier: MIT */
/* auth.h - who may call: by uid over the Unix socket, by bearer token over TCP.
 *
 * Over a Unix socket: root and the daemon's own user are admins, members of the socket's group, if it
 * has one of its own, submitters. Over TCP: whoever has the token, which lies in <state>/token,
 * readable by the owner, is admin; of other tokens (tokens.h) and certificates each has its role.
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_AUTH_H
#define GORD_SERVICE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/service/tokens.h"
#include "daemon/service/wrong.h"
#include "rpc/server.h"

#define GORD_TOKEN_BYTES 64 /* hexadecimal digits */
#define GORD_AUTH_CACHE 64

/* What a uid turned out to be. */
struct gord_auth_known {
    uid_t uid;
    bool known;
    bool member;
};

struct gord_auth {
    uid_t owner;
    bool has_group;
    gid_t group;                      /* members may call too */
    char token[GORD_TOKEN_BYTES + 1]; /* the daemon's own; "": it has none */
    struct gord_tokens *tokens;       /* borrowed; NULL: there are none yet */
    bool over;                        /* no call is let in any more: nobody would end it */
    struct gord_wrongs wrongs;
    struct gord_auth_known cache[GORD_AUTH_CACHE]; /* by uid % GORD_AUTH_CACHE */
};

/* The daemon's user only. */
void gord_auth_init(struct gord_auth *auth);

/* Let the members of `group` in as well. */
void gord_auth_allow_group(struct gord_auth *auth, gid_t group);

/* Read the token from `path`, or make one there (mode 0600, in one step). -EPERM: others can read
 * the file; -EBADMSG: what it holds is no token; or the errno of the file. */
int gord_auth_load_token(struct gord_auth *auth, const char *path);

/* For rpc_server_opts; user is the struct gord_auth. */
enum wire_status gord_auth_check(void *user, struct rpc_peer *peer, const char *path,
                                 const char *bearer, char out_text[256]);

#endif
