/* SPDX-License-Identifier: MIT */
/* wire.h - a server for a fuzz target, and one client of it for each input. */
#ifndef GOR_TESTS_FUZZ_WIRE_H
#define GOR_TESTS_FUZZ_WIRE_H

#include <stdbool.h>

#include "rpc/server.h"

/* The server with these methods; made once. */
void fuzz_server_init(const struct rpc_method *methods, size_t count);

/* A client on a Unix socket or not, that sends this, is served, and goes; nothing of it may be left. */
void fuzz_server_meets(bool local, const uint8_t *head, size_t head_size, const uint8_t *data,
                       size_t size);

/* The preface and SETTINGS. */
extern const uint8_t fuzz_hello[];
extern const size_t fuzz_hello_size;

#endif
