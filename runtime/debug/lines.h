/* SPDX-License-Identifier: MIT */
/* lines.h - from an address to file and line: DWARF's line table (.debug_line, versions 2 to 5).
 *
 * Only where each sequence of instructions begins is kept; the rest is read again at each look-up,
 * from the beginning of the sequence to the address.
 *
 * Threads     one at a time.
 * Ownership   the sections are borrowed and must stay; texts that are answered live as long as they,
 *             or as `bump`.
 */
#ifndef GOR_DEBUG_LINES_H
#define GOR_DEBUG_LINES_H

#include "runtime/debug/elf.h"

struct gor__lines {
    struct gor__bytes lines;
    struct gor__bytes line_texts; /* .debug_line_str */
    struct gor__bytes texts;      /* .debug_str */
    struct gor__spans sequences;  /* what: offset of the unit; detail: of the program, from there */
};

struct gor__place {
    const char *file; /* NULL: unknown */
    unsigned line;    /* 0: none in particular */
};

/* The tables of `elf`. */
void gor__lines_read(struct gor__lines *lines, const struct gor__elf *elf, struct gor__bump *bump);

/* Where the code at `address`, as the file counts them, comes from; false: unknown. `folder`: what
 * relative names are relative to if the table does not say (before version 5), or NULL. */
bool gor__lines_find(const struct gor__lines *lines, struct gor__bump *bump, uint64_t address,
                     const char *folder, struct gor__place *out_place);

/* The file number `file` of the unit at `unit`; NULL: unknown. */
const char *gor__lines_file(const struct gor__lines *lines, struct gor__bump *bump, uint64_t unit,
                            uint64_t file, const char *folder);

#endif
