/* SPDX-License-Identifier: MIT */
/* overflow.c - see overflow.h.
 *
 * Going on at the top of the same stack was rejected: it would overwrite what the deferred calls are
 * about. So was ending the goroutine without them: what they give back would be lost, in a program that
 * lives on for the sake of others.
 */
#include "runtime/sched/overflow.h"

#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/futex.h"
#include "runtime/base/thread.h"
#include "runtime/cpu/memory.h"
#include "runtime/cpu/own_code.h"
#include "runtime/cpu/redirect.h"
#include "runtime/cpu/registers.h"
#include "runtime/sched/panic.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/sites.h"

enum {
    RESCUE_CLASS = 3,     /* 256 KiB: who panics may look up symbols */
    PATIENCE_SECONDS = 5, /* with whoever ends the process already */
    MODULES = 8,
    MESSAGE = 1024, /* with that of a panic, of at most 511 bytes */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    SANITIZED = 1,
#else
    SANITIZED = 0,
#endif
};

/* Lies at the top of its memory. */
struct rescue {
    struct gor__stack stack; /* the first: it is what the goroutine has */
    struct gor__stack *former;
    struct rescue *next;      /* list link of the free ones */
    struct rescue *next_all;  /* list link of all */
    struct gor__registers at; /* where the former stack ended */
    uint8_t former_class;
};
_Static_assert(sizeof(struct rescue) + GOR__STACK_ALIGNED < 4096, "gor__stack_end finds the end");

/* Code in which nobody can be stopped for good. */
struct module {
    uintptr_t from;
    uintptr_t to;
};

static struct {
    struct gor__mutex lock; /* inside, or with all signals blocked */
    struct rescue *free;
    struct rescue *all;
    struct module modules[MODULES];
    unsigned module_count; /* 0: the C library was linked into the program, nobody knows where */
} rescues;

/* ---- the C library */

static bool is_c_library(const char *path)
{
    static const char *const names[] = {"libc.", "libc-", "libpthread", "ld-linux", "ld-musl"};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(name, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

static int note_module(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (info->dlpi_name == NULL || !is_c_library(info->dlpi_name) ||
        rescues.module_count == MODULES) {
        return 0;
    }
    struct module *module = &rescues.modules[rescues.module_count++];
    *module = (struct module){UINTPTR_MAX, 0};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD) {
            module->from = from < module->from ? from : module->from;
            module->to = from + part->p_memsz > module->to ? from + part->p_memsz : module->to;
        }
    }
    return 0;
}

static bool in_c_library(uintptr_t pc)
{
    for (unsigned i = 0; i < rescues.module_count; i++) {
        if (pc >= rescues.modules[i].from && pc < rescues.modules[i].to) {
            return true;
        }
    }
    return false;
}

void gor__overflow_init(void)
{
    rescues.module_count = 0;
    (void)dl_iterate_phdr(note_module, NULL);
}

/* ---- rescue stacks */

static size_t rescue_bytes(void)
{
    return gor__stack_class_bytes(RESCUE_CLASS);
}

/* NULL: no memory. */
static struct rescue *make(void)
{
    char *memory = gor__memory_reserve(rescue_bytes(), 1);
    struct iovec guard = {memory, gor__memory_page()};
    if (memory == NULL) {
        return NULL;
    }
    if (gor__memory_guard(&guard, 1) < 0) {
        gor__memory_release(memory, rescue_bytes());
        return NULL;
    }
    size_t record = (sizeof(struct rescue) + 63) & ~(size_t)63;
    struct rescue *rescue = (struct rescue *)(void *)(memory + rescue_bytes() - record);
    gor__stack_place(&rescue->stack, (char *)rescue, RESCUE_CLASS);
    return rescue;
}

/* In a handler: stopped in here for having computed too long, it would keep the lock from others. NULL: no
 * memory, or no end of waiting for the lock. */
static struct rescue *take(void)
{
    sigset_t all;
    sigset_t former;
    struct rescue *rescue = NULL;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &former);
    /* It is held for some instructions only; where that takes longer, it is this thread that holds it, and used
     * up a stack right there. */
    if (gor__mutex_lock_soon(&rescues.lock, PATIENCE_SECONDS * 1000)) {
        rescue = rescues.free;
        if (rescue != NULL) {
            rescues.free = rescue->next;
        } else if ((rescue = make()) != NULL) {
            rescue->next_all = rescues.all;
            rescues.all = rescue;
        }
        gor__mutex_unlock(&rescues.lock);
    }
    (void)pthread_sigmask(SIG_SETMASK, &former, NULL);
    return rescue;
}

void gor__overflow_end(struct gor__g *g)
{
    struct rescue *rescue = (struct rescue *)(void *)g->stack;
    struct gor__stack *former = rescue->former;
    size_t page = gor__memory_page();
    /* It has all of its memory, which the next one hardly needs. */
    struct iovec waste =
        gor__stack_part(gor__stack_low(former) + page, gor__stack_end(former) - page);
    if (waste.iov_len > 0) {
        gor__memory_discard(&waste, 1);
    }
    g->stack_class = rescue->former_class;
    __atomic_store_n(&g->stack, former, __ATOMIC_RELEASE);
    gor__stack_give(&rescue->stack, NULL);
    gor__g_clear_flag(g, GOR__G_RESCUED);
    gor__mutex_lock(&rescues.lock);
    rescue->next = rescues.free;
    rescues.free = rescue;
    gor__mutex_unlock(&rescues.lock);
}

void gor__overflow_fini(void)
{
    struct rescue *rescue = rescues.all;
    while (rescue != NULL) {
        struct rescue *next = rescue->next_all;
        gor__memory_release(gor__stack_low(&rescue->stack), rescue_bytes());
        rescue = next;
    }
    memset(&rescues, 0, sizeof rescues);
}

/* ---- what becomes of the goroutine */

static const char *name_of(const struct gor__g *g)
{
    const char *name = gor__pool_name(g);
    return name != NULL ? name : "";
}

/* On the rescue stack, outside. */
static void go_on(void)
{
    char message[MESSAGE];
    struct gor__g *g = gor__g_self();
    const struct rescue *rescue = (const struct rescue *)(const void *)g->stack;
    struct gor__panic panic = {.stack = rescue->former, .registers = rescue->at};
    size_t bytes = gor__stack_class_bytes(rescue->former_class);
    const char *name = name_of(g);
    struct gor__panic former;
    bool panicked = gor__panic_get(&former);
    gor__site_raise(gor__site_of(g->created_at, true), bytes, bytes);
    (void)snprintf(
        message, sizeof message,
        "stack overflow: goroutine %lu%s%s used up its stack of %zu KiB%s%s; give it a larger one "
        "by gor_go_opts.stack_bytes, or all of them by gor_opts.stack_bytes",
        (unsigned long)g->id, name[0] != '\0' ? " " : "", name, bytes / 1024,
        panicked ? " in a panic: " : "", panicked ? former.message : "");
    gor__panic_now(&panic, g, message);
}

/* Why others could not go on without what the goroutine holds; NULL: they can. Whoever was called from
 * there, by the library or the C library, is code of the program's again, and holds none of that. */
static const char *find_harm(const struct gor__m *m, uintptr_t pc)
{
    if (SANITIZED) {
        return "";
    }
    bool inside = __atomic_load_n(&m->inside, __ATOMIC_RELAXED);
    if (inside || gor__is_own_code(pc)) {
        return !inside && gor__g_has_flag(m->g, GOR__G_IN_NEED) ? NULL
                                                                : ", within a call of this library";
    }
    if (in_c_library(pc)) {
        return ", within the C library, whose locks it may hold";
    }
    if (rescues.module_count == 0) {
        return ", perhaps within the C library, whose locks it may hold: in a static program that "
               "cannot be told";
    }
    return NULL;
}

/* From now on the goroutine has the rescue's stack, on which it will call `entry`. */
static void move(struct gor__g *g, struct rescue *rescue, ucontext_t *context, void (*entry)(void))
{
    rescue->former = g->stack;
    rescue->former_class = g->stack_class;
    rescue->at = gor__registers_of(context);
    gor__redirect(context, entry, gor__stack_top(&rescue->stack));
    (void)__atomic_fetch_or(&g->flags, GOR__G_RESCUED, __ATOMIC_RELAXED);
    gor__g_clear_flag(g, GOR__G_SAMPLE);
    gor__g_clear_flag(g, GOR__G_IN_NEED);
    g->stack_class = RESCUE_CLASS;
    gor__stack_give(&rescue->stack, g);
    __atomic_store_n(&g->stack, &rescue->stack, __ATOMIC_RELEASE);
}

/* ---- the end of the process */

/* On a rescue stack, perhaps inside, and with whatever locks. */
static void tell_and_die(void)
{
    const struct gor__g *g = gor__g_self();
    const struct rescue *rescue = (const struct rescue *)(const void *)g->stack;
    struct gor__panic panic = {.stack = rescue->former, .registers = rescue->at};
    gor__panic_tell(&panic, g->id, gor__pool_name(g));
    abort();
}

/* Faults end the process all the same, and so does abort. */
static void block_signals(ucontext_t *context)
{
    for (int signal = 1; signal <= GOR__SIGNALS; signal++) {
        if (signal != SIGSEGV && signal != SIGBUS && signal != SIGABRT) {
            (void)sigaddset(&context->uc_sigmask, signal);
        }
    }
}

/* When the handler returns, tell where it was, and end the process. The reason has been told: so where
 * that cannot be done, or fails, it ends at once. */
static void die_telling(struct gor__m *m, ucontext_t *context)
{
    static int dying; /* the thread that does so; 0: none */
    int nobody = 0;
    if (SANITIZED) {
        abort();
    }
    if (!__atomic_compare_exchange_n(&dying, &nobody, m->tid, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED)) {
        /* Another one is about to, and needs its time; or we have, but got no further. */
        struct timespec rest = {.tv_sec = nobody != m->tid ? PATIENCE_SECONDS : 0};
        (void)nanosleep(&rest, NULL);
        abort();
    }
    struct rescue *rescue = take();
    if (rescue == NULL) {
        abort();
    }
    block_signals(context);
    move(m->g, rescue, context, tell_and_die);
}

static void die(struct gor__m *m, ucontext_t *context, const char *why)
{
    const struct gor__g *g = m->g;
    const char *name = name_of(g);
    gor__die_later(
        "stack overflow: goroutine %lu%s%s used up its stack of %lu KiB%s; give it a larger one by "
        "gor_go_opts.stack_bytes, or all of them by gor_opts.stack_bytes",
        (unsigned long)g->id, name[0] != '\0' ? " " : "", name,
        (unsigned long)(gor__stack_class_bytes(g->stack_class) / 1024), why);
    die_telling(m, context);
}

static void die_again(struct gor__m *m, ucontext_t *context)
{
    const struct gor__g *g = m->g;
    const char *name = name_of(g);
    gor__die_later(
        "stack overflow: goroutine %lu%s%s used up its own stack, and now the %lu KiB that it was "
        "given to panic on; have its deferred calls and its panic handler use less stack",
        (unsigned long)g->id, name[0] != '\0' ? " " : "", name,
        (unsigned long)(rescue_bytes() / 1024));
    die_telling(m, context);
}

void gor__overflow_rescue(struct gor__m *m, ucontext_t *context)
{
    struct gor__g *g = m->g;
    if ((__atomic_load_n(&g->flags, __ATOMIC_RELAXED) & GOR__G_RESCUED) != 0) {
        die_again(m, context);
        return;
    }
    const char *harm = find_harm(m, gor__interrupted_at(context));
    if (harm != NULL) {
        die(m, context, harm);
        return;
    }
    struct rescue *rescue = take();
    if (rescue == NULL) {
        die(m, context, ", and there is no memory for another one to panic on");
        return;
    }
    move(g, rescue, context, go_on);
}

/* ---- an overflow where it does no harm */

void gor_stack_need(size_t bytes)
{
    struct gor__g *g = gor__g_self();
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (g == NULL) {
        return;
    }
    uintptr_t end_of_guard = (uintptr_t)gor__stack_low(g->stack) + gor__memory_page();
    /* A program may be on a stack of its own making. */
    if (here < end_of_guard || here >= (uintptr_t)gor__stack_end(g->stack) ||
        here - end_of_guard >= bytes) {
        return;
    }
    (void)__atomic_fetch_or(&g->flags, GOR__G_IN_NEED, __ATOMIC_RELAXED);
    *(volatile char *)(end_of_guard - 1) = 0;
}
