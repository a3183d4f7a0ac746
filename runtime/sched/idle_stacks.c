/* SPDX-License-Identifier: MIT */
/* idle_stacks.c - see idle_stacks.h.
 *
 * Giving deep pages back when a goroutine ends was rejected: most often the next one goes as deep. So
 * was asking for each goroutine's stack: a system call each, for a million of them. */
#include "runtime/sched/idle_stacks.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/claim.h"
#include "runtime/sched/door.h"
#include "runtime/sched/freeze.h"
#include "runtime/sched/grown.h"
#include "runtime/sched/hibernate.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/sites.h"
#include "runtime/sched/stacks.h"
#include "runtime/sched/world.h"

#define DEFAULT_IDLE_NS (2 * GOR_SECOND)

enum {
    RED_ZONE = 128,
    PATIENCE = 20, /* a look lasts no more than this part of the time */
};
_Static_assert((int)GOR__CLAIMS_MAX <= (int)GOR__RANGES_MAX,
               "claimed stacks are emptied in one call");

static struct {
    struct gor__mutex lock; /* one looks at a time; it is asked for outside only */
    int64_t idle_ns;        /* GOR_NEVER: nothing is looked at */
    int64_t next;           /* the maker's; by gor__monotonic */
    uint64_t switches;      /* of all Ps at the last look; the maker's */
    uint64_t committed;     /* as of the last look; atomic */
    bool hibernates;        /* somebody may; the maker's */
    bool asleep;            /* the maker looks no more until it is told; atomic */
} idle;

/* ---- goroutines that wait */

/* What a look has come to. */
struct look {
    int64_t now;
    bool at_once;       /* whoever waits, however long it has */
    bool hibernates;    /* some may */
    uint64_t committed; /* bytes behind all stacks */
    uint32_t count;     /* of the claims */
    bool more;          /* there are some that have not waited for long enough */
    struct gor__claim claims[GOR__CLAIMS_MAX];
};

/* What may go of a stack that is stored at `sp`: all pages below that and what the ABI lets functions use
 * without moving it, but for the guard. */
static struct iovec waste_below(const struct gor__stack *stack, const char *sp)
{
    size_t page = gor__memory_page();
    uintptr_t end = ((uintptr_t)sp - RED_ZONE) & ~(uintptr_t)(page - 1);
    uintptr_t begin = (uintptr_t)gor__stack_low(stack) + page;
    return (struct iovec){(void *)begin, end > begin ? end - begin : 0};
}

/* Written by its owner while it may go on; see debug/look.c. */
__attribute__((noinline, no_sanitize_thread)) static int64_t waiting_since(const struct gor__g *g)
{
    return *(const volatile int64_t *)&g->waiting_since;
}

static int64_t waited(const struct look *look, const struct gor__claim *claim)
{
    return look->at_once ? GOR_NEVER : look->now - waiting_since(claim->g);
}

static bool may_freeze(const struct look *look, const struct gor__claim *claim)
{
    return look->hibernates && gor__hibernate_may(claim);
}

/* Freeze those who are to hibernate; of the others, give back what they do not use. */
static void work_on(const struct look *look, const struct gor__claim *claims, uint32_t count)
{
    struct gor__claim to_freeze[GOR__CLAIMS_MAX];
    struct iovec ranges[GOR__CLAIMS_MAX] = {{0}};
    uint32_t freezing = 0;
    uint32_t wasting = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct gor__claim *claim = &claims[i];
        if (gor__g_has_flag(claim->g, GOR__G_SAMPLE)) {
            gor__sites_note(claim->g, claim->stack);
        }
        if (may_freeze(look, claim) && gor__hibernate_is_due(claim, waited(look, claim))) {
            to_freeze[freezing++] = *claim;
        } else {
            ranges[wasting] = waste_below(claim->stack, claim->sp);
            wasting += ranges[wasting].iov_len > 0;
        }
    }
    if (freezing > 0) {
        (void)gor__freeze(to_freeze, freezing);
    }
    if (wasting > 0) {
        gor__memory_discard(ranges, wasting);
    }
}

static void work_on_parked(struct look *look)
{
    uint32_t held = gor__claim(look->claims, look->count);
    work_on(look, look->claims, held);
    gor__unclaim(look->claims, held);
    look->count = 0;
}

/* The stack has memory from `lowest` on: if it belongs to a goroutine that waits further up, or may
 * hibernate, that is a candidate. */
static void consider(struct look *look, struct gor__stack *stack, const char *lowest)
{
    struct gor__claim claim;
    struct gor__g *g = gor__stack_g(stack);
    if (g == NULL || !gor__claim_note(&claim, g) || claim.stack != stack) {
        return;
    }
    struct iovec waste = waste_below(stack, claim.sp);
    bool wastes = waste.iov_len > 0 && lowest < (const char *)waste.iov_base + waste.iov_len;
    bool may = may_freeze(look, &claim);
    if (!wastes && !may) {
        return;
    }
    int64_t since = waited(look, &claim);
    bool due = (wastes && since >= idle.idle_ns) || (may && gor__hibernate_is_due(&claim, since));
    /* What is kept for ever is not waited for. */
    look->more |= !due && (may || idle.idle_ns != GOR_NEVER);
    look->claims[look->count] = claim;
    look->count += due;
    if (look->count == GOR__CLAIMS_MAX) {
        work_on_parked(look);
    }
}

/* ---- arenas */

static void look_at_stack(void *arg, struct gor__stack *stack, uint64_t resident_bytes,
                          const char *lowest)
{
    struct look *look = arg;
    look->committed += resident_bytes;
    if (resident_bytes > gor__memory_page() || (resident_bytes > 0 && look->hibernates)) {
        consider(look, stack, lowest);
    }
}

static void look_at_arena(struct look *look, const struct gor__stacks_span *span)
{
    if (gor__stacks_ask(span, look_at_stack, look) == 0) {
        work_on_parked(look);
    }
}

/* Every arena; `m` is inside in between only, if there is one. */
static void look_at_all(struct look *look, bool as_goroutine)
{
    struct gor__stacks_span span;
    for (uint32_t i = 0; gor__stacks_arena(i, &span); i++) {
        struct gor__m *m = as_goroutine ? gor__enter_any() : NULL;
        look_at_arena(look, &span);
        gor__leave_any(m);
    }
    __atomic_store_n(&idle.committed, look->committed, __ATOMIC_RELAXED);
}

uint64_t gor__idle_stacks_committed_lately(void)
{
    return __atomic_load_n(&idle.committed, __ATOMIC_RELAXED);
}

uint64_t gor__idle_stacks_committed(void)
{
    struct gor__stacks_span span;
    uint64_t bytes = 0;
    for (uint32_t i = 0; gor__stacks_arena(i, &span); i++) {
        bytes += gor__grown_ask(&span).bytes;
    }
    __atomic_store_n(&idle.committed, bytes, __ATOMIC_RELAXED);
    return bytes;
}

/* ---- free stacks */

/* Ps that nobody holds are trimmed here, the others do so themselves when they look up. Who has stopped
 * the world has them all. */
static void trim_procs(void)
{
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    gor__mutex_lock(&gor__sched.lock);
    for (uint32_t i = 0; i < procs && gor__sched.world_stopped == 0; i++) {
        struct gor__p *p = gor__sched.procs[i];
        if (p->holder == NULL) {
            gor__stacks_trim(p);
        } else {
            __atomic_store_n(&p->trim_stacks, true, __ATOMIC_RELAXED);
            __atomic_store_n(&p->attention, true, __ATOMIC_RELEASE);
        }
    }
    gor__mutex_unlock(&gor__sched.lock);
}

/* ---- when */

/* Between looks. */
static int64_t pause_ns(void)
{
    int64_t after = gor__hibernate_after();
    return (after < idle.idle_ns ? after : idle.idle_ns) / 2;
}

void gor__idle_stacks_init(int64_t idle_ns)
{
    memset(&idle, 0, sizeof idle);
    idle.idle_ns = idle_ns > 0 ? idle_ns : DEFAULT_IDLE_NS;
    idle.next = gor__monotonic_after(pause_ns());
}

/* True when nothing more is to be had until something runs. */
static bool look_round(void)
{
    struct look look = {.now = gor_now(), .hibernates = gor__hibernate_works()};
    uint64_t switches = gor__procs_switches();
    bool quiet = switches == idle.switches;
    idle.switches = switches;
    if (idle.idle_ns != GOR_NEVER) {
        trim_procs();
        gor__stacks_empty_idle(false);
    }
    look_at_all(&look, false);
    return quiet && !look.more;
}

/* Once more than a whole period was quiet, the free stacks have been looked at twice. */
static void look_now(int64_t now)
{
    bool rests = look_round();
    int64_t took = gor__monotonic() - now;
    int64_t pause = took * PATIENCE > pause_ns() ? took * PATIENCE : pause_ns();
    idle.next = gor__monotonic_after(pause);
    if (rests) {
        __atomic_store_n(&idle.asleep, true, __ATOMIC_SEQ_CST);
        if (gor__procs_switches() == idle.switches) {
            idle.next = GOR_NEVER;
        }
    }
}

int64_t gor__idle_stacks_look(void)
{
    int64_t now = gor__monotonic();
    bool hibernates = gor__hibernate_after() != GOR_NEVER;
    if (idle.idle_ns == GOR_NEVER && !hibernates) {
        return GOR_NEVER;
    }
    if ((idle.next == GOR_NEVER && !__atomic_load_n(&idle.asleep, __ATOMIC_SEQ_CST)) ||
        idle.hibernates != hibernates) {
        idle.hibernates = hibernates;
        idle.next = gor__monotonic_after(pause_ns());
    }
    if (now < idle.next) {
        return idle.next;
    }
    /* Somebody has all given back: that will do. And the maker has more to do than to wait for him. */
    if (gor__mutex_try_lock(&idle.lock)) {
        look_now(now);
        gor__mutex_unlock(&idle.lock);
    } else {
        idle.next = gor__monotonic_after(pause_ns());
    }
    return idle.next;
}

bool gor__idle_stacks_rouse(void)
{
    return __atomic_load_n(&idle.asleep, __ATOMIC_RELAXED) &&
           __atomic_exchange_n(&idle.asleep, false, __ATOMIC_SEQ_CST);
}

/* ---- all at once */

/* All that is free to the common lists, whose memory goes. */
static void empty_free(struct gor__m *m)
{
    if (gor__world_stop(m)) {
        for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
            gor__stacks_flush(gor__sched.procs[i]);
        }
    }
    gor__world_start();
    gor__stacks_empty_idle(true);
}

void gor__idle_stacks_hold(void)
{
    gor__lock_outside(&idle.lock);
}

void gor__idle_stacks_let_go(void)
{
    gor__mutex_unlock(&idle.lock);
}

int gor_stacks_release(void)
{
    struct look look = {.at_once = true};
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE)) {
        return -ESRCH;
    }
    gor__lock_outside(&idle.lock);
    look.hibernates = gor__hibernate_works();
    gor__world_lock_outside();
    struct gor__m *m = gor__enter_any();
    empty_free(m);
    gor__leave_any(m);
    gor__mutex_unlock(&gor__world_lock);
    look_at_all(&look, true);
    gor__mutex_unlock(&idle.lock);
    /* The ceiling, too, shall know at once. */
    gor__grown_look_at_all();
    m = gor__enter_any();
    gor__ceiling_serve();
    gor__leave_any(m);
    return 0;
}
