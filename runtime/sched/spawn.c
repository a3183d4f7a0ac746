/* SPDX-License-Identifier: MIT */
/* spawn.c - how a goroutine comes to be. */
#include <errno.h>

#include "runtime/sched/byid.h"
#include "runtime/sched/door.h"
#include "runtime/sched/labels.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"

static gor_id_t next_id(struct gor__p *p)
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

static void init_goroutine(struct gor__g *g, const struct gor_go_opts *opts, gor_id_t id,
                           struct gor__g *parent)
{
    __atomic_store_n(&g->id, id, __ATOMIC_RELAXED);
    g->parent = parent != NULL ? parent->id : 0;
    gor__g_clear_flag(g, GOR__G_NAMED);
    g->local = opts != NULL ? opts->local : NULL;
    g->defers = NULL;
    g->at_end = NULL;
    g->on_panic = parent != NULL ? parent->on_panic : NULL;
    g->on_panic_arg = parent != NULL ? parent->on_panic_arg : NULL;
    if (parent != NULL &&
        GOR_UNLIKELY((__atomic_load_n(&parent->flags, __ATOMIC_RELAXED) & GOR__G_LABELLED) != 0)) {
        gor__labels_inherit(g, parent);
    }
    if (opts != NULL && opts->name != NULL) {
        gor__pool_set_name(g, opts->name);
    }
    if (opts != NULL && opts->out_id != NULL) {
        *opts->out_id = id;
        gor__byid_note(g, id);
    }
}

int gor__spawn(const struct gor_go_opts *opts, void (*fn)(void *), void *arg, const void *caller)
{
    if (GOR_UNLIKELY(!__atomic_load_n(&gor__sched.running, __ATOMIC_RELAXED))) {
        return -ESRCH;
    }
    struct gor__m *m = gor__m_self();
    struct gor__p *p = m != NULL ? m->p : NULL;
    int class = gor__sched.default_class;
    if (opts != NULL && opts->stack_bytes != 0) {
        class = gor__stack_class(opts->stack_bytes);
        if (class < 0) {
            return class;
        }
    }
    if (GOR_UNLIKELY(gor__sched.opts.max_goroutines != 0 &&
                     gor_num_goroutine() >= gor__sched.opts.max_goroutines)) {
        return -EAGAIN;
    }
    struct gor__g *g = gor__pool_get(p);
    if (GOR_UNLIKELY(g == NULL)) {
        return -ENOMEM;
    }
    init_goroutine(g, opts, next_id(p), m != NULL ? m->g : NULL);
    g->stack_class = (uint8_t) class;
    g->fn = fn;
    g->arg = arg;
    g->created_at = caller;
    gor__g_set_state(g, GOR_RUNNABLE, GOR_WAIT_NONE);
    if (GOR_UNLIKELY(p == NULL)) {
        __atomic_add_fetch(&gor__sched.foreign_created, 1, __ATOMIC_RELAXED);
        gor__global_put(g, g, 1);
        gor__wake_idle();
        return 0;
    }
    gor__count(&p->created, 1);
    gor__put_fresh(p, g);
    return 0;
}

int gor_go(void (*fn)(void *arg), void *arg)
{
    struct gor__m *m = gor__enter_any();
    int result = gor__spawn(NULL, fn, arg, __builtin_return_address(0));
    gor__leave_any(m);
    return result;
}

int gor_go_with(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg)
{
    struct gor__m *m = gor__enter_any();
    int result = gor__spawn(opts, fn, arg, __builtin_return_address(0));
    gor__leave_any(m);
    return result;
}
