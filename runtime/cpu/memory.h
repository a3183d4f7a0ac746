/* SPDX-License-Identifier: MIT */
/* memory.h - the kernel's side of stacks and tables: reserve, guard, populate, discard.
 *
 * The vectored calls work on up to GOR__RANGES_MAX ranges of pages in one system call where the
 * kernel can (process_madvise on oneself, Linux 6.13), else one by one. $GOR_MEMORY forces ways,
 * several with commas between: "mprotect" (no guard markers), "single" (no vectored calls),
 * "no-populate" (memory comes by faults, as before Linux 5.14), "no-evict" (nobody hibernates; see
 * evict.h), "64k" (pages as large as AArch64 may have them); see docs/scheduler.md, "stacks".
 *
 * Threads     any. Errors are negative errno.
 */
#ifndef GOR_CPU_MEMORY_H
#define GOR_CPU_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { GOR__RANGES_MAX = 64 };

/* Find out what this kernel can do. Called once, before threads. */
void gor__memory_probe(void);

/* The size of a page, as found out: 4 KiB on x86-64, up to 64 KiB elsewhere. */
size_t gor__memory_page(void);

/* Address space without memory behind it: readable and writable, zeroed, aligned to `align` (a
 * power of two). NULL when there is none. */
void *gor__memory_reserve(size_t bytes, size_t align);
void gor__memory_release(void *memory, size_t bytes);

/* Let large pages lie behind this memory, which is aligned to them, if the kernel has some: whoever
 * goes about in it at random has fewer misses. All of it counts as used once a part is. */
void gor__memory_enlarge(void *memory, size_t bytes);

/* Any access to these pages faults from now on. -ENOMEM: out of mappings (vm.max_map_count). */
int gor__memory_guard(const struct iovec *ranges, size_t count);

/* Take markers off again; the pages are empty. Not of guards by mprotect. */
int gor__memory_unguard(const struct iovec *range);

/* Whether $GOR_MEMORY names this way. */
bool gor__memory_is_forced(const char *way);

/* Whether each guard takes a mapping of its own, of which the kernel allows vm.max_map_count. */
bool gor__memory_guards_split(void);

/* Have memory behind these pages now, in bulk, rather than by one fault each. Best effort. */
void gor__memory_populate(const struct iovec *ranges, size_t count);

/* Give the memory behind these pages back; they read as zeroes from now on. Best effort. */
void gor__memory_discard(const struct iovec *ranges, size_t count);

/* Which of the pages have memory behind them now: bit 0 of a byte for each gor__memory_grain() bytes, the
 * kernel's own page. What is swapped out counts as none, a guard too. */
size_t gor__memory_grain(void);
int gor__memory_resident(void *from, size_t bytes, unsigned char *out_here);

#endif
