/* SPDX-License-Identifier: MIT */
/* sysmon.c - a thread without a P that looks after what nobody else can: Ps whose goroutine has not
 * called the runtime for a while.
 *
 * It wakes every millisecond while some P works, and not at all once nothing has run for a tenth of a
 * second. Each time it updates the coarse clock, polls the network if nobody has, has idle Ps take
 * over what waits behind a long-running goroutine, and, when there are none, takes the P from a
 * goroutine that blocks in foreign code or has used up its slice.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/thread.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/idle_stacks.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/trace.h"

enum {
    POLL_EVERY_NS = 10000000,
    IDLE_ROUNDS = 10,
    LOOK_AGAIN_NS = 50000, /* between two readings of a thread's CPU time */
    STILL_NS = 10000,      /* less than this in between is none: waking up for a moment */
};

/* Values of gor__sched.sysmon_word: a nap ends by itself, a sleep must be ended by whoever makes work. */
enum { AWAKE = 0, ASLEEP = GOR__SYSMON_ASLEEP, NAPS = 2 };

/* What one round has found. */
struct round {
    int64_t now;
    bool stuck;   /* some P has not scheduled since the last round */
    bool help;    /* and something waits there */
    bool sampled; /* a thread's CPU time was read for the first time: look again soon */
};

static void poll_network(int64_t now, bool urgent, int64_t *last_poll)
{
    uint32_t count = 0;
    if (__atomic_load_n(&gor__sched.poller, __ATOMIC_SEQ_CST) != 0) {
        *last_poll = now;
        return;
    }
    if ((now - *last_poll < POLL_EVERY_NS && !urgent) || gor__netpoll_waiters() == 0) {
        return;
    }
    *last_poll = now;
    struct gor__g *list = gor__netpoll_poll(0, &count);
    if (count > 0) {
        gor__note_thread(GOR__TRACE_POLLED, count, 0);
    }
    gor__ready_list(list, count);
}

/* ---- threads that keep a P and do not schedule */

static bool something_waits(const struct gor__p *p, int64_t now)
{
    return !gor__runq_empty(&p->runq) || gor__fresh_len(&p->fresh) != 0 ||
           gor__timers_first(&p->timers) <= now;
}

static bool something_waits_for_any(void)
{
    return __atomic_load_n(&gor__sched.global_count, __ATOMIC_RELAXED) != 0 ||
           __atomic_load_n(&gor__sched.waiting.count, __ATOMIC_RELAXED) != 0;
}

enum thread_state { INSIDE, SAMPLED, BLOCKED, COMPUTES };

/* Sysmon's. If they are not, it opens nothing: the number would not be the program's meanwhile, which may be
 * about to get it anew, or use it after close() and expect EBADF. */
static bool own_descriptors;

/* Whether the kernel would run the thread if it had a CPU. Where that cannot be told, one that got none is
 * taken for blocked: another one gets its P. By system calls, since ThreadSanitizer takes the number for one
 * of the program's. */
static bool is_runnable(const struct gor__m *m)
{
    char text[128];
    if (!own_descriptors) {
        return false;
    }
    (void)snprintf(text, sizeof text, "/proc/self/task/%d/stat", m->tid);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, text, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t got = syscall(SYS_read, fd, text, sizeof text - 1);
    (void)syscall(SYS_close, fd);
    text[got > 0 ? got : 0] = '\0';
    /* "TID (NAME) STATE ..."; the name may hold anything. */
    const char *end = strrchr(text, ')');
    return end != NULL && end[1] == ' ' && end[2] == 'R';
}

/* What the holder does; by its CPU time since the last look. */
static enum thread_state look_at_holder(struct gor__p *p)
{
    enum thread_state state = INSIDE;
    struct timespec spent;
    gor__mutex_lock(&gor__sched.lock);
    struct gor__m *m = p->holder;
    if (m != NULL && !__atomic_load_n(&m->inside, __ATOMIC_RELAXED) &&
        clock_gettime(m->cpu_clock, &spent) == 0) {
        int64_t cpu = spent.tv_sec * GOR_SECOND + spent.tv_nsec;
        bool still = cpu - m->cpu_seen < STILL_NS;
        state = !p->sampled ? SAMPLED : still && !is_runnable(m) ? BLOCKED : COMPUTES;
        p->sampled = true;
        m->cpu_seen = cpu;
    }
    gor__mutex_unlock(&gor__sched.lock);
    return state;
}

static void see_to_stuck(struct gor__p *p, struct round *round, bool waits)
{
    enum thread_state state = look_at_holder(p);
    int64_t stuck_for = round->now - p->stuck_since;
    bool hogs = __atomic_load_n(&gor__sched.hogs.count, __ATOMIC_RELAXED) > 0;
    bool idle = __atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_RELAXED) > 0;
    if (state == SAMPLED) {
        round->sampled = true;
    } else if (state == BLOCKED && (waits || hogs || stuck_for >= GOR__SLICE_NS)) {
        gor__retake_blocked(p);
    } else if (state == COMPUTES && (waits || hogs) && !idle && stuck_for >= GOR__SLICE_NS) {
        gor__preempt_holder(p, !waits || stuck_for >= 2 * GOR__SLICE_NS);
    }
}

static void look_at(struct gor__p *p, struct round *round)
{
    uint64_t switches = gor__counted(&p->switches);
    if (gor__runq_len(&p->runq) != 0) {
        /* For the case that a pair keeps the P to itself; see gor__end_streak. */
        __atomic_store_n(&p->attention, true, __ATOMIC_RELEASE);
    }
    if (switches != p->seen_switches) {
        p->seen_switches = switches;
        p->stuck_since = round->now;
        p->sampled = false;
        return;
    }
    if (__atomic_load_n(&p->holder, __ATOMIC_RELAXED) == NULL) {
        return;
    }
    if (__atomic_load_n(&p->runq.next, __ATOMIC_RELAXED) != NULL &&
        __atomic_load_n(&p->offer, __ATOMIC_RELAXED) == GOR__OFFER_NONE) {
        gor__offer_next(p);
    }
    bool waits = something_waits(p, round->now);
    round->stuck = true;
    round->help = round->help || waits;
    if (gor__preempt_works()) {
        see_to_stuck(p, round, waits || something_waits_for_any());
    }
}

/* A hog that has waited for as long as others ran: somebody must give it its turn. */
static void look_at_lacking(void)
{
    if (__atomic_load_n(&gor__sched.hogs.count, __ATOMIC_RELAXED) > 0) {
        gor__call_attention();
    }
    if (__atomic_load_n(&gor__sched.away, __ATOMIC_RELAXED) > 0) {
        gor__look_at_away();
    }
}

/* How long to sleep; GOR_NEVER when nothing runs. */
static int64_t look_round(int64_t *last_poll, bool *urgent)
{
    struct round round = {.now = gor__clock()};
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_counts();
    }
    poll_network(round.now, *urgent, last_poll);
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < procs; i++) {
        look_at(gor__sched.procs[i], &round);
    }
    look_at_lacking();
    if (gor__idle_stacks_rouse()) {
        gor__maker_look();
    }
    gor__preempt_look();
    gor__ceiling_look(round.now);
    *urgent = round.stuck;
    uint32_t idle = __atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_SEQ_CST);
    uint32_t in_use = __atomic_load_n(&gor__sched.proc_count, __ATOMIC_RELAXED);
    bool unpolled = __atomic_load_n(&gor__sched.poller, __ATOMIC_SEQ_CST) == 0;
    if (idle > 0 && (round.help || unpolled)) {
        gor__wake_idle();
    }
    if (round.sampled) {
        return LOOK_AGAIN_NS;
    }
    /* Those who are away find an idle P by themselves. */
    if (idle >= in_use && !unpolled) {
        return GOR_NEVER;
    }
    return GOR_MILLISECOND;
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
    bool urgent = false;
    (void)unused;
    gor__thread_name("gor-sysmon");
    own_descriptors = gor__netpoll_unshare_descriptors();
    /* The default lets a nap of 50 us last 100. */
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    while (!__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
        int64_t pause = look_round(&last_poll, &urgent);
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
    return gor__thread_start(&gor__sched.sysmon, &all, sysmon_main, NULL);
}

void gor__sysmon_stop(void)
{
    __atomic_store_n(&gor__sched.sysmon_word, AWAKE, __ATOMIC_SEQ_CST);
    gor__futex_wake(&gor__sched.sysmon_word, 1);
    pthread_join(gor__sched.sysmon, NULL);
}
