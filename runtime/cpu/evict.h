/* SPDX-License-Identifier: MIT */
/* evict.h - take pages from an address, and put them back later, so that whoever looks meanwhile sees
 * what was there, or faults; never a page that is half there, or an empty one.
 *
 *     gor__evict_lock     writes fault, reads go on: now copy what is to be kept
 *     gor__evict_drop     any access faults, and the memory is the kernel's again
 *     gor__evict_put      what was kept is there, as if nothing had been
 *
 * By guard markers, which userfaultfd's UFFDIO_COPY replaces by a page at one stroke (Linux 6.13).
 * Whether that works here is tried, not believed; $GOR_MEMORY=no-evict behaves as if it did not.
 * A fault is SIGSEGV, or SIGBUS. A system call that finds such a page answers EFAULT, and nobody can
 * mend that for it.
 *
 * Threads     init and fini while nothing else is called. The others any; the same pages by one at a
 *             time. put also in a handler of signals.
 */
#ifndef GOR_CPU_EVICT_H
#define GOR_CPU_EVICT_H

#include <stddef.h>
#include <sys/uio.h>

/* 0: pages can be evicted, until fini. Else why not: -EPERM or -EACCES when this process may not have a
 * userfaultfd, -ENOSYS or -EOPNOTSUPP when the kernel does not do it. */
int gor__evict_init(void);
void gor__evict_fini(void);

/* Pages of this mapping, whole, may be evicted from now on. All errors are negative errno. */
int gor__evict_watch(void *memory, size_t bytes);

/* -ENOMEM: out of mappings; then nothing has changed. */
int gor__evict_lock(const struct iovec *range);
void gor__evict_unlock(const struct iovec *range);

/* Evict `count` runs of pages, up to GOR__RANGES_MAX, that lie in the range, all of which is locked and is
 * accessible as ever afterwards, but for them. After an error they are locked still; but some may be
 * gone, and have to be put back before the lock is taken off. */
int gor__evict_drop(const struct iovec *range, const struct iovec *pages, size_t count);

/* Fill those of the pages that are gone from `image`, as many bytes as they have. */
int gor__evict_put(const struct iovec *pages, const char *image);

/* In a child made by fork, which has the markers, and not the rest: make the pages accessible, as zeroes
 * where they are gone. Nobody else is there to see it. */
int gor__evict_clear_in_child(const struct iovec *pages);

#endif
