/* SPDX-License-Identifier: MIT */
/* switch_aarch64.S - where a fresh stack begins; see switch_aarch64.h. The CFI says that there is
 * nothing above, so that debuggers and unwinders stop here instead of guessing. */
    .text
    .globl gor__entry
    .hidden gor__entry
    .type gor__entry, @function
    .p2align 4
gor__entry:
    .cfi_startproc
    .cfi_undefined x30
    hint #34 /* bti c */
    mov x29, xzr
    mov x30, xzr
    bl gor__entry_c
    brk #1
    .cfi_endproc
    .size gor__entry, . - gor__entry
    .section .note.GNU-stack, "", @progbits

/* This file is fit for branch target checks and signed return addresses. A linker asks all files, so
 * one without this note would take the checks from the whole program. */
    .section .note.gnu.property, "a", @note
    .p2align 3
    .word 4          /* bytes of the name */
    .word 16         /* bytes of the rest */
    .word 5          /* NT_GNU_PROPERTY_TYPE_0 */
    .asciz "GNU"
    .word 0xc0000000 /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
    .word 4
    .word 3          /* BTI, PAC */
    .word 0
