/* SPDX-License-Identifier: MIT */
/* fault.c - a goroutine that runs into the guard page of its stack is reported by name; one that runs into
 * the stack of another that hibernates brings it back.
 *
 * Every M has a signal stack, since the goroutine's own is used up. Faults elsewhere go to whatever
 * handler was there before us.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cpu/memory.h"
#include "runtime/sched/cold.h"
#include "runtime/sched/overflow.h"
#include "runtime/sched/panic.h"
#include "runtime/sched/sched.h"

enum { SIGNAL_STACK = GOR__SIGNAL_STACK_BYTES, NEAR = 65536 };

static const int fault_signals[2] = {SIGSEGV, SIGBUS};
static struct sigaction former[2];

/* The fault lies in the guard of the stack of `g`, or within a large frame below it. */
static bool is_overflow(const struct gor__g *g, const char *address)
{
    return g != NULL && g->stack != NULL &&
           address < gor__stack_low(g->stack) + gor__memory_page() &&
           address >= gor__stack_low(g->stack) - NEAR;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    struct gor__m *m = gor__m_self();
    struct sigaction *before = &former[signal == fault_signals[0] ? 0 : 1];
    if (info->si_code > 0 && gor__cold_fault(info->si_addr)) {
        return;
    }
    if (m != NULL && is_overflow(m->g, info->si_addr)) {
        gor__overflow_rescue(m, context);
        return;
    }
    if ((before->sa_flags & SA_SIGINFO) != 0 && before->sa_sigaction != NULL) {
        before->sa_sigaction(signal, info, context);
        return;
    }
    if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
        before->sa_handler(signal);
        return;
    }
    /* Let it happen again without us; what was sent by kill must be sent again for that. */
    (void)sigaction(signal, before, NULL);
    if (info->si_code <= 0) {
        (void)raise(signal);
    }
}

void gor__fault_init(void)
{
    struct sigaction action;
    gor__overflow_init();
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 2; i++) {
        (void)sigaction(fault_signals[i], &action, &former[i]);
    }
}

void gor__fault_fini(void)
{
    for (int i = 0; i < 2; i++) {
        struct sigaction now;
        /* A handler that was installed after ours is not ours to replace. */
        if (sigaction(fault_signals[i], NULL, &now) == 0 && now.sa_sigaction == on_fault) {
            (void)sigaction(fault_signals[i], &former[i], NULL);
        }
    }
    gor__overflow_fini();
    gor__panics_fini();
}

void gor__fault_thread_init(struct gor__m *m)
{
    stack_t stack = {.ss_size = SIGNAL_STACK};
    m->signal_stack = gor__memory_reserve(SIGNAL_STACK, 1);
    stack.ss_sp = m->signal_stack;
    if (stack.ss_sp != NULL) {
        (void)sigaltstack(&stack, NULL);
    }
}

void gor__fault_thread_fini(struct gor__m *m)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    if (m->signal_stack != NULL) {
        (void)sigaltstack(&none, NULL);
        gor__memory_release(m->signal_stack, SIGNAL_STACK);
        m->signal_stack = NULL;
    }
}
