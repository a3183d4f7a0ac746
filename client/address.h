/* SPDX-License-Identifier: MIT */
/* address.h - where the daemon may be when nobody says, and the token and TLS for one that is remote. */
#ifndef GOR_CLIENT_ADDRESS_H
#define GOR_CLIENT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

struct gorctl;

enum { GORCTL_PLACES = 3 };

/* Unix sockets of daemons, the likeliest first. */
struct gorctl_places {
    char *paths[GORCTL_PLACES]; /* owned */
    size_t count;
};

void gorctl_places_init(struct gorctl_places *places);
void gorctl_places_fini(struct gorctl_places *places);

/* The address to use; the caller's. `out_guessed`: nobody named it. */
char *gorctl_address_find(const struct gorctl *ctl, bool *out_guessed);

/* $HOME, else what the machine says of the user. */
const char *gorctl_home_directory(void);

bool gorctl_address_is_unix(const char *address);

/* Is there a socket file at such a path? */
bool gorctl_address_is_socket(const char *address);

/* The token to send to `address`: NULL when there is none or none is needed. 0, or an exit code
 * with a word on stderr. */
int gorctl_token_find(const struct gorctl *ctl, const char *address, char **out_token);

/* What secures the way to `address`: NULL when nothing does or needs to. 0, or an exit code with a
 * word on stderr. */
struct rpc_tls_context;
int gorctl_tls_find(const struct gorctl *ctl, const char *address,
                    struct rpc_tls_context **out_context);

/* The "host:port" of "tls://host:port"; of others what they are. */
const char *gorctl_address_bare(const char *address);

#endif
