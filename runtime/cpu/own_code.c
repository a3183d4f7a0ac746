/* SPDX-License-Identifier: MIT */
/* own_code.c - see own_code.h. */
#include "runtime/cpu/own_code.h"

/* What mark_code.h notes of one section of one object file. */
struct mark {
    int64_t from; /* both counted from where they lie themselves */
    int64_t to;
};

/* The linker's: all of them. */
extern const struct mark first_mark[] __asm__("__start_gor_code")
    __attribute__((visibility("hidden")));
extern const struct mark end_of_marks[] __asm__("__stop_gor_code")
    __attribute__((visibility("hidden")));

static uintptr_t resolve(const int64_t *offset)
{
    return (uintptr_t)offset + (uintptr_t)*offset;
}

bool gor__is_own_code(uintptr_t address)
{
    for (const struct mark *mark = first_mark; mark < end_of_marks; mark++) {
        if (address >= resolve(&mark->from) && address < resolve(&mark->to)) {
            return true;
        }
    }
    return false;
}
