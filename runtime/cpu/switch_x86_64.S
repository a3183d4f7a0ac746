/* SPDX-License-Identifier: MIT */
/* switch_x86_64.S - where a fresh stack begins; see switch_x86_64.h. The CFI says that there is
 * nothing above, so that debuggers and unwinders stop here instead of guessing. */
    .text
    .globl gor__entry
    .hidden gor__entry
    .type gor__entry, @function
    .p2align 4
gor__entry:
    .cfi_startproc
    .cfi_undefined rip
    xorl %ebp, %ebp
    andq $-16, %rsp
    call gor__entry_c
    ud2
    .cfi_endproc
    .size gor__entry, . - gor__entry
    .section .note.GNU-stack, "", @progbits
