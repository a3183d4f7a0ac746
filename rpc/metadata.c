/* SPDX-License-Identifier: MIT */
/* metadata.c - see metadata.h. One field after the other: its two sizes, its name, its value. */
#include "rpc/metadata.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base64.h"

struct sizes {
    uint32_t name;
    uint32_t value;
};

void rpc_metadata_fini(struct rpc_metadata *metadata)
{
    free(metadata->bytes);
    memset(metadata, 0, sizeof *metadata);
}

static bool ends_in_bin(const char *name, size_t size)
{
    return size > 4 && memcmp(name + size - 4, "-bin", 4) == 0;
}

static bool is_valid_name(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.') {
            return false;
        }
    }
    return size > 0 && (size < 5 || memcmp(name, "grpc-", 5) != 0);
}

static bool is_valid_value(const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (value[i] < 0x20 || value[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static int reserve(struct rpc_metadata *metadata, size_t more)
{
    size_t needed = metadata->size + more;
    if (metadata->count == RPC_MAX_METADATA || needed > RPC_MAX_METADATA_BYTES) {
        return -E2BIG;
    }
    if (needed <= metadata->capacity) {
        return 0;
    }
    size_t capacity = metadata->capacity > 0 ? 2 * metadata->capacity : 256;
    if (capacity < needed) {
        capacity = needed;
    }
    char *bytes = realloc(metadata->bytes, capacity);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    metadata->bytes = bytes;
    metadata->capacity = capacity;
    return 0;
}

static int add(struct rpc_metadata *metadata, const char *name, size_t name_size, const char *value,
               size_t size)
{
    struct sizes sizes = {(uint32_t)name_size, (uint32_t)size};
    if (name_size > RPC_MAX_METADATA_BYTES || size > RPC_MAX_METADATA_BYTES) {
        return -E2BIG;
    }
    int error = reserve(metadata, sizeof sizes + name_size + size + 2);
    if (error != 0) {
        return error;
    }
    char *at = metadata->bytes + metadata->size;
    memcpy(at, &sizes, sizeof sizes);
    at += sizeof sizes;
    memcpy(at, name, name_size);
    at[name_size] = '\0';
    at += name_size + 1;
    if (size > 0) {
        memcpy(at, value, size);
    }
    at[size] = '\0';
    metadata->size += sizeof sizes + name_size + size + 2;
    metadata->count++;
    return 0;
}

int rpc_metadata_add(struct rpc_metadata *metadata, const char *name, const void *value,
                     size_t size)
{
    size_t name_size = strlen(name);
    if (!is_valid_name(name, name_size) ||
        (!ends_in_bin(name, name_size) && !is_valid_value(value, size))) {
        return -EINVAL;
    }
    return add(metadata, name, name_size, value, size);
}

static int add_binary(struct rpc_metadata *metadata, const char *name, size_t name_size,
                      const char *text, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    size_t bytes_size = 0;
    if (bytes == NULL) {
        return -ENOMEM;
    }
    int error = wire_base64_decode(text, size, bytes, &bytes_size)
                    ? add(metadata, name, name_size, (const char *)bytes, bytes_size)
                    : -EINVAL;
    free(bytes);
    return error;
}

int rpc_metadata_add_wire(struct rpc_metadata *metadata, const char *name, size_t name_size,
                          const char *value, size_t size)
{
    if (!is_valid_name(name, name_size)) {
        return -EINVAL;
    }
    if (!ends_in_bin(name, name_size)) {
        return is_valid_value(value, size) ? add(metadata, name, name_size, value, size) : -EINVAL;
    }
    int error = 0;
    size_t from = 0;
    for (size_t i = 0; error == 0 && i <= size; i++) {
        if (i == size || value[i] == ',') {
            error = add_binary(metadata, name, name_size, value + from, i - from);
            from = i + 1;
        }
    }
    return error;
}

bool rpc_metadata_next(const struct rpc_metadata *metadata, size_t *at, struct rpc_field *out_field)
{
    struct sizes sizes;
    if (*at >= metadata->size) {
        return false;
    }
    memcpy(&sizes, metadata->bytes + *at, sizeof sizes);
    const char *name = metadata->bytes + *at + sizeof sizes;
    *out_field = (struct rpc_field){name, name + sizes.name + 1, sizes.name, sizes.value};
    *at += sizeof sizes + sizes.name + sizes.value + 2;
    return true;
}

bool rpc_metadata_find(const struct rpc_metadata *metadata, const char *name,
                       struct rpc_field *out_field)
{
    size_t at = 0;
    while (rpc_metadata_next(metadata, &at, out_field)) {
        if (strcmp(out_field->name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool rpc_field_is_binary(const struct rpc_field *field)
{
    return ends_in_bin(field->name, field->name_size);
}
