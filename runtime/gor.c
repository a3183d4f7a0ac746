/* SPDX-License-Identifier: MIT */
/* gor.c - start, run, stop. */
#include "runtime/gor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/env.h"
#include "runtime/cpu/memory.h"
#include "runtime/debug/deadlock.h"
#include "runtime/debug/leak.h"
#include "runtime/debug/on_signal.h"
#include "runtime/debug/trace_life.h"
#include "runtime/io/blocking.h"
#include "runtime/os/signals.h"
#include "runtime/sched/byid.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/grown.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/hibernate.h"
#include "runtime/sched/idle_stacks.h"
#include "runtime/sched/labels.h"
#include "runtime/sched/latency.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/quota.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/sites.h"
#include "runtime/sched/world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFAULT_STACK (256 << 10) /* their frames are larger */
#else
#define DEFAULT_STACK (96 << 10)
#endif

/* How long gor_stop waits for a goroutine in foreign code, and for a thread that is on its way out: that
 * takes long on a crowded machine only. */
enum { STOP_SECONDS = 1, STOP_SECONDS_INSIDE = 60 };
#define DEFAULT_THREAD_IDLE_NS (60 * GOR_SECOND)

/* Guards start and stop against each other; `stuck` says that a thread could not be stopped,
 * `ends_process` that leaks were found where that is to be the end. */
static struct gor__mutex life;
static bool stuck;
static bool ends_process;

static uint32_t default_procs(const struct gor_opts *opts)
{
    uint64_t procs = opts->gomaxprocs;
    if (procs == 0 && !gor__env_number("GOMAXPROCS", 1, &procs)) {
        procs = (uint64_t)gor_num_cpu();
    }
    return (uint32_t)(procs < GOR__PROCS_MAX ? procs : GOR__PROCS_MAX);
}

static void release_everything(void)
{
    gor__on_signal_hold();
    gor__free_trash();
    gor__preempt_fini();
    gor__fault_fini();
    while (gor__sched.machines != NULL) {
        struct gor__m *m = gor__sched.machines;
        gor__sched.machines = m->next;
        gor__memory_release(m, sizeof *m);
    }
    gor__quotas_forget();
    gor__procs_fini();
    gor__netpoll_fini();
    gor__byid_fini();
    gor__labels_fini();
    gor__pool_fini();
    gor__grown_fini();
    gor__stacks_fini();
    gor__hibernate_fini();
    gor__sites_fini();
    /* Ids are not used again even by the next runtime. */
    gor__deadlock_fini();
    gor__seeded_fini();
    uint64_t last_id = gor__sched.last_id;
    memset(&gor__sched, 0, sizeof gor__sched);
    memset(&gor__world_lock, 0, sizeof gor__world_lock); /* of a goroutine that went no further */
    gor__sched.last_id = last_id;
#if !defined(__SANITIZE_THREAD__)
    gor__solo = false;
#endif
    gor__on_signal_ended();
}

static int start_threads(void)
{
    int result = gor__maker_start();
    if (result < 0 || gor__seeded_on()) {
        return result;
    }
    result = gor__sysmon_start();
    if (result < 0) {
        __atomic_store_n(&gor__sched.stopping, true, __ATOMIC_SEQ_CST);
        gor__maker_stop();
    }
    return result;
}

static int start_locked(const struct gor_opts *opts)
{
    static const struct gor_opts defaults;
    if (gor__sched.running || stuck) {
        return -EBUSY;
    }
    gor__memory_probe();
    gor__sched.opts = opts != NULL ? *opts : defaults;
    size_t stack = gor__sched.opts.stack_bytes;
    gor__sched.default_class = gor__stack_class(stack != 0 ? stack : DEFAULT_STACK);
    if (gor__sched.default_class < 0) {
        return -EINVAL;
    }
    if (gor__sched.opts.thread_idle_ns <= 0) {
        gor__sched.opts.thread_idle_ns = DEFAULT_THREAD_IDLE_NS;
    }
    gor__hibernate_init(&gor__sched.opts);
    gor__idle_stacks_init(gor__sched.opts.stack_idle_ns);
    gor__latency_init();
    gor__world_init();
    gor__seeded_init(&gor__sched.opts);
    gor__deadlock_init();
    gor__leaks_init(&gor__sched.opts);
    gor__sched.started_at = gor__clock();
    gor__sched.poll_until = GOR_NEVER;
    uint32_t procs = gor__seeded_on() ? 1 : default_procs(&gor__sched.opts);
    int result = gor__netpoll_init();
    if (result == 0) {
        result = gor__procs_init(procs);
    }
    if (result == 0) {
#if !defined(__SANITIZE_THREAD__)
        gor__solo = procs == 1;
#endif
        gor__fault_init();
        gor__preempt_init();
        gor__ceiling_init(&gor__sched.opts, gor__sched.default_class);
        result = start_threads();
        if (result == 0) {
            __atomic_store_n(&gor__sched.running, true, __ATOMIC_RELEASE);
            gor__trace_from_environment();
            return 0;
        }
    }
    release_everything();
    return result;
}

int gor_start(const struct gor_opts *opts)
{
    gor__mutex_lock(&life);
    int result = start_locked(opts);
    gor__mutex_unlock(&life);
    return result;
}

static void wake_everybody(void)
{
    gor__call_attention();
    gor__mutex_lock(&gor__sched.lock);
    struct gor__m *m = gor__sched.idle_machines;
    __atomic_store_n(&gor__sched.idle_machines, NULL, __ATOMIC_SEQ_CST);
    while (m != NULL) {
        struct gor__m *next = m->next_idle;
        m->prev_idle = NULL;
        gor__machine_wake(m);
        m = next;
    }
    gor__mutex_unlock(&gor__sched.lock);
    gor__netpoll_break();
}

/* By a clock that nobody sets: else a wait that the wall clock is put back in lasts as much longer. The
 * sanitizers' runtimes of gcc 12 know the other function only. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define JOIN_CLOCK CLOCK_REALTIME
#define JOIN_UNTIL(thread, until) pthread_timedjoin_np(thread, NULL, until)
#else
#define JOIN_CLOCK CLOCK_MONOTONIC
#define JOIN_UNTIL(thread, until) pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, until)
#endif

/* Wait for that long, more or less. */
static bool try_to_join(const struct gor__m *m, int64_t ns)
{
    struct timespec until;
    clock_gettime(JOIN_CLOCK, &until);
    ns += until.tv_nsec;
    until.tv_sec += ns / GOR_SECOND;
    until.tv_nsec = ns % GOR_SECOND;
    return JOIN_UNTIL(m->thread, &until) == 0;
}

/* One that is about to go idle may have missed the first call. */
static bool join_machine(struct gor__m *m, int64_t deadline, int64_t deadline_inside)
{
    for (;;) {
        bool inside = __atomic_load_n(&m->inside, __ATOMIC_RELAXED);
        bool late = gor__monotonic() >= (inside ? deadline_inside : deadline);
        wake_everybody();
        if (try_to_join(m, late ? 0 : 10 * GOR_MILLISECOND)) {
            return true;
        }
        if (late) {
            pthread_detach(m->thread);
            return false;
        }
    }
}

/* True when all Ms have ended. */
static bool join_machines(void)
{
    bool all = true;
    int64_t deadline = gor__monotonic_after(STOP_SECONDS * GOR_SECOND);
    int64_t deadline_inside = gor__monotonic_after(STOP_SECONDS_INSIDE * GOR_SECOND);
    for (struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        all = join_machine(m, deadline, deadline_inside) && all;
    }
    return gor__machines_await_ended(deadline_inside) && all;
}

static int stop_locked(void)
{
    if (!gor__sched.running) {
        return 0;
    }
    if (gor__m_self() != NULL) {
        return -EPERM;
    }
    /* Nobody waits in gor_run any more. */
    __atomic_store_n(&gor__seeded.root_done, NULL, __ATOMIC_RELEASE);
    ends_process = gor__leaks_at_end();
    __atomic_store_n(&gor__sched.running, false, __ATOMIC_SEQ_CST);
    /* Under the lock: from now on no M takes itself off their list, and none runs another goroutine.
     * Before any thread is waited for: the maker may want a lock that a stopped goroutine holds. */
    gor__mutex_lock(&gor__sched.lock);
    __atomic_store_n(&gor__sched.stopping, true, __ATOMIC_SEQ_CST);
    gor__close_doors();
    gor__mutex_unlock(&gor__sched.lock);
    wake_everybody();
    gor__ceiling_stop();
    gor__quotas_stop();
    gor__spawn_await_hosts();
    if (!gor__seeded_on()) {
        gor__sysmon_stop();
    }
    gor__maker_stop();
    bool all = join_machines();
    /* Samples have labels, which go with the goroutines. */
    (void)gor_cpu_profile_stop();
    gor__signals_stop();
    gor__trace_fini(all);
    if (!gor__blocking_stop() || !all) {
        stuck = true;
        return -EBUSY;
    }
    release_everything();
    return 0;
}

int gor_stop(void)
{
    gor__mutex_lock(&life);
    int result = stop_locked();
    bool leaked = ends_process;
    ends_process = false;
    gor__mutex_unlock(&life);
    if (leaked) {
        exit(GOR_LEAKS_EXIT_CODE);
    }
    return result;
}

struct root {
    int (*fn)(void *arg);
    void *arg;
    int result;
    uint32_t done; /* futex */
};

static void run_root(void *arg)
{
    struct root *root = arg;
    __atomic_store_n(&gor__seeded.root_has_begun, true, __ATOMIC_RELAXED);
    (void)__atomic_fetch_or(&gor__g_self()->flags, GOR__G_ROOT, __ATOMIC_RELAXED);
    root->result = root->fn(root->arg);
}

/* On a thread of the host's, which runs the handlers of signals. ThreadSanitizer puts those off until
 * the thread makes a call that it intercepts, of which a futex is none. */
static void wait_outside(uint32_t *done)
{
#if defined(__SANITIZE_THREAD__)
    (void)gor__futex_wait(done, 0, gor__monotonic_after(20 * GOR_MILLISECOND));
    (void)usleep(0);
#else
    (void)gor__futex_wait(done, 0, GOR_NEVER);
#endif
}

int gor_run(const struct gor_opts *opts, int (*fn)(void *arg), void *arg)
{
    static const struct gor_go_opts named = {.name = "main"};
    struct root root = {.fn = fn, .arg = arg, .result = -ECANCELED};
    int result = gor_start(opts);
    if (result < 0) {
        return result;
    }
    __atomic_store_n(&gor__seeded.root_done, &root.done, __ATOMIC_RELEASE);
    gor__sched.root_done = &root.done;
    result = gor__spawn_always(&named, run_root, &root, __builtin_return_address(0));
    if (result == 0) {
        while (__atomic_load_n(&root.done, __ATOMIC_ACQUIRE) == 0) {
            wait_outside(&root.done);
        }
        result = root.result;
    }
    (void)gor_stop();
    return result;
}
