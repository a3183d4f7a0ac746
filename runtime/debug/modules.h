/* SPDX-License-Identifier: MIT */
/* modules.h - the files whose code the process has mapped, and what is read from them.
 *
 * Threads     one at a time.
 */
#ifndef GOR_DEBUG_MODULES_H
#define GOR_DEBUG_MODULES_H

#include "runtime/debug/cfi.h"
#include "runtime/debug/inlines.h"
#include "runtime/debug/lines.h"

struct gor__module {
    uintptr_t start; /* of the mapping, ... */
    uintptr_t end;
    uint64_t offset; /* ... and where that is in the file */
    uint64_t inode;
    uint64_t device;
    const char *path;
    uintptr_t bias; /* an address is this much more than the file counts */
    bool is_mapped; /* as of the last look */
    bool is_open;   /* the file was looked for */
    bool is_read;   /* so were names and lines */
    struct gor__elf file;
    struct gor__elf debug; /* its separate debug file */
    struct gor__spans functions;
    struct gor__bytes names;
    struct gor__lines lines;
    struct gor__inlines inlines;
    struct gor__cfi cfi;
    struct gor__module *next; /* list link of all */
};

struct gor__modules {
    struct gor__bump bump;
    struct gor__module *first;
    bool changed; /* by the last look: some have gone, or others came */
};

/* Look at what is mapped. */
void gor__modules_look(struct gor__modules *modules);

/* The module `address` is in, opened if it can be; NULL: none. */
struct gor__module *gor__modules_find(struct gor__modules *modules, uintptr_t address);

/* Read names and lines, if they have not been. */
void gor__modules_read(struct gor__modules *modules, struct gor__module *module);

#endif
