/* SPDX-License-Identifier: MIT */
/* cfi.h - how to get from a function to its caller: the call frame information that compilers put into
 * .eh_frame, with frame pointers and without.
 *
 * Of the registers only those matter that lead on: stack pointer, frame pointer, return address.
 *
 * Threads     any, once it is read; nothing is kept but a list in place of an index.
 */
#ifndef GOR_DEBUG_CFI_H
#define GOR_DEBUG_CFI_H

#include "runtime/debug/elf.h"
#include "runtime/debug/spans.h"

struct gor__cfi {
    struct gor__bytes index; /* .eh_frame_hdr; empty, or of no use: see `listed` */
    uint64_t index_address;
    struct gor__bytes frames; /* .eh_frame */
    uint64_t frames_address;
    struct gor__spans
        listed; /* functions, and the offsets of their entries; empty: all are looked through */
};

enum gor__cfi_rule {
    GOR__CFI_SAME,    /* as in the caller */
    GOR__CFI_SAVED,   /* at the frame's address plus the offset */
    GOR__CFI_UNKNOWN, /* lost; of a return address: there is no caller */
};

/* At one instruction. */
struct gor__cfi_row {
    bool
        from_fp; /* the frame's address is the frame pointer plus `offset`, else the stack pointer */
    int32_t offset;
    enum gor__cfi_rule fp;
    enum gor__cfi_rule ra;
    int32_t fp_offset;
    int32_t ra_offset;
};

/* The bump is for what is kept, and outlives it. */
void gor__cfi_read(struct gor__cfi *cfi, const struct gor__elf *elf, struct gor__bump *bump);

/* List the entries of a file that has no index, so that they need not be looked through each time. */
void gor__cfi_list(struct gor__cfi *cfi, struct gor__bump *bump);

/* The row for `address`, as the file counts them; false: there is none, or of a kind that compilers
 * make for odd frames only. */
bool gor__cfi_find(const struct gor__cfi *cfi, uint64_t address, struct gor__cfi_row *out_row);

#endif
