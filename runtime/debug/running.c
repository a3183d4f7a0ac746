/* SPDX-License-Identifier: MIT */
/* running.c - see running.h. */
#include "runtime/debug/running.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/debug/unwind.h"
#include "runtime/sched/capture.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"

enum {
    /* For all threads that are asked: on a crowded machine each may have to wait for its turn first.
     * Whoever blocks signals makes a dump last so long. */
    PATIENCE_MS = 1000,
    LINE_BYTES = 256,
    LOCK_MS = 20, /* for one that may never be had */
};

/* What a thread was doing. */
enum doing {
    COMPUTES,
    STOPPED, /* in the handler of preempt.c */
    BLOCKED,
    OURSELVES,
};

/* One thread with a goroutine. */
struct probe {
    struct gor__m *m; /* to be looked at under the lock only, if it is still listed */
    uint32_t m_id;
    int tid;
    gor_id_t id;
    uintptr_t low; /* of the goroutine's stack */
    uintptr_t top;
    enum doing doing;
    uint32_t stopped;
    struct gor__registers registers;
    struct gor__capture *capture; /* NULL: was not asked */
    struct gor__running *out;
};

struct looking {
    struct gor__bump *bump;
    bool may_wait;
    struct probe *probes;
    size_t count;
};

/* gor__sched.lock, inside the door: whoever is stopped outside must not hold it. */
struct locking {
    struct gor__m *entered;
    bool locked;
};

static struct locking lock(bool may_wait)
{
    struct locking locking = {NULL, false};
    struct gor__m *m = gor__m_self();
    /* Who holds it may be halted, or be ourselves; mostly he is about to let it go, and while he is not, the
     * list may change under us. */
    if (!may_wait) {
        locking.locked = gor__mutex_lock_soon(&gor__sched.lock, LOCK_MS);
        return locking;
    }
    /* A scheduler that reports a deadlock is inside already. */
    if (m != NULL && !m->inside) {
        locking.entered = gor__enter();
    }
    gor__mutex_lock(&gor__sched.lock);
    locking.locked = true;
    return locking;
}

static void unlock(struct locking locking)
{
    if (locking.locked) {
        gor__mutex_unlock(&gor__sched.lock);
    }
    gor__leave_any(locking.entered);
}

/* ---- who there is; under the lock */

/* Its fields are its own thread's, which may be changing them. */
GOR__RACY_BY_DESIGN static bool note(struct gor__m *m, struct probe *probe)
{
    const struct gor__g *g = *(struct gor__g *const volatile *)&m->g;
    if (g == NULL) {
        return false;
    }
    const struct gor__stack *stack = __atomic_load_n(&g->stack, __ATOMIC_ACQUIRE);
    if (stack == NULL) {
        return false;
    }
    memset(probe, 0, sizeof *probe);
    probe->m = m;
    probe->m_id = m->id;
    probe->tid = m->tid;
    probe->id = __atomic_load_n(&g->id, __ATOMIC_RELAXED);
    probe->low = (uintptr_t)gor__stack_low(stack);
    probe->top = (uintptr_t)gor__stack_top(stack);
    probe->stopped = __atomic_load_n(&m->stopped, __ATOMIC_ACQUIRE);
    if (m == gor__m_self()) {
        probe->doing = OURSELVES;
    } else if (probe->stopped % 2 == 1) {
        probe->doing = STOPPED;
        probe->registers = m->stopped_at;
    }
    return true;
}

static void note_all(struct looking *looking)
{
    size_t room = __atomic_load_n(&gor__sched.machine_count, __ATOMIC_RELAXED) + 16;
    looking->probes = gor__bump_take(looking->bump, room * sizeof *looking->probes);
    struct locking locking = lock(looking->may_wait);
    /* Without the lock the others are halted, and the list stands as it is. */
    for (struct gor__m *m = gor__sched.machines; m != NULL && looking->probes != NULL;
         m = m->next) {
        if (looking->count < room && note(m, &looking->probes[looking->count])) {
            looking->count++;
        }
    }
    unlock(locking);
}

/* Under the lock: whether it is still the thread that was noted. */
static bool is_listed(const struct probe *probe)
{
    const struct gor__m *m = gor__sched.machines;
    while (m != NULL && (m != probe->m || m->id != probe->m_id)) {
        m = m->next;
    }
    return m != NULL;
}

/* ---- what the kernel tells */

static bool read_call(const struct probe *probe, char line[LINE_BYTES])
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", probe->tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, line, LINE_BYTES - 1);
    close(fd);
    line[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* "NUMBER ARGUMENTS... SP PC", or "-1 SP PC" outside a call; "running" says nothing. */
static bool parse_call(char *line, struct gor__registers *out_registers, bool *out_in_call)
{
    char *end = line + strlen(line);
    while (end > line && (end[-1] == '\n' || end[-1] == ' ')) {
        *--end = '\0';
    }
    char *pc = strrchr(line, ' ');
    if (pc == NULL) {
        return false;
    }
    *pc = '\0';
    char *sp = strrchr(line, ' ');
    if (sp == NULL) {
        return false;
    }
    memset(out_registers, 0, sizeof *out_registers);
    out_registers->pc = strtoull(pc + 1, NULL, 16);
    out_registers->sp = strtoull(sp + 1, NULL, 16);
    out_registers->pc_is_exact = true;
    *out_in_call = line[0] != '-';
    return true;
}

/* ---- following stacks */

static void follow(const struct probe *probe, const struct gor__capture *capture,
                   struct gor__running *out)
{
    struct gor__window window;
    const struct gor__registers *registers = &probe->registers;
    gor__window_init(&window, probe->top);
    if (capture != NULL) {
        registers = &capture->registers;
        window.top = capture->top;
        window.at = registers->sp;
        window.bytes = capture->bytes;
        window.copy = capture->stack;
    }
    out->frame_count =
        gor__unwind(&window, registers, out->frames, GOR__RUNNING_FRAMES, &out->frames_end);
    /* What was copied may not reach to the end. */
    if (out->frames_end == GOR_FRAMES_LOST && capture != NULL &&
        capture->bytes == GOR__CAPTURE_BYTES) {
        out->frames_end = GOR_FRAMES_CUT;
    }
}

static bool is_on_stack(const struct probe *probe)
{
    return probe->registers.sp > probe->low && probe->registers.sp < probe->top;
}

/* It must stand in the same call afterwards. */
static bool follow_blocked(struct probe *probe)
{
    char before[LINE_BYTES];
    char kept[LINE_BYTES];
    char after[LINE_BYTES];
    if (!read_call(probe, before)) {
        return false;
    }
    memcpy(kept, before, sizeof kept);
    if (!parse_call(before, &probe->registers, &probe->out->in_call) || !is_on_stack(probe)) {
        return false;
    }
    follow(probe, NULL, probe->out);
    return read_call(probe, after) && strcmp(kept, after) == 0;
}

static bool follow_stopped(const struct looking *looking, const struct probe *probe)
{
    if (!is_on_stack(probe)) {
        return false;
    }
    follow(probe, NULL, probe->out);
    struct locking locking = lock(looking->may_wait);
    bool same =
        is_listed(probe) && __atomic_load_n(&probe->m->stopped, __ATOMIC_ACQUIRE) == probe->stopped;
    unlock(locking);
    return same;
}

/* As seen by our caller. */
GOR__RACY_BY_DESIGN static bool follow_ourselves(struct probe *probe)
{
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    probe->registers = (struct gor__registers){.fp_is_known = true};
    probe->registers.pc = gor__plain_address((uintptr_t)__builtin_return_address(0));
    probe->registers.fp = *(const uintptr_t *)frame;
    probe->registers.sp = frame + 2 * sizeof frame;
    if (!is_on_stack(probe)) {
        return false;
    }
    follow(probe, NULL, probe->out);
    return true;
}

static void forget(struct gor__running *out)
{
    out->in_call = false;
    out->frame_count = 0;
    out->frames_end = GOR_FRAMES_LOST;
}

/* ---- asking those that compute */

static void ask(struct looking *looking, struct probe *probe)
{
    struct gor__capture *capture = gor__bump_take(looking->bump, sizeof *capture);
    if (capture == NULL) {
        return;
    }
    struct locking locking = lock(true);
    if (is_listed(probe) && gor__capture_ask(probe->m, capture)) {
        probe->capture = capture;
    }
    unlock(locking);
}

static void await(struct gor__capture *capture, int64_t deadline)
{
    bool in_time = true;
    while (in_time && __atomic_load_n(&capture->done, __ATOMIC_ACQUIRE) == 0) {
        in_time = gor__futex_wait(&capture->done, 0, deadline);
    }
}

/* Nobody writes to it any more afterwards. One that is not done and cannot be taken back is just being
 * written, unless its thread has ended. */
static bool is_answered(const struct probe *probe)
{
    struct gor__capture *capture = probe->capture;
    bool awaited = true;
    while (awaited && __atomic_load_n(&capture->done, __ATOMIC_ACQUIRE) == 0) {
        struct locking locking = lock(true);
        awaited = is_listed(probe) && !gor__capture_take_back(probe->m, capture);
        unlock(locking);
        if (awaited) {
            await(capture, gor__monotonic_after(GOR_MILLISECOND));
        }
    }
    return __atomic_load_n(&capture->done, __ATOMIC_ACQUIRE) != 0;
}

/* False: it has not answered, and so may have blocked meanwhile. */
static bool collect(const struct probe *probe, int64_t deadline)
{
    if (probe->capture == NULL) {
        return false;
    }
    await(probe->capture, deadline);
    if (!is_answered(probe)) {
        return false;
    }
    probe->out->id = probe->capture->id;
    if (probe->capture->id != 0) {
        follow(probe, probe->capture, probe->out);
    }
    return true;
}

/* ---- all of it */

static bool follow_at_once(const struct looking *looking, struct probe *probe)
{
    switch (probe->doing) {
    case STOPPED:
        return follow_stopped(looking, probe);
    case OURSELVES:
        return follow_ourselves(probe);
    default:
        return follow_blocked(probe);
    }
}

void gor__running_look(struct gor__bump *bump, bool may_wait, struct gor__running_list *out_list)
{
    struct looking looking = {.bump = bump, .may_wait = may_wait};
    *out_list = (struct gor__running_list){NULL, 0};
    note_all(&looking);
    out_list->list = gor__bump_take(bump, looking.count * sizeof *out_list->list + 1);
    if (out_list->list == NULL) {
        return;
    }
    out_list->count = looking.count;
    int64_t deadline = gor__monotonic_after(PATIENCE_MS * GOR_MILLISECOND);
    for (size_t i = 0; i < looking.count; i++) {
        struct probe *probe = &looking.probes[i];
        probe->out = &out_list->list[i];
        probe->out->id = probe->id;
        if (!follow_at_once(&looking, probe)) {
            forget(probe->out);
            probe->doing = COMPUTES;
            if (may_wait) {
                ask(&looking, probe);
            }
        } else if (probe->doing == COMPUTES) {
            probe->doing = BLOCKED;
        }
    }
    for (size_t i = 0; i < looking.count; i++) {
        struct probe *probe = &looking.probes[i];
        if (probe->doing == COMPUTES && !collect(probe, deadline) && !follow_blocked(probe)) {
            forget(probe->out);
        }
    }
}

const struct gor__running *gor__running_find(const struct gor__running_list *list, gor_id_t id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->list[i].id == id) {
            return &list->list[i];
        }
    }
    return NULL;
}

bool gor__running_fill(const struct gor__running_list *list, struct gor_info *info)
{
    const struct gor__running *running =
        info->frame_count == 0 ? gor__running_find(list, info->id) : NULL;
    if (running == NULL || (info->state != GOR_RUNNING && info->state != GOR_RUNNABLE)) {
        return false;
    }
    memcpy(info->frames, running->frames, running->frame_count * sizeof info->frames[0]);
    info->frame_count = running->frame_count;
    info->frames_end = running->frames_end;
    return running->in_call;
}
