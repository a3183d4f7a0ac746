/* SPDX-License-Identifier: MIT */
/* dies.h - reads the entries of DWARF's .debug_info (versions 4 and 5), as far as they tell where the
 * code of a function lies and what it is called.
 *
 * Threads     one at a time.
 * Ownership   the sections are borrowed; so are the texts that are answered.
 */
#ifndef GOR_DEBUG_DIES_H
#define GOR_DEBUG_DIES_H

#include "runtime/debug/elf.h"

enum {
    GOR__TAG_SUBPROGRAM = 0x2e,
    GOR__TAG_INLINED = 0x1d,
};

enum { GOR__ABBREVS_MAX = 2048 };

/* The sections that belong to it. */
struct gor__dwarf {
    struct gor__bytes info;
    struct gor__bytes abbrevs;
    struct gor__bytes texts;        /* .debug_str */
    struct gor__bytes line_texts;   /* .debug_line_str */
    struct gor__bytes text_offsets; /* .debug_str_offsets */
    struct gor__bytes addresses;    /* .debug_addr */
    struct gor__bytes ranges;       /* .debug_ranges, up to version 4 */
    struct gor__bytes range_lists;  /* .debug_rnglists, from version 5 on */

    /* Of one table of abbreviations, where the first ones are: code n at n - 1. */
    uint64_t indexed;
    uint32_t index_count;
    uint32_t index[GOR__ABBREVS_MAX];
};

/* One unit of .debug_info: what was compiled in one go. */
struct gor__unit {
    uint64_t start; /* offsets in .debug_info: of the header, ... */
    uint64_t first; /* ... of the first entry, ... */
    uint64_t end;   /* ... and behind the last */
    uint64_t abbrevs;
    uint64_t text_base;
    uint64_t address_base;
    uint64_t range_base;
    uint64_t low; /* ranges count from here */
    uint8_t version;
    uint8_t offset_bytes;
};

/* What an entry says of itself. */
struct gor__die {
    unsigned tag; /* 0: the end of a row of children */
    bool has_children;
    bool has_low;
    bool has_ranges;
    bool has_lines;
    uint64_t low;
    uint64_t high; /* 0: unknown */
    uint64_t ranges;
    uint64_t lines;   /* the unit's, in .debug_line */
    uint64_t origin;  /* offset in .debug_info of the entry that says the rest; 0: none */
    uint64_t sibling; /* likewise, of the entry behind its children; 0: not told */
    uint64_t call_file;
    uint64_t call_line;
    const char *name;
    const char *folder; /* the unit's */
};

void gor__dwarf_read(struct gor__dwarf *dwarf, const struct gor__elf *elf);

/* The unit at the beginning of `bytes`, which then stand behind it, and its own entry. False: it is of
 * another kind or version. */
bool gor__dwarf_unit(const struct gor__dwarf *dwarf, struct gor__bytes *bytes,
                     struct gor__unit *out_unit, struct gor__die *out_die);

/* Many entries of `unit` are about to be read. */
void gor__dwarf_index(struct gor__dwarf *dwarf, const struct gor__unit *unit);

/* The next entry of `unit`, at the beginning of `bytes`. */
bool gor__die_read(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                   struct gor__bytes *bytes, struct gor__die *out_die);

/* Call visit(arg, low, high) for each piece of code of the entry until it answers true, which is then
 * the answer. */
bool gor__die_ranges(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                     const struct gor__die *die,
                     bool (*visit)(void *arg, uint64_t low, uint64_t high), void *arg);

#endif
