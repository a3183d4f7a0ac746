/* SPDX-License-Identifier: MIT */
/* claim.h - keep goroutines that wait from going on, while somebody works on their stacks.
 *
 *     while (n < GOR__CLAIMS_MAX && ...) n += gor__claim_note(&claims[n], g);
 *     n = gor__claim(claims, n);       those of them that still wait; all fences in one system call
 *     ... the stack from claims[i].sp on is as the goroutine left it, what is below is nobody's ...
 *     gor__unclaim(claims, n);
 *
 * Whoever resumes a claimed goroutine waits, with its P, in gor__claim_pass. So a claim lasts for some
 * system calls, and its holder must not be stopped meanwhile: it is inside, or no M at all, and takes
 * no lock under which goroutines switch. It does not keep others from waking the goroutine, or from
 * writing to what the goroutine has lent them of its stack.
 *
 * The resumer pays a load of a word whose line it has: it counts the resumption, then looks for a claim;
 * the claimer marks, has the kernel fence every thread, then looks at the count. One sees the other.
 *
 * A holder may leave something to do for whoever resumes the goroutine: GOR__G_COLD, see cold.h.
 *
 * Threads     as said; a goroutine is claimed by one at a time, others are refused.
 */
#ifndef GOR_SCHED_CLAIM_H
#define GOR_SCHED_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/assert.h"
#include "runtime/base/lock.h"
#include "runtime/sched/goroutine.h"

enum { GOR__CLAIMS_MAX = 64 };

struct gor__claim {
    struct gor__g *g;
    struct gor__stack *stack;
    char *sp; /* as stored */
    uint32_t switches;
};

/* Note `g` as one to be claimed: false unless it waits, with its stack stored. Whatever else is read of
 * it after this counts if the claim holds. Any thread. */
bool gor__claim_note(struct gor__claim *out_claim, struct gor__g *g);

/* Claim what was noted, up to GOR__CLAIMS_MAX, and drop those that have gone on since, are claimed by
 * somebody else, or all if the kernel cannot fence threads. How many are left, in front. */
uint32_t gor__claim(struct gor__claim *list, uint32_t count);
void gor__unclaim(const struct gor__claim *list, uint32_t count);

/* Until nobody claims `g`; then bring its stack back, if it hibernates, and count it, if it is stamped
 * (latency.h). */
void gor__claim_wait(struct gor__g *g);

/* Count that `g`, which is RUNNING, is resumed, before anything it will do, to its stack above all; and
 * wait while it is claimed. */
static inline void gor__claim_pass(struct gor__g *g)
{
    __atomic_store_n(&g->switches, g->switches + 1, __ATOMIC_RELAXED);
    gor__store_fence();
    /* Acquire: pairs with gor__unclaim. */
    if (GOR_UNLIKELY((__atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) &
                      (GOR__G_CLAIMED | GOR__G_COLD | GOR__G_STAMPED)) != 0)) {
        gor__claim_wait(g);
    }
}

#endif
