/* SPDX-License-Identifier: MIT */
/* trace.c - see trace.h.
 *
 * Two records for a switch, as Go writes them, were rejected: reading the clock is half of the cost.
 * So was a ring for each thread: what they do without a P is to sleep and to wake up, for which a
 * lock costs nothing; and thousands of threads may have been blocked at one time.
 */
#include "runtime/sched/trace.h"

#include <string.h>

#include "runtime/sched/door.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/trace_felt.h"

struct gor__trace_ring gor__trace_common;
struct gor__trace_record gor__trace_nowhere[1];
static struct gor__spin common_lock;

void gor__trace_set_common(struct gor__trace_record *records, uint64_t count)
{
    gor__spin_lock(&common_lock);
    gor__trace_ring_init(&gor__trace_common, records, count);
    gor__spin_unlock(&common_lock);
}

void gor__trace_settle(struct gor__p *p)
{
    struct gor__trace_ring *ring = &p->trace;
    if (ring->woken == GOR__TRACE_WAKE_TIMED) {
        return;
    }
    ring->last_ticks = gor__trace_last_switch(ring);
    if (gor__trace_left_out(ring) != NULL) {
        gor__trace_put_ready(ring, gor__trace_left_out(ring));
    }
    ring->woken = GOR__TRACE_WAKE_TIMED;
}

bool gor__trace_take_back_offer(struct gor__p *p)
{
    uint8_t offer = GOR__OFFER_OPEN;
    return p->trace.fences && __atomic_compare_exchange_n(&p->offer, &offer, GOR__OFFER_NONE, false,
                                                          __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void gor__trace_look_at_pace(struct gor__p *p)
{
    struct gor__trace_ring *ring = &p->trace;
    uint64_t last = gor__trace_last_switch(ring);
    if (last - ring->paced >= (uint64_t)GOR__TRACE_PACE * GOR__TRACE_BRIEF_TICKS) {
        gor__trace_settle(p);
    }
    ring->paced = last;
}

static void put(const struct gor__m *m, const struct gor__trace_record *records, uint32_t count)
{
    struct gor__p *p = m != NULL ? m->p : NULL;
    if (p != NULL) {
        gor__trace_settle(p);
        gor__trace_ring_push(&p->trace, records, count);
        return;
    }
    gor__spin_lock(&common_lock);
    if (gor__trace_common.records != NULL) {
        gor__trace_ring_push(&gor__trace_common, records, count);
    }
    gor__spin_unlock(&common_lock);
}

void gor__trace_proc(struct gor__p *p, enum gor__trace_event event, uint64_t id, uint64_t a,
                     uint64_t b)
{
    struct gor__trace_record record = {gor__cpu_ticks(), id, gor__trace_what(event, a), b};
    gor__trace_settle(p);
    gor__trace_ring_put(&p->trace, &record);
}

void gor__trace_at(const struct gor__m *m, enum gor__trace_event event, uint64_t id, uint64_t a,
                   uint64_t b)
{
    struct gor__trace_record record = {gor__cpu_ticks(), id, gor__trace_what(event, a), b};
    put(m, &record, 1);
}

/* The bytes of a record in memory: the event is the first of `what`, for the least one comes first. */
enum { EVENT_AT = offsetof(struct gor__trace_record, what) };
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "where the event's byte lies");

void gor__trace_pack(struct gor__trace_record *out, const char *text, size_t bytes)
{
    char all[sizeof *out] = {0};
    size_t first = bytes < EVENT_AT ? bytes : EVENT_AT;
    memcpy(all, text, first);
    memcpy(all + EVENT_AT + 1, text + first, bytes - first);
    all[EVENT_AT] = GOR__TRACE_TEXT;
    memcpy(out, all, sizeof *out);
}

void gor__trace_unpack(const struct gor__trace_record *record, char *out_text)
{
    const char *all = (const char *)record;
    memcpy(out_text, all, EVENT_AT);
    memcpy(out_text + EVENT_AT, all + EVENT_AT + 1, sizeof *record - EVENT_AT - 1);
}

void gor__trace_text(const struct gor__m *m, enum gor__trace_event event, uint64_t id, uint64_t b,
                     const char *text, size_t bytes)
{
    struct gor__trace_record records[GOR__TRACE_UNIT_MAX] = {
        {gor__cpu_ticks(), id, gor__trace_what(event, bytes), b}};
    uint32_t count = 1;
    for (size_t done = 0; done < bytes; done += GOR__TRACE_TEXT_BYTES) {
        size_t left = bytes - done;
        gor__trace_pack(&records[count++], text + done,
                        left < GOR__TRACE_TEXT_BYTES ? left : GOR__TRACE_TEXT_BYTES);
    }
    put(m, records, count);
}

void gor__trace_outside(enum gor__trace_event event, uint64_t id, uint64_t b, const char *text,
                        size_t bytes)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        gor__trace_text(NULL, event, id, b, text, bytes);
        return;
    }
    if (gor__seeded_on()) {
        /* The door is where the seed chooses; nobody else could take the P. */
        __atomic_store_n(&m->inside, true, __ATOMIC_RELAXED);
    } else {
        gor__enter_machine(m);
    }
    /* What the caller saw may be over: on its way in it may have waited for whoever turned it off. */
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_text(m, event, id, b, text, bytes);
    }
    gor__leave_machine(m);
}

/* ---- goroutines */

void gor__trace_leave(struct gor__p *p, const struct gor__g *left)
{
    if (p != NULL) {
        uint64_t now = gor__cpu_ticks();
        struct gor__trace_record record = {
            now, 0, gor__trace_what(GOR__TRACE_SWITCHED, gor__trace_why(left)), 0};
        gor__trace_settle(p);
        gor__trace_ring_put(&p->trace, &record);
        bool brief = now - p->trace.last_ticks < GOR__TRACE_BRIEF_TICKS;
        p->trace.last_ticks = brief ? now : 0;
    }
}

void gor__trace_resume(struct gor__p *p, const struct gor__g *next)
{
    gor__trace_settle(p);
    gor__trace_put_other_switch(p, 0, next);
}

void gor__trace_created(const struct gor__m *m, const struct gor__g *g)
{
    const char *name = gor__pool_name(g);
    if (name != NULL) {
        gor__trace_text(m, GOR__TRACE_NAMED, g->id, 0, name, strlen(name));
    }
    gor__trace_at(m, GOR__TRACE_CREATED, g->id, (uintptr_t)g->created_at, (uintptr_t)g->fn);
}

bool gor__trace_ready_untimed(struct gor__p *p, const struct gor__g *g)
{
    struct gor__trace_ring *ring = &p->trace;
    if (ring->woken == GOR__TRACE_WAKE_TIMED) {
        return false;
    }
    if (gor__trace_left_out(ring) != NULL) {
        gor__trace_put_ready(ring, gor__trace_left_out(ring));
    }
    ring->woken = GOR__TRACE_WAKE_UNTIMED;
    gor__trace_put_ready(ring, g);
    return true;
}

void gor__trace_ready(const struct gor__g *g, bool from_network)
{
    const struct gor__m *m = gor__m_self();
    enum gor__trace_waker kind = GOR__TRACE_BY_STRANGER;
    if (m != NULL && m->g != NULL) {
        kind = GOR__TRACE_BY_GOROUTINE;
    } else if (from_network) {
        kind = GOR__TRACE_BY_NETWORK;
    } else if (m != NULL) {
        kind = GOR__TRACE_BY_TIMER;
    }
    gor__trace_at(m, GOR__TRACE_READY, g->id, kind | gor__trace_turn(g), 0);
}

/* ---- Ps and Ms */

/* 0: the thread has not come so far yet. */
static uint64_t tid_of(const struct gor__m *m)
{
    return (uint64_t)__atomic_load_n(&m->tid, __ATOMIC_RELAXED);
}

void gor__trace_held(const struct gor__m *m, struct gor__p *p)
{
    gor__trace_proc(p, GOR__TRACE_HELD, m->id, tid_of(m), 0);
}

void gor__trace_taken(const struct gor__m *m, struct gor__p *p, enum gor__trace_loss loss)
{
    if (m->g != NULL) {
        gor__trace_proc(p, GOR__TRACE_TAKEN, m->g->id, loss | gor__trace_turn(m->g), m->id);
    }
}

void gor__trace_given(const struct gor__m *m, struct gor__p *p)
{
    if (m->g != NULL) {
        gor__trace_proc(p, GOR__TRACE_GIVEN, m->g->id, m->id | gor__trace_turn(m->g),
                        (uintptr_t)m->g->fn);
    }
}

void gor__trace_counts(void)
{
    uint64_t runnable =
        __atomic_load_n(&gor__sched.global_count, __ATOMIC_RELAXED) + gor__seeded_count();
    uint64_t timers = 0;
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < procs; i++) {
        const struct gor__p *p = gor__sched.procs[i];
        runnable += gor__runq_len(&p->runq) + gor__fresh_len(&p->fresh);
        runnable += __atomic_load_n(&p->runq.next, __ATOMIC_RELAXED) != NULL;
        timers += gor__timers_count(&p->timers);
    }
    gor__trace_at(NULL, GOR__TRACE_COUNTS, gor_num_goroutine(), runnable, timers);
}

void gor__trace_resized(uint32_t count)
{
    for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
        gor__trace_settle(gor__sched.procs[i]);
    }
    gor__trace_at(NULL, GOR__TRACE_PROCS, count, 0, 0);
}

void gor__trace_begin(const struct gor__m *m)
{
    gor__trace_at(NULL, GOR__TRACE_PROCS, gor__sched.proc_count, 0, 0);
    gor__trace_counts();
    gor__mutex_lock(&gor__sched.lock);
    for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
        struct gor__p *p = gor__sched.procs[i];
        if (p->holder != NULL) {
            gor__trace_held(p->holder, p);
        }
    }
    /* Those who computed outside are noted down when their P is given back to them. */
    for (const struct gor__m *other = gor__sched.machines; other != NULL; other = other->next) {
        gor__trace_at(NULL, GOR__TRACE_THREAD_BEGAN, other->id, tid_of(other), 0);
    }
    gor__mutex_unlock(&gor__sched.lock);
    if (m != NULL && m->p != NULL && m->g != NULL) {
        /* Its turn has come already. */
        uint64_t former = (uint64_t)(uint32_t)(m->g->switches - 1) << GOR__TRACE_TURN_AT;
        gor__trace_proc(m->p, GOR__TRACE_GIVEN, m->g->id, m->id | former, (uintptr_t)m->g->fn);
    }
}
