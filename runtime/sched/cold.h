/* SPDX-License-Identifier: MIT */
/* cold.h - stacks that hibernate: what a goroutine that waits needs of its stack lies in a dense cell
 * (cells.h), and nothing at the stack's own address. Whoever touches that brings it back, by a fault.
 *
 *     warm ─→ freezing ─→ frozen ─→ thawing ─→ warm          struct gor__stack.cold
 *
 *     freezing   claimed (claim.h), and kept from being written to; who writes waits
 *     frozen     g->cell holds what is between the stored stack pointer of its goroutine and its top; any
 *                access to the pages of that faults
 *     thawing    as frozen, and who faults waits
 *
 * Debuggers find the bytes there too. What is below the stack pointer is nobody's, and dropped.
 * A goroutine whose stack was frozen carries GOR__G_COLD until it goes on; its stack may have been
 * brought back before, by somebody it had lent some of it.
 *
 * Threads     whoever freezes holds the claims. Thawing takes no lock and may happen anywhere, under any
 *             lock of the runtime, also in the handler of the fault (fault.c); so what freezing waits
 *             for is the kernel only. Nobody is stopped while he thaws: he is inside, or has blocked
 *             the signals, for others wait for him with their Ps.
 */
#ifndef GOR_SCHED_COLD_H
#define GOR_SCHED_COLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/assert.h"
#include "runtime/sched/goroutine.h"

enum gor__cold { GOR__WARM, GOR__FREEZING, GOR__FROZEN, GOR__THAWING };

/* Whether anything may be frozen; atomic. */
extern bool gor__cold_used __attribute__((visibility("hidden")));

/* Before anything freezes, which nobody else may do meanwhile. 0, or why nothing can be: see
 * gor__evict_init; -ENOTSUP under valgrind. fini: when nothing runs. */
int gor__cold_init(void);
void gor__cold_fini(void);

/* `g` goes on: bring its stack back, if nobody has, and note how long it was away. Inside. */
void gor__cold_resume(struct gor__g *g);

/* The value of a waiter whose goroutine waits is about to be touched: bringing its stack back first is
 * cheaper than a fault. Inside. */
void gor__cold_warm(struct gor__g *g);
static inline void gor__cold_expect(const struct gor__waiter *waiter)
{
    if (GOR_UNLIKELY(gor__g_has_flag(waiter->g, GOR__G_COLD)) && waiter->elem != NULL) {
        gor__cold_warm(waiter->g);
    }
}

/* In the handler of a fault: bring back the stack that `address` lies in; false: the fault has another
 * cause. */
bool gor__cold_fault(const void *address);

/* Copy what stands at `address` on a stack that is not warm, up to its top, without bringing it back: how many
 * bytes. 0: it is warm, or its pages are there still; or it has become so. Any thread. */
size_t gor__cold_read(const struct gor__stack *stack, uintptr_t address, void *to, size_t bytes);

/* For a debugger, which has a thread of the halted program call this: bring back the stack, if it is frozen.
 * Whether it is warm: if not, somebody who is halted too is in the middle of a change. */
bool gor__cold_show(struct gor__stack *stack);

/* ---- memory that the kernel is about to read or write, which it does not do by faults of ours */

/* If `memory` lies on the stack of another than the caller: bring that back, and keep it from being
 * frozen until gor__cold_unpin, which must follow for the same address if this is true. It may follow
 * in any case, if the caller is the same. Outside; see io/lend.h. */
bool gor__cold_pin(const void *memory);
void gor__cold_unpin(const void *memory);

/* ---- for whoever freezes; see freeze.h */

static inline enum gor__cold gor__cold_state(const struct gor__stack *stack)
{
    return (enum gor__cold)__atomic_load_n(&stack->cold, __ATOMIC_SEQ_CST);
}

static inline void gor__cold_set(struct gor__stack *stack, enum gor__cold state)
{
    __atomic_store_n(&stack->cold, (uint8_t)state, __ATOMIC_SEQ_CST);
}

/* What is in the cell of a stack that is not warm; nothing before it is filled (freeze.c). Whoever has nobody keep the
 * stack as it is looks at its state afterwards. */
struct gor__kept {
    char *cell;
    size_t bytes; /* below the top */
};
struct gor__kept gor__cold_kept(const struct gor__stack *stack);

/* Whether a system call may be working on it. Sequential. */
bool gor__cold_is_pinned(const struct gor__stack *stack);

/* After stacks have become frozen or warm. Sequential: either we see who waits, or he the state. */
void gor__cold_tell_waiters(void);

/* One more is frozen, of which so much is kept. */
void gor__cold_count(size_t bytes);

/* Whole words, of anybody's frames. */
void gor__cold_copy(char *to, const char *from, size_t bytes);

/* The bytes of the cell where they belong, from `sp` to the top, within pages that are gone. What stands
 * before and behind the cell comes along, where it is nobody's. */
int gor__cold_put_back(const struct gor__stack *stack, const char *cell, const char *sp);
void gor__cold_die(int error) __attribute__((noreturn));

/* ---- statistics; any thread */

struct gor__cold_stats {
    uint64_t frozen;       /* now */
    uint64_t frozen_bytes; /* of their stacks, in cells */
    uint64_t cell_bytes;   /* memory of the cells, with those that are free */
    uint64_t freezes;      /* in all */
    uint64_t thaws;        /* by going on */
    uint64_t stray_thaws;  /* by somebody else */
};
void gor__cold_stats(struct gor__cold_stats *out_stats);

/* How often the time a goroutine waits before it hibernates is doubled, for those on this stack have been
 * wanted back soon. */
unsigned gor__cold_patience(const struct gor__stack *stack);

#endif
