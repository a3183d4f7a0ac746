/* SPDX-License-Identifier: MIT */
/* asleep.c - see asleep.h.
 *
 * Looking at once was rejected: goroutines that hand work to a thread of the host and back are all
 * asleep many thousand times a second. For the same reason the maker is told once only until it has
 * looked.
 */
#include "runtime/sched/asleep.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/sched/machine.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/pause.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/trace.h"

#define PATIENCE_NS (20 * GOR_MILLISECOND)

enum { EXIT_CODE = 2 }; /* Go's */

static struct {
    int64_t (*look)(void);
    uint32_t told; /* atomic: the maker knows, and has not looked yet */
    int64_t due;   /* the maker's */
} watch = {.due = GOR_NEVER};

void gor__asleep_watch(int64_t (*look)(void))
{
    watch.look = look;
    watch.told = 0;
    watch.due = GOR_NEVER;
}

void gor__asleep_notice(void)
{
    if (watch.look == NULL || __atomic_load_n(&watch.told, __ATOMIC_RELAXED) != 0 ||
        gor__netpoll_waiters() != 0) {
        return;
    }
    __atomic_store_n(&watch.told, 1, __ATOMIC_RELAXED);
    gor__maker_look_asleep();
}

int64_t gor__asleep_turn(bool noticed)
{
    uint64_t progress = 0;
    if (noticed) {
        watch.due = gor__monotonic_after(PATIENCE_NS);
    }
    if (watch.due == GOR_NEVER || gor__monotonic() < watch.due) {
        return watch.due;
    }
    watch.due = GOR_NEVER;
    /* Before the look, which takes the lock under which others notice: who sees it still set has gone
     * idle before we look, and is seen. */
    __atomic_store_n(&watch.told, 0, __ATOMIC_RELAXED);
    int64_t again = GOR_NEVER;
    switch (gor__asleep_look(&progress)) {
    case GOR__ASLEEP:
        again = watch.look();
        break;
    case GOR__ASLEEP_PERHAPS:
        again = PATIENCE_NS;
        break;
    case GOR__AWAKE:
    default:
        break;
    }
    if (again != GOR_NEVER) {
        __atomic_store_n(&watch.told, 1, __ATOMIC_RELAXED);
        watch.due = gor__monotonic_after(again);
    }
    return watch.due;
}

/* Under the lock, while the world goes on. */
static bool is_still(uint64_t *progress)
{
    struct gor__sched *s = &gor__sched;
    if (s->stopping || s->idle_proc_count != s->proc_count ||
        s->waiting.count + s->hogs.count + s->away + s->global_count != 0 ||
        gor__netpoll_waiters() != 0 || gor__pauses_any()) {
        return false;
    }
    for (uint32_t i = 0; i < s->procs_made; i++) {
        struct gor__p *p = s->procs[i];
        if (gor__runq_len(&p->runq) != 0 || gor__fresh_len(&p->fresh) != 0 ||
            gor__timers_first(&p->timers) != GOR_NEVER) {
            return false;
        }
        *progress += p->switches;
    }
    return true;
}

enum gor__asleep gor__asleep_look(uint64_t *out_progress)
{
    enum gor__asleep found = GOR__AWAKE;
    uint64_t progress = 0;
    gor__mutex_lock(&gor__sched.lock);
    if (gor__sched.world_stopped != 0 && !gor__sched.stopping) {
        found = GOR__ASLEEP_PERHAPS;
    } else if (is_still(&progress)) {
        found = GOR__ASLEEP;
    }
    gor__mutex_unlock(&gor__sched.lock);
    *out_progress = progress;
    return found;
}

void gor__asleep_notice_again(void)
{
    gor__mutex_lock(&gor__sched.lock);
    if (gor__sched.idle_proc_count == gor__sched.proc_count) {
        gor__asleep_notice();
    }
    gor__mutex_unlock(&gor__sched.lock);
}

/* ---- the report */

static struct {
    struct gor__mutex lock;
    void (*fn)(void *arg, const char *message);
    void *arg;
} handler;

void gor_on_deadlock(void (*fn)(void *arg, const char *message), void *arg)
{
    gor__mutex_lock(&handler.lock);
    handler.fn = fn;
    handler.arg = arg;
    gor__mutex_unlock(&handler.lock);
}

bool gor__deadlock_has_handler(void)
{
    gor__mutex_lock(&handler.lock);
    bool has = handler.fn != NULL;
    gor__mutex_unlock(&handler.lock);
    return has;
}

/* What the program has printed is not to be lost; but whoever has locked the stream will not unlock it
 * any more. */
static void flush_output(void)
{
    if (ftrylockfile(stdout) == 0) {
        (void)fflush_unlocked(stdout);
        funlockfile(stdout);
    }
}

void gor__deadlock_report(const char *note)
{
    char message[128];
    (void)snprintf(message, sizeof message, "all goroutines are asleep - deadlock!%s", note);
    gor__mutex_lock(&handler.lock);
    void (*fn)(void *arg, const char *message) = handler.fn;
    void *arg = handler.arg;
    gor__mutex_unlock(&handler.lock);
    if (fn != NULL) {
        fn(arg, message);
        return;
    }
    flush_output();
    (void)fprintf(stderr, "fatal error: %s\n\n", message);
    (void)gor_dump(stderr);
    gor__trace_crash();
    _exit(EXIT_CODE);
}
