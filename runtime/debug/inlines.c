/* SPDX-License-Identifier: MIT */
/* inlines.c - see inlines.h. */
#include "runtime/debug/inlines.h"

enum {
    ORIGINS_MAX = 8, /* steps from an entry to the one that has its name */
    DEPTH_MAX = 256,
};

/* ---- the units */

struct noting {
    struct gor__spans *spans;
    struct gor__bump *bump;
    uint64_t what;
};

static bool note_range(void *arg, uint64_t low, uint64_t high)
{
    struct noting *noting = arg;
    struct gor__span span = {.low = low, .high = high, .what = noting->what};
    /* Functions that the linker has dropped are at 0, or at an address that nothing can have. */
    return low != 0 && low < high && !gor__spans_add(noting->spans, noting->bump, span);
}

void gor__inlines_read(struct gor__inlines *inlines, const struct gor__elf *elf,
                       struct gor__bump *bump)
{
    memset(inlines, 0, sizeof *inlines);
    gor__dwarf_read(&inlines->dwarf, elf);
    struct gor__bytes bytes = inlines->dwarf.info;
    while (gor__bytes_left(&bytes) > 0) {
        struct gor__unit unit;
        struct gor__die die;
        if (!gor__dwarf_unit(&inlines->dwarf, &bytes, &unit, &die)) {
            continue;
        }
        struct noting noting = {&inlines->units, bump, unit.start};
        struct gor__span span = {.low = unit.start, .high = unit.end, .what = unit.start};
        (void)gor__die_ranges(&inlines->dwarf, &unit, &die, note_range, &noting);
        if (!gor__spans_add(&inlines->all, bump, span)) {
            break;
        }
    }
    gor__spans_sort(&inlines->units);
}

/* ---- an address */

static bool covers(void *arg, uint64_t low, uint64_t high)
{
    uint64_t address = *(const uint64_t *)arg;
    return low <= address && address < high;
}

/* The name of an entry that may leave it to another one, of another unit even. */
static const char *name_of(const struct gor__inlines *inlines, const struct gor__die *die)
{
    struct gor__die now = *die;
    for (int i = 0; i < ORIGINS_MAX && now.name == NULL && now.origin != 0; i++) {
        struct gor__unit unit;
        struct gor__die own;
        const struct gor__span *span = gor__spans_find(&inlines->all, now.origin);
        if (span == NULL) {
            return NULL;
        }
        struct gor__bytes bytes = gor__bytes_from(inlines->dwarf.info, span->what);
        struct gor__bytes at = gor__bytes_from(inlines->dwarf.info, now.origin);
        if (!gor__dwarf_unit(&inlines->dwarf, &bytes, &unit, &own) ||
            !gor__die_read(&inlines->dwarf, &unit, &at, &now)) {
            return NULL;
        }
    }
    return now.name;
}

static void add_function(const struct gor__inlines *inlines, const struct gor__die *die,
                         struct gor__code *code)
{
    if (code->count < GOR__INLINES_MAX) {
        code->functions[code->count++] =
            (struct gor__inlined){name_of(inlines, die), die->call_file, die->call_line};
    }
}

static bool is_function(const struct gor__die *die)
{
    return die->tag == GOR__TAG_SUBPROGRAM || die->tag == GOR__TAG_INLINED;
}

/* Walk the unit's tree, into whatever may have the address below it. Within the function that has it,
 * only what has it too is added, which is one within the other. */
static void walk(const struct gor__inlines *inlines, const struct gor__unit *unit,
                 struct gor__bytes bytes, uint64_t address, struct gor__code *code)
{
    int depth = 1;
    int found_depth = 0; /* of the function; 0: not found yet */
    while (depth > 0 && depth < DEPTH_MAX && gor__bytes_left(&bytes) > 0) {
        struct gor__die die;
        if (!gor__die_read(&inlines->dwarf, unit, &bytes, &die)) {
            return;
        }
        if (die.tag == 0) {
            depth--;
            if (depth <= found_depth) {
                return;
            }
            continue;
        }
        bool has =
            is_function(&die) && gor__die_ranges(&inlines->dwarf, unit, &die, covers, &address);
        if (has) {
            add_function(inlines, &die, code);
            found_depth = found_depth == 0 ? depth : found_depth;
        }
        if (is_function(&die) && !has && die.sibling != 0) {
            uint64_t now = (uint64_t)(bytes.at - inlines->dwarf.info.at);
            if (die.sibling < now || die.sibling > unit->end) {
                return;
            }
            gor__bytes_skip(&bytes, die.sibling - now);
        } else if (die.has_children) {
            depth++;
        } else if (has && found_depth == depth) {
            return;
        }
    }
}

bool gor__inlines_find(struct gor__inlines *inlines, uint64_t address, struct gor__code *out_code)
{
    struct gor__unit unit;
    struct gor__die die;
    const struct gor__span *span = gor__spans_find(&inlines->units, address);
    if (span == NULL) {
        return false;
    }
    struct gor__bytes bytes = gor__bytes_from(inlines->dwarf.info, span->what);
    if (!gor__dwarf_unit(&inlines->dwarf, &bytes, &unit, &die)) {
        return false;
    }
    struct gor__code code = {.folder = die.folder, .lines = die.lines, .has_lines = die.has_lines};
    struct gor__bytes rest = gor__bytes_from(inlines->dwarf.info, unit.first);
    rest.end = inlines->dwarf.info.at + unit.end;
    if (die.has_children && gor__die_read(&inlines->dwarf, &unit, &rest, &die)) {
        gor__dwarf_index(&inlines->dwarf, &unit);
        walk(inlines, &unit, rest, address, &code);
    }
    *out_code = code;
    return true;
}
