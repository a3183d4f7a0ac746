/* SPDX-License-Identifier: MIT */
/* switch_x86_64.h - the switch for x86-64 (System V ABI).
 *
 * Layout of a saved stack, upwards from gor__context.sp:
 *
 *     +0   MXCSR (4 bytes), x87 control word (2 bytes), zeroes (2 bytes)
 *     +8   address to go on at
 *     +16  rbp, so that the chain of frames can be followed
 *     +24  the rest of the stack
 *
 * The other callee-saved registers are declared as clobbered: the compiler keeps those it needs,
 * which in most callers is none. The resumed address is jumped to, not returned to: a `ret` would
 * be mispredicted, for the return predictor belongs to the stack that was left (measured on the
 * development machine: 10 ns against 4 ns a switch).
 */
#ifndef GOR_CPU_SWITCH_X86_64_H
#define GOR_CPU_SWITCH_X86_64_H

#include <stdint.h>

enum {
    GOR__MXCSR_DEFAULT =
        0x1f80, /* all exceptions masked, round to nearest: the ABI's start value */
    GOR__X87_DEFAULT = 0x037f,
};

/* The floating-point control words as they are now, for the gor__switch that comes. Asked for before
 * the search for what to switch to: it takes the processor some 15 cycles, during which it can do
 * that, but right before the switch nothing else (measured: 2 of 13.5 ns for a gor_yield). */
static inline __attribute__((always_inline)) uint64_t gor__float_control(void)
{
    uint32_t mxcsr;
    uint16_t x87;
    __asm__ volatile("stmxcsr %0\n\t"
                     "fnstcw %1"
                     : "=m"(mxcsr), "=m"(x87));
    return mxcsr | (uint64_t)x87 << 32;
}

/* Store the running stack in *save, go on with *load. Control words are only loaded when they
 * differ from the running ones, since loading them stalls. */
static inline __attribute__((always_inline)) void
gor__switch(struct gor__context *save, const struct gor__context *load, uint64_t control)
{
    __asm__ volatile("pushq %%rbp\n\t"
                     "leaq 3f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "pushq %%rcx\n\t"
                     "movq %%rsp, (%%rdi)\n\t"
                     "movq (%%rsi), %%rsp\n\t"
                     "cmpq (%%rsp), %%rcx\n\t"
                     "je 2f\n\t"
                     "ldmxcsr (%%rsp)\n\t"
                     "fldcw 4(%%rsp)\n"
                     "2:\n\t"
                     "addq $8, %%rsp\n\t"
                     "popq %%rax\n\t"
                     "popq %%rbp\n\t"
                     "jmp *%%rax\n"
                     "3:\n\t"
                     : "+D"(save), "+S"(load), "+c"(control)
                     :
                     : "rax", "rbx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)",
                       "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "memory", "cc");
}

/* Make *context a stack that starts in gor__entry; `top` is the end of its memory, 16-aligned. */
static inline void gor__context_init(struct gor__context *context, void *top)
{
    uint64_t *sp = (uint64_t *)top - 4;
    sp[0] = GOR__MXCSR_DEFAULT | (uint64_t)GOR__X87_DEFAULT << 32;
    sp[1] = (uint64_t)(uintptr_t)gor__entry;
    sp[2] = 0; /* rbp: the chain of frames ends here */
    sp[3] = 0; /* keeps the stack 16-aligned at the call in gor__entry */
    context->sp = sp;
}

/* The frame pointer a saved context will have. The stack may be in use again while it is read, which
 * is the caller's to find out. */
__attribute__((no_sanitize_address, no_sanitize_thread)) static inline const void *const *
gor__context_frame(const struct gor__context *context)
{
    return ((const void *const *const *)context->sp)[2];
}

/* A return address as found on a stack. */
static inline uintptr_t gor__plain_address(uintptr_t address)
{
    return address;
}

/* Ticks of a counter that never stops, of some GHz: to see cheaply that time has passed. */
static inline uint64_t gor__cpu_ticks(void)
{
    return __builtin_ia32_rdtsc();
}

/* The value of an initial-exec thread-local pointer, found by the thread that runs now. */
#define GOR__TLS_LOAD(symbol, out_value)                        \
    __asm__ volatile("movq " #symbol "@gottpoff(%%rip), %0\n\t" \
                     "movq %%fs:(%0), %0"                       \
                     : "=r"(out_value)                          \
                     :                                          \
                     : "memory")

#endif
