/* SPDX-License-Identifier: MIT */
/* perfetto.h - writes a trace for Perfetto: packets of perfetto.protos.TracePacket with tracks, slices,
 * instants, counters and flows.
 *
 * Every packet is handed on whole, many at a time, so that what was written is a trace whenever the
 * writing ends. Out of memory and errors of `write` are remembered; nothing is written after them.
 *
 * Threads     one at a time, outside the door: it calls malloc and `write`.
 * Ownership   the struct is the caller's from gor__perfetto_init to _fini; texts are copied.
 */
#ifndef GOR_DEBUG_PERFETTO_H
#define GOR_DEBUG_PERFETTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/debug/intern.h"
#include "runtime/debug/wire.h"
#include "runtime/gor.h"

struct gor__perfetto {
    struct gor__wire wire;     /* packets not handed on yet */
    struct gor__wire interned; /* texts the packet that is being written names first */
    struct gor__interned texts;
    uint64_t seen; /* texts that have been given to the reader since its state was last cleared */
    gor_trace_write *write;
    void *arg; /* borrowed */
    int error; /* 0, or the first one */
    int64_t last_ns;
    uint64_t bytes; /* handed on */
    bool begun;
};

void gor__perfetto_init(struct gor__perfetto *to, gor_trace_write *write, void *arg);
void gor__perfetto_fini(struct gor__perfetto *to);

/* Hand on what has been written. 0, or the first error. */
int gor__perfetto_flush(struct gor__perfetto *to);

/* ---- tracks; named before anything happens on them */

void gor__perfetto_process(struct gor__perfetto *to, uint64_t uuid, int pid, const char *name);
/* Below `parent`, sorted by `rank`. */
void gor__perfetto_track(struct gor__perfetto *to, uint64_t uuid, uint64_t parent, int rank,
                         const char *name);
void gor__perfetto_thread(struct gor__perfetto *to, uint64_t uuid, int pid, int tid,
                          const char *name);
void gor__perfetto_counter(struct gor__perfetto *to, uint64_t uuid, uint64_t parent, int rank,
                           const char *name);

/* ---- events; in the order of time */

enum gor__perfetto_kind {
    GOR__PERFETTO_BEGIN = 1, /* of a slice; as in TrackEvent.Type */
    GOR__PERFETTO_END = 2,
    GOR__PERFETTO_INSTANT = 3,
};

struct gor__perfetto_arg {
    const char *name;
    const char *text; /* NULL: it is the number */
    uint64_t number;
};

struct gor__perfetto_event {
    enum gor__perfetto_kind kind;
    int64_t ns; /* of CLOCK_MONOTONIC; raised to the last one's if it is before that */
    uint64_t track;
    const char *category; /* NULL for an END, as is `name` */
    const char *name;
    uint64_t flow_from; /* an arrow begins here; 0: none */
    uint64_t flow_to;   /* and one ends here */
    const struct gor__perfetto_arg *args;
    size_t arg_count;
};

void gor__perfetto_event(struct gor__perfetto *to, const struct gor__perfetto_event *event);
void gor__perfetto_count(struct gor__perfetto *to, int64_t ns, uint64_t track, int64_t value);

#endif
