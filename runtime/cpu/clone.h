/* SPDX-License-Identifier: MIT */
/* clone.h - a process that shares our memory, made without the C library.
 *
 * Its clone() would do, but for ThreadSanitizer, which takes each call of it for a fork and locks, and
 * in the child changes, what is the parent's as well.
 *
 * Threads     any. The child has the thread pointer of the caller, so it makes plain system calls only.
 */
#ifndef GOR_CPU_CLONE_H
#define GOR_CPU_CLONE_H

#include <stdint.h>
#include <sys/syscall.h>

/* Run fn(arg) in a process of its own, with `flags` of clone(2) among which is CLONE_VM, on the stack
 * that ends at `top`, aligned to 16; it exits with the answer. Its id, or a negative errno. */
static inline __attribute__((always_inline)) long gor__clone(unsigned long flags, char *top,
                                                             int (*fn)(void *arg), void *arg)
{
    uintptr_t *stack = (uintptr_t *)(void *)top - 2;
    stack[0] = (uintptr_t)fn;
    stack[1] = (uintptr_t)arg;
#if defined(__x86_64__)
    long result = SYS_clone;
    register long child_tid __asm__("r10") = 0;
    register long tls __asm__("r8") = 0;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "pop %%rax\n\t"
                     "pop %%rdi\n\t"
                     "call *%%rax\n\t"
                     "mov %%eax, %%edi\n\t"
                     "mov %[exit], %%eax\n\t"
                     "syscall\n\t"
                     "hlt\n"
                     "1:"
                     : "+a"(result)
                     : "D"(flags), "S"(stack), "d"(0L), "r"(child_tid),
                       "r"(tls), [exit] "i"(SYS_exit)
                     : "rcx", "r11", "memory", "cc");
    return result;
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_clone;
    register uintptr_t result __asm__("x0") = flags;
    register uintptr_t *sp __asm__("x1") = stack;
    register long parent_tid __asm__("x2") = 0;
    register long tls __asm__("x3") = 0;
    register long child_tid __asm__("x4") = 0;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, #0\n\t"
                     "mov x30, #0\n\t"
                     "ldp x9, x0, [sp], #16\n\t"
                     "blr x9\n\t"
                     "mov x8, %[exit]\n\t"
                     "svc #0\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(result)
                     : "r"(number), "r"(sp), "r"(parent_tid), "r"(tls),
                       "r"(child_tid), [exit] "i"(SYS_exit)
                     : "memory", "cc");
    return (long)result;
#else
#error "no clone for this machine"
#endif
}

#endif
