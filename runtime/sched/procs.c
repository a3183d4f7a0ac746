/* SPDX-License-Identifier: MIT */
/* procs.c - how many Ps there are: by default, and when GOMAXPROCS changes.
 *
 * A resize is done while the world stands: new Ps are idle Ps, surplus ones lose their holders, their
 * goroutines go to the global queue and their timers to the first P.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cpu/memory.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/door.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/trace.h"
#include "runtime/sched/world.h"

/* "max 100000" or "50000 100000" of the cgroup this process is in: whole CPUs, rounded up; 0: no
 * limit known. Only the unified hierarchy, and the root of the namespace, are looked at. */
static int cgroup_cpus(void)
{
    char line[512];
    char path[640];
    long quota = 0;
    long period = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) {
        return 0;
    }
    path[0] = '\0';
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", line + 3);
        }
    }
    (void)fclose(file);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    int fields = fscanf(file, "%ld %ld", &quota, &period);
    (void)fclose(file);
    return fields == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

static int affinity_cpus(void)
{
    /* Room for 8,192 CPUs, the kernel's own maximum on x86-64. */
    cpu_set_t *set = CPU_ALLOC(8192);
    size_t bytes = CPU_ALLOC_SIZE(8192);
    int count = 1;
    if (set != NULL && sched_getaffinity(0, bytes, set) == 0) {
        count = CPU_COUNT_S(bytes, set);
    }
    CPU_FREE(set);
    return count > 0 ? count : 1;
}

int gor_num_cpu(void)
{
    int count = affinity_cpus();
    int limit = cgroup_cpus();
    return limit > 0 && limit < count ? limit : count;
}

static int make_procs(uint32_t count)
{
    for (uint32_t i = gor__sched.procs_made; i < count; i++) {
        struct gor__p *p = gor__memory_reserve(sizeof *p, 128);
        if (p == NULL) {
            return -ENOMEM;
        }
        p->index = i;
        gor__timers_init(&p->timers);
        gor__trace_new_proc(p);
        gor__sched.procs[i] = p;
        __atomic_store_n(&gor__sched.procs_made, i + 1, __ATOMIC_RELEASE);
    }
    return 0;
}

uint64_t gor__procs_switches(void)
{
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < procs; i++) {
        sum += gor__counted(&gor__sched.procs[i]->switches);
    }
    return sum;
}

int gor__procs_init(uint32_t count)
{
    int result = make_procs(count);
    if (result < 0) {
        return result;
    }
    gor__sched.proc_count = count;
    for (uint32_t i = count; i-- > 0;) {
        gor__sched.procs[i]->in_use = true;
        gor__idle_put_proc(gor__sched.procs[i]);
    }
    return 0;
}

void gor__procs_fini(void)
{
    for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
        gor__timers_fini(&gor__sched.procs[i]->timers);
        gor__memory_release(gor__sched.procs[i], sizeof(struct gor__p));
    }
}

/* Move all a retired P has to where others find it. Its timers go to P 0, which never retires. */
static void empty_proc(struct gor__p *p)
{
    struct gor__g *g = NULL;
    while ((g = gor__next_local(p)) != NULL) {
        gor__global_put(g, g, 1);
    }
    if (gor__timers_first(&p->timers) != GOR_NEVER) {
        gor__timers_move(&p->timers, &gor__sched.procs[0]->timers);
    }
    gor__pool_flush(p);
    __atomic_store_n(&p->places, 0, __ATOMIC_RELEASE);
}

/* Nobody holds `p` any more, nor will: an M that paused with it finds itself without. */
static void retire(struct gor__p *p)
{
    if (p->holder != NULL) {
        if (gor__observes(GOR__OBSERVE_TRACE)) {
            gor__trace_taken(p->holder, p, GOR__TRACE_LOST_RETIRED);
        }
        (void)gor__drop(p->holder);
    }
    p->pausing = false;
    p->in_use = false;
    p->idle = false;
}

/* They lie down again, and the surplus for some time only. */
static void rouse_machines(void)
{
    struct gor__m *m = NULL;
    while ((m = gor__idle_take_machine()) != NULL) {
        gor__machine_wake(m);
    }
}

/* The idle list anew, for `count` Ps instead of `former`; under the lock. */
static void rebuild_idle_list(uint32_t former, uint32_t count)
{
    struct gor__p *p = gor__sched.idle_procs;
    gor__sched.idle_procs = NULL;
    __atomic_store_n(&gor__sched.idle_proc_count, 0, __ATOMIC_SEQ_CST);
    while (p != NULL) {
        struct gor__p *next = p->next_idle;
        if (p->index < count) {
            gor__idle_put_proc(p);
        }
        p = next;
    }
    for (uint32_t i = former; i < count; i++) {
        gor__sched.procs[i]->in_use = true;
        gor__idle_put_proc(gor__sched.procs[i]);
    }
}

/* While the world stands, so nobody is in the middle of anything, and solo can come and go. */
static int resize(uint32_t count)
{
    uint32_t former = gor__sched.proc_count;
    int result = make_procs(count);
    if (result < 0) {
        return result;
    }
    for (uint32_t i = 0; i < former; i++) {
        gor__stacks_flush(gor__sched.procs[i]); /* each may keep more or less from now on */
    }
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_resized(count);
    }
    for (uint32_t i = count; i < former; i++) {
        empty_proc(gor__sched.procs[i]);
    }
    gor__mutex_lock(&gor__sched.lock);
    for (uint32_t i = count; i < former; i++) {
        retire(gor__sched.procs[i]);
    }
    rebuild_idle_list(former, count);
    __atomic_store_n(&gor__sched.proc_count, count, __ATOMIC_RELEASE);
    if (count < former) {
        rouse_machines();
    }
    gor__mutex_unlock(&gor__sched.lock);
    gor__ceiling_resize();
#if !defined(__SANITIZE_THREAD__)
    gor__solo = count == 1;
#endif
    return 0;
}

/* The poller may sleep until a later deadline than that of a timer that has moved. */
static void set_procs(uint32_t count)
{
    struct gor__m *m = gor__enter_any();
    uint32_t former = gor__sched.proc_count;
    int result = gor__world_stop(m) ? resize(count) : -ECANCELED;
    gor__world_start();
    if (m != NULL && m->p == NULL) {
        gor__wait_for_proc(m);
    }
    gor__netpoll_break();
    gor__ceiling_note_room();
    for (uint32_t i = former; result == 0 && i < count; i++) {
        gor__wake_idle();
    }
    gor__leave_any(m);
}

/* Who has it may be somebody that is kept from ending by the yields: each is one more event for a trace
 * to tell of. In the seeded mode the one thread is his, too, and time may be virtual. */
void gor__lock_outside(struct gor__mutex *mutex)
{
    enum { YIELDS = 32, NAP_NS = 50000 };
    if (gor__g_self() == NULL) {
        gor__mutex_lock(mutex);
        return;
    }
    for (int tries = 0; !gor__mutex_try_lock(mutex); tries++) {
        if (tries < YIELDS || gor__seeded_on()) {
            gor_yield();
        } else {
            (void)gor_sleep(NAP_NS);
        }
    }
}

void gor__world_lock_outside(void)
{
    gor__lock_outside(&gor__world_lock);
}

int gor_gomaxprocs(int n)
{
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE)) {
        return gor_num_cpu();
    }
    if (n <= 0 || gor__seeded_on()) {
        return (int)__atomic_load_n(&gor__sched.proc_count, __ATOMIC_ACQUIRE);
    }
    gor__world_lock_outside();
    int former = (int)gor__sched.proc_count;
    uint32_t wanted = n < GOR__PROCS_MAX ? (uint32_t)n : GOR__PROCS_MAX;
    if ((uint32_t)former != wanted) {
        set_procs(wanted);
    }
    gor__mutex_unlock(&gor__world_lock);
    return former;
}
