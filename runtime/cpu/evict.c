/* SPDX-License-Identifier: MIT */
/* evict.c - see evict.h.
 *
 * Taking the markers off and then filling the page was rejected: whoever looks in between finds zeroes.
 * So was userfaultfd's own way with missing pages: each stack that grows by a page would take a signal
 * instead of a fault in the kernel. And so was mprotect for those who have no userfaultfd: each eviction
 * would split a mapping for good, of which the kernel allows vm.max_map_count. */
#include "runtime/cpu/evict.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/assert.h"
#include "runtime/cpu/memory.h"

/* Linux 5.11: faults of user space only, for which no privilege is asked. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static int userfaultfd = -1;

/* ---- the kernel's calls */

/* With write protection, which is not used, since a range must be watched for something before pages can
 * be copied there; and that alone leaves pages that are missing to the kernel. */
static int open_userfaultfd(void)
{
    struct uffdio_api api = {.api = UFFD_API,
                             .features = UFFD_FEATURE_SIGBUS | UFFD_FEATURE_PAGEFAULT_FLAG_WP};
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (fd >= 0 && ioctl(fd, UFFDIO_API, &api) != 0) {
        int error = errno;
        (void)close(fd);
        return error == EINVAL ? -EOPNOTSUPP : -error;
    }
    return fd >= 0 ? fd : -errno;
}

int gor__evict_watch(void *memory, size_t bytes)
{
    struct uffdio_register ask = {.range = {.start = (uintptr_t)memory, .len = bytes},
                                  .mode = UFFDIO_REGISTER_MODE_WP};
    return ioctl(userfaultfd, UFFDIO_REGISTER, &ask) == 0 ? 0 : -errno;
}

static int protect(const struct iovec *range, int protection)
{
    return mprotect(range->iov_base, range->iov_len, protection) == 0 ? 0 : -errno;
}

int gor__evict_lock(const struct iovec *range)
{
    return protect(range, PROT_READ);
}

void gor__evict_unlock(const struct iovec *range)
{
    if (protect(range, PROT_READ | PROT_WRITE) < 0) {
        /* It only makes one mapping of several again. */
        gor__die("cannot make the memory of stacks accessible again: error %d", errno);
    }
}

/* The kernel first removes a page, then finds the place empty and marks it: whoever came in between would
 * have an empty page, and see it or write to it in vain. So nobody may come. */
int gor__evict_drop(const struct iovec *range, const struct iovec *pages, size_t count)
{
    int error = protect(range, PROT_NONE);
    if (error == 0) {
        error = gor__memory_guard(pages, count);
    }
    if (error == 0) {
        gor__evict_unlock(range);
    }
    return error;
}

/* The kernel may stop on the way, and says how far it came. */
static int put_some(int fd, char *to, const char *from, size_t bytes, size_t *out_done)
{
    struct uffdio_copy ask = {.dst = (uintptr_t)to, .src = (uintptr_t)from, .len = bytes};
    *out_done = bytes;
    if (ioctl(fd, UFFDIO_COPY, &ask) == 0) {
        return 0;
    }
    *out_done = ask.copy > 0 ? (size_t)ask.copy : 0;
    return ask.copy > 0 || errno == EAGAIN ? 0 : -errno;
}

static int put_all(int fd, const struct iovec *pages, const char *image)
{
    size_t page = gor__memory_grain();
    size_t at = 0;
    while (at < pages->iov_len) {
        size_t done = 0;
        int error =
            put_some(fd, (char *)pages->iov_base + at, image + at, pages->iov_len - at, &done);
        if (error == -EEXIST) {
            done = page;
        } else if (error < 0) {
            return error;
        }
        at += done;
    }
    return 0;
}

/* ThreadSanitizer knows one table of descriptors only, and the caller has one of its own. */
static void close_plainly(int fd)
{
    (void)syscall(SYS_close, fd);
}

/* A thread that has a table of descriptors of its own, as sysmon, gets the one of the others. */
static int borrow_userfaultfd(void)
{
    int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int fd = process >= 0 ? (int)syscall(SYS_pidfd_getfd, process, userfaultfd, 0) : -1;
    int error = errno;
    if (process >= 0) {
        close_plainly(process);
    }
    return fd >= 0 ? fd : -error;
}

int gor__evict_put(const struct iovec *pages, const char *image)
{
    int error = put_all(userfaultfd, pages, image);
    if (error != -EBADF && error != -ENOTTY) {
        return error;
    }
    int fd = borrow_userfaultfd();
    if (fd < 0) {
        return fd;
    }
    error = put_all(fd, pages, image);
    close_plainly(fd);
    return error;
}

int gor__evict_clear_in_child(const struct iovec *pages)
{
    int error = gor__memory_unguard(pages);
    return error == 0 ? protect(pages, PROT_READ | PROT_WRITE) : error;
}

/* ---- trying */

/* Once round with the middle one of three pages, as others would see it by a system call. */
static int go_round(char *memory, size_t page)
{
    struct iovec all = {memory, 3 * page};
    struct iovec middle = {memory + page, page};
    char *image = memory + 4 * page;
    memset(memory, 1, 3 * page);
    memset(image, 2, page);
    int error = gor__evict_watch(memory, 3 * page);
    if (error == 0) {
        error = gor__evict_lock(&all);
    }
    if (error == 0) {
        error = gor__evict_drop(&all, &middle, 1);
    }
    bool gone = error == 0 && access(memory + page, F_OK) != 0 && errno == EFAULT;
    if (gone) {
        error = gor__evict_put(&middle, image);
    }
    if (error < 0) {
        return error;
    }
    bool whole = gone && memory[page] == 2 && memory[2 * page - 1] == 2 && memory[page - 1] == 1 &&
                 memory[2 * page] == 1;
    return whole ? 0 : -EOPNOTSUPP;
}

static int try_it(void)
{
    size_t page = gor__memory_page();
    size_t bytes = 5 * page;
    char *memory = gor__memory_reserve(bytes, 1);
    if (memory == NULL) {
        return -ENOMEM;
    }
    int error = go_round(memory, page);
    gor__memory_release(memory, bytes);
    return error;
}

int gor__evict_init(void)
{
    if (userfaultfd >= 0) {
        return 0;
    }
    if (gor__memory_guards_split() || gor__memory_is_forced("no-evict")) {
        return -EOPNOTSUPP;
    }
    userfaultfd = open_userfaultfd();
    if (userfaultfd < 0) {
        return userfaultfd;
    }
    int error = try_it();
    if (error < 0) {
        gor__evict_fini();
    }
    return error;
}

void gor__evict_fini(void)
{
    if (userfaultfd >= 0) {
        (void)close(userfaultfd);
    }
    userfaultfd = -1;
}
