/* SPDX-License-Identifier: MIT */
/* switch.h - leave one stack and go on with another, without the kernel.
 *
 * A processor's part is a header and an assembly file with gor__entry, cpu/switch_x86_64.{h,S} and
 * cpu/switch_aarch64.{h,S}. The header has gor__switch, gor__float_control, gor__context_init,
 * gor__context_frame, gor__plain_address, gor__cpu_ticks and GOR__TLS_LOAD, as described in both, and
 * joins the list below; runtime/CMakeLists.txt finds the assembly file by the name of the processor.
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
#elif defined(__aarch64__) && defined(__AARCH64EL__) && defined(__LP64__)
#include "runtime/cpu/switch_aarch64.h"
#else
#error "no switch for this processor; see the head of runtime/cpu/switch.h"
#endif

#endif
