/* SPDX-License-Identifier: MIT */
/* syscall.h - a system call, without the C library: errno stays as it is, and no sanitizer looks on.
 *
 * Threads     any; also a process that shares our memory and the thread pointer of somebody (clone.h).
 */
#ifndef GOR_CPU_SYSCALL_H
#define GOR_CPU_SYSCALL_H

#include <stdint.h>
#include <sys/syscall.h>

/* The answer, or a negative errno. */
static inline __attribute__((always_inline)) long gor__syscall6(long number, uintptr_t a,
                                                                uintptr_t b, uintptr_t c,
                                                                uintptr_t d, uintptr_t e,
                                                                uintptr_t f)
{
#if defined(__x86_64__)
    long result = number;
    register uintptr_t r10 __asm__("r10") = d;
    register uintptr_t r8 __asm__("r8") = e;
    register uintptr_t r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory", "cc");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register uintptr_t x0 __asm__("x0") = a;
    register uintptr_t x1 __asm__("x1") = b;
    register uintptr_t x2 __asm__("x2") = c;
    register uintptr_t x3 __asm__("x3") = d;
    register uintptr_t x4 __asm__("x4") = e;
    register uintptr_t x5 __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return (long)x0;
#else
#error "no system calls for this machine"
#endif
}

static inline __attribute__((always_inline)) long
gor__syscall(long number, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d)
{
    return gor__syscall6(number, a, b, c, d, 0, 0);
}

#endif
