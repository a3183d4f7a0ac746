/* SPDX-License-Identifier: MIT */
/* address.h - what the texts say that name a network and an address; Go's forms.
 *
 * Threads     any; nothing here blocks, or is shared.
 */
#ifndef GOR_IO_ADDRESS_H
#define GOR_IO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* "tcp", "udp6", "unix", ... */
struct gor__network {
    int family; /* AF_UNSPEC: either of the internet's */
    int type;   /* SOCK_STREAM, ... */
};

/* -EINVAL: there is no such network. */
int gor__network_parse(const char *text, struct gor__network *out_network);

/* "host:port", "[host]:port", ":port". */
struct gor__host_port {
    char host[256]; /* "": none was given */
    char port[32];  /* a number or the name of a service; "0" if none was given */
};

/* -EINVAL: no port, a bracket astray, or too long. */
int gor__host_port_split(const char *address, struct gor__host_port *out_parts);

/* A path; "@name" is an abstract one. -EINVAL: empty. -ENAMETOOLONG. */
int gor__unix_address(const char *path, struct sockaddr_un *out_addr, socklen_t *out_len);

#endif
