/* SPDX-License-Identifier: MIT */
/* memory.c - see memory.h. Guard markers (Linux 6.13) keep an arena one mapping; mprotect splits it
 * at every guard, and vm.max_map_count then ends at about 32,000 stacks. */
#include "runtime/cpu/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/env.h"

/* Newer than Debian 12's headers: include/uapi/asm-generic/mman-common.h and pidfd.h of Linux. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_GUARD_REMOVE
#define MADV_GUARD_REMOVE 103
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define PIDFD_SELF_PROCESS (-10001)

static struct {
    bool guard_markers;
    bool vectored;
    bool populates;
    int self;    /* a pidfd of ourselves, or PIDFD_SELF_PROCESS */
    size_t page; /* 0: not asked yet */
    size_t grain;
} kernel;

bool gor__memory_is_forced(const char *way)
{
    const char *forced = getenv("GOR_MEMORY");
    size_t length = strlen(way);
    while (forced != NULL) {
        if (strncmp(forced, way, length) == 0 &&
            (forced[length] == '\0' || forced[length] == ',')) {
            return true;
        }
        forced = strchr(forced, ',');
        forced = forced != NULL ? forced + 1 : NULL;
    }
    return false;
}

/* What $GOR_MEMORY may force, in words with commas between. */
static bool is_way(const char *word, size_t length)
{
    static const char *const ways[] = {"mprotect", "single", "no-populate", "no-evict", "64k"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strlen(ways[i]) == length && strncmp(ways[i], word, length) == 0) {
            return true;
        }
    }
    return false;
}

static void refuse_other_ways(void)
{
    const char *forced = gor__env("GOR_MEMORY");
    const char *word = forced;
    while (word != NULL) {
        size_t length = strcspn(word, ",");
        if (!is_way(word, length)) {
            gor__env_refuse("GOR_MEMORY", forced,
                            "mprotect, single, no-populate, no-evict, 64k, or several of them "
                            "with commas between");
            return;
        }
        word = word[length] == ',' ? word + length + 1 : NULL;
    }
}

static int advise_one_by_one(const struct iovec *ranges, size_t count, int advice)
{
    for (size_t i = 0; i < count; i++) {
        if (madvise(ranges[i].iov_base, ranges[i].iov_len, advice) != 0) {
            return -errno;
        }
    }
    return 0;
}

static size_t total_bytes(const struct iovec *ranges, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += ranges[i].iov_len;
    }
    return bytes;
}

static int advise(const struct iovec *ranges, size_t count, int advice)
{
    if (kernel.vectored) {
        long done = syscall(SYS_process_madvise, kernel.self, ranges, count, advice, 0);
        if (done >= 0 && (size_t)done == total_bytes(ranges, count)) {
            return 0;
        }
    }
    return advise_one_by_one(ranges, count, advice);
}

static bool can_vector(const struct iovec *page)
{
    kernel.self = PIDFD_SELF_PROCESS;
    if (syscall(SYS_process_madvise, kernel.self, page, 1, MADV_POPULATE_WRITE, 0) >= 0) {
        return true;
    }
    kernel.self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (kernel.self < 0) {
        return false;
    }
    if (syscall(SYS_process_madvise, kernel.self, page, 1, MADV_POPULATE_WRITE, 0) >= 0) {
        return true;
    }
    close(kernel.self);
    return false;
}

/* Advice may be ignored and yet be called a success, as qemu does with what it does not know: a system
 * call that reads the page tells. */
static bool can_mark(const struct iovec *page)
{
    return madvise(page->iov_base, page->iov_len, MADV_GUARD_INSTALL) == 0 &&
           access(page->iov_base, F_OK) != 0 && errno == EFAULT;
}

/* Linux 5.14. */
static bool can_populate(const struct iovec *page)
{
    return madvise(page->iov_base, page->iov_len, MADV_POPULATE_WRITE) == 0;
}

void gor__memory_probe(void)
{
    refuse_other_ways();
    if (kernel.page != 0) {
        return;
    }
    /* 4 KiB to 64 KiB, as the kernel was built; "64k" takes several small ones for one. */
    kernel.grain = (size_t)sysconf(_SC_PAGESIZE);
    kernel.page = gor__memory_is_forced("64k") && kernel.grain < 65536 ? 65536 : kernel.grain;
    struct iovec page = {gor__memory_reserve(kernel.page, 1), kernel.page};
    if (page.iov_base == NULL) {
        return;
    }
    kernel.vectored = !gor__memory_is_forced("single") && can_vector(&page);
    kernel.populates = !gor__memory_is_forced("no-populate") && can_populate(&page);
    kernel.guard_markers = !gor__memory_is_forced("mprotect") && can_mark(&page);
    gor__memory_release(page.iov_base, page.iov_len);
}

size_t gor__memory_page(void)
{
    return kernel.page;
}

void *gor__memory_reserve(size_t bytes, size_t align)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t slack = align > page ? align : 0;
    /* What is cut off behind must begin with a page. */
    bytes = (bytes + page - 1) & ~(page - 1);
    char *memory = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    if (slack == 0) {
        return memory;
    }
    size_t head = (size_t)(-(uintptr_t)memory) & (align - 1);
    if (head > 0) {
        munmap(memory, head);
    }
    if (slack > head) {
        munmap(memory + head + bytes, slack - head);
    }
    return memory + head;
}

void gor__memory_release(void *memory, size_t bytes)
{
    munmap(memory, bytes);
}

void gor__memory_enlarge(void *memory, size_t bytes)
{
    /* Also takes back what MAP_STACK says about it. */
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
}

int gor__memory_guard(const struct iovec *ranges, size_t count)
{
    if (kernel.guard_markers) {
        return advise(ranges, count, MADV_GUARD_INSTALL);
    }
    for (size_t i = 0; i < count; i++) {
        if (mprotect(ranges[i].iov_base, ranges[i].iov_len, PROT_NONE) != 0) {
            return -errno;
        }
    }
    return 0;
}

int gor__memory_unguard(const struct iovec *range)
{
    return advise_one_by_one(range, 1, MADV_GUARD_REMOVE);
}

bool gor__memory_guards_split(void)
{
    return !kernel.guard_markers;
}

void gor__memory_populate(const struct iovec *ranges, size_t count)
{
    if (kernel.populates) {
        (void)advise(ranges, count, MADV_POPULATE_WRITE);
    }
}

void gor__memory_discard(const struct iovec *ranges, size_t count)
{
    (void)advise(ranges, count, MADV_DONTNEED);
}

size_t gor__memory_grain(void)
{
    return kernel.grain;
}

int gor__memory_resident(void *from, size_t bytes, unsigned char *out_here)
{
    return mincore(from, bytes, out_here) == 0 ? 0 : -errno;
}
