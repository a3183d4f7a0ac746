/* SPDX-License-Identifier: MIT */
/* leak_mark.c - see leak_mark.h.
 *
 * Roots are
 *   - goroutines that run, can run, or wait for a timer, a descriptor or a thread: stack and fields;
 *   - registers of all threads that run code which is not ours, and their stacks;
 *   - all other memory that can be written, but for what is known better: blocks of malloc's, stacks
 *     of goroutines, and the runtime's own records of those, which lead to every one of them.
 */
#include "runtime/debug/leak_mark.h"

#include <errno.h>
#include <unistd.h>

#include "runtime/debug/raw.h"
#include "runtime/debug/symbol.h"
#include "runtime/sched/cells.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/sched.h"

enum {
    HOLES_MAX = 1 << 17,
    BELOW_SP = 128, /* a function may use so much below its stack pointer */
/* What a switch puts on the stack that is left (cpu/switch_*.h). */
#if defined(__aarch64__)
    SAVED_BYTES = 32,
#else
    SAVED_BYTES = 24,
#endif
};

struct gor__hole {
    uintptr_t start;
    uintptr_t end;
};

/* ---- what is left out of the memory at large */

static size_t holes_bytes(void)
{
    return HOLES_MAX * sizeof(struct gor__hole);
}

static void add_hole(struct gor__leak_mark *mark, const void *start, uintptr_t end)
{
    if ((uintptr_t)start < end && mark->hole_count < HOLES_MAX) {
        mark->holes[mark->hole_count++] = (struct gor__hole){(uintptr_t)start, end};
    }
}

static void add_memory(void *arg, const void *memory, size_t bytes)
{
    add_hole(arg, memory, (uintptr_t)memory + bytes);
}

/* By address: there are few, or they come in order. */
static void sort_holes(struct gor__leak_mark *mark)
{
    struct gor__hole *holes = mark->holes;
    for (size_t i = 1; i < mark->hole_count; i++) {
        struct gor__hole hole = holes[i];
        size_t at = i;
        for (; at > 0 && holes[at - 1].start > hole.start; at--) {
            holes[at] = holes[at - 1];
        }
        holes[at] = hole;
    }
}

static void read_region(struct gor__leak_mark *mark, const struct gor__region *region,
                        size_t *first_hole)
{
    uintptr_t at = region->start;
    while (*first_hole < mark->hole_count && mark->holes[*first_hole].end <= at) {
        (*first_hole)++;
    }
    for (size_t i = *first_hole; i < mark->hole_count && at < region->end; i++) {
        const struct gor__hole *hole = &mark->holes[i];
        if (hole->start >= region->end) {
            break;
        }
        if (hole->start > at) {
            gor__regions_read(&mark->regions, at, hole->start & ~(uintptr_t)7, gor__reach_words,
                              &mark->reach);
        }
        at = hole->end > at ? (hole->end + 7) & ~(uintptr_t)7 : at;
    }
    if (at < region->end) {
        gor__regions_read(&mark->regions, at, region->end, gor__reach_words, &mark->reach);
    }
}

/* ---- threads */

static const struct gor__halted *find_frozen(const struct gor__leak_mark *mark, int tid)
{
    for (size_t i = 0; i < mark->halt.count; i++) {
        if (mark->halt.threads[i].tid == tid) {
            return &mark->halt.threads[i];
        }
    }
    return NULL;
}

static const struct gor__m *find_machine(int tid)
{
    const struct gor__m *m = gor__sched.machines;
    while (m != NULL && m->tid != tid) {
        m = m->next;
    }
    return m;
}

static bool is_on(const struct gor__g *g, uintptr_t sp)
{
    const struct gor__stack *stack = g->stack;
    return stack != NULL && sp > (uintptr_t)gor__stack_low(stack) &&
           sp <= (uintptr_t)gor__stack_top(stack);
}

/* Where the stack of a goroutine that runs on `m` begins to hold something; 0: not known. */
static uintptr_t running_sp(const struct gor__leak_mark *mark, const struct gor__m *m)
{
    const struct gor__halted *thread = find_frozen(mark, m->tid);
    uintptr_t sp = m == mark->self ? mark->sp : 0;
    if (thread != NULL) {
        sp = thread->sp - BELOW_SP;
    }
    return is_on(m->g, sp) ? sp : 0;
}

/* The thread's own stack below where the scheduler stood last, its record, and the stack for signals
 * unless it is in use. While it runs no goroutine there is nothing of the program's on its stack but
 * what it has for itself at the very top. */
static void leave_out_machine(struct gor__leak_mark *mark, const struct gor__m *m)
{
    const struct gor__halted *thread = find_frozen(mark, m->tid);
    uintptr_t signals = (uintptr_t)m->signal_stack;
    uintptr_t sp = thread != NULL ? thread->sp : 0;
    add_hole(mark, m, (uintptr_t)(m + 1));
    /* A page without access lies below its stack, so a region begins there. */
    const struct gor__region *stack = gor__regions_find(&mark->regions, (uintptr_t)m->scheduler.sp);
    if (stack != NULL) {
        add_hole(mark, (const void *)stack->start, (uintptr_t)m->scheduler.sp + SAVED_BYTES);
    }
    bool in_handler = sp - signals < GOR__SIGNAL_STACK_BYTES;
    if (m->signal_stack != NULL && !in_handler && (m->g == NULL || mark->frozen)) {
        add_hole(mark, m->signal_stack, signals + GOR__SIGNAL_STACK_BYTES);
    }
}

/* Of other threads nobody knows where their stacks end. */
static void leave_out_below_first(struct gor__leak_mark *mark)
{
    const struct gor__halted *first = find_frozen(mark, getpid());
    const struct gor__region *region =
        first != NULL ? gor__regions_find(&mark->regions, first->sp) : NULL;
    if (region != NULL && region->kind == GOR__REGION_STACK) {
        add_hole(mark, (const void *)region->start, first->sp - BELOW_SP);
    }
}

/* What the finder has on its own stack, and what lies below. */
static void leave_out_finder(struct gor__leak_mark *mark)
{
    if (mark->stack_end != 0) {
        add_hole(mark, (const void *)mark->stack_end, mark->sp);
    }
}

static void leave_out(struct gor__leak_mark *mark)
{
    struct gor__pool_table table;
    for (uint32_t i = 0; gor__pool_table(i, &table); i++) {
        add_memory(mark, table.list, table.bytes);
    }
    gor__reach_arenas(&mark->reach, add_memory, mark);
    gor__cells_each(add_memory, mark); /* stacks as well, of those who hibernate */
    for (const struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        leave_out_machine(mark, m);
    }
    for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
        const struct gor__timers *timers = &gor__sched.procs[i]->timers;
        add_memory(mark, timers->memory, gor__timers_bytes(timers));
    }
    for (size_t i = 0; i < mark->reach.blocks.count; i++) {
        const struct gor__run *run = &mark->reach.blocks.runs[i];
        add_hole(mark, (const void *)run->outer, run->end);
    }
    leave_out_below_first(mark);
    leave_out_finder(mark);
    gor__halt_memory(&mark->halt, add_memory, mark);
    gor__symbol_memory(add_memory, mark);
    /* These know where blocks begin. */
    gor__regions_memory(&mark->regions, add_memory, mark);
    add_memory(mark, mark->holes, holes_bytes());
    sort_holes(mark);
}

/* Registers of those that run other code than the scheduler's. */
static void read_registers(struct gor__leak_mark *mark)
{
    for (size_t i = 0; i < mark->halt.count; i++) {
        const struct gor__halted *thread = &mark->halt.threads[i];
        const struct gor__m *m = find_machine(thread->tid);
        if (m == NULL || m->g != NULL) {
            gor__reach_words(&mark->reach, thread->words, thread->word_count);
        }
    }
}

static void read_timer(void *arg, const struct gor__timer *timer)
{
    uint64_t address = (uintptr_t)timer;
    gor__reach_words(arg, &address, 1);
}

/* What will fire gets at what it is in. */
static void read_timers(struct gor__leak_mark *mark)
{
    for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
        gor__timers_each(&gor__sched.procs[i]->timers, read_timer, &mark->reach);
    }
}

/* ---- goroutines */

static const struct gor__m *machine_of(const struct gor__g *g)
{
    const struct gor__m *m = gor__sched.machines;
    while (m != NULL && m->g != g) {
        m = m->next;
    }
    return m;
}

static int each_goroutine(int (*visit)(void *arg, const struct gor__g *g), void *arg)
{
    struct gor__pool_table table;
    for (uint32_t i = 0; gor__pool_table(i, &table); i++) {
        for (uint32_t k = 0; k < table.count; k++) {
            int error = visit(arg, &table.list[k]);
            if (error < 0) {
                return error;
            }
        }
    }
    return 0;
}

static int count_one(void *arg, const struct gor__g *g)
{
    struct gor__leak_mark *mark = arg;
    enum gor_state state = gor__g_state(g);
    if (state != GOR_TERMINATED && state != GOR_CREATED && !gor__reach_add(&mark->reach, g)) {
        mark->scan->others++;
    }
    return mark->reach.error;
}

/* The running ones first: those on Ms. */
static void read_running(struct gor__leak_mark *mark)
{
    for (const struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        if (m->g != NULL) {
            gor__reach_goroutine(&mark->reach, m->g, running_sp(mark, m));
        }
    }
}

/* The rest of those that are alive anyhow: the candidates come in the order of the tables. */
struct walk {
    struct gor__leak_mark *mark;
    size_t next; /* candidate */
};

static int read_one(void *arg, const struct gor__g *g)
{
    struct walk *walk = arg;
    struct gor__reach *reach = &walk->mark->reach;
    enum gor_state state = gor__g_state(g);
    if (walk->next < reach->candidate_count && reach->candidates[walk->next].g == g) {
        walk->next++;
    } else if (state != GOR_TERMINATED && state != GOR_CREATED && machine_of(g) == NULL) {
        gor__reach_goroutine(reach, g, (uintptr_t)g->context.sp);
        return gor__reach_run(reach);
    }
    return reach->error;
}

/* ---- all of it */

static int mark_all(struct gor__leak_mark *mark)
{
    struct walk walk = {mark, 0};
    size_t first_hole = 0;
    int error = each_goroutine(count_one, mark);
    if (error < 0) {
        return error;
    }
    leave_out(mark);
    gor__reach_settle(&mark->reach);
    read_registers(mark);
    read_timers(mark);
    read_running(mark);
    (void)each_goroutine(read_one, &walk);
    for (size_t i = 0; i < mark->regions.count && mark->reach.error == 0; i++) {
        read_region(mark, &mark->regions.list[i], &first_hole);
    }
    return gor__reach_run(&mark->reach);
}

static int list_findings(const struct gor__reach *reach, struct gor__leak_scan *scan)
{
    scan->room = reach->candidate_count + 1;
    scan->list = gor__raw_map(scan->room * sizeof *scan->list);
    if (scan->list == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < reach->candidate_count; i++) {
        const struct gor__candidate *c = &reach->candidates[i];
        struct gor__leak_finding *finding = &scan->list[scan->count++];
        finding->g = c->g;
        finding->id = c->g->id;
        finding->wake = __atomic_load_n(&c->g->wake, __ATOMIC_RELAXED);
        finding->switches = c->g->switches;
        finding->leaked = !c->alive;
        scan->leaked += finding->leaked ? 1 : 0;
    }
    return 0;
}

static int mark_frozen(struct gor__leak_mark *mark)
{
    int error = gor__regions_open(&mark->regions);
    if (error < 0) {
        return error;
    }
    error = gor__reach_look(&mark->reach, &mark->regions);
    if (error == 0) {
        error = mark_all(mark);
    }
    gor__regions_close(&mark->regions);
    return error < 0 ? error : list_findings(&mark->reach, mark->scan);
}

int gor__leak_mark(struct gor__leak_mark *mark)
{
    gor__preempt_call_off();
    mark->scan->halt_error = gor__halt(&mark->halt);
    mark->frozen = mark->scan->halt_error == 0;
    if (mark->frozen) {
        int error = mark_frozen(mark);
        gor__halt_end(&mark->halt);
        gor__preempt_renew();
        mark->scan->complete = true;
        return error;
    }
    gor__preempt_renew();
    /* Nobody who is alone gets company while the world stands; but threads of others may come. */
    if (!mark->is_alone(mark->self)) {
        return 0;
    }
    int error = mark_frozen(mark);
    mark->scan->complete = mark->is_alone(mark->self);
    return error;
}

void gor__leak_mark_close(struct gor__leak_mark *mark)
{
    gor__reach_close(&mark->reach);
    gor__raw_unmap(mark->holes, holes_bytes());
    mark->holes = NULL;
}

int gor__leak_mark_open(struct gor__leak_mark *mark, struct gor__leak_scan *scan,
                        const struct gor__m *self, bool (*is_alone)(const struct gor__m *self))
{
    *mark = (struct gor__leak_mark){.scan = scan, .self = self, .is_alone = is_alone};
    mark->holes = gor__raw_map(holes_bytes());
    int error = gor__reach_open(&mark->reach);
    if (error < 0 || mark->holes == NULL) {
        gor__leak_mark_close(mark);
        return -ENOMEM;
    }
    return 0;
}
