/* SPDX-License-Identifier: MIT */
/* spawn.c - how a goroutine comes to be. */
#include <errno.h>

#include "runtime/sched/byid.h"
#include "runtime/sched/door.h"
#include "runtime/sched/hibernate.h"
#include "runtime/sched/labels.h"
#include "runtime/sched/latency.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/quota.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/trace.h"

static inline __attribute__((always_inline)) gor_id_t next_id(struct gor__p *p)
{
    enum { BLOCK = 64 };
    if (p == NULL) {
        return __atomic_add_fetch(&gor__sched.last_id, 1, __ATOMIC_RELAXED);
    }
    if (p->next_id == p->end_id) {
        p->end_id = __atomic_add_fetch(&gor__sched.last_id, BLOCK, __ATOMIC_RELAXED) + 1;
        p->next_id = p->end_id - BLOCK;
    }
    return p->next_id++;
}

static inline __attribute__((always_inline)) void
init_goroutine(struct gor__g *g, const struct gor_go_opts *opts, gor_id_t id, struct gor__g *parent)
{
    __atomic_store_n(&g->id, id, __ATOMIC_RELAXED);
    g->parent = parent != NULL ? parent->id : 0;
    gor__g_clear_flag(g, GOR__G_NAMED | GOR__G_HIBERNATES | GOR__G_STAYS_WARM | GOR__G_HANDLES);
    g->local = opts != NULL ? opts->local : NULL;
    g->defers = NULL;
    if (GOR_UNLIKELY(parent != NULL && gor__g_has_flag(parent, GOR__G_HANDLES))) {
        const struct gor__g_side *side = gor__pool_side(parent);
        gor__pool_set_handler(g, side->on_panic, side->on_panic_arg);
    }
    if (opts != NULL && opts->name != NULL) {
        gor__pool_set_name(g, opts->name);
    }
    if (opts != NULL && opts->hibernation != GOR_HIBERNATE_DEFAULT) {
        gor__hibernate_choose(g, opts->hibernation == GOR_HIBERNATE_MAY);
    }
    if (opts != NULL && opts->out_id != NULL) {
        *opts->out_id = id;
        gor__byid_note(g, id);
    }
}

/* What a goroutine counts in and under, if it is not simply started by another one. */
struct terms {
    bool always;  /* under no ceiling */
    bool own;     /* one of the library's */
    bool nobodys; /* not in its parent's quota */
    struct gor__patience patience;
};

static bool waits(const struct gor_go_opts *opts)
{
    if (opts == NULL || opts->at_ceiling == GOR_CEILING_DEFAULT) {
        return gor__sched.opts.wait_at_ceiling;
    }
    return opts->at_ceiling == GOR_CEILING_WAIT;
}

static struct gor_quota *quota_of(const struct gor_go_opts *opts, const struct terms *terms)
{
    if (opts != NULL && (opts->quota != NULL || opts->no_quota)) {
        return opts->quota;
    }
    const struct gor__g *parent = gor__g_self();
    bool counted = parent != NULL && gor__g_has_flag(parent, GOR__G_COUNTED);
    return counted && (terms == NULL || !terms->nobodys) ? parent->quota : NULL;
}

/* Places, in the quota and under the ceiling, that are not to be had by the way. May park, so the P may
 * be another one then. */
static __attribute__((noinline)) int take_places(const struct gor_go_opts *opts,
                                                 const struct terms *terms,
                                                 struct gor_quota **out_quota,
                                                 enum gor__place_kind *out_place)
{
    struct gor__patience patience = {.waits = terms == NULL && waits(opts)};
    bool exempt = opts != NULL && opts->at_ceiling == GOR_CEILING_EXEMPT;
    if (exempt || (terms != NULL && terms->always)) {
        *out_quota = NULL;
        *out_place = GOR__PLACE_NONE;
        return 0;
    }
    struct gor_quota *quota = quota_of(opts, terms);
    if (terms != NULL) {
        patience = terms->patience;
    }
    int result = quota != NULL ? gor__quota_enter(quota, &patience) : 0;
    if (result < 0) {
        return result;
    }
    struct gor__m *m = gor__m_self();
    struct gor__p *p = m != NULL ? m->p : NULL;
    *out_place = GOR__PLACE_OF_P;
    if (p == NULL || p->places == 0) {
        result = gor__ceiling_take(p, &patience, out_place);
        if (result < 0 && quota != NULL) {
            gor__quota_leave(quota);
        }
    }
    *out_quota = quota;
    return result;
}

static __attribute__((noinline)) int give_up(enum gor__place_kind place, struct gor_quota *quota)
{
    gor__ceiling_put_back(place);
    if (quota != NULL) {
        gor__quota_leave(quota);
    }
    return -ENOMEM;
}

/* What is started. */
struct birth {
    const struct gor_go_opts *opts;
    void (*fn)(void *arg);
    void *arg;
    const void *caller;
};

/* What it takes up. */
struct seat {
    enum gor__place_kind place;
    struct gor_quota *quota; /* NULL: none */
    bool own;                /* it counts among the library's */
    bool simple;             /* there is nothing it counts in or inherits */
};

/* -EINVAL: none is so large. */
static inline int class_of(const struct gor_go_opts *opts)
{
    return opts != NULL && opts->stack_bytes != 0 ? gor__stack_class(opts->stack_bytes)
                                                  : gor__sched.default_class;
}

static void join_company(struct gor__g *g, struct gor__g *parent, const struct seat *seat)
{
    if (parent != NULL && gor__g_has_flag(parent, GOR__G_LABELLED)) {
        gor__labels_inherit(g, parent);
    }
    if (seat->quota != NULL || seat->own) {
        g->quota = seat->quota;
        (void)__atomic_fetch_or(&g->flags, GOR__G_COUNTED, __ATOMIC_RELAXED);
    }
}

static __attribute__((noinline)) void note_created(const struct gor__m *m, struct gor__g *g)
{
    if (gor__observes(GOR__OBSERVE_LATENCY)) {
        gor__latency_runnable(g);
    }
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_created(m, g);
    }
}

/* `m` and its P: NULL on a thread of the host. */
static inline __attribute__((always_inline)) int make(const struct birth *birth, int class,
                                                      struct gor__m *m, struct gor__p *p,
                                                      const struct seat *seat)
{
    enum gor__place_kind place = seat->place;
    struct gor__g *parent = m != NULL ? m->g : NULL;
    struct gor__g *g = gor__pool_get(p);
    if (GOR_UNLIKELY(g == NULL)) {
        return give_up(place, seat->quota);
    }
    init_goroutine(g, birth->opts, next_id(p), parent);
    if (!seat->simple) {
        join_company(g, parent, seat);
    }
    g->stack_class = (uint8_t) class;
    g->fn = birth->fn;
    g->arg = birth->arg;
    g->created_at = birth->caller;
    gor__g_set_state(g, GOR_RUNNABLE, GOR_WAIT_NONE);
    if (gor__observes(GOR__OBSERVE_LATENCY | GOR__OBSERVE_TRACE)) {
        note_created(m, g);
    }
    if (GOR_UNLIKELY(p == NULL)) {
        __atomic_add_fetch(&gor__sched.foreign_created, 1, __ATOMIC_RELEASE);
        if (seat->own) {
            gor__ceiling_count_own(1);
        }
        if (place == GOR__PLACE_PROMISED) {
            gor__ceiling_use_promised();
        }
        gor__global_put(g, g, 1);
        gor__wake_idle();
        return 0;
    }
    gor__count(&p->created, 1);
    if (seat->own) {
        gor__ceiling_count_own(1);
    }
    gor__ceiling_use(p, place);
    gor__put_fresh(p, g);
    return 0;
}

static int start_running(const struct gor_go_opts *opts, void (*fn)(void *), void *arg,
                         const void *caller, const struct terms *terms)
{
    struct birth birth = {opts, fn, arg, caller};
    struct seat seat = {.place = GOR__PLACE_NONE, .own = terms != NULL && terms->own};
    /* Sequential: see start(). */
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_SEQ_CST)) {
        return -ESRCH;
    }
    int class = class_of(opts);
    if (class < 0) {
        return class;
    }
    int result = take_places(opts, terms, &seat.quota, &seat.place);
    if (result < 0) {
        return result;
    }
    struct gor__m *m = gor__m_self();
    return make(&birth, class, m, m != NULL ? m->p : NULL, &seat);
}

static uint32_t hosts;     /* threads of the host that are starting a goroutine; futex */
static bool hosts_awaited; /* atomic; the runtime itself may be gone when the last one leaves */

/* `terms` NULL: for the calling goroutine, or thread of the host. Such a thread announces itself before it
 * looks whether there is a runtime, and gor_stop takes that back before it looks for such threads: so it
 * finds none, or is waited for, and may wait for a place itself. */
static __attribute__((noinline)) int start(const struct gor_go_opts *opts, void (*fn)(void *),
                                           void *arg, const void *caller, const struct terms *terms)
{
    if (gor__m_self() != NULL) {
        return start_running(opts, fn, arg, caller, terms);
    }
    __atomic_add_fetch(&hosts, 1, __ATOMIC_SEQ_CST);
    int result = start_running(opts, fn, arg, caller, terms);
    if (__atomic_sub_fetch(&hosts, 1, __ATOMIC_SEQ_CST) == 0 &&
        __atomic_load_n(&hosts_awaited, __ATOMIC_SEQ_CST)) {
        gor__futex_wake(&hosts, 1);
    }
    return result;
}

void gor__spawn_await_hosts(void)
{
    uint32_t count = 0;
    __atomic_store_n(&hosts_awaited, true, __ATOMIC_SEQ_CST);
    while ((count = __atomic_load_n(&hosts, __ATOMIC_SEQ_CST)) != 0) {
        (void)gor__futex_wait(&hosts, count, GOR_NEVER);
    }
    __atomic_store_n(&hosts_awaited, false, __ATOMIC_SEQ_CST);
}

/* The P of `m` has a place for one more, and there is nothing it counts in or inherits: it may be started
 * by the way. */
static inline bool is_simple(const struct gor__m *m, const struct gor_go_opts *opts)
{
    return m != NULL && m->p != NULL && m->p->places != 0 &&
           !gor__g_has_flag(m->g, GOR__G_LABELLED | GOR__G_COUNTED) &&
           (opts == NULL || opts->quota == NULL);
}

int gor__go(const struct gor_go_opts *opts, void (*fn)(void *), void *arg, const void *caller)
{
    static const struct seat simple = {.place = GOR__PLACE_OF_P, .simple = true};
    struct gor__m *m = gor__m_self();
    int class = class_of(opts);
    if (GOR_UNLIKELY(!is_simple(m, opts) || class < 0)) {
        return start(opts, fn, arg, caller, NULL);
    }
    struct birth birth = {opts, fn, arg, caller};
    if (m->p == NULL || m->g == NULL) {
        __builtin_unreachable(); /* the compiler need not look again */
    }
    return make(&birth, class, m, m->p, &simple);
}

int gor__spawn(const struct gor_go_opts *opts, void (*fn)(void *), void *arg, const void *caller)
{
    static const struct terms terms = {.nobodys = true};
    return start(opts, fn, arg, caller, &terms);
}

int gor__spawn_always(const struct gor_go_opts *opts, void (*fn)(void *), void *arg,
                      const void *caller)
{
    static const struct terms terms = {.always = true};
    return start(opts, fn, arg, caller, &terms);
}

int gor__spawn_own(const struct gor_go_opts *opts, void (*fn)(void *), void *arg)
{
    static const struct terms terms = {.always = true, .own = true};
    return start(opts, fn, arg, (const void *)(uintptr_t)fn, &terms);
}

int gor__go_own(const struct gor_go_opts *opts, void (*fn)(void *), void *arg)
{
    struct gor__m *m = gor__enter_any();
    int result = gor__spawn_own(opts, fn, arg);
    gor__leave_any(m);
    return result;
}

int gor_go(void (*fn)(void *arg), void *arg)
{
    struct gor__m *m = gor__enter_any();
    int result = gor__go(NULL, fn, arg, __builtin_return_address(0));
    gor__leave_any(m);
    return result;
}

int gor_go_with(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg)
{
    struct gor__m *m = gor__enter_any();
    int result = gor__go(opts, fn, arg, __builtin_return_address(0));
    gor__leave_any(m);
    return result;
}

int gor_go_until(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    struct terms terms = {.patience = {.waits = true, .limit = &limit}};
    struct gor__m *m = gor__enter_any();
    int result = start(opts, fn, arg, __builtin_return_address(0), &terms);
    gor__leave_any(m);
    return result;
}

int gor_go_ctx(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg,
               struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    struct terms terms = {.patience = {.waits = true, .limit = &limit}};
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    gor__enter_machine(m);
    int result = start(opts, fn, arg, __builtin_return_address(0), &terms);
    gor__leave();
    return result;
}
