/* SPDX-License-Identifier: MIT */
/* metadata.h - what a call carries beside its messages: names with values, in order.
 *
 * A name has lower-case letters, digits, '_', '-' and '.'. A value is printable ASCII, or any bytes
 * when the name ends in "-bin". Names that begin with "grpc-" are gRPC's own.
 *
 * Threads     any, one at a time.
 * Ownership   zeroed memory of the caller's is an empty list; rpc_metadata_fini() frees. A field found
 *             points into the list: valid until something is added.
 */
#ifndef GOR_RPC_METADATA_H
#define GOR_RPC_METADATA_H

#include <stdbool.h>
#include <stddef.h>

enum { RPC_MAX_METADATA = 64, RPC_MAX_METADATA_BYTES = 8192 };

struct rpc_metadata {
    char *bytes; /* owned */
    size_t size;
    size_t capacity;
    size_t count;
};

struct rpc_field {
    const char *name; /* with a NUL behind it, as the value has */
    const char *value;
    size_t name_size;
    size_t size; /* of the value */
};

/* -EINVAL: no such name or value may be; -E2BIG: the list is full; -ENOMEM. */
int rpc_metadata_add(struct rpc_metadata *metadata, const char *name, const void *value,
                     size_t size);

/* The same for a field as it is on the wire, where a "-bin" value is base64. A list of those, with
 * commas, is several fields. */
int rpc_metadata_add_wire(struct rpc_metadata *metadata, const char *name, size_t name_size,
                          const char *value, size_t size);

/* The field at *at, which begins as 0 and is moved on. False: there are no more. */
bool rpc_metadata_next(const struct rpc_metadata *metadata, size_t *at,
                       struct rpc_field *out_field);

/* The first field of that name. */
bool rpc_metadata_find(const struct rpc_metadata *metadata, const char *name,
                       struct rpc_field *out_field);

bool rpc_field_is_binary(const struct rpc_field *field);

void rpc_metadata_fini(struct rpc_metadata *metadata);

#endif
