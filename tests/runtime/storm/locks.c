/* SPDX-License-Identifier: MIT */
/* locks.c - the storm's locks: one at a time, nobody forgotten, nothing called twice. */
#include "tests/runtime/storm/storm.h"

static bool take_mutex(struct storm_worker *w)
{
    if (storm_below(w, 4) == 0) {
        return gor_mutex_try_lock(&w->s->m) == 0;
    }
    gor_mutex_lock(&w->s->m);
    return true;
}

void storm_lock(struct storm_worker *w)
{
    struct storm *s = w->s;
    if (!take_mutex(w)) {
        return;
    }
    long before = s->locked;
    if (storm_below(w, 8) == 0) {
        gor_yield();
    }
    CHECK_EQ(s->locked, before);
    s->locked = before + 1;
    atomic_fetch_add(&s->locks, 1);
    if (storm_below(w, 8) == 0) {
        int result = gor_cond_wait_until(&s->cond, &s->m, storm_soon(w));
        CHECK(result == 0 || result == -ETIMEDOUT);
    } else if (storm_below(w, 4) == 0) {
        gor_cond_signal(&s->cond);
    }
    gor_mutex_unlock(&s->m);
}

void storm_broadcast(struct storm_worker *w)
{
    gor_cond_broadcast(&w->s->cond);
}

static void write_both(struct storm_worker *w)
{
    struct storm *s = w->s;
    gor_rwmutex_lock(&s->rw);
    CHECK_EQ(s->written, s->written_copy);
    s->written++;
    if (storm_below(w, 4) == 0) {
        gor_yield();
    }
    s->written_copy++;
    atomic_fetch_add(&s->writes, 1);
    gor_rwmutex_unlock(&s->rw);
}

void storm_rwlock(struct storm_worker *w)
{
    struct storm *s = w->s;
    if (storm_below(w, 3) == 0) {
        write_both(w);
        return;
    }
    gor_rwmutex_rlock(&s->rw);
    CHECK_EQ(s->written, s->written_copy);
    if (storm_below(w, 4) == 0) {
        gor_yield();
    }
    CHECK_EQ(s->written, s->written_copy);
    gor_rwmutex_runlock(&s->rw);
}

void storm_permits(struct storm_worker *w)
{
    struct storm *s = w->s;
    int count = storm_below(w, STORM_PERMITS) + 1;
    int result = gor_sem_acquire(&s->sem, count, storm_soon(w));
    if (result == -ETIMEDOUT) {
        return;
    }
    CHECK_EQ(result, 0);
    CHECK_INT(atomic_fetch_add(&s->permits_out, count) + count, <=, STORM_PERMITS);
    gor_yield();
    atomic_fetch_sub(&s->permits_out, count);
    gor_sem_release(&s->sem, count);
}

static void call_once(void *arg)
{
    gor_yield();
    atomic_fetch_add((_Atomic long *)arg, 1);
}

void storm_once(struct storm_worker *w)
{
    int k = storm_below(w, STORM_ONCES);
    gor_once_do(&w->s->onces[k], call_once, (void *)&w->s->once_calls[k]);
    CHECK_EQ(atomic_load(&w->s->once_calls[k]), 1);
}
