/* SPDX-License-Identifier: MIT */
/* procs.c - how many Ps there are: by default, and when GOMAXPROCS changes.
 *
 * A resize is done by whoever runs the scheduler next, not under a stopped world: new Ps are idle
 * Ps, and a surplus P is retired by its own M when that next looks up, its goroutines going to the
 * global queue and its timers to the first P.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cpu/memory.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/sched.h"

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
        gor__sched.procs[i] = p;
        __atomic_store_n(&gor__sched.procs_made, i + 1, __ATOMIC_RELEASE);
    }
    return 0;
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
        /* P 0 may be idle, with the poller asleep until a later deadline. */
        gor__netpoll_break();
    }
    gor__pool_flush(p);
    gor__stacks_flush(p);
}

/* The P is off the idle list and empty; only now may it be used again, should GOMAXPROCS have been
 * raised meanwhile: its emptier was its holder until here. */
static void retire_idle_proc(struct gor__p *p)
{
    empty_proc(p);
    gor__mutex_lock(&gor__sched.lock);
    if (p->index < gor__sched.proc_count) {
        gor__idle_put_proc(p);
    } else {
        p->in_use = false;
    }
    gor__mutex_unlock(&gor__sched.lock);
}

static void call_attention(void)
{
    for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
        __atomic_store_n(&gor__sched.procs[i]->attention, true, __ATOMIC_RELEASE);
    }
}

/* Take Ps above the count off the idle list, and put on it those below that are new; under the
 * lock. A P that is busy sees to itself. Answers the idle ones to be emptied, linked by next_idle.
 */
static struct gor__p *rebuild_idle_list(uint32_t former, uint32_t count)
{
    struct gor__p *surplus = NULL;
    struct gor__p *kept = NULL;
    struct gor__p *p = NULL;
    while ((p = gor__idle_take_proc()) != NULL) {
        struct gor__p **list = p->index < count ? &kept : &surplus;
        p->next_idle = *list;
        *list = p;
    }
    while (kept != NULL) {
        p = kept;
        kept = p->next_idle;
        gor__idle_put_proc(p);
    }
    for (uint32_t i = former; i < count; i++) {
        /* One that still runs goroutines after an earlier shrink stays with its M. */
        if (!gor__sched.procs[i]->in_use) {
            gor__sched.procs[i]->in_use = true;
            gor__idle_put_proc(gor__sched.procs[i]);
        }
    }
    return surplus;
}

/* Apply gor__sched.wanted_procs, if any. Solo ends here: the caller is the scheduler's own context
 * of the only P, or solo was off before. */
static void resize(void)
{
    struct gor__p *surplus = NULL;
    gor__mutex_lock(&gor__sched.lock);
    uint32_t former = gor__sched.proc_count;
    uint32_t count = __atomic_exchange_n(&gor__sched.wanted_procs, 0, __ATOMIC_ACQ_REL);
    if (count != 0 && count != former && make_procs(count) == 0) {
#if !defined(__SANITIZE_THREAD__)
        gor__solo = false;
#endif
        __atomic_store_n(&gor__sched.proc_count, count, __ATOMIC_RELEASE);
        surplus = rebuild_idle_list(former, count);
        call_attention();
    }
    gor__mutex_unlock(&gor__sched.lock);
    while (surplus != NULL) {
        struct gor__p *p = surplus;
        surplus = p->next_idle;
        retire_idle_proc(p);
    }
    for (uint32_t i = former; i < count; i++) {
        gor__wake_idle();
    }
}

bool gor__proc_check_resize(struct gor__m *m)
{
    struct gor__p *p = m->p;
    if (GOR_LIKELY(!__atomic_load_n(&p->attention, __ATOMIC_ACQUIRE))) {
        return false;
    }
    __atomic_store_n(&p->attention, false, __ATOMIC_RELEASE);
    if (__atomic_load_n(&gor__sched.wanted_procs, __ATOMIC_ACQUIRE) != 0) {
        resize();
    }
    if (p->index < __atomic_load_n(&gor__sched.proc_count, __ATOMIC_ACQUIRE)) {
        return false;
    }
    /* While we hold it nobody else can be given it, whatever GOMAXPROCS becomes meanwhile. */
    empty_proc(p);
    gor__mutex_lock(&gor__sched.lock);
    bool surplus = p->index >= gor__sched.proc_count;
    if (surplus) {
        p->in_use = false;
        m->p = NULL;
    }
    gor__mutex_unlock(&gor__sched.lock);
    return surplus;
}

int gor_gomaxprocs(int n)
{
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE)) {
        return gor_num_cpu();
    }
    uint32_t wanted = __atomic_load_n(&gor__sched.wanted_procs, __ATOMIC_ACQUIRE);
    uint32_t count = __atomic_load_n(&gor__sched.proc_count, __ATOMIC_ACQUIRE);
    int former = (int)(wanted != 0 ? wanted : count);
    if (n <= 0) {
        return former;
    }
    wanted = n < GOR__PROCS_MAX ? (uint32_t)n : GOR__PROCS_MAX;
    __atomic_store_n(&gor__sched.wanted_procs, wanted, __ATOMIC_RELEASE);
    if (!gor__solo) {
        resize();
    } else {
        call_attention();
        gor__wake_idle();
    }
    return former;
}
