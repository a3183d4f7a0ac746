/* SPDX-License-Identifier: MIT */
/* sysmon.c - a thread without a P that looks after what nobody else can: Ps whose goroutine has not
 * called the runtime for a while.
 *
 * It wakes every millisecond while some Ps work and others idle, every ten while all work, and not
 * at all once nothing has run for a tenth of a second. Each time it updates the coarse clock, polls
 * the network if nobody has, and has idle Ps take over what waits behind a long-running goroutine.
 */
#include <pthread.h>
#include <signal.h>

#include "runtime/base/thread.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/sched.h"

enum { POLL_EVERY_NS = 10000000, IDLE_ROUNDS = 10 };

/* Values of gor__sched.sysmon_word: a nap ends by itself, a sleep must be ended by whoever makes work. */
enum { AWAKE = 0, ASLEEP = GOR__SYSMON_ASLEEP, NAPS = 2 };

static void poll_network(int64_t now, int64_t *last_poll)
{
    uint32_t count = 0;
    if (__atomic_load_n(&gor__sched.poller, __ATOMIC_SEQ_CST) != 0) {
        *last_poll = now;
        return;
    }
    if (now - *last_poll < POLL_EVERY_NS || gor__netpoll_waiters() == 0) {
        return;
    }
    *last_poll = now;
    struct gor__g *list = gor__netpoll_poll(0, &count);
    gor__ready_list(list, count);
}

/* True when `p` has not scheduled since the last visit although something waits there. */
static bool look_at(struct gor__p *p, int64_t now)
{
    uint64_t switches = gor__counted(&p->switches);
    bool stuck = switches == p->seen_switches;
    p->seen_switches = switches;
    if (!stuck) {
        return false;
    }
    if (__atomic_load_n(&p->runq.next, __ATOMIC_RELAXED) != NULL) {
        __atomic_store_n(&p->next_is_stale, true, __ATOMIC_RELAXED);
    }
    return !gor__runq_empty(&p->runq) || gor__fresh_len(&p->fresh) != 0 ||
           gor__timers_first(&p->timers) <= now;
}

/* How long to sleep; GOR_NEVER when nothing runs. */
static int64_t look_round(int64_t *last_poll)
{
    int64_t now = gor__clock();
    bool help = false;
    poll_network(now, last_poll);
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < procs; i++) {
        help = look_at(gor__sched.procs[i], now) || help;
    }
    uint32_t idle = __atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_SEQ_CST);
    uint32_t in_use = __atomic_load_n(&gor__sched.proc_count, __ATOMIC_RELAXED);
    bool unpolled = __atomic_load_n(&gor__sched.poller, __ATOMIC_SEQ_CST) == 0;
    if (idle > 0 && (help || unpolled)) {
        gor__wake_idle();
    }
    if (idle >= in_use) {
        return unpolled ? GOR_MILLISECOND : GOR_NEVER;
    }
    return idle > 0 ? GOR_MILLISECOND : 10 * GOR_MILLISECOND;
}

static bool something_runs(void)
{
    return __atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_SEQ_CST) <
           __atomic_load_n(&gor__sched.proc_count, __ATOMIC_RELAXED);
}

static void *sysmon_main(void *unused)
{
    int64_t last_poll = gor_now();
    int idle_rounds = 0;
    (void)unused;
    while (!__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
        int64_t pause = look_round(&last_poll);
        idle_rounds = pause == GOR_NEVER ? idle_rounds + 1 : 0;
        if (pause == GOR_NEVER && idle_rounds < IDLE_ROUNDS) {
            pause = 10 * GOR_MILLISECOND;
        }
        uint32_t word = pause == GOR_NEVER ? ASLEEP : NAPS;
        __atomic_store_n(&gor__sched.sysmon_word, word, __ATOMIC_SEQ_CST);
        if (word == ASLEEP && something_runs()) {
            pause = GOR_MILLISECOND;
        }
        if (__atomic_load_n(&gor__sched.stopping, __ATOMIC_SEQ_CST)) {
            break;
        }
        (void)gor__futex_wait(&gor__sched.sysmon_word, word, gor_after(pause));
        __atomic_store_n(&gor__sched.sysmon_word, AWAKE, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

int gor__sysmon_start(void)
{
    sigset_t all;
    sigfillset(&all);
    return gor__thread_start(&gor__sched.sysmon, &all, "gor-sysmon", sysmon_main, NULL);
}

void gor__sysmon_stop(void)
{
    __atomic_store_n(&gor__sched.sysmon_word, AWAKE, __ATOMIC_SEQ_CST);
    gor__futex_wake(&gor__sched.sysmon_word, 1);
    pthread_join(gor__sched.sysmon, NULL);
}
