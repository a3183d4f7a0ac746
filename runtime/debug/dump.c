/* SPDX-License-Identifier: MIT */
/* dump.c - all goroutines as text, in the form of Go's tracebacks:
 *
 *     goroutine 7 [chan receive, 3 minutes]:
 *     	name: collector
 *     gor_chan_recv+0x1c
 *     	/usr/lib/libgor.so.0+0x71c4
 *     collect+0x52
 *     	/usr/bin/program+0x2952
 *     created by start_collector+0x31 in goroutine 1
 *     	/usr/bin/program+0x2a31
 *
 * The second line of a frame is what addr2line takes (-e file offset). Functions a program does not
 * export have no name at run time and show by file and offset only; linking with -rdynamic gives
 * them names.
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "runtime/gor.h"

#define MINUTE (60 * GOR_SECOND)

static void print_place(FILE *out, const Dl_info *place, uintptr_t address, const char *tail)
{
    uintptr_t base = (uintptr_t)place->dli_fbase;
    if (place->dli_sname != NULL) {
        uintptr_t offset = address - (uintptr_t)place->dli_saddr;
        fprintf(out, "%s+0x%" PRIxPTR "%s\n", place->dli_sname, offset, tail);
    } else {
        fprintf(out, "0x%" PRIxPTR "%s\n", address, tail);
    }
    if (place->dli_fname != NULL) {
        fprintf(out, "\t%s+0x%" PRIxPTR "\n", place->dli_fname, address - base);
    }
}

/* `back`: 1 for a return address, which may lie behind the function that called. */
static void print_address(FILE *out, uintptr_t address, uintptr_t back, const char *tail)
{
    Dl_info place = {NULL, NULL, NULL, NULL};
    /* For our own sake the address is a number: ISO C knows no way from functions to objects. */
    (void)dladdr((const void *)(address - back), &place);
    print_place(out, &place, address, tail);
}

static void print_head(FILE *out, const struct gor_info *info)
{
    const char *what = gor_state_name(info->state);
    if (info->state == GOR_WAITING) {
        what = gor_wait_reason_name(info->reason);
    }
    fprintf(out, "goroutine %" PRIu64 " [%s", info->id, what);
    int64_t minutes = info->waiting_ns / MINUTE;
    if (minutes > 0) {
        fprintf(out, ", %" PRId64 " minute%s", minutes, minutes == 1 ? "" : "s");
    }
    fputs("]:\n", out);
    if (info->name[0] != '\0') {
        fprintf(out, "\tname: %s\n", info->name);
    }
}

static int print_one(void *arg, const struct gor_info *info)
{
    FILE *out = arg;
    char creator[48] = "";
    print_head(out, info);
    for (unsigned i = 0; i < info->frame_count; i++) {
        print_address(out, (uintptr_t)info->frames[i], 1, "");
    }
    if (info->frame_count == 0) {
        print_address(out, (uintptr_t)info->fn, 0, "");
    }
    if (info->parent != 0) {
        (void)snprintf(creator, sizeof creator, " in goroutine %" PRIu64, info->parent);
    }
    if (info->created_at != NULL) {
        fputs("created by ", out);
        print_address(out, (uintptr_t)info->created_at, 1, creator);
    }
    fputc('\n', out);
    return 0;
}

int gor_dump(FILE *out)
{
    (void)gor_each(print_one, out);
    errno = 0;
    if (fflush(out) != 0 || ferror(out)) {
        return errno != 0 ? -errno : -EIO;
    }
    return 0;
}
