/* SPDX-License-Identifier: MIT */
/* raw.h - the few system calls that may be made while all other threads of the process stand still.
 *
 * The C library's functions of these names may take a lock that one of the others holds, and a
 * sanitizer's surely do. So do malloc and stdio: none of them may be used then.
 *
 * Threads     any; also the tracer of halt.c, which is a process of its own in our memory.
 */
#ifndef GOR_DEBUG_RAW_H
#define GOR_DEBUG_RAW_H

#include <fcntl.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>

#include "runtime/cpu/syscall.h"

/* Zeroed memory that costs nothing until it is used; NULL: there is no address space. */
static inline void *gor__raw_map(size_t bytes)
{
    const uintptr_t arguments[6] = {0,
                                    bytes,
                                    PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                    (uintptr_t)-1,
                                    0};
    long memory = gor__syscall6(SYS_mmap, arguments);
    return memory < 0 ? NULL : (void *)(uintptr_t)memory;
}

/* NULL is fine. */
static inline void gor__raw_unmap(void *memory, size_t bytes)
{
    if (memory != NULL) {
        (void)gor__syscall(SYS_munmap, (uintptr_t)memory, bytes, 0, 0);
    }
}

/* Room for `bytes`, where there was room for `former`; NULL: none, and what there was is still there. */
static inline void *gor__raw_grow(void *memory, size_t former, size_t bytes)
{
    if (memory == NULL) {
        return gor__raw_map(bytes);
    }
    long grown = gor__syscall(SYS_mremap, (uintptr_t)memory, former, bytes, MREMAP_MAYMOVE);
    return grown < 0 ? NULL : (void *)(uintptr_t)grown;
}

/* A descriptor, or a negative errno. */
static inline int gor__raw_open(const char *path, int flags)
{
    return (int)gor__syscall(SYS_openat, (uintptr_t)AT_FDCWD, (uintptr_t)path,
                             (uintptr_t)(flags | O_CLOEXEC), 0);
}

/* How many bytes, or a negative errno. */
static inline long gor__raw_read(int fd, void *buffer, size_t bytes)
{
    return gor__syscall(SYS_read, (uintptr_t)fd, (uintptr_t)buffer, bytes, 0);
}

static inline long gor__raw_read_at(int fd, void *buffer, size_t bytes, uint64_t offset)
{
    return gor__syscall(SYS_pread64, (uintptr_t)fd, (uintptr_t)buffer, bytes, (uintptr_t)offset);
}

static inline void gor__raw_close(int fd)
{
    (void)gor__syscall(SYS_close, (uintptr_t)fd, 0, 0, 0);
}

/* Wait while *word is `expected`, for `ns` at most, or until something else wakes us. */
static inline void gor__raw_futex_wait(uint32_t *word, uint32_t expected, long ns)
{
    struct timespec time = {0, ns};
    (void)gor__syscall(SYS_futex, (uintptr_t)word, FUTEX_WAIT, expected, (uintptr_t)&time);
}

static inline void gor__raw_futex_wake(uint32_t *word)
{
    (void)gor__syscall(SYS_futex, (uintptr_t)word, FUTEX_WAKE, 1, 0);
}

#endif
