/* SPDX-License-Identifier: MIT */
/* pprof.h - samples as a message Profile of google/pprof's profile.proto, with functions, lines and
 * the files they are from.
 *
 * Threads     any, outside the door: it calls malloc, and reads files for the names.
 */
#ifndef GOR_DEBUG_PPROF_H
#define GOR_DEBUG_PPROF_H

#include "runtime/debug/samples.h"
#include "runtime/debug/wire.h"

struct gor__pprof_type {
    const char *what; /* NULL: there is none */
    const char *unit;
};

struct gor__pprof {
    struct gor__pprof_type values[GOR__SAMPLE_VALUES];
    struct gor__pprof_type period_type;
    int64_t period;
    int64_t time_ns; /* since 1970, when it was taken, or begun */
    int64_t duration_ns;
    const char *comment; /* NULL: none */
};

/* 0, or -ENOMEM. */
int gor__pprof_encode(const struct gor__pprof *head, const struct gor__samples *samples,
                      struct gor__wire *out);

#endif
