/* SPDX-License-Identifier: MIT */
/* connect.h - the steps of connecting a non-blocking socket. */
#ifndef GOR_IO_CONNECT_H
#define GOR_IO_CONNECT_H

#include <sys/socket.h>

struct gor__limit;

/* connect(); negative errno, -EINPROGRESS while it goes on. */
int gor__connect_try(int fd, const struct sockaddr *addr, socklen_t addr_len);

/* As gor_connect. */
int gor__connect(int fd, const struct sockaddr *addr, socklen_t addr_len,
                 const struct gor__limit *limit);

/* How a connection under way stands: 0 made, 1 not yet, or why it failed. */
int gor__connect_look(int fd);

#endif
