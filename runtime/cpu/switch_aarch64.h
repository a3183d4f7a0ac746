/* SPDX-License-Identifier: MIT */
/* switch_aarch64.h - the switch for AArch64 (AAPCS64).
 *
 * Layout of a saved stack, upwards from gor__context.sp, which is 16-aligned as always:
 *
 *     +0   x29, so that the chain of frames can be followed
 *     +8   address to go on at
 *     +16  FPCR
 *     +24  unused
 *     +32  the rest of the stack
 *
 * The other callee-saved registers (x19-x28, x30, d8-d15) are declared as clobbered: the compiler
 * keeps those it needs. So is x18, which compilers for Linux use as one more scratch register; where
 * it is reserved for the platform (-ffixed-x18) nothing here touches it. FPSR belongs to nobody across
 * a call. The resumed address is branched to, not returned to, as on x86-64 and for the same reason.
 *
 * Branch targets: x16 may branch to `bti c` and to `bti j`, and both are no-operations where a
 * processor or a page knows no such check. Signed return addresses (PAC) stay valid, for a stack is
 * resumed at the stack pointer it was left with, and all threads of a process share the keys.
 *
 * Not carried along: SME's ZA, which no code may keep across a call of a function that does not know
 * of it; and shadow call stacks, whose pointer is the thread's.
 */
#ifndef GOR_CPU_SWITCH_AARCH64_H
#define GOR_CPU_SWITCH_AARCH64_H

#include <stdint.h>

enum { GOR__FPCR_DEFAULT = 0 }; /* round to nearest, no traps: how a process starts */

/* Where code may use SVE, its predicates are lost too. (The vectors are the v registers, widened.) */
#if defined(__ARM_FEATURE_SVE)
#define GOR__SVE_CLOBBERS                                                                     \
    , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", \
        "p14", "p15"
#else
#define GOR__SVE_CLOBBERS
#endif

/* FPCR as it is now, for the gor__switch that comes: asked for early, see switch_x86_64.h. */
static inline __attribute__((always_inline)) uint64_t gor__float_control(void)
{
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
}

/* Store the running stack in *save, go on with *load. The pointer is stored last, by a release: who
 * looks at a stored stack (debug/look.c) sees what lies on it. FPCR is only written when it differs,
 * since that waits for all that computes. */
static inline __attribute__((always_inline)) void
gor__switch(struct gor__context *save, const struct gor__context *load, uint64_t control)
{
    register struct gor__context *from __asm__("x0") = save;
    register const struct gor__context *to __asm__("x1") = load;
    register uint64_t fpcr __asm__("x2") = control;
    __asm__ volatile("adr x16, 2f\n\t"
                     "stp x29, x16, [sp, #-32]!\n\t"
                     "str x2, [sp, #16]\n\t"
                     "mov x3, sp\n\t"
                     "stlr x3, [x0]\n\t"
                     "ldr x3, [x1]\n\t"
                     "mov sp, x3\n\t"
                     "ldr x3, [sp, #16]\n\t"
                     "cmp x2, x3\n\t"
                     "b.eq 1f\n\t"
                     "msr fpcr, x3\n"
                     "1:\n\t"
                     "ldp x29, x16, [sp], #32\n\t"
                     "br x16\n"
                     "2:\n\t"
                     "hint #36\n\t" /* bti j */
                     : "+r"(from), "+r"(to), "+r"(fpcr)
                     :
                     : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                       "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25",
                       "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",
                       "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",
                       "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29",
                       "v30", "v31", "memory", "cc" GOR__SVE_CLOBBERS);
}

/* Make *context a stack that starts in gor__entry; `top` is the end of its memory, 16-aligned. */
static inline void gor__context_init(struct gor__context *context, void *top)
{
    uint64_t *sp = (uint64_t *)top - 4;
    sp[0] = 0; /* x29: the chain of frames ends here */
    sp[1] = (uint64_t)(uintptr_t)gor__entry;
    sp[2] = GOR__FPCR_DEFAULT;
    sp[3] = 0;
    context->sp = sp;
}

/* The frame pointer a saved context will have. The stack may be in use again while it is read, which
 * is the caller's to find out. */
__attribute__((no_sanitize_address, no_sanitize_thread)) static inline const void *const *
gor__context_frame(const struct gor__context *context)
{
    return ((const void *const *const *)context->sp)[0];
}

/* A return address as found on a stack, without the signature it may carry there. */
static inline uintptr_t gor__plain_address(uintptr_t address)
{
    register uintptr_t plain __asm__("x30") = address;
    __asm__("hint #7" : "+r"(plain)); /* xpaclri, which knows x30 only */
    return plain;
}

/* Ticks of a counter that never stops, to see cheaply that time has passed. The counter runs at 1 MHz
 * to 1 GHz; shifted up to 2 to 4 GHz, a tick lasts as long as on the other processors. */
static inline uint64_t gor__cpu_ticks(void)
{
    uint64_t count = 0;
    uint64_t hertz = 0;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    /* 32 bits; 0 where the firmware has forgotten it. */
    __asm__("mrs %0, cntfrq_el0" : "=r"(hertz));
    return count << (hertz != 0 ? __builtin_clz((uint32_t)hertz) : 7);
}

/* The value of an initial-exec thread-local pointer, found by the thread that runs now. */
#define GOR__TLS_LOAD(symbol, out_value)                                 \
    do {                                                                 \
        uintptr_t thread_;                                               \
        __asm__ volatile("adrp %0, :gottprel:" #symbol "\n\t"            \
                         "ldr %0, [%0, #:gottprel_lo12:" #symbol "]\n\t" \
                         "mrs %1, tpidr_el0\n\t"                         \
                         "ldr %0, [%1, %0]"                              \
                         : "=&r"(out_value), "=&r"(thread_)              \
                         :                                               \
                         : "memory");                                    \
    } while (0)

#endif
