/* SPDX-License-Identifier: MIT */
/* metrics.c - what the runtime tells of itself, for Prometheus: a table of names, and the values
 * gathered at one moment.
 *
 * A name of Go's is taken where the meaning is Go's, and nowhere else: what has another meaning under
 * a known name misleads those who know it.
 */
#include <stddef.h>
#include <string.h>

#include "runtime/debug/exposition.h"
#include "runtime/debug/process_metrics.h"
#include "runtime/debug/stream.h"
#include "runtime/sched/door.h"
#include "runtime/sched/idle_stacks.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/world.h"

/* Up to so much address space the kernel is asked which pages have memory: some milliseconds. */
#define ASK_KERNEL_BYTES ((uint64_t)8 << 30)

struct values {
    struct gor_stats stats;
    /* Not in there, or added up otherwise. */
    uint64_t runnable;
    uint64_t running;
    uint64_t waiting;
    uint64_t away;
    uint64_t hogs;
    uint64_t threads;
    uint64_t preempts;
    uint64_t quota_waiting;
    uint64_t quota_refused;
    uint64_t lock_wait_ns;
};

enum value_kind { COUNT64, COUNT32, NANOSECONDS };

struct metric {
    const char *name;
    const char *type;
    const char *help; /* one line; see exposition.h */
    enum value_kind kind;
    size_t offset; /* in struct values */
};

#define COUNTER "counter"
#define GAUGE "gauge"
#define OF_STATS(field) offsetof(struct values, stats.field)
#define OF(field) offsetof(struct values, field)

static const struct metric metrics[] = {
    /* Under Go's names. */
    {"go_goroutines", GAUGE, "Goroutines alive.", COUNT64, OF_STATS(goroutines)},
    {"go_threads", GAUGE, "Threads of the runtime.", COUNT64, OF(threads)},
    {"go_sched_gomaxprocs_threads", GAUGE,
     "GOMAXPROCS: how many goroutines may run at the same moment.", COUNT32, OF_STATS(gomaxprocs)},
    {"go_sched_goroutines_goroutines", GAUGE, "Goroutines alive.", COUNT64, OF_STATS(goroutines)},
    {"go_sched_goroutines_created_goroutines_total", COUNTER, "Goroutines started.", COUNT64,
     OF_STATS(goroutines_created)},
    {"go_sched_goroutines_runnable_goroutines", GAUGE,
     "Goroutines that could run and wait for their turn, nearly.", COUNT64, OF(runnable)},
    {"go_sched_goroutines_running_goroutines", GAUGE,
     "Goroutines that run, nearly; at most GOMAXPROCS.", COUNT64, OF(running)},
    {"go_sched_goroutines_waiting_goroutines", GAUGE,
     "Goroutines that wait for something: a channel, a lock, the network, nearly.", COUNT64,
     OF(waiting)},
    {"go_sched_threads_total_threads", GAUGE, "Threads of the runtime.", COUNT64, OF(threads)},
    {"go_memory_classes_heap_stacks_bytes", GAUGE,
     "Memory behind stacks of goroutines, whether in use or kept for the next.", COUNT64,
     OF_STATS(stacks_committed_bytes)},
    {"go_memstats_stack_inuse_bytes", GAUGE,
     "Memory behind stacks of goroutines, whether in use or kept for the next.", COUNT64,
     OF_STATS(stacks_committed_bytes)},
    {"go_sync_mutex_wait_total_seconds_total", COUNTER,
     "Time goroutines have waited for mutexes and read-write mutexes, nearly.", NANOSECONDS,
     OF(lock_wait_ns)},
    /* The scheduler. */
    {"gor_uptime_seconds", GAUGE, "Time since the runtime started.", NANOSECONDS,
     OF_STATS(uptime_ns)},
    {"gor_cpus", GAUGE, "Processors the process may use, by affinity and control group.", COUNT32,
     OF_STATS(num_cpu)},
    {"gor_idle_procs", GAUGE, "Ps without work.", COUNT32, OF_STATS(idle_procs)},
    {"gor_switches_total", COUNTER, "Times a goroutine was resumed.", COUNT64, OF_STATS(switches)},
    {"gor_steals_total", COUNTER, "Goroutines taken from the queue of another P.", COUNT64,
     OF_STATS(steals)},
    {"gor_parks_total", COUNTER, "Times a thread went to sleep for want of work.", COUNT64,
     OF_STATS(parks)},
    {"gor_wakeups_total", COUNTER, "Times a sleeping thread was woken.", COUNT64,
     OF_STATS(wakeups)},
    {"gor_polls_total", COUNTER, "Calls of the network poller.", COUNT64, OF_STATS(polls)},
    {"gor_handoffs_total", COUNTER, "Ps taken from goroutines that blocked in foreign code.",
     COUNT64, OF_STATS(handoffs)},
    {"gor_preemptions_total", COUNTER,
     "Goroutines stopped for having computed for a whole time slice while others waited.", COUNT64,
     OF_STATS(preemptions)},
    {"gor_preemption_works", GAUGE,
     "1: a goroutine that computes can be stopped; 0: no signal is free for that.", COUNT64,
     OF(preempts)},
    {"gor_away_goroutines", GAUGE, "Goroutines that block in foreign code and have lost their P.",
     COUNT64, OF(away)},
    {"gor_stopped_goroutines", GAUGE,
     "Goroutines that were stopped for having computed for long, and wait for their turn.", COUNT64,
     OF(hogs)},
    {"gor_global_queue_goroutines", GAUGE, "Goroutines in the queue for all Ps.", COUNT64,
     OF_STATS(global_queue)},
    {"gor_local_queues_goroutines", GAUGE, "Goroutines in the queues of single Ps.", COUNT64,
     OF_STATS(local_queues)},
    {"gor_timers", GAUGE, "Timers that run.", COUNT64, OF_STATS(timers)},
    {"gor_blocking_threads", GAUGE, "Threads kept for blocking calls.", COUNT32,
     OF_STATS(threads_blocking)},
    {"gor_blocking_calls_total", COUNTER, "Calls made on those threads.", COUNT64,
     OF_STATS(blocking_calls)},
    /* Stacks. */
    {"gor_stacks_reserved_bytes", GAUGE, "Address space of stacks.", COUNT64,
     OF_STATS(stacks_reserved_bytes)},
    {"gor_stacks_committed_bytes", GAUGE,
     "Memory behind stacks, as the kernel says; with more than 8 GiB reserved, as it lately said.",
     COUNT64, OF_STATS(stacks_committed_bytes)},
    {"gor_stacks_in_use", GAUGE, "Stacks of goroutines.", COUNT64, OF_STATS(stacks_in_use)},
    {"gor_stacks_cached", GAUGE, "Stacks kept warm for the next goroutine.", COUNT64,
     OF_STATS(stacks_cached)},
    {"gor_stacks_empty", GAUGE, "Stacks kept without memory.", COUNT64, OF_STATS(stacks_empty)},
    /* Pressure. */
    {"gor_ceiling_goroutines", GAUGE, "The most goroutines there may be just now.", COUNT64,
     OF_STATS(goroutines_max)},
    {"gor_ceiling_stack_bytes", GAUGE, "The most memory stacks may take.", COUNT64,
     OF_STATS(stack_bytes_max)},
    {"gor_charged_stack_bytes", GAUGE,
     "Memory that counts under that ceiling: behind stacks, and promised to new goroutines.",
     COUNT64, OF_STATS(stack_bytes)},
    {"gor_spawns_waiting", GAUGE, "Who waits at a ceiling to start a goroutine.", COUNT64,
     OF_STATS(spawns_waiting)},
    {"gor_spawns_waited_total", COUNTER, "Times a goroutine was started after such a wait.",
     COUNT64, OF_STATS(spawns_waited)},
    {"gor_spawns_refused_total", COUNTER, "Times none was started for want of a place.", COUNT64,
     OF_STATS(spawns_refused)},
    {"gor_spawn_wait_seconds_total", COUNTER, "How long those waits have lasted together.",
     NANOSECONDS, OF_STATS(spawn_wait_ns)},
    {"gor_quota_spawns_waiting", GAUGE, "Who waits for a place in a quota.", COUNT64,
     OF(quota_waiting)},
    {"gor_quota_spawns_refused_total", COUNTER, "Times there was none in a quota.", COUNT64,
     OF(quota_refused)},
};

/* ---- gathering */

static uint64_t gauge(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static uint64_t without(uint64_t all, uint64_t some)
{
    return all > some ? all - some : 0;
}

static uint64_t count_lock_wait(void)
{
    uint64_t sum = 0;
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < procs; i++) {
        sum += gor__counted(&gor__sched.procs[i]->lock_wait_ns);
    }
    return sum;
}

/* What its thread sets without a lock: a word read as it is. */
__attribute__((noinline, no_sanitize_thread)) static bool runs_goroutine(const struct gor__m *m)
{
    return *(struct gor__g *const volatile *)&m->g != NULL;
}

/* Those that have a P. A thread that looks for work may have none yet, so Ps less idle and searching ones
 * would be too few. */
static uint64_t count_running(void)
{
    struct gor__m *m = gor__enter_any();
    uint64_t count = 0;
    gor__mutex_lock(&gor__sched.lock);
    for (uint32_t i = 0; i < gor__sched.proc_count; i++) {
        const struct gor__m *holder = gor__sched.procs[i]->holder;
        count += holder != NULL && runs_goroutine(holder);
    }
    gor__mutex_unlock(&gor__sched.lock);
    gor__leave_any(m);
    return count;
}

/* Each is read at another moment, so they need not add up; as with Go's. */
static void gather_states(struct values *values)
{
    const struct gor_stats *stats = &values->stats;
    values->away = gauge(&gor__sched.away);
    values->hogs = gauge(&gor__sched.hogs.count);
    values->runnable =
        stats->global_queue + stats->local_queues + values->hogs + gauge(&gor__sched.waiting.count);
    values->running = count_running();
    values->waiting = without(stats->goroutines, values->runnable + values->running + values->away);
}

static int gather(struct values *values)
{
    struct gor_stats *stats = &values->stats;
    int result = gor_stats_get(stats, false);
    if (result != 0) {
        return result;
    }
    if (stats->stacks_reserved_bytes <= ASK_KERNEL_BYTES) {
        stats->stacks_committed_bytes = gor__idle_stacks_committed();
    }
    gather_states(values);
    /* The maker, and sysmon. */
    uint64_t watchmen = gor__seeded_on() ? 1 : 2;
    values->threads = stats->threads + stats->threads_blocking + watchmen;
    values->preempts = stats->preempt_signal != 0;
    values->quota_waiting = gor__counted(&gor__sched.quota_waiting);
    values->quota_refused = gor__counted(&gor__sched.quota_refused);
    values->lock_wait_ns = count_lock_wait();
    return 0;
}

/* ---- writing */

static void write_metric(struct gor__text *text, const struct metric *metric,
                         const struct values *values)
{
    const char *field = (const char *)values + metric->offset;
    uint32_t narrow = 0;
    uint64_t wide = 0;
    gor__metric_head(text, metric->name, metric->type, metric->help);
    switch (metric->kind) {
    case COUNT32:
        memcpy(&narrow, field, sizeof narrow);
        gor__metric_count(text, metric->name, narrow);
        break;
    case COUNT64:
        memcpy(&wide, field, sizeof wide);
        gor__metric_count(text, metric->name, wide);
        break;
    case NANOSECONDS:
        memcpy(&wide, field, sizeof wide);
        gor__metric_seconds(text, metric->name, (int64_t)wide);
        break;
    }
}

static void write_histogram(struct gor__text *text, const char *name, const char *help,
                            const struct gor_histogram *histogram)
{
    gor__metric_head(text, name, "histogram", help);
    gor__metric_histogram(text, name, histogram);
}

static void write_histograms(struct gor__text *text)
{
    struct gor_histogram histogram;
    if (gor_sched_latencies(&histogram) == 0) {
        write_histogram(text, "go_sched_latencies_seconds",
                        "How long goroutines were runnable before they ran: a sample, each counted "
                        "for all switches since the one before.",
                        &histogram);
    }
    gor__histogram_read(&gor__world_pauses.stopping, &histogram);
    write_histogram(text, "go_sched_pauses_stopping_other_seconds",
                    "How long it took to stop the world, each time.", &histogram);
    gor__histogram_read(&gor__world_pauses.total, &histogram);
    write_histogram(text, "go_sched_pauses_total_other_seconds",
                    "How long it took to stop the world and until it went on, each time.",
                    &histogram);
}

int gor_metrics_write_to(const struct gor_metrics_opts *opts,
                         int (*write)(void *arg, const char *text, size_t bytes), void *arg)
{
    struct values values;
    struct gor__text text;
    int result = gather(&values);
    if (result != 0) {
        return result;
    }
    gor__text_init(&text, write, arg);
    gor__metric_head(&text, "gor_info", GAUGE, "The version of libgor.");
    gor__metric_info(&text, "gor_info", "version", GOR_VERSION);
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        write_metric(&text, &metrics[i], &values);
    }
    write_histograms(&text);
    if (opts == NULL || !opts->no_process) {
        gor__process_metrics_write(&text);
    }
    return gor__text_end(&text);
}

int gor_metrics_write(const struct gor_metrics_opts *opts, FILE *out)
{
    int result = gor_metrics_write_to(opts, gor__stream_write, out);
    return result != 0 ? result : gor__stream_flush(out);
}
