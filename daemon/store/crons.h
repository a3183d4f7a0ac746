/* SPDX-License-Identifier: MIT */
/* crons.h - entries of the calendar in the database; for the files of this room only.
 *
 * Invariants  of two states of an entry the newer stays, whichever is written last.
 * Threads     the writer's.
 */
#ifndef GORD_STORE_CRONS_H
#define GORD_STORE_CRONS_H

#include "daemon/store/writing.h"

/* The state that the entry has with its job. SQLite's code. */
int gord_crons_mark(struct gord_writer *writer, const struct gord_event *submitted,
                    struct gord_tally *tally);

/* What the notes of a transaction ask for. SQLite's code. */
int gord_crons_write(struct gord_writer *writer, const struct gord_store_note *notes,
                     struct gord_tally *tally);

#endif
