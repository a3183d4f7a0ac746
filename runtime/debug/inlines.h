/* SPDX-License-Identifier: MIT */
/* inlines.h - which functions the code at an address belongs to: the one it was inlined into, and
 * those that were inlined there, by DWARF's .debug_info.
 *
 * Threads     one at a time.
 * Ownership   as lines.h.
 */
#ifndef GOR_DEBUG_INLINES_H
#define GOR_DEBUG_INLINES_H

#include "runtime/debug/dies.h"

enum { GOR__INLINES_MAX = 16 };

struct gor__inlines {
    struct gor__dwarf dwarf;
    struct gor__spans units; /* by their code; what: where they are in .debug_info */
    struct gor__spans all;   /* by where they are there */
};

struct gor__inlined {
    const char *function; /* NULL: unknown */
    uint64_t call_file;   /* where it was inlined: a number in the unit's table of files */
    uint64_t call_line;
};

struct gor__code {
    const char *folder; /* the unit was compiled in; NULL: unknown */
    uint64_t lines;     /* its table of lines */
    bool has_lines;
    unsigned count; /* of functions[], the real one first, then what was inlined there, and so on */
    struct gor__inlined functions[GOR__INLINES_MAX];
};

/* The units of `elf`. */
void gor__inlines_read(struct gor__inlines *inlines, const struct gor__elf *elf,
                       struct gor__bump *bump);

/* What the code at `address`, as the file counts them, belongs to; false: unknown. */
bool gor__inlines_find(struct gor__inlines *inlines, uint64_t address, struct gor__code *out_code);

#endif
