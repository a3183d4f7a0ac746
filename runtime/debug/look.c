/* SPDX-License-Identifier: MIT */
/* look.c - see look.h.
 *
 * Nothing is stopped: fields and stack are read while their owner may write them, and what was read
 * counts only if the goroutine was, before and after, in the same state, resumed as many times, and
 * the same goroutine at all. So the functions that read are hidden from ThreadSanitizer, which
 * would report those races, and from AddressSanitizer, which would take a walk over somebody else's
 * frames for an overflow. Gs and stacks are never unmapped while the runtime runs.
 */
#include "runtime/debug/look.h"

#include <errno.h>
#include <string.h>

#include "runtime/sched/byid.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"

#define RACY_BY_DESIGN __attribute__((noinline, no_sanitize_address, no_sanitize_thread))

enum {
    FRAMES_MAX = sizeof(((struct gor_info *)0)->frames) / sizeof(void *),
    TRIES = 8,
    ENTRY_BYTES = 64, /* more than gor__entry has */
};

/* What must not have changed for a reading to count. */
struct mark {
    gor_id_t id;
    uint64_t switches;
    enum gor_state state;
};

RACY_BY_DESIGN static struct mark take_mark(const struct gor__g *g)
{
    struct mark mark;
    mark.state = gor__g_state(g);
    mark.id = __atomic_load_n(&g->id, __ATOMIC_ACQUIRE);
    mark.switches = __atomic_load_n(&g->switches, __ATOMIC_ACQUIRE);
    return mark;
}

static bool same_mark(const struct mark *a, const struct mark *b)
{
    return a->id == b->id && a->switches == b->switches && a->state == b->state;
}

/* Return addresses by the chain of frame pointers, which leads from the saved stack pointer towards
 * the top; code without frame pointers ends it or bends it, but never out of the stack. The last
 * two, of the runtime's own entry, are left out. */
RACY_BY_DESIGN static unsigned walk_frames(const struct gor__context *stored,
                                           const struct gor__stack *stack, const void **frames)
{
    uintptr_t low = (uintptr_t)stored->sp;
    uintptr_t top = (uintptr_t)stack->top;
    uintptr_t frame = (uintptr_t)gor__context_frame(stored);
    unsigned count = 0;
    while (count < FRAMES_MAX && frame >= low && frame <= top - 2 * sizeof(uintptr_t) &&
           frame % sizeof(uintptr_t) == 0) {
        const uintptr_t *words = (const uintptr_t *)frame;
        uintptr_t address = gor__plain_address(words[1]);
        if (address - (uintptr_t)gor__entry < ENTRY_BYTES) {
            return count > 0 ? count - 1 : 0;
        }
        if (address == 0) {
            break;
        }
        frames[count++] = (const void *)address;
        low = frame + sizeof(uintptr_t);
        frame = words[0];
    }
    return count;
}

/* The stack is stored, and stays as it is until the next switch to it. */
RACY_BY_DESIGN static bool is_stored(const struct gor__context *stored,
                                     const struct gor__stack *stack)
{
    uintptr_t sp = (uintptr_t)stored->sp;
    return stack != NULL && sp > (uintptr_t)stack->low && sp < (uintptr_t)stack->top &&
           sp % sizeof sp == 0;
}

/* Byte by byte: memcpy would be seen by the sanitizers. A name that is being written is cut anywhere,
 * but it ends. */
RACY_BY_DESIGN static void read_name(const struct gor__g *g, struct gor_info *info)
{
    const volatile char *name = gor__pool_name(g);
    size_t length = 0;
    while (name != NULL && length < sizeof info->name - 1 && name[length] != '\0') {
        info->name[length] = name[length];
        length++;
    }
    info->name[length] = '\0';
}

RACY_BY_DESIGN static void read_fields(const struct gor__g *g, const struct mark *mark,
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
    info->stack_bytes = gor__stack_class_bytes(g->stack_class);
    info->stack_used_bytes = 0;
    info->frame_count = 0;
    if (mark->state == GOR_WAITING) {
        info->reason = (enum gor_wait_reason)__atomic_load_n(&g->reason, __ATOMIC_RELAXED);
        info->waiting_ns = g->waiting_since;
    }
}

RACY_BY_DESIGN static void read_stack(const struct gor__g *g, struct gor_info *info)
{
    const struct gor__stack *stack = __atomic_load_n(&g->stack, __ATOMIC_ACQUIRE);
    /* Read once: a second reading may be of another stack, with guard pages on the way to this one's
     * top. */
    struct gor__context stored = {__atomic_load_n(&g->context.sp, __ATOMIC_ACQUIRE)};
    if (info->state == GOR_RUNNING || !is_stored(&stored, stack)) {
        return;
    }
    info->stack_used_bytes = (size_t)(stack->top - (const char *)stored.sp);
    if (info->state == GOR_WAITING) {
        info->frame_count = walk_frames(&stored, stack, info->frames);
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

bool gor__look(const struct gor__g *g, struct gor_info *out_info)
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
            read_stack(g, &info);
        }
        gor__fence();
        struct mark after = take_mark(g);
        /* At last, that it is still the same goroutine must do. */
        if (same_mark(&before, &after) || (i == TRIES - 1 && before.id == after.id)) {
            finish(&info);
            *out_info = info;
            return true;
        }
    }
    return false;
}

struct tour {
    int (*visit)(void *arg, const struct gor_info *info);
    void *arg;
};

static int visit_one(void *arg, struct gor__g *g)
{
    const struct tour *tour = arg;
    struct gor_info info;
    return gor__look(g, &info) ? tour->visit(tour->arg, &info) : 0;
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
    if (g == NULL || !gor__look(g, &info) || info.id != id) {
        return -ESRCH;
    }
    *out_info = info;
    return 0;
}
