/* SPDX-License-Identifier: MIT */
/* leak_scan.h - look for goroutines that can never run again.
 *
 * The world is stopped, all threads are frozen, and whatever can be reached from what runs, or from
 * outside, is found (leak_mark.h). Those that wait and were not found have *leaked*: nothing that could
 * wake them knows how to get at what they wait on.
 *
 * Scans leave words on the stack of who scans that lead to whom they are about. To the next scan on that
 * thread, and to the rest of the same one, these would be what somebody still knows, and nobody would have
 * leaked. So whoever scans says where its stack begins to hold what is not the finder's, and below that
 * nothing is read.
 *
 * Threads     any, outside the door; one at a time, the others wait.
 */
#ifndef GOR_DEBUG_LEAK_SCAN_H
#define GOR_DEBUG_LEAK_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cpu/frames.h"
#include "runtime/gor.h"

struct gor__g;

/* A goroutine that only an object it waits on can wake. */
struct gor__leak_finding {
    const struct gor__g *g;
    gor_id_t id;
    uint64_t wake;     /* which wait it is, ... */
    uint32_t switches; /* ... and that it has not run since */
    bool leaked;       /* else the object can be reached */
};

struct gor__leak_scan {
    struct gor__leak_finding *list; /* owned */
    size_t count;
    size_t room;
    size_t leaked;
    size_t others;  /* goroutines that live and are not on the list */
    bool complete;  /* all memory and registers were seen; else nobody is said to have leaked */
    int halt_error; /* why threads could not be frozen; 0: they were */
};

/* Call what scans, such that the registers of our own caller, and `arg` that was handed in, lie above where
 * it says it begins: in our frame, which therefore may not be left by a jump. */
#define GOR__LEAK_CALL(call, arg)            \
    do {                                     \
        void *volatile seen = (arg);         \
        (void)seen;                          \
        __builtin_unwind_init();             \
        call;                                \
        __asm__ volatile("" : : : "memory"); \
    } while (0)

/* Where one that was called so begins, which must not be in line. */
#define GOR__LEAK_STACK() GOR__CALLERS_SP

/* `stack`: GOR__LEAK_STACK(). 0; -ESRCH: the runtime does not run; -ENOMEM; -ENOSYS: our own memory cannot
 * be read in a safe way here; other errors of reading /proc. */
int gor__leak_scan(struct gor__leak_scan *scan, uintptr_t stack);
void gor__leak_scan_close(struct gor__leak_scan *scan);

#endif
