/* SPDX-License-Identifier: MIT */
/* machine.c - the threads that run goroutines. They are made when a P has work and no thread: as many as
 * there are Ps, and one for each goroutine that is blocked in foreign code at the same time. Those that
 * are more than the Ps need end once they have slept for gor_opts.thread_idle_ns, see find.c. Go keeps
 * them; a service that was busy once would have the threads of that hour for ever.
 *
 * A thread of its own makes them, the maker, frees what the scheduler is done with, and looks after idle
 * stacks. Whoever holds a P must not: pthread_create takes malloc's locks, and a goroutine that was
 * stopped may hold one of those and wait for that very P. */
#include "runtime/sched/machine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/thread.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/asleep.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/idle_stacks.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/sampler.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/trace.h"
#include "runtime/sched/world.h"

__thread struct gor__m *gor__tls_m __attribute__((tls_model("initial-exec")));

/* Bits of gor__sched.wanted. */
enum {
    WANT_MACHINE = 1,
    WANT_FREE = 2,
    WANT_STOP = 4,
    WANT_LOOK = 8,
    WANT_ASLEEP = 16,
    WANT_FREE_ENDED = 32,
};

/* What the host does at the end of a thread may take long. */
#define LOOK_AGAIN_NS (5 * GOR_MILLISECOND)

/* Take a P if there is an idle one: whoever wanted this thread left the work to it. */
static void begin(struct gor__m *m)
{
    gor__mutex_lock(&gor__sched.lock);
    struct gor__p *p = gor__idle_take_proc();
    if (p != NULL) {
        gor__hold(m, p);
    }
    gor__mutex_unlock(&gor__sched.lock);
}

/* Under the lock. */
static void put_on_list(struct gor__m *m)
{
    m->next = gor__sched.machines;
    m->prev = NULL;
    if (m->next != NULL) {
        m->next->prev = m;
    }
    gor__sched.machines = m;
    gor__count_able(m, false);
    __atomic_store_n(&gor__sched.machine_count, gor__sched.machine_count + 1, __ATOMIC_RELAXED);
}

/* Under the lock. */
static void take_off_list(struct gor__m *m)
{
    if (m->next != NULL) {
        m->next->prev = m->prev;
    }
    if (m->prev != NULL) {
        m->prev->next = m->next;
    } else {
        gor__sched.machines = m->next;
    }
    if (gor__sched.away_cursor == m) {
        gor__sched.away_cursor = m->next;
    }
    gor__sched.able -= gor__is_able(m);
    __atomic_store_n(&gor__sched.machine_count, gor__sched.machine_count - 1, __ATOMIC_RELAXED);
}

static void want(uint32_t what)
{
    if (__atomic_fetch_or(&gor__sched.wanted, what, __ATOMIC_ACQ_REL) == 0) {
        gor__futex_wake(&gor__sched.wanted, 1);
    }
}

/* Before the list changes. Not while the world stands: who has stopped it may go through the list, and
 * without the lock, for its holder may be frozen. */
static void lock_list(void)
{
    gor__mutex_lock(&gor__sched.lock);
    while (gor__sched.world_stopped != 0) {
        gor__mutex_unlock(&gor__sched.lock);
        gor__world_await();
        gor__mutex_lock(&gor__sched.lock);
    }
}

/* For a thread that ends. False when the runtime stops: whoever stops it joins what is listed, and goes
 * through it without the lock. */
static bool unlist(struct gor__m *m)
{
    lock_list();
    bool may = !gor__sched.stopping;
    if (may) {
        take_off_list(m);
        m->next = gor__sched.ended;
        __atomic_store_n(&gor__sched.ended, m, __ATOMIC_RELAXED);
        want(WANT_FREE_ENDED);
    }
    gor__mutex_unlock(&gor__sched.lock); /* the last that it does with what is the runtime's */
    return may;
}

/* There is no thread, and it was counted as one. Of the maker only: it is joined before the list is gone
 * through, so it may do this even while the runtime stops. */
static void unmake(struct gor__m *m)
{
    lock_list();
    take_off_list(m);
    gor__mutex_unlock(&gor__sched.lock);
    gor__memory_release(m, sizeof *m);
}

static void *machine_main(void *arg)
{
    struct gor__m *m = arg;
    char name[16];
    (void)snprintf(name, sizeof name, "gor-m%u", m->id);
    gor__thread_name(name);
    gor__tls_m = m;
    m->errno_address = &errno;
    gor__fiber_init_thread(&m->fiber);
    gor__fault_thread_init(m);
    gor__preempt_thread_init(m);
    gor__sampler_thread_init();
    gor__note_thread(GOR__TRACE_THREAD_BEGAN, m->id, (uint64_t)m->tid);
    begin(m);
    gor__schedule(m);
    gor__note_thread(GOR__TRACE_THREAD_ENDED, m->id, 0);
    gor__sampler_thread_fini();
    gor__preempt_thread_fini(m);
    gor__fault_thread_fini(m);
    gor__tls_m = NULL;
    if (m->ends) {
        (void)pthread_mutex_lock(&m->ending);
    }
    if (m->ends && unlist(m)) {
        /* Not to be joined: a process may end any moment, and ThreadSanitizer tells of those that were not. */
        pthread_detach(pthread_self());
    }
    return NULL;
}

/* Blocked is all but what a goroutine's own faults, profilers and preemption raise. */
static int create_thread(struct gor__m *m)
{
    sigset_t blocked;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGPROF);
    if (gor__preempt_signal() != 0) {
        sigdelset(&blocked, gor__preempt_signal());
    }
    return gor__thread_start(&m->thread, &blocked, machine_main, m);
}

/* Listed before it starts, and counted: whoever stops the runtime joins whatever is listed. */
static void enlist(struct gor__m *m)
{
    lock_list();
    m->id = gor__sched.machines_made++;
    put_on_list(m);
    gor__mutex_unlock(&gor__sched.lock);
}

static void init_ending(struct gor__m *m)
{
    pthread_mutexattr_t robust;
    (void)pthread_mutexattr_init(&robust);
    (void)pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
    (void)pthread_mutex_init(&m->ending, &robust);
    (void)pthread_mutexattr_destroy(&robust);
}

static void make_machine(void)
{
    if (gor__seeded_on() && gor__sched.machine_count > 0) {
        return;
    }
    struct gor__m *m = gor__memory_reserve(sizeof *m, 1);
    if (m == NULL) {
        return;
    }
    uint64_t seed = gor__seeded_on() ? gor__seeded.seed : (uint64_t)gor_now() ^ (uintptr_t)m;
    gor__random_seed(&m->random, seed);
    m->inside = true;
    m->preempt_timer = -1;
    init_ending(m);
    enlist(m);
    if (create_thread(m) == 0) {
        __atomic_store_n(&m->made, true, __ATOMIC_RELEASE);
    } else {
        unmake(m);
    }
}

void gor__free_trash(void)
{
    struct gor__trash *trash = __atomic_exchange_n(&gor__sched.trash, NULL, __ATOMIC_ACQ_REL);
    while (trash != NULL) {
        struct gor__trash *next = trash->next;
        trash->fn(trash);
        trash = next;
    }
}

/* Whether the thread has gone, with the destructors that the host has for its thread-locals. Not by its
 * number alone, which the kernel may have given to another by now. The number is for where nobody lets go
 * of robust locks, such as in a process that is emulated. */
static bool has_gone(struct gor__m *m)
{
    if (pthread_mutex_trylock(&m->ending) == EOWNERDEAD) {
        (void)pthread_mutex_consistent(&m->ending);
        (void)pthread_mutex_unlock(&m->ending);
        return true;
    }
    return syscall(SYS_tgkill, getpid(), m->tid, 0) < 0 && errno == ESRCH;
}

/* Ms whose threads are ending: of the maker, or once it has stopped, of whoever stops the runtime. */
static struct {
    struct gor__m *first;
    int64_t look_at; /* gor__monotonic */
} ending;

/* Those that have come since are given the time that it takes. Acquire: pairs with the bit in `wanted`, or
 * with the lock under which the runtime was stopped. */
static void take_ended(void)
{
    if (__atomic_load_n(&gor__sched.ended, __ATOMIC_ACQUIRE) == NULL) {
        return;
    }
    gor__mutex_lock(&gor__sched.lock);
    struct gor__m *m = gor__sched.ended;
    __atomic_store_n(&gor__sched.ended, NULL, __ATOMIC_RELAXED);
    gor__mutex_unlock(&gor__sched.lock);
    if (ending.first == NULL) {
        ending.look_at = gor__monotonic_after(LOOK_AGAIN_NS);
    }
    while (m != NULL) {
        struct gor__m *next = m->next;
        m->next = ending.first;
        ending.first = m;
        m = next;
    }
}

static void free_gone(void)
{
    struct gor__m **place = &ending.first;
    while (*place != NULL) {
        struct gor__m *m = *place;
        if (has_gone(m)) {
            *place = m->next;
            gor__memory_release(m, sizeof *m);
        } else {
            place = &m->next;
        }
    }
    ending.look_at = gor__monotonic_after(LOOK_AGAIN_NS);
}

/* Free those whose threads have gone; when to look again for the others. */
static int64_t free_ended(bool at_once)
{
    take_ended();
    if (ending.first != NULL && (at_once || gor__monotonic() >= ending.look_at)) {
        free_gone();
    }
    return ending.first != NULL ? ending.look_at : GOR_NEVER;
}

bool gor__machines_await_ended(int64_t deadline)
{
    uint32_t never = 0;
    int64_t again = free_ended(true);
    while (again != GOR_NEVER && gor__monotonic() < deadline) {
        (void)gor__futex_wait(&never, 0, again);
        again = free_ended(true);
    }
    return again == GOR_NEVER;
}

/* The maker's; outlives the runtime. */
static int64_t (*errand)(void);

void gor__maker_errand(int64_t (*fn)(void))
{
    errand = fn;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What the maker does beside making: when it wants to go on with that. */
static int64_t do_errands(bool asleep)
{
    int64_t next = earlier(gor__idle_stacks_look(), gor__asleep_turn(asleep));
    next = earlier(next, free_ended(false));
    return errand != NULL ? earlier(next, errand()) : next;
}

static void *maker_main(void *unused)
{
    (void)unused;
    gor__thread_name("gor-maker");
    while (!__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
        uint32_t wanted = __atomic_exchange_n(&gor__sched.wanted, 0, __ATOMIC_ACQ_REL);
        if ((wanted & WANT_FREE) != 0) {
            gor__free_trash();
        }
        if ((wanted & WANT_MACHINE) != 0) {
            make_machine();
        }
        int64_t next = do_errands((wanted & WANT_ASLEEP) != 0);
        if (wanted == 0) {
            (void)gor__futex_wait(&gor__sched.wanted, 0, next);
        }
    }
    return NULL;
}

int gor__maker_start(void)
{
    sigset_t all;
    sigfillset(&all);
    return gor__thread_start(&gor__sched.maker, &all, maker_main, NULL);
}

void gor__machine_want(void)
{
    want(WANT_MACHINE);
}

void gor__maker_look(void)
{
    want(WANT_LOOK);
}

void gor__maker_look_asleep(void)
{
    want(WANT_ASLEEP);
}

void gor__free_later(struct gor__trash *trash, void (*fn)(struct gor__trash *trash))
{
    trash->fn = fn;
    trash->next = __atomic_load_n(&gor__sched.trash, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&gor__sched.trash, &trash->next, trash, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    want(WANT_FREE);
}

void gor__maker_stop(void)
{
    want(WANT_STOP);
    pthread_join(gor__sched.maker, NULL);
}

bool gor__machine_sleep(struct gor__m *m, int64_t deadline)
{
    while (__atomic_load_n(&m->wake, __ATOMIC_ACQUIRE) == 0) {
        if (!gor__futex_wait(&m->wake, 0, deadline)) {
            return false;
        }
    }
    __atomic_store_n(&m->wake, 0, __ATOMIC_RELAXED);
    return true;
}

void gor__machine_wake(struct gor__m *m)
{
    __atomic_add_fetch(&gor__sched.wakeups, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&m->wake, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&m->wake, 1);
}
