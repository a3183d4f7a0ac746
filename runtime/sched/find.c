/* SPDX-License-Identifier: MIT */
/* find.c - what a thread does between goroutines: look everywhere for work, then sleep until there
 * is some.
 *
 * An M without work first *spins*: it goes round the queues of the others for a few microseconds.
 * At most half of the busy Ps have such company. Of the Ms that then give up, one waits in the
 * network poller, with the earliest timer as its deadline; the others sleep on their futex. Handing
 * every new goroutine to a sleeping M at once was rejected, as in Go: threads would be woken and
 * put to sleep at the rate of the channels' traffic.
 */
#include <stddef.h>

#include "runtime/sched/asleep.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/hibernate.h"
#include "runtime/sched/latency.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/pause.h"
#include "runtime/sched/ready.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/trace.h"
#include "runtime/sched/world.h"

#if !defined(GOR__SPIN_ROUNDS)
#define GOR__SPIN_ROUNDS 64 /* the model checks take 1 */
#endif

enum {
    FRESH_PATIENCE_NS = 10000000, /* the oldest fresh ones get a turn this often: Go's time slice */
    POLL_BACKLOG = 64,            /* goroutines that wait */
    POLL_TICKS_MAX = 10000000,    /* ... and with a backlog: some milliseconds */
    FAIR_GLOBAL = 32,             /* taken from the global queue while there is local work */
    POLL_TICKS = 100000, /* cpu ticks between looks at the poller while there is other work */
    SPIN_ROUNDS = GOR__SPIN_ROUNDS, /* of looking at everybody, with a pause in between */
    GLOBAL_BATCH = 128,
    STEAL_FRESH = 64,
};

/* ---- idle lists and the global queue */

void gor__idle_put_proc(struct gor__p *p)
{
    if (gor__give_to_waiting(p)) {
        return;
    }
    /* Others may want them: gor__ceiling_note_room follows, without the lock. */
    __atomic_store_n(&p->places, 0, __ATOMIC_RELEASE);
    p->idle = true;
    p->next_idle = gor__sched.idle_procs;
    gor__sched.idle_procs = p;
    __atomic_store_n(&gor__sched.idle_proc_count, gor__sched.idle_proc_count + 1, __ATOMIC_SEQ_CST);
    if (gor__sched.idle_proc_count == gor__sched.proc_count) {
        gor__asleep_notice();
    }
}

struct gor__p *gor__idle_take_proc(void)
{
    bool may = gor__sched.world_stopped == 0 && !gor__sched.stopping;
    struct gor__p *p = may ? gor__sched.idle_procs : NULL;
    if (p != NULL) {
        gor__sched.idle_procs = p->next_idle;
        p->idle = false;
        __atomic_store_n(&gor__sched.idle_proc_count, gor__sched.idle_proc_count - 1,
                         __ATOMIC_SEQ_CST);
        gor__sysmon_notice();
    }
    return p;
}

static void put_idle(struct gor__m *m)
{
    struct gor__m *first = gor__sched.idle_machines;
    m->next_idle = first;
    m->prev_idle = NULL;
    if (first != NULL) {
        first->prev_idle = m;
    }
    __atomic_store_n(&gor__sched.idle_machines, m, __ATOMIC_SEQ_CST);
}

static bool is_idle(const struct gor__m *m)
{
    return m->prev_idle != NULL || gor__sched.idle_machines == m;
}

static void take_off_idle_list(struct gor__m *m)
{
    struct gor__m *next = m->next_idle;
    if (next != NULL) {
        next->prev_idle = m->prev_idle;
    }
    if (m->prev_idle != NULL) {
        m->prev_idle->next_idle = next;
    } else {
        __atomic_store_n(&gor__sched.idle_machines, next, __ATOMIC_SEQ_CST);
    }
    m->prev_idle = NULL;
}

struct gor__m *gor__idle_take_machine(void)
{
    struct gor__m *m = gor__sched.idle_machines;
    if (m != NULL) {
        take_off_idle_list(m);
    }
    return m;
}

void gor__global_put_locked(struct gor__g *first, struct gor__g *last, uint32_t count)
{
    last->next = NULL;
    if (gor__sched.global_last != NULL) {
        gor__sched.global_last->next = first;
    } else {
        gor__sched.global_first = first;
    }
    gor__sched.global_last = last;
    __atomic_store_n(&gor__sched.global_count, gor__sched.global_count + count, __ATOMIC_SEQ_CST);
}

void gor__global_put(struct gor__g *first, struct gor__g *last, uint32_t count)
{
    gor__mutex_lock(&gor__sched.lock);
    gor__global_put_locked(first, last, count);
    gor__mutex_unlock(&gor__sched.lock);
}

static struct gor__g *global_pop_locked(void)
{
    struct gor__g *g = gor__sched.global_first;
    if (g != NULL) {
        gor__sched.global_first = g->next;
        if (g->next == NULL) {
            gor__sched.global_last = NULL;
        }
        __atomic_store_n(&gor__sched.global_count, gor__sched.global_count - 1, __ATOMIC_RELAXED);
    }
    return g;
}

struct gor__g *gor__global_take(void)
{
    if (__atomic_load_n(&gor__sched.global_count, __ATOMIC_ACQUIRE) == 0) {
        return NULL;
    }
    gor__mutex_lock(&gor__sched.lock);
    struct gor__g *g = global_pop_locked();
    gor__mutex_unlock(&gor__sched.lock);
    return g;
}

/* Take a fair share of the global queue, at most `max`: one is answered, the rest go to the ring.
 */
static struct gor__g *take_global(struct gor__p *p, uint32_t max)
{
    if (__atomic_load_n(&gor__sched.global_count, __ATOMIC_ACQUIRE) == 0) {
        return NULL;
    }
    gor__mutex_lock(&gor__sched.lock);
    uint32_t share = gor__sched.global_count / gor__sched.proc_count + 1;
    struct gor__g *g = global_pop_locked();
    if (share > max) {
        share = max;
    }
    /* Off the list before it is put: from then on a thief may have it, run it to its end and write
     * its link. Only the owner puts, so the room that is there stays. */
    while (g != NULL && share-- > 1 && gor__sched.global_first != NULL &&
           gor__runq_len(&p->runq) < GOR__RUNQ_SIZE) {
        GOR_ASSERT(gor__runq_put(&p->runq, global_pop_locked()));
    }
    gor__mutex_unlock(&gor__sched.lock);
    return g;
}

/* Whether there is work that any M could take. */
static bool work_exists(void)
{
    /* The second ordering of sched.h, whose other half is in gor__offer_work. The queues are read
     * without order, so what the caller has given up before does not order them. */
    gor__fence();
    if (__atomic_load_n(&gor__sched.global_count, __ATOMIC_SEQ_CST) != 0) {
        return true;
    }
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < procs; i++) {
        const struct gor__p *p = gor__sched.procs[i];
        if (gor__runq_len(&p->runq) != 0 || gor__fresh_len(&p->fresh) != 0) {
            return true;
        }
    }
    return false;
}

/* The claim to be the one who looks for work came to nothing. Whoever made work meanwhile has left it
 * to us: true if it must be seen to. `poller`: somebody waited there a moment ago. `soon`: a thread
 * that is being made, or about to sleep, will look; unless it did while we had the claim. */
static bool give_up_spinning(bool poller, bool soon)
{
    __atomic_sub_fetch(&gor__sched.spinning, 1, __ATOMIC_SEQ_CST);
    if (poller || __atomic_load_n(&gor__sched.poller, __ATOMIC_SEQ_CST) != 0) {
        gor__netpoll_break();
        return false;
    }
    if (soon && __atomic_load_n(&gor__sched.idle_machines, __ATOMIC_SEQ_CST) == NULL) {
        return false;
    }
    /* While the world is stopped nobody can be given a P, and whoever holds one must get to where he
     * pauses. Sequential: either the stop's end is seen here, or our claim was not seen there, in
     * gor__wake_after_stop. */
    return __atomic_load_n(&gor__sched.world_stopped, __ATOMIC_SEQ_CST) == 0 &&
           !__atomic_load_n(&gor__sched.stopping, __ATOMIC_SEQ_CST) && work_exists();
}

static bool wake_one(void)
{
    uint32_t none = 0;
    if (__atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_SEQ_CST) == 0 ||
        !__atomic_compare_exchange_n(&gor__sched.spinning, &none, 1, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        return false;
    }
    gor__mutex_lock(&gor__sched.lock);
    struct gor__p *p = NULL;
    struct gor__m *m = gor__sched.idle_machines;
    bool poller = __atomic_load_n(&gor__sched.poller, __ATOMIC_SEQ_CST) != 0;
    bool nobody = m == NULL && !poller && gor__sched.idle_procs != NULL;
    bool want = nobody && !gor__enough_machines();
    if (m != NULL) {
        p = gor__idle_take_proc();
    }
    if (p != NULL) {
        (void)gor__idle_take_machine();
        gor__hold(m, p);
        m->spinning = true;
    }
    gor__mutex_unlock(&gor__sched.lock);
    if (p != NULL) {
        gor__machine_wake(m);
        return false;
    }
    if (want) {
        gor__machine_want();
    }
    return give_up_spinning(poller, nobody);
}

void gor__wake_idle(void)
{
    while (wake_one()) {
    }
}

void gor__wake_after_stop(void)
{
    bool polled = __atomic_load_n(&gor__sched.poller, __ATOMIC_SEQ_CST) != 0;
    if (__atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_SEQ_CST) != 0 &&
        (!polled || work_exists())) {
        gor__wake_idle();
    }
}

/* ---- looking */

static int64_t earliest_timer(void)
{
    int64_t first = GOR_NEVER;
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < procs; i++) {
        int64_t when = gor__timers_first(&gor__sched.procs[i]->timers);
        if (when < first) {
            first = when;
        }
    }
    return first;
}

/* Fire what is due on one heap. */
static void run_timers(struct gor__p *owner, struct gor__m *m)
{
    if (gor__timers_first(&owner->timers) != GOR_NEVER) {
        size_t fired = gor__timers_run(&owner->timers, gor__clock());
        if (fired > 0) {
            gor__note(m, GOR__TRACE_FIRED, fired, 0);
        }
        m->p->timers_checked = gor__cpu_ticks();
    }
}

static struct gor__g *poll_now(struct gor__p *p)
{
    uint32_t count = 0;
    p->polled = gor__cpu_ticks();
    if (gor__netpoll_waiters() == 0) {
        return NULL;
    }
    struct gor__g *list = gor__netpoll_poll(0, &count);
    if (count > 0) {
        gor__note_proc(p, GOR__TRACE_POLLED, count, 0);
    }
    gor__ready_list(list, count);
    return list;
}

/* Let the oldest of those that have not run yet queue with the others: one of few, for a tree is to
 * be walked depth first, and more of many. */
static void promote_oldest(struct gor__p *p)
{
    struct gor__g *oldest[GOR__FRESH_SIZE / 32];
    uint32_t count = gor__fresh_take(&p->fresh, oldest, (gor__fresh_len(&p->fresh) + 31) / 32);
    for (uint32_t i = 0; i < count; i++) {
        gor__put_runnable(p, oldest[i]);
    }
}

/* More from the network would only queue behind what is there already; but a few that are always
 * runnable must not keep it out for ever. */
static bool poll_is_due(const struct gor__p *p)
{
    uint64_t since = gor__cpu_ticks() - p->polled;
    bool backlog = gor__runq_len(&p->runq) >= POLL_BACKLOG ||
                   __atomic_load_n(&gor__sched.global_count, __ATOMIC_RELAXED) != 0;
    return since > (backlog ? POLL_TICKS_MAX : POLL_TICKS);
}

/* What must not wait for the queues to run dry. */
static struct gor__g *take_fairly(struct gor__m *m)
{
    struct gor__p *p = m->p;
    run_timers(p, m);
    if (poll_is_due(p)) {
        (void)poll_now(p);
    }
    if ((uint32_t)p->switches % GOR__FAIR_SWITCHES != 0 && !p->look_fairly) {
        return NULL;
    }
    p->look_fairly = false;
    int64_t now = gor__coarse_now();
    if (now - p->oldest_taken >= FRESH_PATIENCE_NS) {
        p->oldest_taken = now;
        promote_oldest(p);
    }
    return take_global(p, FAIR_GLOBAL);
}

static struct gor__g *steal_fresh(struct gor__p *thief, struct gor__p *victim)
{
    struct gor__g *batch[STEAL_FRESH];
    uint32_t half = (gor__fresh_len(&victim->fresh) + 1) / 2;
    if (half == 0) {
        return NULL;
    }
    uint32_t count =
        gor__fresh_take(&victim->fresh, batch, half < STEAL_FRESH ? half : STEAL_FRESH);
    for (uint32_t i = 1; i < count; i++) {
        /* The thief came here because it has none itself, so there is room. */
        GOR_ASSERT(gor__fresh_push(&thief->fresh, batch[i]));
    }
    gor__count(&thief->steals, count);
    if (count > 0) {
        gor__note_proc(thief, GOR__TRACE_STOLEN, victim->index, count);
    }
    return count > 0 ? batch[0] : NULL;
}

/* Whether runq.next of `victim` may be taken; then nobody else may until close_offer. Acquire: whoever
 * made the offer, and what the victim did before, come first. */
static bool take_up_offer(struct gor__p *victim)
{
    uint8_t open = GOR__OFFER_OPEN;
    return __atomic_load_n(&victim->offer, __ATOMIC_RELAXED) == GOR__OFFER_OPEN &&
           __atomic_compare_exchange_n(&victim->offer, &open, GOR__OFFER_TAKEN_UP, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* Release: the victim, which acquires, may do without atomic operations afterwards. */
static void close_offer(struct gor__p *victim, bool something_taken)
{
    __atomic_store_n(&victim->offer, something_taken ? GOR__OFFER_NONE : GOR__OFFER_OPEN,
                     __ATOMIC_RELEASE);
}

static struct gor__g *steal_from(struct gor__m *m, struct gor__p *victim)
{
    uint32_t count = 0;
    bool with_next = take_up_offer(victim);
    struct gor__g *g = gor__runq_steal(&m->p->runq, &victim->runq, with_next, &count);
    if (with_next) {
        close_offer(victim, g != NULL);
    }
    if (g != NULL) {
        gor__count(&m->p->steals, count);
        gor__note(m, GOR__TRACE_STOLEN, victim->index, count);
        return g;
    }
    return steal_fresh(m->p, victim);
}

/* Once round all other Ps, from a random one on; their due timers are fired as well. */
static struct gor__g *steal_round(struct gor__m *m)
{
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    uint32_t start = gor__random_below(&m->random, procs);
    for (uint32_t i = 0; i < procs; i++) {
        struct gor__p *victim = gor__sched.procs[(start + i) % procs];
        if (victim == m->p) {
            continue;
        }
        struct gor__g *g = steal_from(m, victim);
        if (g == NULL && gor__timers_first(&victim->timers) <= gor__coarse_now()) {
            run_timers(victim, m);
            g = gor__next_local(m->p);
        }
        if (g != NULL) {
            return g;
        }
    }
    return NULL;
}

static bool may_spin(struct gor__m *m)
{
    uint32_t procs = __atomic_load_n(&gor__sched.proc_count, __ATOMIC_RELAXED);
    if (procs == 1) {
        return false;
    }
    if (!m->spinning) {
        uint32_t idle = __atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_RELAXED);
        uint32_t spinning = __atomic_load_n(&gor__sched.spinning, __ATOMIC_RELAXED);
        if (2 * spinning >= procs - idle) {
            return false;
        }
        m->spinning = true;
        __atomic_add_fetch(&gor__sched.spinning, 1, __ATOMIC_SEQ_CST);
    }
    return true;
}

static struct gor__g *look_around(struct gor__m *m)
{
    struct gor__g *g = gor__next_local(m->p);
    if (g == NULL) {
        g = take_global(m->p, GLOBAL_BATCH);
    }
    if (g == NULL && poll_now(m->p) != NULL) {
        g = gor__next_local(m->p);
    }
    if (g != NULL || !may_spin(m)) {
        return g;
    }
    for (int round = 0; round < SPIN_ROUNDS && g == NULL; round++) {
        g = steal_round(m);
        if (g == NULL) {
            g = take_global(m->p, GLOBAL_BATCH);
        }
        if (g == NULL && __atomic_load_n(&gor__sched.stopping, __ATOMIC_RELAXED)) {
            break;
        }
        gor__relax();
    }
    return g;
}

/* ---- going idle */

/* Give up the P. True when there was a last moment's work, with the P kept. */
static bool release_proc(struct gor__m *m)
{
    gor__mutex_lock(&gor__sched.lock);
    if (gor__sched.global_count != 0 || gor__sched.stopping ||
        __atomic_load_n(&m->p->attention, __ATOMIC_RELAXED)) {
        gor__mutex_unlock(&gor__sched.lock);
        return true;
    }
    bool had_places = m->p->places != 0;
    gor__idle_put_proc(gor__drop(m));
    gor__mutex_unlock(&gor__sched.lock);
    if (had_places) {
        gor__ceiling_note_room();
    }
    return false;
}

static bool acquire_proc(struct gor__m *m)
{
    if (__atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_SEQ_CST) == 0) {
        return false;
    }
    gor__mutex_lock(&gor__sched.lock);
    struct gor__p *p = gor__idle_take_proc();
    if (p != NULL) {
        gor__hold(m, p);
    }
    gor__mutex_unlock(&gor__sched.lock);
    return p != NULL;
}

/* Wait in the poller if nobody does. True: it waited, and has a P again or has handed on what it
 * found. */
static bool wait_in_poller(struct gor__m *m)
{
    uint32_t free = 0;
    uint32_t count = 0;
    if (!__atomic_compare_exchange_n(&gor__sched.poller, &free, 1, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        return false;
    }
    int64_t until = earliest_timer();
    __atomic_store_n(&gor__sched.poll_until, until, __ATOMIC_SEQ_CST);
    /* The second ordering of sched.h: whoever made work before seeing the poller is seen here. */
    if (work_exists() || __atomic_load_n(&gor__sched.stopping, __ATOMIC_SEQ_CST) ||
        earliest_timer() < until) {
        until = 0;
    }
    __atomic_add_fetch(&gor__sched.parks, 1, __ATOMIC_RELAXED);
    gor__note_thread(GOR__TRACE_THREAD_POLLS, m->id, 0);
    struct gor__g *list = gor__netpoll_poll(until, &count);
    gor__note_thread(GOR__TRACE_THREAD_AWAKE, m->id, count);
    __atomic_store_n(&gor__sched.poller, 0, __ATOMIC_SEQ_CST);
    (void)gor__clock();
    (void)acquire_proc(m);
    gor__ready_list(list, count);
    return true;
}

/* More threads than the Ps need; under the lock. One that sleeps is needed besides, for the P of a goroutine
 * that computes for too long. */
static bool are_too_many(void)
{
    return gor__sched.able > (int32_t)gor__sched.proc_count;
}

/* `m` has slept for long. True when the others are enough: it ends. No work goes with it: where a P is
 * idle, one of so many others has none either, and is asleep, or looks before it sleeps. */
static bool end_if_spare(struct gor__m *m)
{
    gor__mutex_lock(&gor__sched.lock);
    bool alone = m->prev_idle == NULL && m->next_idle == NULL;
    if (!gor__sched.stopping && are_too_many() && is_idle(m) && !alone) {
        take_off_idle_list(m);
        m->ends = true;
        gor__count_able(m, true);
    }
    gor__mutex_unlock(&gor__sched.lock);
    return m->ends;
}

/* Until `m` is given a P, the runtime stops, or it ends. */
static void sleep_until_woken(struct gor__m *m)
{
    gor__mutex_lock(&gor__sched.lock);
    gor__note_thread(GOR__TRACE_THREAD_SLEEPS, m->id, 0); /* before it can be given a P */
    bool spare = gor__sched.idle_machines != NULL && are_too_many();
    int64_t patience = spare ? gor__sched.opts.thread_idle_ns : GOR_NEVER;
    put_idle(m);
    gor__mutex_unlock(&gor__sched.lock);
    /* Whoever made work meanwhile found nobody to wake, and took it that we would look. */
    if (__atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_SEQ_CST) != 0 && work_exists()) {
        gor__wake_idle();
    }
    __atomic_add_fetch(&gor__sched.parks, 1, __ATOMIC_RELAXED);
    while (!gor__machine_sleep(m, gor__monotonic_after(patience)) && !end_if_spare(m)) {
        patience *= 2; /* it is needed, so far */
    }
    gor__note_thread(GOR__TRACE_THREAD_AWAKE, m->id, 0);
}

static void stop_spinning(struct gor__m *m)
{
    if (m->spinning) {
        m->spinning = false;
        __atomic_sub_fetch(&gor__sched.spinning, 1, __ATOMIC_SEQ_CST);
    }
}

/* The poller must not sleep beyond `first`, of the timers of a P that nobody sees to any more. */
static void alert_poller(int64_t first)
{
    if (first < __atomic_load_n(&gor__sched.poll_until, __ATOMIC_SEQ_CST) &&
        __atomic_load_n(&gor__sched.poller, __ATOMIC_SEQ_CST) != 0) {
        gor__netpoll_break();
    }
}

void gor__proc_came_free(const struct gor__p *p)
{
    gor__ceiling_note_room();
    gor__wake_idle();
    alert_poller(gor__timers_first(&p->timers));
}

/* There is a P, and it could not be had: whoever waited in the poller waits for the world to go on, and is
 * to look again. Nobody else knows of a timer that has become due meanwhile, and sysmon may be asleep. */
static bool await_world(void)
{
    if (__atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_SEQ_CST) == 0) {
        return false;
    }
    gor__world_await();
    return true;
}

/* Without work and with a P: give it up and sleep; afterwards the M has a P again. */
static void idle(struct gor__m *m)
{
    int64_t own_first = gor__timers_first(&m->p->timers);
    if (release_proc(m)) {
        return;
    }
    stop_spinning(m);
    if (work_exists() && acquire_proc(m)) {
        m->spinning = true;
        __atomic_add_fetch(&gor__sched.spinning, 1, __ATOMIC_SEQ_CST);
        return;
    }
    alert_poller(own_first);
    while (m->p == NULL && !m->ends && !__atomic_load_n(&gor__sched.stopping, __ATOMIC_SEQ_CST)) {
        if (!wait_in_poller(m) || (m->p == NULL && !acquire_proc(m) && !await_world())) {
            sleep_until_woken(m);
        }
    }
}

/* The M leaves its search with work: if it was the one that spun, another may have to take over. */
static void found(struct gor__m *m)
{
    if (m->spinning) {
        stop_spinning(m);
        if (__atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_SEQ_CST) != 0 && work_exists()) {
            gor__wake_idle();
        }
    }
    if (GOR_UNLIKELY(gor__hibernate_always) || gor__pauses_any()) {
        __atomic_store_n(&m->p->attention, true, __ATOMIC_RELAXED);
    }
}

/* Without a P, which went to somebody else: sleep until one is given to the M. */
static void wait_for_proc(struct gor__m *m)
{
    /* Its goroutines may be in the global queue. While we count as spinning nobody would be woken for
     * them, for whoever spins is about to look there. */
    stop_spinning(m);
    if (work_exists()) {
        gor__wake_idle();
    }
    sleep_until_woken(m);
}

/* What somebody has asked every scheduler to look at. He stores what he wants seen, then `attention`;
 * taken back by an exchange, it is either his, and then we see the rest, or he comes after us. A plain
 * store could be overtaken by the load below and then swallow his. */
static void attend(struct gor__m *m)
{
    if (GOR_LIKELY(!__atomic_load_n(&m->p->attention, __ATOMIC_RELAXED))) {
        return;
    }
    (void)__atomic_exchange_n(&m->p->attention, false, __ATOMIC_SEQ_CST);
    gor__stacks_restock(m->p);
    if (GOR_UNLIKELY(gor__hibernate_always)) {
        gor__hibernate_parked(m);
    }
    /* Some call at every switch, and no streak would ever begin. */
    if (!gor__hibernate_always && !gor__pauses_any()) {
        gor__end_streak(m->p);
    }
    gor__ceiling_attend(m->p);
    if (__atomic_load_n(&gor__sched.world_stopped, __ATOMIC_SEQ_CST) != 0) {
        gor__world_pause(m);
    }
}

void gor__call_attention(void)
{
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < procs; i++) {
        /* Sequential, as attend() is: the holder may set it too, for reasons of its own. */
        __atomic_store_n(&gor__sched.procs[i]->attention, true, __ATOMIC_SEQ_CST);
    }
}

static struct gor__g *look_everywhere(struct gor__m *m)
{
    gor__latency_look();
    struct gor__g *g = take_fairly(m);
    return g != NULL ? g : look_around(m);
}

struct gor__g *gor__find_runnable(struct gor__m *m)
{
    for (;;) {
        if (m->p != NULL) {
            attend(m);
        }
        if (m->ends || __atomic_load_n(&gor__sched.stopping, __ATOMIC_SEQ_CST)) {
            stop_spinning(m);
            return NULL;
        }
        if (m->p == NULL || gor__pass_proc_if_due(m)) {
            wait_for_proc(m);
            continue;
        }
        struct gor__g *g = gor__seeded_on() ? gor__seeded_next(m) : look_everywhere(m);
        if (g == NULL) {
            idle(m);
        } else if (!gor__pauses_any() || !gor__pause_sets_aside(g)) {
            found(m);
            return g;
        }
    }
}
