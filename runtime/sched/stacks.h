/* SPDX-License-Identifier: MIT */
/* stacks.h - where the stacks of goroutines come from.
 *
 * A goroutine gets its stack when it first runs and gives it back when it ends, so the next one to
 * start finds a warm one. Arenas of 256 MiB of address space are cut into slots of one class; slots
 * are prepared a slab at a time: guards and first pages in two system calls for all of them. The
 * first page of each stack is populated, the kernel adds more as it grows down. What is free and not
 * wanted for some time is emptied: it keeps its guard only.
 *
 * A stack with memory is *warm*. It is made warm only for a P that finds none in its own list nor in the
 * common one, and a P keeps no more than `local_most` of a class to itself. So warm stacks are no more
 * than those in use and what Ps may keep, and the ceiling (ceiling.h) need not count stacks that are made
 * in advance; once it has no memory left, free ones of other classes lose theirs first.
 *
 *     low                                                        top
 *     | guard page | not yet touched ...          | first page | colour |
 *
 * Stack tops are staggered within their page (the colour), since stacks a power of two apart would
 * all want the same few lines of the first-level cache.
 *
 * Threads     get and put by the holder of the P whose free list is used.
 * Ownership   a stack belongs to its goroutine from get to put; records are never unmapped while
 *             the runtime runs, so a late reader may look at one.
 */
#ifndef GOR_SCHED_STACKS_H
#define GOR_SCHED_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "runtime/cpu/memory.h"
#include "runtime/cpu/sanitizer.h"

struct gor__g;
struct gor__p;

enum {
    GOR__STACK_CLASSES = 8, /* 64 KiB << class */
    GOR__ARENA_BYTES = 256 << 20,
    GOR__ARENAS_MAX = 65536, /* 16 TiB of address space */
    GOR__STACKS_LOCAL_MAX = 256,
};

struct gor__stack {
    char *low; /* guard page first */
    char *top;
    union {
        struct gor__stack *next; /* list link of a free list */
        char *cell;              /* while it hibernates: its bytes; see cold.h, as for all below */
    };
    struct gor__g *g; /* whose it is; NULL while it is free; atomic */
    struct gor__fiber fiber;
    bool clean;   /* while it is free: nobody has used it since its memory came from the kernel */
    uint8_t cold; /* enum gor__cold; atomic */
    uint8_t patience; /* doublings of the time before it hibernates; atomic, relaxed */
    uint16_t pins;    /* system calls that work on it; atomic */
    uint16_t words;   /* of 8 bytes, in the cell */
};

static inline struct iovec gor__stack_part(char *from, char *to)
{
    return (struct iovec){from, to > from ? (size_t)(to - from) : 0};
}

/* The page that the address lies in. */
static inline char *gor__stack_page(const char *address)
{
    return (char *)((uintptr_t)address & ~((uintptr_t)gor__memory_page() - 1));
}

/* Where its slot ends, and the next one begins. */
static inline char *gor__stack_end(const struct gor__stack *stack)
{
    return gor__stack_page(stack->top - 1) + gor__memory_page();
}

/* The lowest address that can be read and written: a stack pointer may be below it, in code that has
 * made its frame and touched nothing of it yet. */
static inline uintptr_t gor__stack_floor(const struct gor__stack *stack)
{
    return (uintptr_t)stack->low + gor__memory_page();
}

/* Free stacks, last in first out. */
struct gor__stack_list {
    struct gor__stack *first;
    uint32_t count; /* atomic for readers */
    uint32_t least; /* `count` has been since the last look at what is idle; see idle_stacks.h */
    bool ran_out;   /* of a P's: the last one was taken since gor__stacks_restock */
};

/* The class whose stacks have at least `bytes`; -EINVAL when there is none. */
int gor__stack_class(size_t bytes);
size_t gor__stack_class_bytes(int class);

/* NULL: no address space, no mappings or no memory left. */
struct gor__stack *gor__stack_get(struct gor__p *p, int class);

/* Have something in the lists that have run out. A goroutine that parks gets the next one its stack
 * with the lock of what it waits for still held, under which there should be no system calls; so
 * whoever takes a P's last stack calls for attention, and the scheduler comes here. */
void gor__stacks_restock(struct gor__p *p);

/* Give what a P has had too many of, for the whole time since the last call, to the common lists. The
 * holder of the P, or whoever keeps it from having one; the holder is asked by p->trim_stacks, and finds
 * out with one stack how deep goroutines go (sites.h). */
void gor__stacks_trim(struct gor__p *p);

/* `class` is the stack's, which the caller has at hand: the record is in no cache. */
void gor__stack_put(struct gor__p *p, struct gor__stack *stack, int class);

/* How many free ones of a class a P may keep, GOR__STACKS_LOCAL_MAX at most; Ps that keep more must be
 * flushed. While the world stands, or before it goes. */
void gor__stacks_set_local(int class, uint32_t most);

/* Give a P's free lists to the common ones. The holder, or whoever keeps it from having one. */
void gor__stacks_flush(struct gor__p *p);

/* Give the memory of free stacks back that nobody has wanted since the last call, or that of the
 * `whole` common lists. Any thread, one at a time. */
void gor__stacks_empty_idle(bool whole);

/* The slots of the arena of that number that are in use or about to be, which only get more; false: there
 * are not so many arenas. Any thread. */
struct gor__stacks_span {
    char *memory;
    struct gor__stack *table;
    size_t slot_bytes;
    uint32_t slots;
    size_t bytes; /* of address space, all of it cut into slots */
    size_t table_bytes;
};
bool gor__stacks_arena(uint32_t number, struct gor__stacks_span *out_span);

/* Ask the kernel, some tenths of a millisecond long, what memory each of these stacks has, and from where on
 * (`lowest`, if it has any). 0, or the kernel's error, at which it ends. */
int gor__stacks_ask(const struct gor__stacks_span *span,
                    void (*visit)(void *arg, struct gor__stack *stack, uint64_t resident_bytes,
                                  const char *lowest),
                    void *arg);

/* The stack in whose slot this address lies; NULL: in none. Any thread, also in a handler of signals. */
struct gor__stack *gor__stack_at(const void *address);

struct gor__stacks_stats {
    uint64_t reserved_bytes;
    uint64_t made;
    uint64_t cached; /* free, and warm */
    uint64_t empty;  /* free, and their memory given back */
};

/* Stacks that have memory. Any thread. */
uint64_t gor__stacks_warm(void);

/* Of them, those that the ceiling had memory for when they got it. While it has none this only sinks. Any
 * thread. */
uint64_t gor__stacks_warm_within(void);

/* The most stacks of a class there can be at a time, if no other is wanted. */
uint64_t gor__stacks_most(int class);

/* Any thread. */
void gor__stacks_stats(struct gor__stacks_stats *out_stats);

/* Unmap everything; no goroutine may exist. */
void gor__stacks_fini(void);

#endif
