/* SPDX-License-Identifier: MIT */
/* latency.c - see latency.h.
 *
 * To time one in so many of each goroutine's waits, as Go does, was rejected: it takes a count in each
 * G at each switch. Stamping whatever is on a queue as the scheduler comes by was rejected as well: when
 * it came there is not known any more, and whoever woke it may have computed for long since.
 */
#include "runtime/sched/latency.h"

#include <errno.h>

#include "runtime/cpu/switch.h"
#include "runtime/sched/histogram.h"

enum {
    PASS_MAX = 64,
    ARM_NS_MIN = 1000000,
    ARM_NS_SPREAD = 2000000,
};

struct gor__latency gor__latency;

static struct gor__histogram waits;

void gor__latency_init(void)
{
    gor__latency = (struct gor__latency){0};
    gor__histogram_clear(&waits);
    gor__observe(GOR__OBSERVE_LATENCY, false);
}

/* Below `bound`. The low bits of the processor's counter are as good as drawn, and belong to nobody. */
static uint32_t draw(uint32_t bound)
{
    uint64_t mixed = gor__cpu_ticks() * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(((mixed >> 32) * bound) >> 32);
}

/* Two may arm at once, if one of them is held up between its steps for as long as it takes to be due
 * again: then the bit may be set by the second when zero has been met and passed. That is not armed. */
static bool is_armed(void)
{
    return gor__observes(GOR__OBSERVE_LATENCY) &&
           __atomic_load_n(&gor__latency.to_pass, __ATOMIC_RELAXED) < PASS_MAX;
}

void gor__latency_arm(int64_t now)
{
    int64_t due = __atomic_load_n(&gor__latency.next_at, __ATOMIC_RELAXED);
    if (is_armed() || now < due ||
        !__atomic_compare_exchange_n(&gor__latency.next_at, &due,
                                     now + ARM_NS_MIN + draw(ARM_NS_SPREAD), false,
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        return;
    }
    uint64_t since =
        gor__procs_switches() - __atomic_load_n(&gor__latency.answered, __ATOMIC_RELAXED);
    uint32_t most = since < PASS_MAX ? (uint32_t)since + 1 : PASS_MAX;
    __atomic_store_n(&gor__latency.to_pass, draw(most), __ATOMIC_RELAXED);
    gor__observe(GOR__OBSERVE_LATENCY, true);
}

void gor__latency_runnable(struct gor__g *g)
{
    /* One that is bound to a thread is timed by handoff.c.
     * Zero is met by one only; those who come while it is being switched off find less. */
    if (g->thread_locks != 0 ||
        __atomic_fetch_sub(&gor__latency.to_pass, 1, __ATOMIC_RELAXED) != 0) {
        return;
    }
    gor__observe(GOR__OBSERVE_LATENCY, false);
    __atomic_store_n(&g->waiting_since, gor__monotonic(), __ATOMIC_RELAXED);
    /* Release: pairs with gor__claim_pass. */
    (void)__atomic_fetch_or(&g->flags, GOR__G_STAMPED, __ATOMIC_RELEASE);
}

/* How many switches have not been counted yet, or one: that of the caller's goroutine may not show yet. */
static uint64_t take_weight(void)
{
    uint64_t switches = gor__procs_switches();
    uint64_t answered = __atomic_load_n(&gor__latency.answered, __ATOMIC_RELAXED);
    uint64_t weight = 0;
    do {
        weight = switches > answered ? switches - answered : 1;
    } while (!__atomic_compare_exchange_n(&gor__latency.answered, &answered, answered + weight,
                                          false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return weight;
}

void gor__latency_runs(struct gor__g *g)
{
    int64_t since = __atomic_load_n(&g->waiting_since, __ATOMIC_RELAXED);
    gor__g_clear_flag(g, GOR__G_STAMPED);
    gor__histogram_add(&waits, gor__monotonic() - since, take_weight());
}

void gor__latency_waited(int64_t ns)
{
    __atomic_fetch_add(&gor__latency.answered, 1, __ATOMIC_RELAXED);
    gor__histogram_add(&waits, ns, 1);
}

int gor_sched_latencies(struct gor_histogram *out_histogram)
{
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE)) {
        return -ESRCH;
    }
    gor__histogram_read(&waits, out_histogram);
    return 0;
}
