/* SPDX-License-Identifier: MIT */
/* panic.c - where a goroutine panicked, as text. One that has used up its stack mostly recursed without
 * an end, and its frames are many and alike: the same one again is counted. */
#include "runtime/sched/panic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "runtime/debug/stream.h"
#include "runtime/debug/symbol.h"
#include "runtime/gor.h"
#include "runtime/sched/machine.h"

static void print_frame(FILE *out, uintptr_t address, bool called)
{
    struct gor__symbol symbol;
    /* A return address may lie behind the function that called. */
    if (!gor__symbol_find((const void *)(address - (called ? 1 : 0)), &symbol)) {
        fprintf(out, "0x%" PRIxPTR "\n", address);
        return;
    }
    if (symbol.function != NULL) {
        fprintf(out, "%s+0x%" PRIxPTR "\n", symbol.function, address - symbol.start);
    } else {
        fprintf(out, "0x%" PRIxPTR "\n", address);
    }
    if (symbol.file != NULL) {
        fprintf(out, "\t%s:%u\n", symbol.file, symbol.line);
    } else if (symbol.module != NULL) {
        fprintf(out, "\t%s+0x%" PRIxPTR "\n", symbol.module, symbol.in_module + (called ? 1 : 0));
    }
}

static void print(FILE *out, const struct gor__panic *panic)
{
    unsigned i = 0;
    while (i < panic->count) {
        unsigned same = i + 1;
        while (same < panic->count && panic->frames[same] == panic->frames[i]) {
            same++;
        }
        print_frame(out, (uintptr_t)panic->frames[i], i > 0 || panic->called);
        if (same - i > 1) {
            fprintf(out, "\t%u times\n", same - i);
        }
        i = same;
    }
    if (panic->left_out > 0) {
        fprintf(out, "... and %u more\n", panic->left_out);
    }
    fputc('\n', out);
}

int gor_panic_dump(FILE *out)
{
    struct gor__panic panic;
    if (gor__g_self() == NULL || !gor__panic_get(&panic)) {
        return -EPERM;
    }
    gor__symbol_refresh();
    print(out, &panic);
    return gor__stream_end(out);
}
