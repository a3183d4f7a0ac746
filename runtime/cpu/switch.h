/* SPDX-License-Identifier: MIT */
/* switch.h - leave one stack and go on with another, without the kernel.
 *
 * A processor's part is a header with gor__switch and gor__context_init, and an assembly file with
 * gor__entry; cpu/switch_x86_64.{h,S} is the first. AArch64 goes into cpu/switch_aarch64.{h,S}
 * (x19-x30, d8-d15 and FPCR to save) and joins the list below.
 *
 * Invariants  gor__switch keeps every register the ABI calls callee-saved and the floating-point
 *             control words; the signal mask stays the thread's.
 * Threads     a context is resumed by one thread at a time, and only after its gor__switch away has
 *             finished storing it: whoever hands it on does so from the stack switched to.
 */
#ifndef GOR_CPU_SWITCH_H
#define GOR_CPU_SWITCH_H

/* A stack that is not running: where its pointer stands. The rest lies on the stack itself. */
struct gor__context {
    void *sp;
};

/* First code of a fresh stack, in assembly: ends the frame chain and calls gor__entry_c. */
void gor__entry(void);

/* Supplied by the scheduler; never returns. */
void gor__entry_c(void) __attribute__((noreturn));

#if defined(__x86_64__)
#include "runtime/cpu/switch_x86_64.h"
#else
#error "libgor knows how to switch stacks on x86-64 only; see runtime/cpu/switch.h for a new one"
#endif

#endif
