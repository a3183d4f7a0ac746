/* SPDX-License-Identifier: MIT */
/* address.h - the text of an address into what the kernel wants, for listening and for calling.
 *
 * Threads     any; looking up a host name blocks.
 */
#ifndef GOR_RPC_ADDRESS_H
#define GOR_RPC_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct rpc_address {
    struct sockaddr_storage storage;
    socklen_t size;
    bool local; /* a Unix socket */
};

/* "unix:PATH" and everything with a slash in it is the path of a Unix socket; the rest is
 * "host:port" or "[::1]:port". -EINVAL: neither. -ENAMETOOLONG: a path over 107 bytes, which the
 * kernel cannot take. -EHOSTUNREACH: the host name is not known. */
int rpc_address_parse(const char *text, struct rpc_address *out_address);

/* The host of "host:port" or "[::1]:port", without brackets; "" when there is none. */
void rpc_address_host(const char *text, char *out_host, size_t size);

/* "unix" or "127.0.0.1:4711"; always ends with NUL. */
void rpc_address_print(const struct rpc_address *address, char *out_text, size_t size);

#endif
