/* SPDX-License-Identifier: MIT */
/* leak_scan.h - look for goroutines that can never run again.
 *
 * The world is stopped, all threads are frozen, and whatever can be reached from what runs, or from
 * outside, is found (leak_mark.h). Those that wait and were not found have *leaked*: nothing that could
 * wake them knows how to get at what they wait on.
 *
 * Threads     any, outside the door; one at a time, the others wait.
 */
#ifndef GOR_DEBUG_LEAK_SCAN_H
#define GOR_DEBUG_LEAK_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* 0; -ESRCH: the runtime does not run; -ENOMEM; -ENOSYS: our own memory cannot be read in a safe way
 * here; other errors of reading /proc. */
int gor__leak_scan(struct gor__leak_scan *scan);
void gor__leak_scan_close(struct gor__leak_scan *scan);

#endif
