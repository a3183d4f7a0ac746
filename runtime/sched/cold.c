/* SPDX-License-Identifier: MIT */
/* cold.c - see cold.h.
 *
 * A flag that every waker and every lender of memory would have to look at was rejected: they are many,
 * and most of them are the user's own code. The processor looks instead. */
#include "runtime/sched/cold.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/evict.h"
#include "runtime/cpu/memory.h"
#include "runtime/cpu/valgrind.h"
#include "runtime/sched/cells.h"
#include "runtime/sched/claim.h"
#include "runtime/sched/hibernate.h"
#include "runtime/sched/sched.h"

enum {
    WORD = sizeof(uint64_t),
    PATIENCE_MAX = 16, /* doublings */
    SHORT_SLEEPS = 4,  /* one that did not last so many times what was waited for came too soon */
    PINS = 1024,
};

static struct {
    bool in_child;        /* this process was forked off that of the runtime */
    bool counts_children; /* for ever */
    uint32_t transitions; /* futex: times that freezing or thawing was over; atomic */
    uint32_t waiters;     /* for that; atomic, as is all that follows */
    uint64_t frozen;
    uint64_t frozen_bytes;
    uint64_t freezes;
    uint64_t thaws;
    uint64_t stray_thaws;
} cold;

bool gor__cold_used;

/* System calls that work on stacks, counted by where the record of the stack is: who shares a count with one
 * that is pinned stays warm as well, meanwhile. Atomic. */
static uint32_t pins[PINS];

/* The last fault of this thread that was no more when it was looked at. */
static __thread struct {
    const void *address;
    uint32_t transitions;
} settled __attribute__((tls_model("initial-exec")));

static void note_child(void)
{
    cold.in_child = true;
}

int gor__cold_init(void)
{
    if (RUNNING_ON_VALGRIND) {
        return -ENOTSUP;
    }
    int error = gor__evict_init();
    cold.in_child = false;
    if (error == 0 && !cold.counts_children) {
        error = -pthread_atfork(NULL, NULL, note_child);
        cold.counts_children = error == 0;
    }
    __atomic_store_n(&gor__cold_used, error == 0, __ATOMIC_SEQ_CST);
    return error;
}

void gor__cold_fini(void)
{
    bool counts_children = cold.counts_children;
    gor__evict_fini();
    gor__cells_fini();
    gor__cold_used = false;
    memset(&cold, 0, sizeof cold);
    cold.counts_children = counts_children;
}

/* ---- states */

void gor__cold_tell_waiters(void)
{
    (void)__atomic_fetch_add(&cold.transitions, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&cold.waiters, __ATOMIC_SEQ_CST) != 0) {
        gor__futex_wake(&cold.transitions, INT32_MAX);
    }
}

static bool is_changing(const struct gor__stack *stack)
{
    enum gor__cold state = gor__cold_state(stack);
    return state == GOR__FREEZING || state == GOR__THAWING;
}

static void wait_for_change(const struct gor__stack *stack)
{
    (void)__atomic_add_fetch(&cold.waiters, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        uint32_t seen = __atomic_load_n(&cold.transitions, __ATOMIC_SEQ_CST);
        if (!is_changing(stack)) {
            break;
        }
        (void)gor__futex_wait(&cold.transitions, seen, GOR_NEVER);
    }
    (void)__atomic_sub_fetch(&cold.waiters, 1, __ATOMIC_SEQ_CST);
}

void gor__cold_count(size_t bytes)
{
    (void)__atomic_add_fetch(&cold.frozen, 1, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&cold.frozen_bytes, bytes, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&cold.freezes, 1, __ATOMIC_RELAXED);
}

/* ---- thawing */

/* Word by word, for the sanitizers would take a memcpy of another's frames for an overflow. */
GOR__RACY_BY_DESIGN void gor__cold_copy(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes / WORD; i++) {
        ((volatile uint64_t *)(void *)to)[i] = ((const volatile uint64_t *)(const void *)from)[i];
    }
}

int gor__cold_put_back(const struct gor__stack *stack, const char *cell, const char *sp)
{
    struct iovec pages = gor__stack_part(gor__stack_page(sp), gor__stack_end(stack));
    return gor__evict_put(&pages, cell - (sp - (char *)pages.iov_base));
}

void gor__cold_die(int error)
{
    gor__die(
        "cannot bring back the stack of a goroutine that hibernates: error %d, most likely for "
        "want of memory; let fewer hibernate, or allow the process more",
        -error);
}

/* There is nobody else in a child, and what others were about to do in the parent never ends here. */
static int thaw_in_child(struct gor__stack *stack, const char *cell, size_t bytes)
{
    struct iovec pages =
        gor__stack_part(gor__stack_low(stack) + gor__memory_page(), gor__stack_end(stack));
    int error = gor__evict_clear_in_child(&pages);
    if (error == 0) {
        gor__cold_copy(gor__stack_top(stack) - bytes, cell, bytes);
    }
    return error;
}

GOR__RACY_BY_DESIGN struct gor__kept gor__cold_kept(const struct gor__stack *stack)
{
    struct gor__kept kept = {NULL, 0};
    const struct gor__g *g = gor__stack_g(stack);
    if (g != NULL) {
        const char *sp = __atomic_load_n((char *const *)&g->context.sp, __ATOMIC_RELAXED);
        const char *top = gor__stack_top(stack);
        kept.cell = __atomic_load_n(&g->cell, __ATOMIC_ACQUIRE);
        kept.bytes = kept.cell != NULL && sp < top ? (size_t)(top - sp) : 0;
    }
    return kept;
}

/* It is THAWING, by the caller. */
static void thaw(struct gor__stack *stack)
{
    struct gor__kept kept = gor__cold_kept(stack);
    char *sp = gor__stack_top(stack) - kept.bytes;
    int error = cold.in_child ? thaw_in_child(stack, kept.cell, kept.bytes)
                              : gor__cold_put_back(stack, kept.cell, sp);
    if (error < 0) {
        gor__cold_die(error);
    }
    gor__cold_set(stack, GOR__WARM);
    gor__cold_tell_waiters();
    if (!cold.in_child) {
        gor__cell_give_back(kept.cell);
    }
    (void)__atomic_sub_fetch(&cold.frozen, 1, __ATOMIC_RELAXED);
    (void)__atomic_sub_fetch(&cold.frozen_bytes, kept.bytes, __ATOMIC_RELAXED);
}

/* Once this returns it is warm, until somebody claims its goroutine. True: by this call. */
static bool warm_up(struct gor__stack *stack)
{
    for (;;) {
        uint8_t state = (uint8_t)gor__cold_state(stack);
        if (state == GOR__WARM) {
            return false;
        }
        if (state != GOR__FROZEN && !cold.in_child) {
            wait_for_change(stack);
        } else if (__atomic_compare_exchange_n(&stack->cold, &state, GOR__THAWING, false,
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            thaw(stack);
            return true;
        }
    }
}

/* What was brought back too soon is left alone for twice as long. */
static void set_patience(struct gor__stack *stack, bool more)
{
    uint8_t patience = __atomic_load_n(&stack->patience, __ATOMIC_RELAXED);
    if (more && patience < PATIENCE_MAX) {
        patience++;
    } else if (!more && patience > 0) {
        patience--;
    }
    __atomic_store_n(&stack->patience, patience, __ATOMIC_RELAXED);
}

unsigned gor__cold_patience(const struct gor__stack *stack)
{
    return __atomic_load_n(&stack->patience, __ATOMIC_RELAXED);
}

static bool came_too_soon(const struct gor__g *g, const struct gor__stack *stack)
{
    int64_t waited = gor__coarse_now() - g->waiting_since;
    return waited / SHORT_SLEEPS >> gor__cold_patience(stack) < gor__hibernate_after();
}

void gor__cold_resume(struct gor__g *g)
{
    struct gor__stack *stack = __atomic_load_n(&g->stack, __ATOMIC_RELAXED);
    if (warm_up(stack)) {
        (void)__atomic_add_fetch(&cold.thaws, 1, __ATOMIC_RELAXED);
    }
    set_patience(stack, came_too_soon(g, stack));
    gor__g_clear_flag(g, GOR__G_COLD);
}

void gor__cold_warm(struct gor__g *g)
{
    if (warm_up(__atomic_load_n(&g->stack, __ATOMIC_RELAXED))) {
        (void)__atomic_add_fetch(&cold.thaws, 1, __ATOMIC_RELAXED);
    }
}

/* A thread that was stopped meanwhile would keep others from going on, and they it from having a P. */
static void thaw_for_another(struct gor__stack *stack)
{
    sigset_t all;
    sigset_t former;
    if (gor__cold_state(stack) == GOR__WARM) {
        return;
    }
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &former);
    if (warm_up(stack)) {
        (void)__atomic_add_fetch(&cold.stray_thaws, 1, __ATOMIC_RELAXED);
        set_patience(stack, true);
    }
    (void)pthread_sigmask(SIG_SETMASK, &former, NULL);
}

/* It was warm after `transitions` were counted, so somebody has been faster; unless we were here before,
 * and nothing has changed since. */
static bool may_be_settled(const void *address, uint32_t transitions)
{
    if (settled.address == address && settled.transitions == transitions) {
        return false;
    }
    settled.address = address;
    settled.transitions = transitions;
    return true;
}

static bool mend(const void *address)
{
    struct gor__stack *stack = gor__stack_at(address);
    if (stack == NULL || (const char *)address < gor__stack_low(stack) + gor__memory_page()) {
        return false;
    }
    uint32_t transitions = __atomic_load_n(&cold.transitions, __ATOMIC_SEQ_CST);
    if (gor__cold_state(stack) == GOR__WARM) {
        return may_be_settled(address, transitions);
    }
    thaw_for_another(stack);
    return true;
}

bool gor__cold_fault(const void *address)
{
    int error = errno;
    bool mended = __atomic_load_n(&gor__cold_used, __ATOMIC_RELAXED) && mend(address);
    errno = error;
    return mended;
}

__attribute__((used)) bool gor__cold_show(struct gor__stack *stack)
{
    /* Else this would wait for one that does not go on. */
    if (gor__cold_state(stack) == GOR__FROZEN) {
        thaw_for_another(stack);
    }
    return gor__cold_state(stack) == GOR__WARM;
}

/* ---- reading */

GOR__RACY_BY_DESIGN static void copy_bytes(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        ((volatile char *)to)[i] = ((const volatile char *)from)[i];
    }
}

/* While it is on its way, too: the cell is filled before the pages go, and given back after they have come. */
GOR__RACY_BY_DESIGN static bool is_in_cell(const struct gor__stack *stack,
                                           struct gor__kept *out_kept)
{
    if (gor__cold_state(stack) == GOR__WARM) {
        return false;
    }
    *out_kept = gor__cold_kept(stack);
    /* Of another use of the record it may be more than a cell. */
    return out_kept->cell != NULL && out_kept->bytes <= GOR__CELL_MAX;
}

/* What it reads is checked after, and may be another use's of the record by then. */
GOR__RACY_BY_DESIGN size_t gor__cold_read(const struct gor__stack *stack, uintptr_t address,
                                          void *to, size_t bytes)
{
    struct gor__kept kept;
    struct gor__kept now;
    if (!is_in_cell(stack, &kept)) {
        return 0;
    }
    uintptr_t top = (uintptr_t)gor__stack_top(stack);
    if (address >= top || address < top - kept.bytes) {
        return 0;
    }
    bytes = bytes < top - address ? bytes : top - address;
    copy_bytes(to, kept.cell + (address - (top - kept.bytes)), bytes);
    gor__fence();
    /* Cells are never unmapped, and one that was given back has another one's bytes. */
    bool still = is_in_cell(stack, &now) && now.cell == kept.cell && now.bytes == kept.bytes;
    return still ? bytes : 0;
}

/* ---- for the kernel */

static struct gor__stack *foreign_stack(const void *memory)
{
    const struct gor__g *self = gor__g_self();
    struct gor__stack *stack = gor__stack_at(memory);
    return self == NULL || self->stack != stack ? stack : NULL;
}

static uint32_t *pins_of(const struct gor__stack *stack)
{
    return &pins[(uintptr_t)stack / sizeof *stack % PINS];
}

bool gor__cold_is_pinned(const struct gor__stack *stack)
{
    return __atomic_load_n(pins_of(stack), __ATOMIC_SEQ_CST) != 0;
}

bool gor__cold_pin(const void *memory)
{
    struct gor__stack *stack = foreign_stack(memory);
    if (stack != NULL) {
        (void)__atomic_add_fetch(pins_of(stack), 1, __ATOMIC_SEQ_CST);
        thaw_for_another(stack);
    }
    return stack != NULL;
}

void gor__cold_unpin(const void *memory)
{
    struct gor__stack *stack = foreign_stack(memory);
    if (stack != NULL) {
        (void)__atomic_sub_fetch(pins_of(stack), 1, __ATOMIC_SEQ_CST);
    }
}

/* ---- statistics */

static uint64_t counted(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void gor__cold_stats(struct gor__cold_stats *out_stats)
{
    *out_stats = (struct gor__cold_stats){
        .frozen = counted(&cold.frozen),
        .frozen_bytes = counted(&cold.frozen_bytes),
        .cell_bytes = gor__cells_memory(),
        .freezes = counted(&cold.freezes),
        .thaws = counted(&cold.thaws),
        .stray_thaws = counted(&cold.stray_thaws),
    };
}
