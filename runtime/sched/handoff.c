/* SPDX-License-Identifier: MIT */
/* handoff.c - see handoff.h.
 *
 * Sending a blocked thread a signal was rejected: its system call would end with EINTR, which foreign
 * code does not expect. Moving a goroutine that comes back from foreign code to another thread, as Go
 * does, was rejected too: it may hold a lock that knows its thread.
 */
#include "runtime/sched/handoff.h"

#include <stddef.h>
#include <time.h>

#include "runtime/sched/door.h"
#include "runtime/sched/latency.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/seeded.h"

enum {
    FAIR_TURNS = 4,       /* of the queues, one is for what the others leave waiting */
    AWAY_LOOKS = 16,      /* threads looked at in one round, for there may be thousands */
    AWAY_CPU_NS = 100000, /* more CPU time than waking up and blocking again takes */
};

/* ---- the queues of those who lack a P */

static void enqueue(struct gor__m_queue *queue, struct gor__m *m)
{
    m->next_lacking = NULL;
    if (queue->last != NULL) {
        queue->last->next_lacking = m;
    } else {
        queue->first = m;
    }
    queue->last = m;
    __atomic_store_n(&queue->count, queue->count + 1, __ATOMIC_RELAXED);
}

static struct gor__m *dequeue(struct gor__m_queue *queue)
{
    struct gor__m *m = queue->first;
    if (m != NULL) {
        queue->first = m->next_lacking;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        __atomic_store_n(&queue->count, queue->count - 1, __ATOMIC_RELAXED);
    }
    return m;
}

/* Whether it waits for a P. */
static bool is_queued(const struct gor__m *m)
{
    return m->lack == GOR__LACK_WAITS || m->lack == GOR__LACK_HOG;
}

static void set_lack(struct gor__m *m, enum gor__lack lack)
{
    int less = m->lack == GOR__LACK_AWAY;
    int more = lack == GOR__LACK_AWAY;
    __atomic_store_n(&gor__sched.away, gor__sched.away + (uint32_t)(more - less), __ATOMIC_RELAXED);
    bool able = gor__is_able(m);
    m->lack = lack;
    gor__count_able(m, able);
    bool queued = is_queued(m);
    if (queued) {
        m->lacking_since = gor__clock();
    }
    if (lack != GOR__LACK_NOTHING && gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_at(NULL, GOR__TRACE_THREAD_LACKS, m->id, lack, m->g != NULL ? m->g->id : 0);
    }
    if (m->g != NULL) {
        if (queued) {
            /* It is runnable, but not stored: whoever looks at it must not take what was left of its
             * last wait for that. The next switch away writes it. */
            __atomic_store_n(&m->g->context.sp, NULL, __ATOMIC_RELAXED);
        }
        gor__g_set_state(m->g, queued ? GOR_RUNNABLE : GOR_RUNNING, GOR_WAIT_NONE);
    }
}

/* The thread may go on: with a P, or once the runtime stops. */
static void let_on(struct gor__m *m, uint32_t taken)
{
    __atomic_store_n(&m->taken, taken, __ATOMIC_RELEASE);
    __atomic_add_fetch(&m->let_on, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&m->let_on, 1);
}

void gor__give_to(struct gor__m *m, struct gor__p *p)
{
    if (is_queued(m)) {
        gor__latency_waited(gor__clock() - m->lacking_since);
    }
    set_lack(m, GOR__LACK_NOTHING);
    gor__hold(m, p);
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_given(m, p);
    }
    if (m->g != NULL) {
        __atomic_store_n(&m->g->switches, m->g->switches + 1, __ATOMIC_RELAXED);
    }
    gor__count(&p->switches, 1); /* a new slice begins */
    if (m->bound != NULL || gor__sched.waiting.first != NULL) {
        __atomic_store_n(&p->attention, true, __ATOMIC_RELEASE);
    }
    let_on(m, GOR__NOT_TAKEN);
}

/* ---- whose turn it is */

/* Not while the world stands, nor once the runtime stops. */
static bool may_give(void)
{
    return gor__sched.world_stopped == 0 && !gor__sched.stopping;
}

/* What a P's next holder finds to do, unless it is a thread with a goroutine of its own. */
static bool has_work(const struct gor__p *p)
{
    return !gor__runq_empty(&p->runq) || gor__fresh_len(&p->fresh) != 0 ||
           __atomic_load_n(&gor__sched.global_count, __ATOMIC_RELAXED) != 0 ||
           gor__timers_first(&p->timers) <= gor__coarse_now();
}

/* Hogs as a whole get as long as everybody else: half of each P, if there is enough to do. */
static bool hog_is_due(const struct gor__p *p)
{
    return gor__sched.hogs.first != NULL && gor__coarse_now() - p->hog_had_it >= GOR__SLICE_NS;
}

static bool queues_are_due(const struct gor__p *p)
{
    return may_give() && !hog_is_due(p) && has_work(p) &&
           (p->queues_turn || gor__sched.waiting.first == NULL);
}

bool gor__is_wanted(const struct gor__p *p)
{
    return gor__sched.waiting.first != NULL || hog_is_due(p) || has_work(p);
}

bool gor__give_to_waiting(struct gor__p *p)
{
    if (!may_give()) {
        return false;
    }
    struct gor__m *m = hog_is_due(p) ? NULL : dequeue(&gor__sched.waiting);
    if (m == NULL) {
        m = dequeue(&gor__sched.hogs);
        p->hog_had_it = m != NULL ? gor__coarse_now() : p->hog_had_it;
    }
    if (m != NULL) {
        p->queues_turn = true;
        gor__give_to(m, p);
    }
    return m != NULL;
}

void gor__line_up(struct gor__m *m)
{
    set_lack(m, GOR__LACK_WAITS);
    enqueue(&gor__sched.waiting, m);
}

void gor__wait_for_proc_locked(struct gor__m *m, enum gor__lack lack)
{
    struct gor__p *p = gor__idle_take_proc();
    if (p != NULL) {
        gor__give_to(m, p);
        return;
    }
    set_lack(m, lack);
    enqueue(lack == GOR__LACK_HOG ? &gor__sched.hogs : &gor__sched.waiting, m);
}

/* ---- taking */

static void note_taken(const struct gor__m *m, struct gor__p *p, enum gor__lack lack)
{
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        enum gor__trace_loss loss = GOR__TRACE_LOST_BLOCKED;
        if (gor__sched.world_stopped != 0) {
            loss = GOR__TRACE_LOST_WORLD;
        } else if (lack == GOR__LACK_HOG) {
            loss = GOR__TRACE_LOST_HOG;
        }
        gor__trace_taken(m, p, loss);
    }
}

/* The holder of `p`, which is outside and stays there until it is let on; NULL: it is not. Fences must
 * work. */
static struct gor__m *hold_off(struct gor__p *p)
{
    struct gor__m *m = p->holder;
    if (m == NULL || __atomic_load_n(&m->inside, __ATOMIC_RELAXED) || gor__sched.stopping ||
        gor__seeded_on()) {
        return NULL;
    }
    __atomic_store_n(&m->taken, GOR__TAKEN, __ATOMIC_SEQ_CST);
    gor__fence_all_threads();
    if (__atomic_load_n(&m->inside, __ATOMIC_ACQUIRE)) {
        /* It may have seen that, and waits for the lock to find out. */
        let_on(m, GOR__NOT_TAKEN);
        return NULL;
    }
    return m;
}

static void open_offer(struct gor__p *p)
{
    __atomic_store_n(&p->offer, GOR__OFFER_OPEN, __ATOMIC_RELEASE);
}

void gor__offer_next(struct gor__p *p)
{
    gor__mutex_lock(&gor__sched.lock);
    /* Whoever switches a trace on takes the lock before anybody writes; so does this, if that comes
     * later. Without fences a trace leaves nothing out, but while there are no thieves. */
    if (!gor__observes(GOR__OBSERVE_TRACE) || !gor__fences_work()) {
        open_offer(p);
    } else {
        struct gor__m *m = hold_off(p);
        if (m != NULL) {
            gor__trace_settle(p);
            open_offer(p);
            let_on(m, GOR__NOT_TAKEN);
        }
    }
    gor__mutex_unlock(&gor__sched.lock);
}

struct gor__m *gor__take_outside(struct gor__p *p, enum gor__lack lack)
{
    struct gor__m *m = gor__preempt_works() ? hold_off(p) : NULL;
    if (m == NULL) {
        return NULL;
    }
    note_taken(m, p, lack);
    (void)gor__drop(m);
    set_lack(m, lack);
    return m;
}

static int64_t cpu_time_of(const struct gor__m *m)
{
    struct timespec spent;
    if (clock_gettime(m->cpu_clock, &spent) != 0) {
        return 0;
    }
    return spent.tv_sec * GOR_SECOND + spent.tv_nsec;
}

static void install(struct gor__m *m, struct gor__p *p)
{
    gor__hold(m, p);
    gor__count(&p->switches, 1);
    gor__machine_wake(m);
}

/* A thread for the goroutines on queues, whose turn it is; NULL: it has to be made yet. */
static struct gor__m *take_idle_machine(void)
{
    struct gor__m *m = gor__idle_take_machine();
    if (m == NULL && !gor__enough_machines()) {
        gor__machine_want();
    }
    return m;
}

/* With its queues as they are, to a thread that has nothing to do or one that waits. An idle P has
 * empty queues, as the scheduler takes for granted: theirs go to the global one. */
void gor__let_go(struct gor__p *p)
{
    struct gor__m *heir = queues_are_due(p) ? take_idle_machine() : NULL;
    if (heir != NULL) {
        install(heir, p);
        return;
    }
    if (gor__give_to_waiting(p)) {
        return;
    }
    struct gor__g *g = NULL;
    while ((g = gor__next_local(p)) != NULL) {
        gor__global_put_locked(g, g, 1);
    }
    gor__idle_put_proc(p);
}

void gor__retake_blocked(struct gor__p *p)
{
    gor__mutex_lock(&gor__sched.lock);
    struct gor__m *m = NULL;
    if (!gor__sched.world_stopped) {
        m = gor__take_outside(p, GOR__LACK_AWAY);
    }
    if (m != NULL) {
        m->cpu_seen = cpu_time_of(m);
        /* Before the next holder can look. */
        __atomic_add_fetch(&gor__sched.handoffs, 1, __ATOMIC_RELAXED);
        gor__let_go(p);
    }
    gor__mutex_unlock(&gor__sched.lock);
    if (m != NULL) {
        gor__proc_came_free(p);
    }
}

/* Whether there is somebody for a P that is about to be taken from a hog. */
static bool have_heir(bool hogs_too)
{
    return gor__sched.waiting.first != NULL || gor__sched.idle_machines != NULL ||
           (hogs_too && gor__sched.hogs.first != NULL);
}

/* Give `p` to a thread: to one that waits, to one that looks for work, to another hog. */
static void give_to_heir(struct gor__p *p)
{
    bool look = gor__sched.waiting.first == NULL || queues_are_due(p);
    struct gor__m *heir = look ? take_idle_machine() : NULL;
    if (heir == NULL) {
        GOR_ASSERT(gor__give_to_waiting(p));
        return;
    }
    install(heir, p);
}

static struct gor__m *preempt_locked(struct gor__p *p, bool hogs_too)
{
    if (!may_give() || !have_heir(hogs_too)) {
        return NULL;
    }
    struct gor__m *hog = gor__take_outside(p, GOR__LACK_HOG);
    if (hog != NULL) {
        p->hog_had_it = gor__coarse_now();
        __atomic_add_fetch(&gor__sched.preemptions, 1, __ATOMIC_RELAXED);
        give_to_heir(p);
        enqueue(&gor__sched.hogs, hog);
    }
    return hog;
}

void gor__preempt_holder(struct gor__p *p, bool for_hogs)
{
    gor__mutex_lock(&gor__sched.lock);
    struct gor__m *hog = preempt_locked(p, for_hogs);
    if (hog != NULL) {
        gor__preempt_send(hog);
    } else if (!have_heir(for_hogs)) {
        gor__machine_want();
    }
    gor__mutex_unlock(&gor__sched.lock);
}

/* One that lost its P while it was blocked, and computes now without any. */
static void look_at_one_away(struct gor__m *m)
{
    if (m->lack == GOR__LACK_AWAY && cpu_time_of(m) - m->cpu_seen > AWAY_CPU_NS) {
        gor__wait_for_proc_locked(m, GOR__LACK_HOG);
        if (m->lack == GOR__LACK_HOG) {
            gor__preempt_send(m);
        }
    }
}

void gor__look_at_away(void)
{
    gor__mutex_lock(&gor__sched.lock);
    struct gor__m *m = gor__sched.away_cursor;
    /* Once the runtime stops they go by themselves, and without the lock. */
    uint32_t looks = gor__sched.away > 0 && may_give() ? AWAY_LOOKS : 0;
    while (looks-- > 0) {
        m = m != NULL ? m : gor__sched.machines;
        look_at_one_away(m);
        m = m->next;
    }
    gor__sched.away_cursor = m;
    gor__mutex_unlock(&gor__sched.lock);
}

/* ---- the scheduler's side */

/* True when the P has gone to a thread that waits for it, or to a hog. */
static bool pass_proc(struct gor__m *m)
{
    struct gor__p *p = m->p;
    bool wanted = gor__sched.waiting.first != NULL || hog_is_due(p);
    if (wanted && p->queues_turn && queues_are_due(p)) {
        /* After this one goroutine the scheduler shall look again. Turns are counted by themselves:
         * the switches in between may come in numbers that never are a multiple of anything. */
        p->look_fairly = p->turns++ % FAIR_TURNS == 0;
        __atomic_store_n(&p->attention, true, __ATOMIC_SEQ_CST);
    } else if (wanted && may_give()) {
        GOR_ASSERT(gor__give_to_waiting(gor__drop(m)));
        return true;
    }
    p->queues_turn = false;
    return false;
}

bool gor__pass_proc_if_due(struct gor__m *m)
{
    if (GOR_LIKELY(__atomic_load_n(&gor__sched.waiting.count, __ATOMIC_RELAXED) == 0 &&
                   __atomic_load_n(&gor__sched.hogs.count, __ATOMIC_RELAXED) == 0)) {
        m->p->queues_turn = false;
        return false;
    }
    gor__mutex_lock(&gor__sched.lock);
    bool passed = pass_proc(m);
    gor__mutex_unlock(&gor__sched.lock);
    return passed;
}

/* ---- at the door */

/* An M that has a P is not meant: the attempt to take it was given up. Once the runtime stops all are. */
static void wait_in_line(struct gor__m *m)
{
    gor__mutex_lock(&gor__sched.lock);
    bool ends = gor__sched.stopping;
    bool lost = m->p == NULL;
    if (!ends && lost && m->lack != GOR__LACK_HOG) {
        gor__wait_for_proc_locked(m, GOR__LACK_WAITS);
        gor__call_attention();
    }
    gor__mutex_unlock(&gor__sched.lock);
    if (ends || (lost && !gor__wait_until_given(m))) {
        gor__abandon(m);
    }
}

static void pass_seeded_door(struct gor__m *m)
{
    if (m->g != NULL && __atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
        gor__abandon(m);
    }
    gor__seeded_point(m);
}

void gor__door_wait(struct gor__m *m)
{
    if (gor__seeded_on()) {
        pass_seeded_door(m);
        return;
    }
    int error = *m->errno_address;
    wait_in_line(m);
    *m->errno_address = error;
}

void gor__wait_for_proc(struct gor__m *m)
{
    uint32_t former = GOR__NOT_TAKEN;
    /* A door that was closed meanwhile stays so. */
    (void)__atomic_compare_exchange_n(&m->taken, &former, GOR__TAKEN, false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE);
    wait_in_line(m);
}

static bool is_without(const struct gor__m *m)
{
    return __atomic_load_n(&m->taken, __ATOMIC_ACQUIRE) == GOR__TAKEN;
}

bool gor__wait_until_given(struct gor__m *m)
{
    for (;;) {
        uint32_t seen = __atomic_load_n(&m->let_on, __ATOMIC_ACQUIRE);
        if (!is_without(m)) {
            break;
        }
        (void)gor__futex_wait(&m->let_on, seen, GOR_NEVER);
    }
    return __atomic_load_n(&m->taken, __ATOMIC_ACQUIRE) == GOR__NOT_TAKEN;
}

void gor__stop_here(struct gor__m *m)
{
    while (is_without(m)) {
        gor__mutex_lock(&gor__sched.lock);
        /* It does not block, whatever the one who took the P thought: it may have been given one and
         * lost it again before it woke up here. */
        if (m->lack == GOR__LACK_AWAY && is_without(m)) {
            gor__wait_for_proc_locked(m, GOR__LACK_HOG);
        }
        bool waits = is_queued(m) && is_without(m);
        /* Read here, for it may also be given one and lose it before it sleeps. */
        uint32_t seen = __atomic_load_n(&m->let_on, __ATOMIC_RELAXED);
        gor__mutex_unlock(&gor__sched.lock);
        if (waits) {
            (void)gor__futex_wait(&m->let_on, seen, GOR_NEVER);
        }
    }
}

void gor__close_doors(void)
{
    for (struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        let_on(m, GOR__CLOSED);
    }
}
