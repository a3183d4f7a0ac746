/* SPDX-License-Identifier: MIT */
/* memory.c - what a step does to memory: store buffers, and happens-before as C11 defines it, to tell
 * plain accesses that race.
 *
 * While a thread runs between two steps, its buffered stores are shown in memory itself, for it must
 * see its own stores and its plain loads are not ours to answer.
 */
#include <string.h>

#include "tests/model/engine.h"

enum { BUFFER = 64, CELLS = 8192 };

/* A store on its way. */
struct entry {
    struct step step;
    int line;
    uint64_t serial;
    uint64_t after;  /* all entries up to this serial go first */
    uint64_t hidden; /* what memory holds in truth while the entry is shown */
    unsigned cause;  /* explore_depth() when it came */
    struct clock clock;
};

struct buffer {
    struct entry entries[BUFFER];
    int count;
    char *lines[LINES]; /* which address a line serves; NULL: none yet */
    uint64_t serial;
    uint64_t fenced; /* serial at the last release fence */
};

/* What is known of one address. */
struct cell {
    char *address;
    uint64_t run;
    struct clock release; /* comes with the value to whoever acquires it */
    struct clock plain_reads, plain_writes, atomic_reads, atomic_writes; /* when each thread did */
};

static struct buffer buffers[MODEL_THREADS];
static struct cell cells[CELLS];
static struct clock clocks[MODEL_THREADS];
static struct clock
    released[MODEL_THREADS]; /* by the last release fence: comes with relaxed stores */
static struct clock unfenced[MODEL_THREADS]; /* from relaxed loads: an acquire fence takes it */
static uint64_t runs;

void memory_reset(void)
{
    for (int i = 0; i < MODEL_THREADS; i++) {
        struct buffer *b = &buffers[i];
        b->count = 0;
        b->serial = 0;
        b->fenced = 0;
        memset(b->lines, 0, sizeof b->lines);
    }
    memset(clocks, 0, sizeof clocks);
    memset(released, 0, sizeof released);
    memset(unfenced, 0, sizeof unfenced);
    runs++;
}

/* ---- values */

static uint64_t peek(const char *address, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, address, size);
    return value;
}

static void poke(char *address, size_t size, uint64_t value)
{
    memcpy(address, &value, size);
}

void memory_show(int thread)
{
    struct buffer *b = &buffers[thread];
    for (int i = 0; i < b->count; i++) {
        struct entry *e = &b->entries[i];
        e->hidden = peek(e->step.address, e->step.size);
        poke(e->step.address, e->step.size, e->step.value);
    }
}

void memory_hide(int thread)
{
    struct buffer *b = &buffers[thread];
    for (int i = b->count; i-- > 0;) {
        struct entry *e = &b->entries[i];
        poke(e->step.address, e->step.size, e->hidden);
    }
}

/* ---- happens-before */

static void join(struct clock *clock, const struct clock *other)
{
    for (int i = 0; i < MODEL_THREADS; i++) {
        if (other->of[i] > clock->of[i]) {
            clock->of[i] = other->of[i];
        }
    }
}

static struct cell *cell_of(char *address)
{
    size_t at = ((uintptr_t)address * 0x9e3779b97f4a7c15u) >> 51;
    while (cells[at % CELLS].run == runs && cells[at % CELLS].address != address) {
        at++;
    }
    struct cell *cell = &cells[at % CELLS];
    if (cell->run != runs) {
        memset(cell, 0, sizeof *cell);
        cell->address = address;
        cell->run = runs;
    }
    return cell;
}

static bool all_before(int thread, const struct clock *events)
{
    for (int i = 0; i < run.threads; i++) {
        if (i != thread && events->of[i] > clocks[thread].of[i]) {
            return false;
        }
    }
    return true;
}

static bool acquires(int order)
{
    return order != __ATOMIC_RELAXED && order != __ATOMIC_RELEASE;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static void race(const char *what, const char *address)
{
    run_fault("data race: %s %s", what, report_name(address));
}

void memory_plain(int thread, char *address, size_t bytes, bool writes)
{
    if (thread < 0) {
        return;
    }
    struct cell *cell = cell_of(address);
    if (!all_before(thread, &cell->plain_writes) || !all_before(thread, &cell->atomic_writes)) {
        race(writes ? "plain store to" : "plain load of", address);
    }
    if (writes &&
        (!all_before(thread, &cell->plain_reads) || !all_before(thread, &cell->atomic_reads))) {
        race("plain store to", address);
    }
    struct buffer *b = &buffers[thread];
    for (int i = 0; writes && i < b->count; i++) {
        if (b->entries[i].step.address < address + bytes &&
            address < b->entries[i].step.address + b->entries[i].step.size) {
            run_fault("plain store to %s after an atomic one: not modelled", report_name(address));
        }
    }
    struct clock *events = writes ? &cell->plain_writes : &cell->plain_reads;
    events->of[thread] = ++clocks[thread].of[thread];
}

/* Note an atomic access; true when it races with a plain one. */
static bool note_atomic(int thread, char *address, bool writes)
{
    struct cell *cell = cell_of(address);
    bool fine = all_before(thread, &cell->plain_writes) &&
                (!writes || all_before(thread, &cell->plain_reads));
    struct clock *events = writes ? &cell->atomic_writes : &cell->atomic_reads;
    events->of[thread] = ++clocks[thread].of[thread];
    return !fine;
}

static void acquire(int thread, const struct clock *from, int order)
{
    join(acquires(order) ? &clocks[thread] : &unfenced[thread], from);
}

/* What a store with this order carries. */
static struct clock carried(int thread, int order)
{
    return releases(order) ? clocks[thread] : released[thread];
}

/* ---- store buffers */

static int line_for(struct buffer *b, char *address)
{
    if (run.scenario->memory == MODEL_TSO) {
        return 0;
    }
    int line = 0;
    while (line < LINES && b->lines[line] != NULL && b->lines[line] != address) {
        line++;
    }
    if (line == LINES) {
        /* One whose stores are all gone serves anew. */
        for (line = 0; line < LINES; line++) {
            bool used = false;
            for (int i = 0; i < b->count; i++) {
                used = used || b->entries[i].line == line;
            }
            if (!used) {
                break;
            }
        }
    }
    if (line == LINES) {
        run_fault("more than %d addresses in a store buffer", LINES);
        return 0;
    }
    b->lines[line] = address;
    return line;
}

void memory_enter(int thread, const struct step *step)
{
    struct buffer *b = &buffers[thread];
    if (note_atomic(thread, step->address, true)) {
        race("store to", step->address);
    }
    if (b->count == BUFFER) {
        run_fault("more than %d stores in a buffer", BUFFER);
        return;
    }
    struct entry *e = &b->entries[b->count];
    e->step = *step;
    e->step.kind = STEP_FLUSH;
    e->line = line_for(b, step->address);
    e->after = releases(step->order) ? b->serial : b->fenced;
    e->serial = ++b->serial;
    e->clock = carried(thread, step->order);
    e->hidden = peek(step->address, step->size);
    e->cause = explore_depth();
    b->count++;
    if (run.current == thread) {
        poke(step->address, step->size, step->value);
    }
}

static int oldest(const struct buffer *b, int line)
{
    for (int i = 0; i < b->count; i++) {
        if (b->entries[i].line == line) {
            return i;
        }
    }
    return -1;
}

struct step memory_line(int thread, int line)
{
    const struct buffer *b = &buffers[thread];
    int at = oldest(b, line);
    return at >= 0 ? b->entries[at].step : (struct step){.kind = STEP_NONE};
}

unsigned memory_line_cause(int thread, int line)
{
    const struct buffer *b = &buffers[thread];
    int at = oldest(b, line);
    return at >= 0 ? b->entries[at].cause : 0;
}

bool memory_line_enabled(int thread, int line)
{
    const struct buffer *b = &buffers[thread];
    int at = oldest(b, line);
    return at >= 0 && (at == 0 || b->entries[0].serial > b->entries[at].after);
}

void memory_flush(int thread, int line)
{
    struct buffer *b = &buffers[thread];
    int at = oldest(b, line);
    const struct entry *e = &b->entries[at];
    poke(e->step.address, e->step.size, e->step.value);
    cell_of(e->step.address)->release = e->clock;
    b->count--;
    memmove(&b->entries[at], &b->entries[at + 1], (size_t)(b->count - at) * sizeof *e);
}

/* ---- steps of threads */

static bool buffers_address(const struct buffer *b, const char *address)
{
    for (int i = 0; i < b->count; i++) {
        if (b->entries[i].step.address == address) {
            return true;
        }
    }
    return false;
}

static bool buffers_seq_cst(const struct buffer *b)
{
    for (int i = 0; i < b->count; i++) {
        if (b->entries[i].step.order == __ATOMIC_SEQ_CST) {
            return true;
        }
    }
    return false;
}

static bool rmw_enabled(const struct buffer *b, const struct step *step)
{
    if (run.scenario->memory == MODEL_TSO || releases(step->order)) {
        return b->count == 0;
    }
    return !buffers_address(b, step->address);
}

bool memory_enabled(int thread, const struct step *step)
{
    const struct buffer *b = &buffers[thread];
    bool weak = run.scenario->memory == MODEL_WEAK;
    switch (step->kind) {
    case STEP_NONE:
        return false;
    case STEP_LOAD:
        return !weak || step->order != __ATOMIC_SEQ_CST || !buffers_seq_cst(b);
    case STEP_RMW:
        return rmw_enabled(b, step);
    case STEP_FENCE:
        return step->order != __ATOMIC_SEQ_CST || b->count == 0;
    case STEP_FENCE_OTHER:
        return buffers[step->target].count == 0;
    case STEP_AWAIT:
        return b->count == 0 && peek(step->address, step->size) != step->value;
    case STEP_LOCK:
        return b->count == 0 && peek(step->address, step->size) == 0;
    case STEP_FUTEX_SLEEP:
        return !run.thread[thread].asleep;
    case STEP_ENTER:
        return true;
    default:
        return b->count == 0;
    }
}

static uint64_t do_load(int thread, const struct step *step)
{
    const struct buffer *b = &buffers[thread];
    for (int i = b->count; i-- > 0;) {
        if (b->entries[i].step.address == step->address) {
            return b->entries[i].step.value;
        }
    }
    acquire(thread, &cell_of(step->address)->release, step->order);
    return peek(step->address, step->size);
}

static void do_store(int thread, const struct step *step)
{
    poke(step->address, step->size, step->value);
    cell_of(step->address)->release = carried(thread, step->order);
}

static uint64_t changed(const struct step *step, uint64_t old)
{
    switch (step->rmw) {
    case RMW_ADD:
        return old + step->value;
    case RMW_SUB:
        return old - step->value;
    case RMW_AND:
        return old & step->value;
    case RMW_OR:
        return old | step->value;
    case RMW_XOR:
        return old ^ step->value;
    default:
        return step->value;
    }
}

static uint64_t do_rmw(int thread, const struct step *step)
{
    struct cell *cell = cell_of(step->address);
    uint64_t old = peek(step->address, step->size);
    bool done = step->rmw != RMW_CAS || old == step->expected;
    acquire(thread, &cell->release, done ? step->order : step->fail_order);
    if (done) {
        struct clock mine = carried(thread, step->order);
        join(&cell->release, &mine);
        poke(step->address, step->size, changed(step, old));
    }
    return old;
}

static void do_fence(int thread, const struct step *step)
{
    if (acquires(step->order)) {
        join(&clocks[thread], &unfenced[thread]);
    }
    if (releases(step->order)) {
        released[thread] = clocks[thread];
        buffers[thread].fenced = buffers[thread].serial;
    }
}

static uint64_t futex_wait(int thread, const struct step *step)
{
    if (peek(step->address, step->size) != step->value) {
        return 0;
    }
    run.thread[thread].asleep = true;
    run.thread[thread].slept = ++run.sleeps;
    return 1;
}

/* Whoever has slept longest on the word. */
static struct thread *sleeper(const char *address)
{
    struct thread *found = NULL;
    for (int i = 0; i < run.threads; i++) {
        struct thread *t = &run.thread[i];
        if (t->asleep && t->next.address == address && (found == NULL || t->slept < found->slept)) {
            found = t;
        }
    }
    return found;
}

static uint64_t futex_wake(const struct step *step)
{
    uint64_t count = 0;
    struct thread *t = NULL;
    while (count < step->value && (t = sleeper(step->address)) != NULL) {
        t->asleep = false;
        count++;
    }
    return count;
}

uint64_t memory_do(int thread, const struct step *step)
{
    bool writes = step->kind == STEP_STORE || step->kind == STEP_RMW;
    bool reads = step->kind == STEP_LOAD || step->kind == STEP_AWAIT;
    if ((reads || writes) && note_atomic(thread, step->address, writes)) {
        race("atomic access to", step->address);
        return 0;
    }
    switch (step->kind) {
    case STEP_LOAD:
    case STEP_AWAIT:
        return do_load(thread, step);
    case STEP_STORE:
        do_store(thread, step);
        return 0;
    case STEP_ENTER:
        memory_enter(thread, step);
        return 0;
    case STEP_RMW:
        return do_rmw(thread, step);
    case STEP_LOCK:
        acquire(thread, &cell_of(step->address)->release, step->order);
        poke(step->address, step->size, 1);
        return 0;
    case STEP_FENCE:
        do_fence(thread, step);
        return 0;
    case STEP_FUTEX_WAIT:
        return futex_wait(thread, step);
    case STEP_FUTEX_WAKE:
        return futex_wake(step);
    default:
        return 0;
    }
}
