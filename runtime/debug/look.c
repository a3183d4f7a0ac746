/* SPDX-License-Identifier: MIT */
/* look.c - see look.h.
 *
 * Nothing is stopped: fields and stack are read while their owner may write them, and what was read
 * counts only if the goroutine was, before and after, in the same state, resumed as many times, and
 * the same goroutine at all. So the functions that read are hidden from ThreadSanitizer, which
 * would report those races. Gs and the records of stacks are never unmapped while the runtime runs; the
 * stacks themselves are read through the kernel.
 */
#include "runtime/debug/look.h"

#include <errno.h>
#include <string.h>

#include "runtime/debug/unwind.h"
#include "runtime/sched/byid.h"
#include "runtime/sched/cold.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"

enum {
    FRAMES_MAX = sizeof(((struct gor_info *)0)->frames) / sizeof(void *),
    TRIES = 8,
};

/* What must not have changed for a reading to count. */
struct mark {
    gor_id_t id;
    uint64_t switches;
    enum gor_state state;
};

GOR__RACY_BY_DESIGN static struct mark take_mark(const struct gor__g *g)
{
    struct mark mark;
    /* First of all, as it is last in is_as_marked(): whatever is read between the two belongs to one
     * stay on or off a thread. */
    mark.switches = __atomic_load_n(&g->switches, __ATOMIC_ACQUIRE);
    mark.state = gor__g_state(g);
    mark.id = __atomic_load_n(&g->id, __ATOMIC_ACQUIRE);
    return mark;
}

GOR__RACY_BY_DESIGN static bool is_as_marked(const struct gor__g *g, const struct mark *mark)
{
    gor__fence();
    bool same =
        gor__g_state(g) == mark->state && __atomic_load_n(&g->id, __ATOMIC_ACQUIRE) == mark->id;
    return same && __atomic_load_n(&g->switches, __ATOMIC_ACQUIRE) == mark->switches;
}

GOR__RACY_BY_DESIGN static bool is_still(const struct gor__g *g, gor_id_t id)
{
    return __atomic_load_n(&g->id, __ATOMIC_ACQUIRE) == id;
}

/* The stack is stored, and stays as it is until the next switch to it. */
GOR__RACY_BY_DESIGN static bool is_stored(const struct gor__context *stored,
                                          const struct gor__stack *stack)
{
    uintptr_t sp = (uintptr_t)stored->sp;
    return stack != NULL && sp > (uintptr_t)gor__stack_low(stack) &&
           sp < (uintptr_t)gor__stack_top(stack) && sp % sizeof sp == 0;
}

/* Byte by byte: memcpy would be seen by the sanitizers. A name that is being written is cut anywhere,
 * but it ends. */
GOR__RACY_BY_DESIGN static void read_name(const struct gor__g *g, struct gor_info *info)
{
    const volatile char *name = gor__pool_name(g);
    size_t length = 0;
    while (name != NULL && length < sizeof info->name - 1 && name[length] != '\0') {
        info->name[length] = name[length];
        length++;
    }
    info->name[length] = '\0';
}

GOR__RACY_BY_DESIGN static void read_fields(const struct gor__g *g, const struct mark *mark,
                                            struct gor_info *info)
{
    info->id = mark->id;
    info->parent = g->parent;
    info->state = mark->state;
    info->reason = GOR_WAIT_NONE;
    info->waiting_ns = 0;
    read_name(g, info);
    info->fn = g->fn;
    info->created_at = g->created_at;
    info->thread_locked = g->thread_locks > 0;
    info->stack_bytes = gor__stack_class_bytes(g->stack_class);
    info->stack_used_bytes = 0;
    info->hibernated = false;
    info->frame_count = 0;
    info->frames_end = mark->state == GOR_RUNNING ? GOR_FRAMES_LOST : GOR_FRAMES_WHOLE;
    if (mark->state == GOR_WAITING) {
        info->reason = (enum gor_wait_reason)__atomic_load_n(&g->reason, __ATOMIC_RELAXED);
        info->waiting_ns = g->waiting_since;
    }
}

/* The sanitizers have not seen how we came by the stack, so they must not see us read its record. */
static void follow_stack(uintptr_t sp, uintptr_t top, const struct gor__stack *stack,
                         struct gor_info *info)
{
    struct gor__window window;
    uintptr_t words[GOR__STORED_WORDS];
    gor__window_init(&window, top);
    window.stack = stack;
    info->frames_end = GOR_FRAMES_LOST;
    for (unsigned i = 0; i < GOR__STORED_WORDS; i++) {
        if (!gor__window_word(&window, sp + i * sizeof words[0], &words[i])) {
            return;
        }
    }
    struct gor__registers registers = gor__registers_stored(sp, words);
    info->frame_count =
        gor__unwind(&window, &registers, info->frames, FRAMES_MAX, &info->frames_end);
}

/* A goroutine says that it waits some instructions before it leaves its stack, and until it has, it
 * runs: whoever is told that it waits can count on what is told of its stack. */
static void say_unstored(struct gor_info *info)
{
    info->frames_end = GOR_FRAMES_LOST;
    if (info->state == GOR_WAITING) {
        info->state = GOR_RUNNING;
        info->reason = GOR_WAIT_NONE;
        info->waiting_ns = 0;
    }
}

GOR__RACY_BY_DESIGN static void read_stack(const struct gor__g *g, bool with_frames,
                                           struct gor_info *info)
{
    const struct gor__stack *stack = __atomic_load_n(&g->stack, __ATOMIC_ACQUIRE);
    /* Read once: a second reading may be of another stack. */
    struct gor__context stored = {__atomic_load_n(&g->context.sp, __ATOMIC_ACQUIRE)};
    if (stack == NULL) {
        return; /* it has not run yet */
    }
    if (info->state == GOR_RUNNING || !is_stored(&stored, stack)) {
        say_unstored(info);
        return;
    }
    uintptr_t top = (uintptr_t)gor__stack_top(stack);
    info->stack_used_bytes = top - (uintptr_t)stored.sp;
    info->hibernated = gor__cold_state(stack) == GOR__FROZEN;
    if (with_frames) {
        follow_stack((uintptr_t)stored.sp, top, stack, info);
    }
}

/* waiting_ns holds the time the wait began at; the coarse clock may have been a little behind. */
static void finish(struct gor_info *info)
{
    if (info->state == GOR_WAITING) {
        int64_t waited = gor_now() - info->waiting_ns;
        info->waiting_ns = waited > 0 ? waited : 0;
    }
}

/* The reason goes before the state does: see gor__g_set_state(). Not at the last try, which says that it
 * runs. */
static bool is_being_woken(const struct gor_info *info)
{
    return info->state == GOR_WAITING && info->reason == GOR_WAIT_NONE;
}

bool gor__look(const struct gor__g *g, bool with_frames, struct gor_info *out_info)
{
    struct gor_info info;
    memset(&info, 0, sizeof info);
    for (int i = 0; i < TRIES; i++) {
        struct mark before = take_mark(g);
        if (before.state == GOR_TERMINATED || before.state == GOR_CREATED) {
            return false;
        }
        read_fields(g, &before, &info);
        if (i < TRIES - 1) {
            read_stack(g, with_frames, &info);
        } else {
            say_unstored(&info); /* it has run between any two readings */
        }
        if (is_being_woken(&info)) {
            continue;
        }
        /* At last, that it is still the same goroutine must do. */
        if (is_as_marked(g, &before) || (i == TRIES - 1 && is_still(g, before.id))) {
            finish(&info);
            *out_info = info;
            return true;
        }
    }
    return false;
}

bool gor__look_is_over(void)
{
    return gor__m_self() != NULL && __atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE);
}

struct tour {
    int (*visit)(void *arg, const struct gor_info *info);
    void *arg;
};

static int visit_one(void *arg, struct gor__g *g)
{
    const struct tour *tour = arg;
    struct gor_info info;
    if (gor__look_is_over()) {
        return -ECANCELED;
    }
    return gor__look(g, true, &info) ? tour->visit(tour->arg, &info) : 0;
}

int gor_each(int (*visit)(void *arg, const struct gor_info *info), void *arg)
{
    struct tour tour = {visit, arg};
    return gor__pool_each(visit_one, &tour);
}

int gor_lookup(gor_id_t id, struct gor_info *out_info)
{
    struct gor_info info;
    const struct gor__g *g = gor__byid_find(id);
    if (g == NULL || !gor__look(g, true, &info) || info.id != id) {
        return -ESRCH;
    }
    *out_info = info;
    return 0;
}
