/* SPDX-License-Identifier: MIT */
/* symbol.c - see symbol.h. */
#include "runtime/debug/symbol.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/futex.h"
#include "runtime/debug/modules.h"

enum { FIRST_SLOTS = 1024, PATIENCE_MS = 100 };

struct answer {
    uintptr_t pc; /* 0: free */
    unsigned count;
    struct gor__symbol *frames;
};

struct step {
    uintptr_t pc;
    enum gor__symbol_step step;
    struct gor__cfi_row row;
};

enum { STEPS = 4096 };

/* Everything that was found out so far. */
struct tables {
    struct gor__modules modules;
    struct answer *answers; /* hashed by pc, a power of two of them */
    size_t slots;
    size_t used;
    struct step *steps; /* STEPS of them, hashed by pc; the last one stays */
};

static struct {
    struct gor__mutex lock;
    struct tables shared;
    struct tables alone[GOR__LONERS];
    int alone_threads[GOR__LONERS]; /* atomic: whose questions go there; 0: nobody's */
} symbols;

/* ---- one address */

/* Without the version that some symbol tables add to a name. */
static const char *plain_name(struct gor__bump *bump, const char *name)
{
    const char *version = name != NULL ? strchr(name, '@') : NULL;
    size_t length = version != NULL ? (size_t)(version - name) : 0;
    char *plain = length > 0 ? gor__bump_take(bump, length + 1) : NULL;
    return plain != NULL ? memcpy(plain, name, length) : name;
}

static void name_real_function(struct gor__modules *modules, const struct gor__module *module,
                               uint64_t address, struct gor__symbol *symbol)
{
    const struct gor__span *span = gor__spans_find(&module->functions, address);
    if (span != NULL) {
        symbol->function =
            plain_name(&modules->bump, gor__bytes_text_at(module->names, span->what));
        symbol->start = span->low + module->bias;
    }
}

/* The functions of `code`, innermost first: each stands at the place where the one before it was
 * inlined. The real one's name is that of the symbol table, if the other one is not known. */
static unsigned unfold(struct gor__modules *modules, struct gor__module *module,
                       const struct gor__code *code, struct gor__symbol *frames)
{
    struct gor__symbol real = frames[0];
    for (unsigned i = 0; i < code->count; i++) {
        const struct gor__inlined *now = &code->functions[code->count - 1 - i];
        struct gor__symbol *frame = &frames[i];
        if (i > 0) {
            const struct gor__inlined *inner = now + 1;
            *frame = real;
            frame->line = (unsigned)inner->call_line;
            frame->file = code->has_lines
                              ? gor__lines_file(&module->lines, &modules->bump, code->lines,
                                                inner->call_file, code->folder)
                              : NULL;
        }
        frame->inlined = i + 1 < code->count;
        if (now->function != NULL || frame->inlined) {
            frame->function = now->function;
        }
    }
    return code->count > 0 ? code->count : 1;
}

static unsigned find_out(struct gor__modules *modules, uintptr_t pc, struct gor__symbol *frames)
{
    struct gor__code code = {.folder = NULL};
    struct gor__place place = {NULL, 0};
    struct gor__module *module = gor__modules_find(modules, pc);
    if (module == NULL) {
        return 0;
    }
    gor__modules_read(modules, module);
    uint64_t address = pc - module->bias;
    memset(&frames[0], 0, sizeof frames[0]);
    frames[0].module = module->path;
    frames[0].in_module = address;
    name_real_function(modules, module, address, &frames[0]);
    (void)gor__inlines_find(&module->inlines, address, &code);
    if (gor__lines_find(&module->lines, &modules->bump, address, code.folder, &place)) {
        frames[0].file = place.file;
        frames[0].line = place.line;
    }
    return unfold(modules, module, &code, frames);
}

/* ---- answers that are kept */

static size_t hash(uintptr_t pc)
{
    return (size_t)((pc * UINT64_C(0x9e3779b97f4a7c15)) >> 20);
}

static struct answer *slot_of(struct answer *answers, size_t slots, uintptr_t pc)
{
    size_t at = hash(pc) & (slots - 1);
    while (answers[at].pc != 0 && answers[at].pc != pc) {
        at = (at + 1) & (slots - 1);
    }
    return &answers[at];
}

/* At least half of the slots are free afterwards, unless there is no memory. */
static void make_room(struct tables *tables)
{
    if (tables->slots > 0 && tables->used < tables->slots / 2) {
        return;
    }
    size_t slots = tables->slots > 0 ? tables->slots * 2 : FIRST_SLOTS;
    struct answer *answers = gor__bump_take(&tables->modules.bump, slots * sizeof *answers);
    if (answers == NULL) {
        return;
    }
    for (size_t i = 0; i < tables->slots; i++) {
        if (tables->answers[i].pc != 0) {
            *slot_of(answers, slots, tables->answers[i].pc) = tables->answers[i];
        }
    }
    tables->answers = answers;
    tables->slots = slots;
}

static void forget_answers(struct tables *tables)
{
    if (tables->slots > 0) {
        memset(tables->answers, 0, tables->slots * sizeof *tables->answers);
    }
    tables->used = 0;
    if (tables->steps != NULL) {
        memset(tables->steps, 0, STEPS * sizeof *tables->steps);
    }
}

static void look_again(struct tables *tables)
{
    gor__modules_look(&tables->modules);
    if (tables->modules.changed) {
        forget_answers(tables);
    }
}

/* Out of memory, nothing is kept, and nothing answered. */
static const struct answer *ask(struct tables *tables, uintptr_t pc)
{
    struct gor__symbol frames[GOR__SYMBOL_FRAMES];
    make_room(tables);
    if (tables->slots == 0 || tables->used + 1 >= tables->slots || pc == 0) {
        return NULL;
    }
    struct answer *answer = slot_of(tables->answers, tables->slots, pc);
    if (answer->pc == pc) {
        return answer;
    }
    unsigned count = find_out(&tables->modules, pc, frames);
    if (count == 0) {
        look_again(tables);
        count = find_out(&tables->modules, pc, frames);
        answer = slot_of(tables->answers, tables->slots, pc);
    }
    struct gor__symbol *kept = gor__bump_take(&tables->modules.bump, (count + 1) * sizeof *kept);
    if (kept == NULL) {
        return NULL;
    }
    memcpy(kept, frames, count * sizeof *kept);
    *answer = (struct answer){pc, count, kept};
    tables->used++;
    return answer;
}

static enum gor__symbol_step find_step(struct tables *tables, uintptr_t pc,
                                       struct gor__cfi_row *out_row)
{
    const struct gor__module *module = gor__modules_find(&tables->modules, pc);
    if (module == NULL) {
        return GOR__STEP_NO_CODE;
    }
    return gor__cfi_find(&module->cfi, pc - module->bias, out_row) ? GOR__STEP_ROW
                                                                   : GOR__STEP_NO_ROW;
}

static enum gor__symbol_step ask_step(struct tables *tables, uintptr_t pc,
                                      struct gor__cfi_row *out_row)
{
    if (tables->steps == NULL) {
        tables->steps = gor__bump_take(&tables->modules.bump, STEPS * sizeof *tables->steps);
    }
    if (tables->modules.first == NULL) {
        look_again(tables);
    }
    if (tables->steps == NULL) {
        return find_step(tables, pc, out_row);
    }
    struct step *step = &tables->steps[hash(pc) % STEPS];
    if (step->pc != pc) {
        step->step = find_step(tables, pc, &step->row);
        step->pc = pc;
    }
    *out_row = step->row;
    return step->step;
}

/* ---- who asks */

/* The caller's own tables; NULL: it has none. A debugger may make its call on the thread that dumps on a
 * signal, halted with its tables half written: so the debugger's come first. */
static struct tables *own_tables(void)
{
    int self = 0;
    for (int i = GOR__LONERS - 1; i >= 0; i--) {
        int thread = __atomic_load_n(&symbols.alone_threads[i], __ATOMIC_RELAXED);
        if (thread != 0) {
            self = self != 0 ? self : (int)syscall(SYS_gettid);
            if (thread == self) {
                return &symbols.alone[i];
            }
        }
    }
    return NULL;
}

static struct tables *begin(void)
{
    struct tables *own = own_tables();
    if (own == NULL) {
        gor__mutex_lock(&symbols.lock);
    }
    return own != NULL ? own : &symbols.shared;
}

static void end(const struct tables *tables)
{
    if (tables == &symbols.shared) {
        gor__mutex_unlock(&symbols.lock);
    }
}

unsigned gor__symbol_frames(const void *pc, struct gor__symbol *out_symbols, unsigned room)
{
    struct tables *tables = begin();
    const struct answer *answer = ask(tables, (uintptr_t)pc);
    unsigned count = answer != NULL ? answer->count : 0;
    count = count < room ? count : room;
    if (count > 0) {
        memcpy(out_symbols, answer->frames, count * sizeof *out_symbols);
    }
    end(tables);
    return count;
}

bool gor__symbol_find(const void *pc, struct gor__symbol *out_symbol)
{
    return gor__symbol_frames(pc, out_symbol, 1) == 1;
}

enum gor__symbol_step gor__symbol_step(uintptr_t pc, struct gor__cfi_row *out_row)
{
    enum gor__symbol_step step = GOR__STEP_NO_ROW;
    struct tables *own = own_tables();
    if (own != NULL) {
        step = ask_step(own, pc, out_row);
    } else if (gor__mutex_lock_soon(&symbols.lock, PATIENCE_MS)) {
        /* Not for ever: the world may stand meanwhile, and somebody who is stopped have the lock. */
        step = ask_step(&symbols.shared, pc, out_row);
        gor__mutex_unlock(&symbols.lock);
    }
    return step;
}

void gor__symbol_refresh(void)
{
    struct tables *tables = begin();
    look_again(tables);
    end(tables);
}

/* As gor__bump_memory. */
__attribute__((no_sanitize_address, no_sanitize_thread)) void
gor__symbol_memory(void (*visit)(void *arg, const void *memory, size_t bytes), void *arg)
{
    gor__bump_memory(&symbols.shared.modules.bump, visit, arg);
    for (int i = 0; i < GOR__LONERS; i++) {
        gor__bump_memory(&symbols.alone[i].modules.bump, visit, arg);
    }
}

void gor__symbol_begin_alone(enum gor__symbol_loner loner)
{
    if (loner == GOR__LONER_DEBUGGER) {
        /* The last call may have been given up in the middle of anything. */
        memset(&symbols.alone[loner], 0, sizeof symbols.alone[loner]);
    }
    __atomic_store_n(&symbols.alone_threads[loner], (int)syscall(SYS_gettid), __ATOMIC_RELAXED);
}

void gor__symbol_end_alone(enum gor__symbol_loner loner)
{
    __atomic_store_n(&symbols.alone_threads[loner], 0, __ATOMIC_RELAXED);
    if (loner == GOR__LONER_DEBUGGER) {
        gor__bump_fini(&symbols.alone[loner].modules.bump);
    }
}
