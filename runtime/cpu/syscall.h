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
long gor__syscall(long number, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d);
/* For those that take more. */
long gor__syscall6(long number, const uintptr_t arguments[6]);

#endif
