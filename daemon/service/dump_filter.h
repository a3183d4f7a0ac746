/* SPDX-License-Identifier: MIT */
/* dump_filter.h - which goroutines a client wants dumped: as the runtime's options. */
#ifndef GOR_DAEMON_SERVICE_DUMP_FILTER_H
#define GOR_DAEMON_SERVICE_DUMP_FILTER_H

#include <stdbool.h>

#include "gor/v1/runtime.pb-c.h"
#include "rpc/call.h"
#include "runtime/gor.h"

struct gord_dump_filter {
    struct gor_dump_opts opts; /* its name is the one below */
    char name[GOR_NAME_BYTES];
};

/* `message` NULL: everything. False when it asks for what there is not: the call was refused then. What it
 * reads need not stay, but `out_filter` may not move. */
bool gord_dump_filter_read(struct gord_dump_filter *out_filter, const Gor__V1__DumpOptions *message,
                           struct rpc_call *call);

#endif
