/* SPDX-License-Identifier: MIT */
/* elf.h - a program, a library or its separate debug file: its sections, its functions.
 *
 * Whatever the file says is checked against its size, so that a damaged one answers little, or
 * nothing, but does no harm. It is mapped: one that is truncated *while* it is mapped ends the process
 * by SIGBUS, as it would end a debugger.
 *
 * Threads     one at a time.
 * Ownership   what is answered is borrowed from the mapping, which stays until gor__elf_close.
 */
#ifndef GOR_DEBUG_ELF_H
#define GOR_DEBUG_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/debug/bytes.h"
#include "runtime/debug/spans.h"

struct gor__elf {
    struct gor__bytes all; /* empty: not open */
    bool mapped;           /* by us */
};

/* Map the file. False: it cannot be read, or is no ELF file of 64 bits, lowest byte first. */
bool gor__elf_open(struct gor__elf *elf, const char *path);

/* The same with an image that lies in memory, as the kernel's vdso does. */
bool gor__elf_open_memory(struct gor__elf *elf, const void *image, size_t bytes);

/* One that is not open is fine. */
void gor__elf_close(struct gor__elf *elf);

/* The section of that name; empty when there is none, it has no bytes, or they are compressed. */
struct gor__bytes gor__elf_section(const struct gor__elf *elf, const char *name);

/* The same, and its address, as the file counts them. */
struct gor__bytes gor__elf_section_at(const struct gor__elf *elf, const char *name,
                                      uint64_t *out_address);

/* The address, as the file counts them, of what lies at `offset` in it; false: nothing that is loaded
 * (if `is_code`, as code) does. */
bool gor__elf_address_of(const struct gor__elf *elf, uint64_t offset, bool is_code,
                         uint64_t *out_address);

/* Empty when there is none. */
struct gor__bytes gor__elf_build_id(const struct gor__elf *elf);

/* Where its debug file is, if it has been split off: a name without a folder, and the file's CRC. NULL:
 * nowhere. */
const char *gor__elf_debuglink(const struct gor__elf *elf, uint32_t *out_crc);

/* The CRC of the whole file, as .gnu_debuglink has it. */
uint32_t gor__elf_crc(const struct gor__elf *elf);

/* Add the functions of the symbol table, or, if there is none, of those it shares with others: `what`
 * is the offset of the name in *out_names. */
void gor__elf_functions(const struct gor__elf *elf, struct gor__bump *bump,
                        struct gor__spans *functions, struct gor__bytes *out_names);

#endif
