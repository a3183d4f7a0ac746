/* SPDX-License-Identifier: MIT */
/* hold.h - back-pressure: a job's output is taken no further than who follows it can still get it.
 *
 * Some followers hold the job: its pipes are read only while the end of its log is at most an eighth of
 * the log's cap ahead of the slowest of them, so that none loses anything; the program waits as it would
 * for any other pipe, and nobody else does. What native functions and scripts write waits likewise, on their
 * own goroutines. Once nobody holds it, or its run or the daemon is to end, it is read as ever. What a
 * goroutine writes that its function has left behind is dropped: it waits for nobody.
 * One may be expected, for some time: it counts as one that has got nothing yet.
 *
 * Invariants  those who followed the job before its run was there hold it before its goroutine runs.
 *             While it is held, at most a quarter of the cap is ahead of a follower: of output, that much
 *             is always kept (logfile.h).
 * Threads     join, leave, take, expect, open_async: loop. wait, write, open: the run's goroutines.
 *             All atomics are sequentially consistent: whoever is to wait first counts itself, then looks
 *             for room; whoever makes room does that first, then looks who waits.
 */
#ifndef GORD_RUNNER_HOLD_H
#define GORD_RUNNER_HOLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/runner/logframe.h"
#include "runtime/gor.h"

struct gor_chan;
struct gor_ctx;
struct gord_run;

/* How long a follower that was announced is expected. */
#define GORD_HOLD_EXPECTED_NS (10 * INT64_C(1000000000))

struct gord_hold {
    atomic_uint holders;
    _Atomic uint64_t taken;         /* the offset up to which the slowest of them has got it */
    _Atomic int64_t expected_until; /* on gor_now()'s clock; 0: nobody is expected */
    atomic_bool open;               /* for good */
    atomic_uint waiting;            /* goroutines that do, or are about to */
    atomic_uint waits;              /* how many there have been */
    struct gor_mutex writing; /* held while one writes: it alone waits, and its text stays whole */
    _Atomic(struct gor_chan *) moved; /* owned; made with the first that holds or is expected */
};

void gord_hold_fini(struct gord_hold *hold);

/* A follower that has got everything below `taken` holds the run. -ENOMEM: it does not. */
int gord_hold_join(struct gord_run *run, uint64_t taken);
void gord_hold_leave(struct gord_run *run);

/* So far the slowest one is now. */
void gord_hold_take(struct gord_run *run, uint64_t taken);

/* One is expected for GORD_HOLD_EXPECTED_NS, or until one joins. Without memory it is not. */
void gord_hold_expect(struct gord_run *run);

/* Wait until the job may be read on: so many bytes at most, or 0: `over` was done. */
size_t gord_hold_wait(struct gord_run *run, size_t most, struct gor_ctx *over);

/* Into its log, in pieces that each wait until there is room. -ESRCH: it has ended meanwhile, and its log is
 * shut; the rest is dropped. */
int gord_hold_write(struct gord_run *run, enum gord_stream stream, const void *data, size_t length);

/* From now on nobody is waited for; the latter is the loop's way to say so. */
void gord_hold_open(struct gord_run *run);
void gord_hold_open_async(struct gord_run *run);

/* Is it held, by one that is there or expected? [any thread] */
bool gord_hold_is_on(const struct gord_hold *hold);

/* Has a reader waited since that was called last with this counter, or does one now? */
bool gord_hold_was_felt(struct gord_hold *hold, unsigned *counter);

#endif
