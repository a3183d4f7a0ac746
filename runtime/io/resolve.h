/* SPDX-License-Identifier: MIT */
/* resolve.h - addresses by name. */
#ifndef GOR_IO_RESOLVE_H
#define GOR_IO_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>

#include "runtime/io/address.h"
#include "runtime/sched/limit.h"

/* The addresses of "host:port" in `network`, in the order they are to be tried; to be freed by
 * freeaddrinfo. Without a host they are those of this machine: all of them if `passive`, else the
 * loopback. Errors of gor_resolve; -EINVAL: the text is not of that form. */
int gor__resolve(const struct gor__network *network, const char *address, bool passive,
                 const struct gor__limit *limit, struct addrinfo **out_list);

#endif
