/* SPDX-License-Identifier: MIT */
/* vfs_shim.h - SQLite's own files with somebody looking on: every write, truncation and sync of
 * database and journal goes through hooks, before and after it is done. The journal is the -wal; whoever
 * asks sees the -journal too, by which SQLite makes the first page, and its deletion.
 *
 * Threads     hooks run on the thread that writes.
 */
#ifndef GOR_TESTS_FAULT_VFS_SHIM_H
#define GOR_TESTS_FAULT_VFS_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shim_op { SHIM_WRITE, SHIM_TRUNCATE, SHIM_SYNC, SHIM_DELETE };

/* What is done to which file. */
struct shim_event {
    enum shim_op op;
    const char *path;
    bool journal;     /* the -wal or -journal; else the database */
    const void *data; /* of a write */
    size_t bytes;
    uint64_t offset; /* of a write; the size of a truncation */
};

struct shim_hooks {
    void (*opened)(const char *path); /* may be NULL */
    void (*before)(const struct shim_event *event);
    void (*after)(const struct shim_event *event);
    bool (*fails)(const struct shim_event *event); /* this flush fails; NULL: none does */
    bool no_flush; /* none is really made: whoever looks on is the disk */
    bool rollback; /* the -journal is looked at as well */
};

/* Have all files that are opened from here on looked at, or by others. The hooks stay in use. */
void shim_install(const struct shim_hooks *hooks);

#endif
