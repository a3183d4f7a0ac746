/* SPDX-License-Identifier: MIT */
/* freeze.c - see freeze.h.
 *
 * Locking each stack by itself was rejected: that is three changes of the process's map for each, six
 * times the cost of all the rest. Goroutines that wait for long mostly lie side by side. */
#include "runtime/sched/freeze.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/evict.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/cells.h"
#include "runtime/sched/claim.h"
#include "runtime/sched/cold.h"
#include "runtime/sched/stacks.h"

enum {
    WORD = sizeof(uint64_t),
    GAIN_MIN = 512, /* bytes; below it is not worth a fault */
};
_Static_assert((int)GOR__CLAIMS_MAX <= (int)GOR__RANGES_MAX, "a run is dropped in one call");

static struct {
    struct gor__mutex lock; /* one freezes at a time; guards what follows, and the cells */
    uint32_t watched;       /* arenas */
    int error;              /* of that; atomic for readers */
} freezer;

int gor__freeze_error(void)
{
    return __atomic_load_n(&freezer.error, __ATOMIC_RELAXED);
}

void gor__freeze_fini(void)
{
    gor__cells_fini();
    memset(&freezer, 0, sizeof freezer);
}

/* From the page of the stack pointer to the end of the slot. */
static struct iovec live_pages(const struct gor__stack *stack, const char *sp)
{
    return gor__stack_part(gor__stack_page(sp), gor__stack_end(stack));
}

/* Below those, but for the guard. */
static struct iovec dead_pages(const struct gor__stack *stack, const char *sp)
{
    return gor__stack_part(gor__stack_low(stack) + gor__memory_page(), gor__stack_page(sp));
}

static size_t live_bytes(const struct gor__stack *stack, const char *sp)
{
    return (size_t)(gor__stack_top(stack) - sp);
}

bool gor__freeze_fits(const struct gor__claim *claim)
{
    size_t bytes = live_bytes(claim->stack, claim->sp);
    return bytes <= GOR__CELL_MAX && (uintptr_t)claim->sp % WORD == 0 &&
           live_pages(claim->stack, claim->sp).iov_len >= bytes + GAIN_MIN;
}

struct plan {
    struct gor__stack *stack;
    struct gor__g *g;
    char *sp;
    char *cell;
};

/* Where the kernel refuses, nothing can be put back, so nothing may be dropped: not any more. */
static bool watch_arenas(void)
{
    struct gor__stacks_span span;
    while (freezer.error == 0 && gor__stacks_arena(freezer.watched, &span)) {
        int error = gor__evict_watch(span.memory, GOR__ARENA_BYTES);
        __atomic_store_n(&freezer.error, error, __ATOMIC_RELAXED);
        freezer.watched++;
    }
    return freezer.error == 0;
}

/* Its cell goes back, and whoever waits is told at the end. */
static void cancel(const struct plan *plan)
{
    gor__cold_set(plan->stack, GOR__WARM);
    gor__cell_give_back(plan->cell);
}

static bool prepare(const struct gor__claim *claim, struct plan *plan)
{
    struct gor__stack *stack = claim->stack;
    if (!gor__freeze_fits(claim) || gor__cold_state(stack) != GOR__WARM) {
        return false;
    }
    *plan = (struct plan){stack, claim->g, claim->sp, gor__cell_take(live_bytes(stack, claim->sp))};
    if (plan->cell == NULL) {
        return false;
    }
    __atomic_store_n(&claim->g->cell, NULL, __ATOMIC_RELAXED);
    gor__cold_set(stack, GOR__FREEZING);
    /* Sequential: either we see who pins it, or he sees that it freezes. */
    if (!gor__cold_is_pinned(stack)) {
        return true;
    }
    cancel(plan);
    return false;
}

static void keep(const struct plan *plan)
{
    size_t bytes = live_bytes(plan->stack, plan->sp);
    gor__cold_copy(plan->cell, plan->sp, bytes);
    __atomic_store_n(&plan->g->cell, plan->cell, __ATOMIC_RELEASE);
}

static void note_frozen(const struct plan *plan)
{
    (void)__atomic_fetch_or(&plan->g->flags, GOR__G_COLD, __ATOMIC_RELEASE);
    gor__cold_set(plan->stack, GOR__FROZEN);
    gor__cold_count(live_bytes(plan->stack, plan->sp));
}

static int drop_live(const struct plan *plans, uint32_t count, const struct iovec *range)
{
    struct iovec pages[GOR__CLAIMS_MAX] = {{0}};
    for (uint32_t i = 0; i < count; i++) {
        pages[i] = live_pages(plans[i].stack, plans[i].sp);
    }
    return gor__evict_drop(range, pages, count);
}

static void discard_dead(const struct plan *plans, uint32_t count)
{
    struct iovec pages[GOR__CLAIMS_MAX] = {{0}};
    uint32_t ranges = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct iovec dead = dead_pages(plans[i].stack, plans[i].sp);
        if (dead.iov_len > 0) {
            pages[ranges++] = dead;
        }
    }
    if (ranges > 0) {
        gor__memory_discard(pages, ranges);
    }
}

/* All of them warm again, whatever has become of their pages. */
static void undo(const struct plan *plans, uint32_t count, const struct iovec *range)
{
    for (uint32_t i = 0; i < count; i++) {
        int error = gor__cold_put_back(plans[i].stack, plans[i].cell, plans[i].sp);
        if (error < 0) {
            gor__cold_die(error);
        }
    }
    gor__evict_unlock(range);
}

/* Memory may be had again. Anything else, as of memory that is locked by mlockall, stays as it is. */
static void note_error(int error)
{
    if (error != -ENOMEM && error != -EAGAIN) {
        __atomic_store_n(&freezer.error, error, __ATOMIC_RELAXED);
    }
}

/* Neighbours, whose memory is locked as a whole. How many were frozen. */
static uint32_t freeze_run(const struct plan *plans, uint32_t count)
{
    struct iovec range = gor__stack_part(gor__stack_low(plans[0].stack) + gor__memory_page(),
                                         gor__stack_end(plans[count - 1].stack));
    bool dropped = false;
    if (gor__evict_lock(&range) == 0) {
        for (uint32_t i = 0; i < count; i++) {
            keep(&plans[i]);
        }
        int error = drop_live(plans, count, &range);
        dropped = error == 0;
        if (!dropped) {
            note_error(error);
            undo(plans, count, &range);
        }
    }
    if (dropped) {
        discard_dead(plans, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (dropped) {
            note_frozen(&plans[i]);
        } else {
            cancel(&plans[i]);
        }
    }
    return dropped ? count : 0;
}

/* How many of them, from the first on, lie side by side. */
static uint32_t run_length(const struct plan *plans, uint32_t count)
{
    uint32_t length = 1;
    while (length < count &&
           gor__stack_low(plans[length].stack) == gor__stack_end(plans[length - 1].stack)) {
        length++;
    }
    return length;
}

uint32_t gor__freeze(const struct gor__claim *claims, uint32_t count)
{
    struct plan plans[GOR__CLAIMS_MAX];
    uint32_t planned = 0;
    uint32_t frozen = 0;
    GOR_ASSERT(count <= GOR__CLAIMS_MAX);
    gor__mutex_lock(&freezer.lock);
    gor__cells_collect();
    for (uint32_t i = 0; watch_arenas() && i < count; i++) {
        planned += prepare(&claims[i], &plans[planned]);
    }
    for (uint32_t done = 0; done < planned;) {
        uint32_t length = run_length(plans + done, planned - done);
        frozen += freeze_run(plans + done, length);
        done += length;
    }
    gor__cold_tell_waiters();
    gor__mutex_unlock(&freezer.lock);
    return frozen;
}
