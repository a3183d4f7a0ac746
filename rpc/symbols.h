/* SPDX-License-Identifier: MIT */
/* symbols.h - which .proto file has which name in it, from the embedded descriptors.
 *
 * Invariants  symbols are sorted by name; files point into read-only memory.
 * Threads     the loop's; constant after init.
 * Ownership   caller's memory from rpc_symbols_init() to rpc_symbols_fini().
 */
#ifndef GOR_RPC_SYMBOLS_H
#define GOR_RPC_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rpc_file {
    char *name;          /* owned; "gor/v1/jobs.proto" */
    const uint8_t *data; /* borrowed; its FileDescriptorProto */
    size_t size;
};

struct rpc_symbol {
    char *name;  /* owned; "gor.v1.Job", "gor.v1.Jobs.Submit" */
    size_t file; /* index */
    bool is_method;
    bool client_streams;
    bool server_streams;
};

struct rpc_symbols {
    struct rpc_file *files; /* owned */
    size_t file_count;
    struct rpc_symbol *symbols; /* owned */
    size_t symbol_count;
    size_t symbol_capacity;
};

/* Read a FileDescriptorSet. -ENOMEM; -EBADMSG: that is not one. */
int rpc_symbols_init(struct rpc_symbols *symbols, const uint8_t *set, size_t size);
void rpc_symbols_fini(struct rpc_symbols *symbols);

/* NULL: no such name. A leading dot is tolerated. */
const struct rpc_symbol *rpc_symbols_find(const struct rpc_symbols *symbols, const char *name);
const struct rpc_file *rpc_symbols_file(const struct rpc_symbols *symbols, const char *name);

#endif
