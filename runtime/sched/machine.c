/* SPDX-License-Identifier: MIT */
/* machine.c - the threads that run goroutines. They are made when a P has work and no thread, and
 * stay until the runtime stops: there are never many more than Ps. */
#include "runtime/sched/machine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/thread.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/sched.h"

__thread struct gor__m *gor__tls_m __attribute__((tls_model("initial-exec")));

static void *machine_main(void *arg)
{
    struct gor__m *m = arg;
    gor__tls_m = m;
    m->errno_address = &errno;
    gor__fiber_init_thread(&m->fiber);
    gor__fault_thread_init(m);
    gor__schedule(m);
    gor__fault_thread_fini(m);
    gor__tls_m = NULL;
    return NULL;
}

/* Blocked is all but what a goroutine's own faults and profilers raise. */
static int create_thread(struct gor__m *m)
{
    sigset_t blocked;
    char name[16];
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGPROF);
    (void)snprintf(name, sizeof name, "gor-m%u", m->id);
    return gor__thread_start(&m->thread, &blocked, name, machine_main, m);
}

int gor__machine_start(struct gor__p *p, bool spinning)
{
    struct gor__m *m = gor__memory_reserve(sizeof *m, 1);
    if (m == NULL) {
        goto give_back_proc;
    }
    gor__random_seed(&m->random, (uint64_t)gor_now() ^ (uintptr_t)m);
    m->p = p;
    m->spinning = spinning;
    gor__mutex_lock(&gor__sched.lock);
    int error = -ECANCELED;
    if (!gor__sched.stopping) {
        m->id = gor__sched.machine_count;
        __atomic_store_n(&gor__sched.machine_count, m->id + 1, __ATOMIC_RELAXED);
        m->next = gor__sched.machines;
        gor__sched.machines = m;
        error = create_thread(m);
    }
    if (error < 0 && gor__sched.machines == m) {
        gor__sched.machines = m->next;
        __atomic_store_n(&gor__sched.machine_count, m->id, __ATOMIC_RELAXED);
    }
    gor__mutex_unlock(&gor__sched.lock);
    if (error == 0) {
        return 0;
    }
    gor__memory_release(m, sizeof *m);
give_back_proc:
    gor__mutex_lock(&gor__sched.lock);
    gor__idle_put_proc(p);
    gor__mutex_unlock(&gor__sched.lock);
    return -EAGAIN;
}

void gor__machine_sleep(struct gor__m *m)
{
    while (__atomic_load_n(&m->wake, __ATOMIC_ACQUIRE) == 0) {
        (void)gor__futex_wait(&m->wake, 0, GOR_NEVER);
    }
    __atomic_store_n(&m->wake, 0, __ATOMIC_RELAXED);
}

void gor__machine_wake(struct gor__m *m)
{
    __atomic_add_fetch(&gor__sched.wakeups, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&m->wake, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&m->wake, 1);
}
