/* SPDX-License-Identifier: MIT */
/* tokens.h - bearer tokens in the database; for the files of this room only.
 *
 * Invariants  a use that is noted after its token has gone makes no row.
 * Threads     the writer's.
 */
#ifndef GORD_STORE_TOKENS_H
#define GORD_STORE_TOKENS_H

#include "daemon/store/writing.h"

/* What the notes of a transaction ask for. SQLite's code. */
int gord_tokens_write(struct gord_writer *writer, const struct gord_store_note *notes,
                      struct gord_tally *tally);

#endif
