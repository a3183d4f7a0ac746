/* SPDX-License-Identifier: MIT */
/* symbols.c - see symbols.h.
 *
 * A FileDescriptorSet is walked as plain fields; no descriptor library is needed for the few
 * numbers of descriptor.proto that are named below.
 */
#include "rpc/symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 512

enum { MAX_NESTING = 16 };

/* Field numbers of descriptor.proto. */
enum {
    SET_FILE = 1,
    NAME = 1, /* of everything that has one */
    FILE_PACKAGE = 2,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_EXTENSION = 7,
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_EXTENSION = 6,
    SERVICE_METHOD = 2,
    METHOD_CLIENT_STREAMS = 5,
    METHOD_SERVER_STREAMS = 6,
};

struct bytes {
    const uint8_t *data;
    size_t size;
};

struct field {
    uint64_t number;
    uint64_t value; /* of a number */
    struct bytes bytes;
};

static bool next_varint(struct bytes *from, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && from->size > 0; shift += 7) {
        uint8_t byte = *from->data++;
        from->size--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

/* 1: a field; 0: the end; -EBADMSG. descriptor.proto uses numbers and lengths only. */
static int next_field(struct bytes *from, struct field *out_field)
{
    uint64_t tag;
    uint64_t size;
    if (from->size == 0) {
        return 0;
    }
    if (!next_varint(from, &tag)) {
        return -EBADMSG;
    }
    *out_field = (struct field){.number = tag >> 3, .bytes = {(const uint8_t *)"", 0}};
    if ((tag & 7) == 0) {
        return next_varint(from, &out_field->value) ? 1 : -EBADMSG;
    }
    if ((tag & 7) != 2 || !next_varint(from, &size) || size > from->size) {
        return -EBADMSG;
    }
    out_field->bytes = (struct bytes){from->data, (size_t)size};
    from->data += size;
    from->size -= (size_t)size;
    return 1;
}

/* The last field of that number; zeros when there is none. */
static struct field find_field(struct bytes from, uint64_t number)
{
    struct field field;
    struct field found = {.bytes = {(const uint8_t *)"", 0}};
    while (next_field(&from, &field) == 1) {
        if (field.number == number) {
            found = field;
        }
    }
    return found;
}

static int add_symbol(struct rpc_symbols *symbols, const char *name)
{
    if (symbols->symbol_count == symbols->symbol_capacity) {
        size_t capacity = symbols->symbol_capacity > 0 ? 2 * symbols->symbol_capacity : 64;
        struct rpc_symbol *grown = reallocarray(symbols->symbols, capacity, sizeof *grown);
        if (grown == NULL) {
            return -ENOMEM;
        }
        symbols->symbols = grown;
        symbols->symbol_capacity = capacity;
    }
    struct rpc_symbol *symbol = &symbols->symbols[symbols->symbol_count];
    *symbol = (struct rpc_symbol){.name = strdup(name), .file = symbols->file_count - 1};
    if (symbol->name == NULL) {
        return -ENOMEM;
    }
    symbols->symbol_count++;
    return 0;
}

/* "scope.name" of a thing that has its name in field 1, as a symbol and in out_name. */
static int add_named(struct rpc_symbols *symbols, const char *scope, struct bytes thing,
                     char out_name[NAME_BYTES])
{
    struct bytes name = find_field(thing, NAME).bytes;
    int length = snprintf(out_name, NAME_BYTES, "%s%s%.*s", scope, scope[0] != '\0' ? "." : "",
                          (int)name.size, (const char *)name.data);
    if (length < 0 || length >= NAME_BYTES || name.size == 0) {
        return -EBADMSG;
    }
    return add_symbol(symbols, out_name);
}

static int add_method(struct rpc_symbols *symbols, const char *scope, struct bytes method)
{
    char name[NAME_BYTES];
    int error = add_named(symbols, scope, method, name);
    if (error == 0) {
        struct rpc_symbol *symbol = &symbols->symbols[symbols->symbol_count - 1];
        symbol->is_method = true;
        symbol->client_streams = find_field(method, METHOD_CLIENT_STREAMS).value != 0;
        symbol->server_streams = find_field(method, METHOD_SERVER_STREAMS).value != 0;
    }
    return error;
}

static int add_service(struct rpc_symbols *symbols, const char *scope, struct bytes service)
{
    char name[NAME_BYTES];
    struct field field;
    int error = add_named(symbols, scope, service, name);
    while (error == 0 && next_field(&service, &field) == 1) {
        if (field.number == SERVICE_METHOD) {
            error = add_method(symbols, name, field.bytes);
        }
    }
    return error;
}

static int add_message(struct rpc_symbols *symbols, const char *scope, struct bytes message,
                       unsigned depth)
{
    char name[NAME_BYTES];
    struct field field;
    int error = depth > MAX_NESTING ? -EBADMSG : add_named(symbols, scope, message, name);
    while (error == 0 && next_field(&message, &field) == 1) {
        char ignored[NAME_BYTES];
        switch (field.number) {
        case MESSAGE_NESTED:
            error = add_message(symbols, name, field.bytes, depth + 1);
            break;
        case MESSAGE_FIELD:
        case MESSAGE_ENUM:
        case MESSAGE_EXTENSION:
            error = add_named(symbols, name, field.bytes, ignored);
            break;
        default:
            break;
        }
    }
    return error;
}

static int add_file(struct rpc_symbols *symbols, struct bytes file)
{
    char package[NAME_BYTES];
    char ignored[NAME_BYTES];
    struct bytes name = find_field(file, NAME).bytes;
    struct bytes package_name = find_field(file, FILE_PACKAGE).bytes;
    struct rpc_file *grown =
        reallocarray(symbols->files, symbols->file_count + 1, sizeof *symbols->files);
    if (grown == NULL) {
        return -ENOMEM;
    }
    symbols->files = grown;
    char *copy = strndup((const char *)name.data, name.size);
    if (copy == NULL) {
        return -ENOMEM;
    }
    grown[symbols->file_count++] = (struct rpc_file){copy, file.data, file.size};
    (void)snprintf(package, sizeof package, "%.*s", (int)package_name.size,
                   (const char *)package_name.data);
    struct field field;
    int result;
    int error = 0;
    while (error == 0 && (result = next_field(&file, &field)) != 0) {
        if (result < 0) {
            error = result;
        } else if (field.number == FILE_MESSAGE) {
            error = add_message(symbols, package, field.bytes, 1);
        } else if (field.number == FILE_SERVICE) {
            error = add_service(symbols, package, field.bytes);
        } else if (field.number == FILE_ENUM || field.number == FILE_EXTENSION) {
            error = add_named(symbols, package, field.bytes, ignored);
        }
    }
    return error;
}

static int compare(const void *left, const void *right)
{
    const struct rpc_symbol *a = left;
    const struct rpc_symbol *b = right;
    return strcmp(a->name, b->name);
}

int rpc_symbols_init(struct rpc_symbols *symbols, const uint8_t *set, size_t size)
{
    struct bytes from = {set, size};
    struct field field;
    int result;
    memset(symbols, 0, sizeof *symbols);
    while ((result = next_field(&from, &field)) == 1) {
        if (field.number == SET_FILE) {
            result = add_file(symbols, field.bytes);
        }
        if (result < 0) {
            break;
        }
    }
    if (result < 0) {
        rpc_symbols_fini(symbols);
        return result;
    }
    if (symbols->symbol_count > 0) {
        qsort(symbols->symbols, symbols->symbol_count, sizeof *symbols->symbols, compare);
    }
    return 0;
}

void rpc_symbols_fini(struct rpc_symbols *symbols)
{
    for (size_t i = 0; i < symbols->file_count; i++) {
        free(symbols->files[i].name);
    }
    for (size_t i = 0; i < symbols->symbol_count; i++) {
        free(symbols->symbols[i].name);
    }
    free(symbols->files);
    free(symbols->symbols);
    memset(symbols, 0, sizeof *symbols);
}

const struct rpc_symbol *rpc_symbols_find(const struct rpc_symbols *symbols, const char *name)
{
    size_t from = 0;
    size_t to = symbols->symbol_count;
    name += name[0] == '.';
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = strcmp(name, symbols->symbols[middle].name);
        if (order == 0) {
            return &symbols->symbols[middle];
        }
        if (order < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return NULL;
}

const struct rpc_file *rpc_symbols_file(const struct rpc_symbols *symbols, const char *name)
{
    for (size_t i = 0; i < symbols->file_count; i++) {
        if (strcmp(symbols->files[i].name, name) == 0) {
            return &symbols->files[i];
        }
    }
    return NULL;
}
