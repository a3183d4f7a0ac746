/* SPDX-License-Identifier: MIT */
/* peek.c - see peek.h. Reading directly was rejected: within a mapping there may be guard markers, or a
 * file that was cut short, and reading those is a fault. The kernel copies by process_vm_readv, which
 * some containers forbid along with ptrace, or else by /proc/self/mem. */
#include "runtime/debug/peek.h"

#include <unistd.h>

#include "runtime/debug/raw.h"

/* -1: not needed. Of one scan at a time. */
static int memory_fd = -1;

static size_t from_proc(char *to, const struct iovec *pieces, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        long got =
            gor__raw_read_at(memory_fd, to + sum, pieces[i].iov_len, (uintptr_t)pieces[i].iov_base);
        sum += got > 0 ? (size_t)got : 0;
        if (got != (long)pieces[i].iov_len) {
            break;
        }
    }
    return sum;
}

size_t gor__peek_all(void *to, const struct iovec *pieces, size_t count, size_t bytes)
{
    struct iovec local = {to, bytes};
    if (memory_fd >= 0) {
        return from_proc(to, pieces, count);
    }
    const uintptr_t arguments[6] = {
        (uintptr_t)getpid(), (uintptr_t)&local, 1, (uintptr_t)pieces, count, 0};
    long got = gor__syscall6(SYS_process_vm_readv, arguments);
    return got > 0 ? (size_t)got : 0;
}

size_t gor__peek(void *to, uintptr_t from, size_t bytes)
{
    struct iovec piece = {(void *)from, bytes};
    return gor__peek_all(to, &piece, 1, bytes);
}

/* An emulator may pretend. */
static bool works(void)
{
    volatile uint64_t probe = 4711;
    uint64_t copy = 0;
    return gor__peek(&copy, (uintptr_t)&probe, sizeof probe) == sizeof probe && copy == probe;
}

bool gor__peek_open(void)
{
    memory_fd = -1;
    if (works()) {
        return true;
    }
    memory_fd = gor__raw_open("/proc/self/mem", O_RDONLY);
    if (memory_fd >= 0 && works()) {
        return true;
    }
    gor__peek_close();
    return false;
}

void gor__peek_close(void)
{
    if (memory_fd >= 0) {
        gor__raw_close(memory_fd);
    }
    memory_fd = -1;
}
