/* SPDX-License-Identifier: MIT */
/* stats.c - counters and gauges, added up over the Ps without stopping them. */
#include <errno.h>
#include <string.h>

#include "runtime/debug/look.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/cold.h"
#include "runtime/sched/hibernate.h"
#include "runtime/sched/idle_stacks.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/seeded.h"

static uint32_t procs_made(void)
{
    return __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
}

static uint64_t count_ended(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < procs_made(); i++) {
        sum += gor__counted(&gor__sched.procs[i]->ended);
    }
    return sum;
}

static uint64_t count_created(void)
{
    uint64_t sum = gor__counted(&gor__sched.foreign_created);
    for (uint32_t i = 0; i < procs_made(); i++) {
        sum += gor__counted(&gor__sched.procs[i]->created);
    }
    return sum;
}

uint64_t gor_num_goroutine(void)
{
    /* In this order, whoever comes and goes meanwhile is counted too much rather than too little.
     */
    uint64_t ended = count_ended();
    gor__fence();
    uint64_t created = count_created();
    return created > ended ? created - ended : 0;
}

static void add_proc(const struct gor__p *p, struct gor_stats *stats)
{
    stats->switches += gor__counted(&p->switches);
    stats->steals += gor__counted(&p->steals);
    stats->timers += gor__timers_count(&p->timers);
    stats->local_queues += gor__runq_len(&p->runq) + gor__fresh_len(&p->fresh);
    stats->local_queues += __atomic_load_n(&p->runq.next, __ATOMIC_RELAXED) != NULL;
}

static uint32_t gauge(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void add_scheduler(struct gor_stats *stats)
{
    stats->parks = gor__counted(&gor__sched.parks);
    stats->wakeups = gor__counted(&gor__sched.wakeups);
    stats->polls = gor__counted(&gor__sched.polls);
    stats->handoffs = gor__counted(&gor__sched.handoffs);
    stats->preemptions = gor__counted(&gor__sched.preemptions);
    stats->preempt_signal = gor__preempt_works() ? gor__preempt_signal() : 0;
    stats->blocking_calls = gor__counted(&gor__sched.blocking_calls);
    stats->threads_blocking = gauge(&gor__sched.blocking_threads);
    stats->gomaxprocs = gauge(&gor__sched.proc_count);
    stats->threads = gauge(&gor__sched.machine_count);
    stats->idle_procs = gauge(&gor__sched.idle_proc_count);
    stats->global_queue = gauge(&gor__sched.global_count);
    stats->local_queues += gor__seeded_count();
    stats->uptime_ns = gor_now() - gor__sched.started_at;
}

static void add_stacks(struct gor_stats *stats, bool by_state)
{
    struct gor__stacks_stats stacks;
    gor__stacks_stats(&stacks);
    stats->stacks_reserved_bytes = stacks.reserved_bytes;
    uint64_t unused = stacks.cached + stacks.empty;
    stats->stacks_in_use = stacks.made > unused ? stacks.made - unused : 0;
    stats->stacks_cached = stacks.cached;
    stats->stacks_empty = stacks.empty;
    stats->stacks_committed_bytes =
        by_state ? gor__idle_stacks_committed() : gor__idle_stacks_committed_lately();
}

static void add_hibernation(struct gor_stats *stats)
{
    struct gor__cold_stats cold;
    gor__cold_stats(&cold);
    stats->hibernated = cold.frozen;
    stats->hibernated_bytes = cold.frozen_bytes;
    stats->hibernated_memory = cold.cell_bytes;
    stats->hibernations = cold.freezes;
    stats->hibernations_ended = cold.thaws;
    stats->hibernations_disturbed = cold.stray_thaws;
    stats->hibernation_error = gor__hibernate_error();
}

static void add_ceiling(struct gor_stats *stats)
{
    const struct gor__line *line = &gor__ceiling.line;
    stats->goroutines_max = gor__ceiling_now();
    stats->stack_bytes = gor__ceiling_used_bytes();
    stats->stack_bytes_max = gor__ceiling.bytes;
    stats->spawns_waiting = gauge(&line->count);
    stats->spawns_waited = gor__counted(&line->waits);
    stats->spawns_refused = gor__counted(&line->refused);
    stats->spawn_wait_ns = (int64_t)gor__counted(&line->waited_ns);
}

static int count_state(void *arg, struct gor__g *g)
{
    struct gor_stats *stats = arg;
    struct gor_info info;
    if (gor__look_is_over()) {
        return -ECANCELED;
    }
    if (gor__look(g, false, &info)) {
        stats->by_state[info.state]++;
    }
    return 0;
}

int gor_stats_get(struct gor_stats *out_stats, bool by_state)
{
    struct gor_stats stats;
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE)) {
        return -ESRCH;
    }
    memset(&stats, 0, sizeof stats);
    stats.goroutines = gor_num_goroutine();
    stats.goroutines_created = count_created();
    stats.num_cpu = (unsigned)gor_num_cpu();
    for (uint32_t i = 0; i < procs_made(); i++) {
        add_proc(gor__sched.procs[i], &stats);
    }
    add_scheduler(&stats);
    add_stacks(&stats, by_state);
    add_hibernation(&stats);
    add_ceiling(&stats);
    if (by_state && gor__pool_each(count_state, &stats) < 0) {
        return -ECANCELED;
    }
    *out_stats = stats;
    return 0;
}
