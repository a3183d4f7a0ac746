/* SPDX-License-Identifier: MIT */
/* registers.h - where a thread stands that was interrupted or is parked: what it takes to follow its
 * stack.
 */
#ifndef GOR_CPU_REGISTERS_H
#define GOR_CPU_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "runtime/cpu/switch.h"

struct gor__registers {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t fp;     /* frame pointer: rbp, x29 */
    uintptr_t lr;     /* x30, where a processor has such a register */
    bool pc_is_exact; /* the next instruction, rather than what a call will return to */
    bool fp_is_known; /* lr likewise */
};

/* Registers of DWARF's numbering. */
enum {
#if defined(__x86_64__)
    GOR__DWARF_FP = 6,
    GOR__DWARF_SP = 7,
    GOR__DWARF_RA = 16,
#else
    GOR__DWARF_FP = 29,
    GOR__DWARF_SP = 31,
    GOR__DWARF_RA = 30,
#endif
};

/* As a signal handler was given them. */
static inline struct gor__registers gor__registers_of(const ucontext_t *context)
{
    struct gor__registers r = {.pc_is_exact = true, .fp_is_known = true};
#if defined(__x86_64__)
    r.pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    r.sp = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
    r.fp = (uintptr_t)context->uc_mcontext.gregs[REG_RBP];
#else
    r.pc = context->uc_mcontext.pc;
    r.sp = context->uc_mcontext.sp;
    r.fp = context->uc_mcontext.regs[29];
    r.lr = context->uc_mcontext.regs[30];
#endif
    return r;
}

/* As they will be when a stored stack goes on: `words` are the first ones at its stack pointer. */
enum { GOR__STORED_WORDS = 4 };
static inline struct gor__registers gor__registers_stored(uintptr_t sp, const uintptr_t *words)
{
    struct gor__registers r = {.pc_is_exact = true, .fp_is_known = true};
#if defined(__x86_64__)
    r.pc = words[1];
    r.fp = words[2];
    r.sp = sp + 3 * sizeof *words;
#else
    r.fp = words[0];
    r.pc = words[1];
    r.sp = sp + 4 * sizeof *words;
#endif
    return r;
}

#endif
