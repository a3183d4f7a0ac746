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
 * Beside its page a stack costs a record of 16 bytes: where its top is and of which class it is, which
 * tell where it begins; and either whose it is or, while it is nobody's, the next free one. All of what
 * is wanted of one that hibernates only is kept by its goroutine (cold.h).
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
    GOR__STACK_CLASSES = 9,
    GOR__ARENA_BYTES = 256 << 20,
    GOR__ARENAS_MAX = 65536, /* 16 TiB of address space */
    GOR__STACKS_LOCAL_MAX = 256,
};

/* What others than stacks.c may want has a function below; `cold` and `patience` are cold.c's. */
struct gor__stack {
    uint32_t place;      /* of its top, plus the class and 1; 0: it is not prepared */
    uint16_t place_high; /* what is above 32 bits, of 48 */
    uint8_t cold;        /* enum gor__cold; atomic */
    uint8_t patience;    /* doublings of the time before it hibernates; atomic, relaxed */
    uintptr_t owner;     /* a G, or the next free stack with GOR__STACK_...; 0: none; atomic */
#if GOR__HAS_FIBERS
    struct gor__fiber fiber;
#endif
};

/* Bits of gor__stack.owner, either of which says that it belongs to nobody. */
enum {
    GOR__STACK_FREE = 1,
    GOR__STACK_CLEAN = 2, /* nobody has used it since its memory came from the kernel */
    GOR__STACK_NOBODYS = GOR__STACK_FREE | GOR__STACK_CLEAN,
};
enum { GOR__STACK_ALIGNED = 64 }; /* tops are, and so have room for the class */

#if !GOR__HAS_FIBERS
_Static_assert(sizeof(struct gor__stack) == 16, "a byte more costs a million goroutines 8 MB");
#endif

/* These are as good as fields, also for whoever is hidden from the sanitizers. */
#define GOR__STACK_FIELD static inline __attribute__((always_inline))

/* The size of each class. */
extern const uint32_t gor__stack_kib[GOR__STACK_CLASSES] __attribute__((visibility("hidden")));

GOR__STACK_FIELD size_t gor__stack_class_bytes(int class)
{
    return (size_t)gor__stack_kib[class] << 10;
}

GOR__STACK_FIELD char *gor__stack_top(const struct gor__stack *stack)
{
    uint64_t place = (uint64_t)stack->place_high << 32 | stack->place;
    return (char *)(uintptr_t)(place & ~(uint64_t)(GOR__STACK_ALIGNED - 1));
}

GOR__STACK_FIELD int gor__stack_class_of(const struct gor__stack *stack)
{
    return (int)(stack->place % GOR__STACK_ALIGNED) - 1;
}

/* Where its slot ends, and the next one begins: the colour takes less than a page from it. */
GOR__STACK_FIELD char *gor__stack_end(const struct gor__stack *stack)
{
    return (char *)(((uintptr_t)gor__stack_top(stack) + 4095) & ~(uintptr_t)4095);
}

/* Where its guard begins. */
GOR__STACK_FIELD char *gor__stack_low(const struct gor__stack *stack)
{
    return gor__stack_end(stack) - gor__stack_class_bytes(gor__stack_class_of(stack));
}

/* It lies below `top`, which is less than a page from the end of its slot. Release: pairs with
 * gor__stack_at. */
static inline void gor__stack_place(struct gor__stack *stack, const char *top, int class)
{
    uintptr_t place = (uintptr_t)top + (uintptr_t) class + 1;
    stack->place_high = (uint16_t)(place >> 32);
    __atomic_store_n(&stack->place, (uint32_t)place, __ATOMIC_RELEASE);
}

/* Whose it is; NULL: nobody's. */
GOR__STACK_FIELD struct gor__g *gor__stack_g(const struct gor__stack *stack)
{
    uintptr_t owner = __atomic_load_n(&stack->owner, __ATOMIC_ACQUIRE);
    return (owner & GOR__STACK_NOBODYS) == 0 ? (struct gor__g *)owner : NULL;
}

/* NULL: nobody's, and on no list. */
static inline void gor__stack_give(struct gor__stack *stack, struct gor__g *g)
{
    __atomic_store_n(&stack->owner, (uintptr_t)g, __ATOMIC_RELAXED);
}

/* For whoever has taken it off a list, and has not given it to anybody. */
static inline bool gor__stack_is_clean(const struct gor__stack *stack)
{
    return (__atomic_load_n(&stack->owner, __ATOMIC_RELAXED) & GOR__STACK_CLEAN) != 0;
}

/* NULL where there are none. */
GOR__STACK_FIELD struct gor__fiber *gor__stack_fiber(struct gor__stack *stack)
{
#if GOR__HAS_FIBERS
    return &stack->fiber;
#else
    (void)stack;
    return NULL;
#endif
}

static inline struct iovec gor__stack_part(char *from, char *to)
{
    return (struct iovec){from, to > from ? (size_t)(to - from) : 0};
}

/* The page that the address lies in. */
static inline char *gor__stack_page(const char *address)
{
    return (char *)((uintptr_t)address & ~((uintptr_t)gor__memory_page() - 1));
}

/* The lowest address that can be read and written: a stack pointer may be below it, in code that has
 * made its frame and touched nothing of it yet. */
static inline uintptr_t gor__stack_floor(const struct gor__stack *stack)
{
    return (uintptr_t)gor__stack_low(stack) + gor__memory_page();
}

/* Free stacks, last in first out. */
struct gor__stack_list {
    struct gor__stack *first;
    uint32_t count; /* atomic for readers */
    uint32_t least; /* `count` has been since the last look at what is idle; see idle_stacks.h */
    bool ran_out;   /* of a P's: the last one was taken since gor__stacks_restock */
};

/* The smallest class whose stacks have at least `bytes`; -EINVAL when there is none. */
int gor__stack_class(size_t bytes);

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
    size_t
        bytes; /* of address space: slots, and less than one of them that is left behind the last */
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
