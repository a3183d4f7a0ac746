/* SPDX-License-Identifier: MIT */
/* panic.c - where a goroutine panicked, as text. One that has used up its stack mostly recursed without
 * an end, and its frames are many and alike: the same one again is counted, and of what is left, those
 * in the middle are.
 */
#include "runtime/sched/panic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/debug/dump.h"
#include "runtime/debug/stream.h"
#include "runtime/debug/symbol.h"
#include "runtime/debug/unwind.h"
#include "runtime/gor.h"
#include "runtime/sched/machine.h"
#include "runtime/sched/stacks.h"

enum { EDGE = 50 /* places that are shown at either end, as in Go */ };

/* A return address, and how many times it comes one after the other. */
struct place {
    uintptr_t address;
    unsigned long times;
};

/* A stack, without its middle. */
struct outline {
    struct place inner[EDGE];
    struct place outer[EDGE]; /* a ring: the last ones so far */
    unsigned long count;      /* of places */
    unsigned long left_out;   /* frames */
};

static struct place *place_at(struct outline *outline, unsigned long i)
{
    return i < EDGE ? &outline->inner[i] : &outline->outer[i % EDGE];
}

static bool add(void *arg, const void *frame)
{
    struct outline *outline = arg;
    uintptr_t address = (uintptr_t)frame;
    if (outline->count > 0) {
        struct place *last = place_at(outline, outline->count - 1);
        if (last->address == address) {
            last->times++;
            return true;
        }
    }
    struct place *place = place_at(outline, outline->count);
    if (outline->count >= 2 * EDGE) {
        outline->left_out += place->times;
    }
    *place = (struct place){address, 1};
    outline->count++;
    return true;
}

static void print_symbol(struct gor__text *text, const struct gor__symbol *symbol,
                         uintptr_t address)
{
    if (symbol->function == NULL) {
        gor__text_format(text, "0x%" PRIxPTR "\n", address);
    } else if (symbol->inlined) {
        gor__text_put(text, symbol->function);
        gor__text_put(text, " (inlined)\n");
    } else {
        gor__text_put(text, symbol->function);
        gor__text_format(text, "+0x%" PRIxPTR "\n", address - symbol->start);
    }
    if (symbol->file != NULL) {
        gor__text_put(text, "\t");
        gor__text_put(text, symbol->file);
        gor__text_format(text, ":%u\n", symbol->line);
    } else if (symbol->module != NULL) {
        gor__text_put(text, "\t");
        gor__text_put(text, symbol->module);
        gor__text_format(text, "+0x%" PRIxPTR "\n", symbol->in_module + 1);
    }
}

static void print_place(struct gor__text *text, const struct place *place)
{
    struct gor__symbol symbols[GOR__SYMBOL_FRAMES];
    /* A return address may lie behind the function that called. */
    const void *pc = (const void *)(place->address - 1);
    unsigned count = gor__symbol_frames(pc, symbols, GOR__SYMBOL_FRAMES);
    if (count == 0) {
        gor__text_format(text, "0x%" PRIxPTR "\n", place->address);
    }
    for (unsigned i = 0; i < count; i++) {
        print_symbol(text, &symbols[i], place->address);
    }
    if (place->times > 1) {
        gor__text_format(text, "\t%lu times\n", place->times);
    }
}

static void print(struct gor__text *text, const struct gor__panic *panic)
{
    struct gor__window window;
    struct outline outline = {.count = 0};
    gor__window_init(&window, (uintptr_t)gor__stack_top(panic->stack));
    window.low = gor__stack_floor(panic->stack);
    enum gor_frames_end end = gor__unwind_each(&window, &panic->registers, add, &outline);
    unsigned long inner = outline.count < EDGE ? outline.count : EDGE;
    unsigned long outer = outline.count - inner < EDGE ? outline.count - inner : EDGE;
    for (unsigned long i = 0; i < inner; i++) {
        print_place(text, place_at(&outline, i));
    }
    if (outline.left_out > 0) {
        gor__text_format(text, "...%lu frames elided...\n", outline.left_out);
    }
    for (unsigned long i = outline.count - outer; i < outline.count; i++) {
        print_place(text, place_at(&outline, i));
    }
    if (end == GOR_FRAMES_LOST) {
        gor__text_put(text, GOR__NO_WAY_ON);
    }
    gor__text_put(text, "\n");
}

int gor_panic_dump(FILE *out)
{
    struct gor__text text;
    struct gor__panic panic;
    if (gor__g_self() == NULL || !gor__panic_get(&panic)) {
        return -EPERM;
    }
    gor__text_init(&text, gor__stream_write, out);
    gor__symbol_refresh();
    print(&text, &panic);
    (void)gor__text_end(&text);
    return gor__stream_end(out);
}

void gor__panic_dump_others(FILE *out)
{
    struct gor__text text;
    gor__text_init(&text, gor__stream_write, out);
    (void)gor__dump_others(&text, gor_self(), true);
    (void)gor__stream_end(out);
}

void gor__panic_tell(const struct gor__panic *panic, gor_id_t id, const char *name)
{
    struct gor__text text;
    int fd = STDERR_FILENO;
    gor__text_init(&text, gor__dump_write_to_fd, &fd);
    gor__symbol_begin_alone(GOR__LONER_DYING);
    gor__text_format(&text, "\ngoroutine %" PRIu64 "%s%s [running]\n\n", id,
                     name != NULL ? " " : "", name != NULL ? name : "");
    gor__symbol_refresh();
    print(&text, panic);
    (void)gor__text_end(&text);
    (void)gor__dump_others(&text, id, false);
    gor__symbol_end_alone(GOR__LONER_DYING);
}
