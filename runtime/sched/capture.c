/* SPDX-License-Identifier: MIT */
/* capture.c - see capture.h. Holding the thread until its stack was followed was rejected: it may hold
 * a lock that whoever follows wants. So what is needed of the stack is copied. */
#include "runtime/sched/capture.h"

#include "runtime/base/futex.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/machine.h"
#include "runtime/sched/preempt.h"

/* Release: pairs with the exchange of the handler. */
static void push(struct gor__m *m, struct gor__capture *capture)
{
    capture->next = __atomic_load_n(&m->captures, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&m->captures, &capture->next, capture, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

bool gor__capture_ask(struct gor__m *m, struct gor__capture *capture)
{
    if (__atomic_load_n(&m->preempt_timer, __ATOMIC_RELAXED) == -1) {
        return false;
    }
    push(m, capture);
    gor__preempt_send(m);
    return true;
}

bool gor__capture_take_back(struct gor__m *m, struct gor__capture *capture)
{
    bool found = false;
    bool others = false;
    struct gor__capture *all = __atomic_exchange_n(&m->captures, NULL, __ATOMIC_ACQUIRE);
    while (all != NULL) {
        struct gor__capture *next = all->next;
        if (all == capture) {
            found = true;
        } else {
            push(m, all);
            others = true;
        }
        all = next;
    }
    if (others) {
        /* The signal may have come while they were not to be seen. */
        gor__preempt_send(m);
    }
    return found;
}

/* Word by word: AddressSanitizer would see memcpy run over what lies between variables. */
__attribute__((noinline, no_sanitize_address, no_sanitize_thread)) static void
copy_stack(struct gor__capture *capture, const struct gor__stack *stack)
{
    uintptr_t sp = capture->registers.sp;
    size_t bytes = (uintptr_t)gor__stack_top(stack) - sp;
    bytes = bytes < GOR__CAPTURE_BYTES ? bytes : GOR__CAPTURE_BYTES;
    volatile uintptr_t *to = (volatile uintptr_t *)capture->stack;
    const volatile uintptr_t *from = (const volatile uintptr_t *)sp;
    for (size_t i = 0; i < bytes / sizeof *to; i++) {
        to[i] = from[i];
    }
    capture->bytes = bytes / sizeof *to * sizeof *to;
    capture->top = (uintptr_t)gor__stack_top(stack);
}

static void answer(const struct gor__g *g, const ucontext_t *context, struct gor__capture *capture)
{
    capture->registers = gor__registers_of(context);
    uintptr_t sp = capture->registers.sp;
    if (g != NULL && g->stack != NULL && sp % sizeof sp == 0 && sp >= gor__stack_floor(g->stack) &&
        sp < (uintptr_t)gor__stack_top(g->stack)) {
        capture->id = g->id;
        copy_stack(capture, g->stack);
    }
    __atomic_store_n(&capture->done, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&capture->done, 1);
}

void gor__capture_answer(struct gor__m *m, const ucontext_t *context)
{
    struct gor__capture *capture = __atomic_exchange_n(&m->captures, NULL, __ATOMIC_ACQUIRE);
    while (capture != NULL) {
        /* Once it is done it is its asker's again. */
        struct gor__capture *next = capture->next;
        answer(m->g, context, capture);
        capture = next;
    }
}
