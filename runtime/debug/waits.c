/* SPDX-License-Identifier: MIT */
/* waits.c - see waits.h. */
#include "runtime/debug/waits.h"

#include "runtime/debug/peek.h"
#include "runtime/sched/cold.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/waitq.h"
#include "runtime/sync/select.h"

struct tour {
    void (*visit)(void *arg, uintptr_t address);
    void *arg;
    bool being_woken;
};

static void visit_queue(void *arg, const struct gor__waitq *queue)
{
    struct tour *tour = arg;
    tour->visit(tour->arg, (uintptr_t)queue);
}

/* Who waits for a limit only stands on a queue of its own; who sleeps, on none. Whoever wakes it takes it
 * off first; its limit claims the token. */
static void look_at_own_queue(const struct gor__g *g, struct tour *tour)
{
    uint64_t wake = __atomic_load_n(&g->wake, __ATOMIC_ACQUIRE);
    tour->being_woken =
        g->waiter.queue == NULL || (g->waiter.token != 0 && g->waiter.token != wake);
}

/* The limit lies on its stack, which may hibernate: what cannot be read there lies in a cell. */
static bool read_limit(const struct gor__g *g, struct gor__limit *out_limit)
{
    uintptr_t address = (uintptr_t)g->limit;
    size_t bytes = sizeof *out_limit;
    return address != 0 &&
           ((g->stack != NULL && gor__cold_read(g->stack, address, out_limit, bytes) == bytes) ||
            gor__peek(out_limit, address, bytes) == bytes);
}

/* An open wait with a token may have a context, which it then stands on the list of. What `limit` points
 * to was another wait's unless it has one: then it is anything, but has no such token. */
static void visit_context(const struct gor__g *g, struct tour *tour)
{
    struct gor__limit limit;
    uint64_t token = __atomic_load_n(&g->wake, __ATOMIC_ACQUIRE);
    if (!read_limit(g, &limit) || limit.watch.g != g || limit.watch.token != token ||
        limit.watchers == NULL) {
        return;
    }
    if (!limit.watch.listed) {
        tour->being_woken = true;
        return;
    }
    tour->visit(tour->arg, (uintptr_t)limit.watchers);
}

static bool is_changing(const struct gor__stack *stack)
{
    enum gor__cold state = stack != NULL ? gor__cold_state(stack) : GOR__WARM;
    return state == GOR__THAWING || state == GOR__FREEZING;
}

static enum gor__wakeable look(const struct gor__g *g, struct tour *tour)
{
    switch ((enum gor_wait_reason)g->reason) {
    case GOR_WAIT_CHAN_SEND:
    case GOR_WAIT_CHAN_RECV:
    case GOR_WAIT_MUTEX:
    case GOR_WAIT_RWMUTEX_READ:
    case GOR_WAIT_RWMUTEX_WRITE:
    case GOR_WAIT_WAITGROUP:
    case GOR_WAIT_COND:
    case GOR_WAIT_ONCE:
    case GOR_WAIT_SEMAPHORE:
    case GOR_WAIT_SPAWN:
        look_at_own_queue(g, tour);
        if (!tour->being_woken) {
            visit_queue(tour, g->waiter.queue);
        }
        break;
    case GOR_WAIT_SELECT:
        /* It lies on the stack; touching that brings it back if it is frozen. */
        if (is_changing(g->stack)) {
            return GOR__WAKEABLE_UNSEEN;
        }
        tour->being_woken = !gor__select_queues(g, visit_queue, tour);
        break;
    case GOR_WAIT_CHAN_SEND_NIL:
    case GOR_WAIT_CHAN_RECV_NIL:
    case GOR_WAIT_SELECT_EMPTY:
    case GOR_WAIT_SLEEP:
        look_at_own_queue(g, tour);
        break;
    case GOR_WAIT_NONE:
    case GOR_WAIT_IO:
    case GOR_WAIT_PROCESS:
    case GOR_WAIT_BLOCKING:
    case GOR_WAIT_PAUSED:
    case GOR_WAIT_COUNT:
    default:
        return GOR__WAKEABLE_ANYWAY;
    }
    if (!tour->being_woken) {
        visit_context(g, tour);
    }
    return tour->being_woken ? GOR__WAKEABLE_ANYWAY : GOR__WAKEABLE_BY_OBJECT;
}

enum gor__wakeable gor__waits_of(const struct gor__g *g,
                                 void (*visit)(void *arg, uintptr_t address), void *arg)
{
    struct tour tour = {visit, arg, false};
    if (gor__g_state(g) != GOR_WAITING ||
        __atomic_load_n(&gor__pool_side(g)->deadline.heap, __ATOMIC_ACQUIRE) != NULL) {
        return GOR__WAKEABLE_ANYWAY;
    }
    return look(g, &tour);
}
