/* SPDX-License-Identifier: MIT */
/* places.c - stacks as text; see dump.h. */
#include <inttypes.h>
#include <string.h>

#include "runtime/debug/dump.h"
#include "runtime/debug/symbol.h"
#include "runtime/debug/trim.h"

enum { LOOK_FOR_ENTRY = 16 }; /* frames a call into the library may have inside */

static void print_symbol(struct gor__text *text, const struct gor__symbol *symbol,
                         uintptr_t address, const char *tail)
{
    gor__text_put(text, symbol->function != NULL ? symbol->function : "?");
    gor__text_put(text, tail);
    gor__text_put(text, "\n\t");
    if (symbol->file != NULL) {
        gor__text_put(text, symbol->file);
        gor__text_format(text, ":%u", symbol->line);
    } else if (symbol->module != NULL) {
        gor__text_put(text, symbol->module);
        gor__text_format(text, "+0x%" PRIxPTR, symbol->in_module);
    } else {
        gor__text_format(text, "0x%" PRIxPTR, address);
    }
    if (symbol->start != 0 && !symbol->inlined) {
        gor__text_format(text, " +0x%" PRIxPTR, address - symbol->start);
    }
    gor__text_put(text, "\n");
}

static unsigned find_symbols(uintptr_t address, bool is_return, struct gor__symbol *symbols)
{
    const void *pc = (const void *)(address - (is_return ? 1 : 0));
    unsigned count = gor__symbol_frames(pc, symbols, GOR__SYMBOL_FRAMES);
    if (count == 0) {
        memset(&symbols[0], 0, sizeof symbols[0]);
        count = 1;
    }
    return count;
}

void gor__dump_place(struct gor__text *text, const char *head, uintptr_t address, bool is_return,
                     const char *tail)
{
    struct gor__symbol symbols[GOR__SYMBOL_FRAMES];
    (void)find_symbols(address, is_return, symbols);
    gor__text_put(text, head);
    print_symbol(text, &symbols[0], address, tail);
}

/* ---- which frames are shown */

/* One function of a stack: an address, and which of the functions whose code it is. */
struct place {
    unsigned frame;
    unsigned symbol;
};

static bool is_public(const struct gor__symbol *symbol)
{
    return symbol->function != NULL && strncmp(symbol->function, "gor_", 4) == 0 &&
           symbol->function[4] != '_';
}

/* Whether it comes from the folder this file is in, or one beside it. */
static bool is_ours(const struct gor__symbol *symbol)
{
    static const char here[] = __FILE__;
    static const char below[] = "debug/places.c";
    size_t root = sizeof here - sizeof below;
    return symbol->file != NULL && strncmp(symbol->file, here, root) == 0;
}

/* The way outwards from the innermost function. */
struct search {
    struct place last;  /* that was passed */
    struct place shown; /* the last one that others may call */
    bool found;         /* there is one */
    bool strange;       /* one was passed of which the file is not known */
};

/* False: it is not to be looked further. */
static bool pass(struct search *search, const struct gor__symbol *symbol, struct place place)
{
    bool known = symbol->file != NULL;
    if (known && !is_ours(symbol)) {
        return false;
    }
    search->last = place;
    search->strange = search->strange || !known;
    if (is_public(symbol)) {
        search->shown = place;
        search->found = true;
    }
    return known || !search->found;
}

/* How far the library's own functions go at the inner end: to the last one that others may call, or, if
 * that has made way for the one that waits (a channel's call is too short to stay), to the last of all:
 * then *out_waits is true. Where files are not known, to the first that others may call. */
static struct place find_first(const void *const *frames, unsigned count, bool *out_waits)
{
    struct gor__symbol symbols[GOR__SYMBOL_FRAMES];
    struct search search = {.found = false};
    bool goes_on = true;
    for (unsigned i = 0; i < count && i < LOOK_FOR_ENTRY && goes_on; i++) {
        unsigned symbol_count = find_symbols((uintptr_t)frames[i], true, symbols);
        for (unsigned s = 0; s < symbol_count && goes_on; s++) {
            goes_on = pass(&search, &symbols[s], (struct place){i, s});
        }
    }
    /* A goroutine may also begin with a function of ours, and compute. */
    *out_waits = !search.found && !search.strange && count > 0 && !goes_on;
    return search.found || search.strange ? search.shown : search.last;
}

unsigned gor__dump_inner(const void *const *frames, unsigned count, uintptr_t *out_start)
{
    struct gor__symbol symbols[GOR__SYMBOL_FRAMES];
    bool waits = false;
    struct place first = find_first(frames, count, &waits);
    *out_start = 0;
    if (count > 0) {
        unsigned symbol_count = find_symbols((uintptr_t)frames[first.frame], true, symbols);
        const struct gor__symbol *symbol = &symbols[first.symbol];
        if (first.symbol + 1 == symbol_count && (is_public(symbol) || is_ours(symbol))) {
            *out_start = symbol->start;
        }
    }
    return first.frame;
}

/* How many frames are left without the library's own at the outer end. */
static unsigned find_last(const void *const *frames, unsigned first, unsigned count)
{
    struct gor__symbol symbols[GOR__SYMBOL_FRAMES];
    unsigned last = count;
    while (last > first + 1) {
        unsigned symbol_count = find_symbols((uintptr_t)frames[last - 1], true, symbols);
        if (!is_ours(&symbols[symbol_count - 1])) {
            return last;
        }
        last--;
    }
    return count;
}

void gor__dump_frames(struct gor__text *text, const struct gor_info *info)
{
    struct gor__symbol symbols[GOR__SYMBOL_FRAMES];
    bool waits = false;
    const void *const *frames = info->frames;
    unsigned count = info->frame_count;
    enum gor_frames_end end = info->frames_end;
    struct place first = find_first(frames, count, &waits);
    uintptr_t public =
        waits && info->state == GOR_WAITING ? gor__trim_public(GOR__TRIM_WAITERS, info->reason) : 0;
    if (public != 0) {
        /* Not what has been inlined where it begins. */
        unsigned symbol_count = find_symbols(public, false, symbols);
        print_symbol(text, &symbols[symbol_count - 1], public, "(...)");
        first.symbol++;
    }
    unsigned last = end == GOR_FRAMES_WHOLE ? find_last(frames, first.frame, count) : count;
    for (unsigned i = first.frame; i < last; i++) {
        unsigned symbol_count = find_symbols((uintptr_t)frames[i], true, symbols);
        for (unsigned s = i == first.frame ? first.symbol : 0; s < symbol_count; s++) {
            print_symbol(text, &symbols[s], (uintptr_t)frames[i], "(...)");
        }
    }
    if (end == GOR_FRAMES_CUT) {
        gor__text_put(text, "...additional frames elided...\n");
    } else if (end == GOR_FRAMES_LOST && count > 0) {
        gor__text_put(text, GOR__NO_WAY_ON);
    }
}
