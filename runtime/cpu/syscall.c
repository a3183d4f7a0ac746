/* SPDX-License-Identifier: MIT */
/* syscall.c - see syscall.h. Compiled without sanitizers. */
#include "runtime/cpu/syscall.h"

long gor__syscall6(long number, const uintptr_t arguments[6])
{
#if defined(__x86_64__)
    long result = number;
    register uintptr_t r10 __asm__("r10") = arguments[3];
    register uintptr_t r8 __asm__("r8") = arguments[4];
    register uintptr_t r9 __asm__("r9") = arguments[5];
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]), "r"(r10), "r"(r8),
                       "r"(r9)
                     : "rcx", "r11", "memory", "cc");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register uintptr_t x0 __asm__("x0") = arguments[0];
    register uintptr_t x1 __asm__("x1") = arguments[1];
    register uintptr_t x2 __asm__("x2") = arguments[2];
    register uintptr_t x3 __asm__("x3") = arguments[3];
    register uintptr_t x4 __asm__("x4") = arguments[4];
    register uintptr_t x5 __asm__("x5") = arguments[5];
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return (long)x0;
#else
#error "no system calls for this machine"
#endif
}

long gor__syscall(long number, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d)
{
    const uintptr_t arguments[6] = {a, b, c, d, 0, 0};
    return gor__syscall6(number, arguments);
}
