/* SPDX-License-Identifier: MIT */
/* net.h - sockets made with the options of gor_listen and gor_dial. */
#ifndef GOR_IO_NET_H
#define GOR_IO_NET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "runtime/gor.h"
#include "runtime/io/address.h"

extern const struct gor_net_opts gor__net_defaults;

/* A new socket, non-blocking and close-on-exec, unknown to the poller: until it is answered to the
 * caller it is closed by close(2). Negative errno. */
int gor__net_socket(int family, int type, const struct gor_net_opts *opts);

int gor__net_bind(int fd, const struct sockaddr *addr, socklen_t len);

/* Close, and answer `error`. */
int gor__net_give_up(int fd, int error);

#endif
