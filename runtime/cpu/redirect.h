/* SPDX-License-Identifier: MIT */
/* redirect.h - have a thread go on elsewhere once the handler of a signal returns. */
#ifndef GOR_CPU_REDIRECT_H
#define GOR_CPU_REDIRECT_H

#include <stdint.h>
#include <ucontext.h>

/* The thread calls `entry`, which does not return, on the stack that ends at `top`, 16-aligned. What it
 * did before is over. */
static inline void gor__redirect(ucontext_t *context, void (*entry)(void), char *top)
{
#if defined(__x86_64__)
    enum { DIRECTION_FLAG = 0x400 };
    greg_t *registers = context->uc_mcontext.gregs;
    registers[REG_RIP] = (greg_t)(uintptr_t)entry;
    /* As after a call, with nowhere to return to. */
    registers[REG_RSP] = (greg_t)(uintptr_t)(top - 24);
    registers[REG_RBP] = 0;
    registers[REG_EFL] &= ~(greg_t)DIRECTION_FLAG;
    *(uintptr_t *)(void *)(top - 24) = 0;
#elif defined(__aarch64__)
    context->uc_mcontext.pc = (uintptr_t)entry;
    context->uc_mcontext.sp = (uintptr_t)(top - 16);
    context->uc_mcontext.regs[29] = 0;
    context->uc_mcontext.regs[30] = 0;
#else
#error "redirect.h does not know this processor"
#endif
}

/* Where it is interrupted. */
static inline uintptr_t gor__interrupted_at(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#else
    return (uintptr_t)context->uc_mcontext.pc;
#endif
}

#endif
