/* SPDX-License-Identifier: MIT */
/* world.c - see world.h. */
#include "runtime/sched/world.h"

#include "runtime/sched/handoff.h"
#include "runtime/sched/trace.h"

enum { LOOK_AGAIN_NS = 50000 }; /* for those who go outside without passing the scheduler */

struct gor__mutex gor__world_lock;
struct gor__world_pauses gor__world_pauses;

static int64_t stop_began; /* 0: it has not come about; under gor__world_lock */

void gor__world_init(void)
{
    gor__histogram_clear(&gor__world_pauses.stopping);
    gor__histogram_clear(&gor__world_pauses.total);
}

/* True when `p` stands: idle, unused, in gor__world_pause, or taken now. Under the lock. */
static bool stands(struct gor__p *p)
{
    if (p->holder == NULL || p->pausing) {
        return true;
    }
    p->taken_from = gor__take_outside(p, GOR__LACK_AWAY);
    return p->taken_from != NULL;
}

static bool all_stand(const struct gor__p *own)
{
    bool all = true;
    gor__mutex_lock(&gor__sched.lock);
    for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
        struct gor__p *p = gor__sched.procs[i];
        all = (p == own || stands(p)) && all;
    }
    gor__mutex_unlock(&gor__sched.lock);
    return all;
}

bool gor__world_stop(struct gor__m *self)
{
    gor__note_thread(GOR__TRACE_WORLD_STOPS, self != NULL && self->g != NULL ? self->g->id : 0, 0);
    int64_t began = gor__monotonic();
    stop_began = 0;
    gor__mutex_lock(&gor__sched.lock);
    __atomic_store_n(&gor__sched.world_stopped, 1, __ATOMIC_SEQ_CST);
    gor__call_attention();
    gor__mutex_unlock(&gor__sched.lock);
    for (;;) {
        uint32_t pauses = __atomic_load_n(&gor__sched.pauses, __ATOMIC_ACQUIRE);
        if (all_stand(self != NULL ? self->p : NULL)) {
            stop_began = began;
            gor__histogram_add(&gor__world_pauses.stopping, gor__monotonic() - began, 1);
            gor__note_thread(GOR__TRACE_WORLD_STANDS, 0, 0);
            return true;
        }
        if (__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
            return false;
        }
        (void)gor__futex_wait(&gor__sched.pauses, pauses, gor__monotonic_after(LOOK_AGAIN_NS));
    }
}

/* To whom it was taken from, if that still wants none other; else to whoever waits. */
static void give_back(struct gor__p *p)
{
    struct gor__m *m = p->taken_from;
    p->taken_from = NULL;
    if (m == NULL || p->index >= gor__sched.proc_count) {
        return;
    }
    if (m->lack == GOR__LACK_AWAY && !gor__sched.stopping) {
        gor__give_to(m, p);
    } else {
        gor__idle_put_proc(p);
    }
}

void gor__world_start(void)
{
    gor__mutex_lock(&gor__sched.lock);
    __atomic_store_n(&gor__sched.world_stopped, 0, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
        give_back(gor__sched.procs[i]);
    }
    while (gor__sched.idle_proc_count > 0 && !gor__sched.stopping &&
           gor__sched.waiting.count + gor__sched.hogs.count > 0) {
        GOR_ASSERT(gor__give_to_waiting(gor__idle_take_proc()));
    }
    gor__mutex_unlock(&gor__sched.lock);
    if (stop_began != 0) {
        gor__histogram_add(&gor__world_pauses.total, gor__monotonic() - stop_began, 1);
    }
    gor__note_thread(GOR__TRACE_WORLD_GOES_ON, 0, 0);
    gor__futex_wake(&gor__sched.world_stopped, INT32_MAX);
    gor__wake_after_stop();
}

/* Under the lock, for the world may be stopped again before we have gone. A P that was retired
 * meanwhile is no longer ours to go on with. */
static bool try_to_go_on(struct gor__m *m)
{
    gor__mutex_lock(&gor__sched.lock);
    bool goes = gor__sched.world_stopped == 0 || m->p == NULL;
    if (goes && m->p != NULL) {
        m->p->pausing = false;
    }
    gor__mutex_unlock(&gor__sched.lock);
    return goes;
}

void gor__world_await(void)
{
    (void)gor__futex_wait(&gor__sched.world_stopped, 1, GOR_NEVER);
}

void gor__world_pause(struct gor__m *m)
{
    gor__mutex_lock(&gor__sched.lock);
    m->p->pausing = true;
    __atomic_add_fetch(&gor__sched.pauses, 1, __ATOMIC_RELEASE);
    gor__mutex_unlock(&gor__sched.lock);
    gor__futex_wake(&gor__sched.pauses, 1);
    while (!try_to_go_on(m)) {
        gor__world_await();
    }
}
