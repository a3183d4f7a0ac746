/* SPDX-License-Identifier: MIT */
/* revise.h - rows that are written once change after all: what ended lives again, and what waits is to
 * do something else.
 *
 * Threads     the writer's.
 */
#ifndef GORD_STORE_REVISE_H
#define GORD_STORE_REVISE_H

struct gord_batch_entry;
struct gord_tally;
struct gord_writer;

/* A job with a REVIVED event: what tells of its former end goes. SQLite's code. */
int gord_revise_revived(struct gord_writer *writer, const struct gord_batch_entry *entry,
                        struct gord_tally *tally);

/* A job with an UPDATED event: what it is to do now. SQLite's code. */
int gord_revise_updated(struct gord_writer *writer, const struct gord_batch_entry *entry,
                        struct gord_tally *tally);

#endif
