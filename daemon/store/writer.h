/* SPDX-License-Identifier: MIT */
/* writer.h - events into the database, one transaction at a time; no thread of its own.
 *
 * Invariants  a commit that fails has changed nothing, on disk or here.
 * Threads     one at a time.
 */
#ifndef GORD_STORE_WRITER_H
#define GORD_STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/event/event.h"
#include "daemon/store/keep.h"
#include "daemon/store/queue.h"
#include "daemon/store/store.h"

struct gord_writer;
struct gord_store_note;

struct gord_writer_opts {
    const char *path;
    bool sync;
    const struct gord_keep *keep; /* NULL: no limits */
    const char *outputs;          /* the folder of all output */
};

/* Open or create the database; where it stands is in *out_start. Errors and text (GORD_STORE_TEXT
 * bytes) as gord_store_open. */
int gord_writer_open(const struct gord_writer_opts *opts, struct gord_store_start *out_start,
                     char *out_text, struct gord_writer **out_writer);

/* What to write besides the events. */
struct gord_writer_extra {
    int paused;                          /* 0 or 1; -1: as it is */
    const struct gord_store_note *notes; /* borrowed; a list of settings and entries; NULL: none */
};

/* Write `count` events, whose seqs continue those before, and the extras in one transaction. 0 once
 * it is committed; else the errno, with a text for the operator. `*out_fatal`: an fsync failed, so
 * nothing may be acknowledged any more. */
int gord_writer_commit(struct gord_writer *writer, struct gord_event *const *events, size_t count,
                       const struct gord_writer_extra *extra, char *out_text, bool *out_fatal);

/* Move what is in the journal into the database if there is enough of it. Errors as commit; what
 * was committed stays so. */
int gord_writer_checkpoint(struct gord_writer *writer, char *out_text, bool *out_fatal);

/* Start the numbers at least there; before the first commit, for a store that begins anew. */
int gord_writer_seed(struct gord_writer *writer, const struct gord_store_start *start);

/* How long until a commit of nothing is worthwhile, since there will be something to remove;
 * INT64_MAX: it is not before there are events. */
int64_t gord_writer_wait_ns(const struct gord_writer *writer);

/* Between transactions: keep no more than that from now on; see gord_retain_open. */
void gord_writer_set_keep(struct gord_writer *writer, const struct gord_keep *keep,
                          const char *outputs);

/* Nothing is to be written for a while: give the memory of the cache back. */
void gord_writer_rest(struct gord_writer *writer);

/* Rows written so far. */
uint64_t gord_writer_rows(const struct gord_writer *writer);

/* Checkpoint and close; NULL is fine. */
void gord_writer_close(struct gord_writer *writer);

#endif
