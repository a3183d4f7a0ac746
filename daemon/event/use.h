/* SPDX-License-Identifier: MIT */
/* use.h - what the processes of a job used of the machine.
 *
 * Facts of the kernel's: of a process when it is reaped (with what it has reaped itself), of a
 * control group when it is given up. 0: nothing, or not known.
 * Threads     pure.
 */
#ifndef GORD_EVENT_USE_H
#define GORD_EVENT_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

struct gord_use {
    uint64_t user_ns;
    uint64_t system_ns;
    uint64_t peak_memory_bytes; /* of the largest process; with a control group, of all together */
    uint64_t minor_faults;
    uint64_t major_faults;
    uint64_t voluntary_switches;
    uint64_t involuntary_switches;
    uint64_t blocks_in; /* of 512 bytes */
    uint64_t blocks_out;
    uint64_t peak_processes;
    uint64_t left_processes;
    bool peak_is_bound; /* the peak was below that, and is not known */
};

/* Add what a reaped process used. A process inherits the peak of whoever made it: one that is not
 * above `floor_bytes` tells nothing but a bound. */
void gord_use_add(struct gord_use *use, const struct rusage *rusage, uint64_t floor_bytes);

/* Add one to another. */
void gord_use_merge(struct gord_use *use, const struct gord_use *other);

/* "1.2 s user, 0.1 s system, peak 12.3 MiB", for people. */
enum { GORD_USE_TEXT = 160 };
const char *gord_use_text(const struct gord_use *use, char out[GORD_USE_TEXT]);

#endif
