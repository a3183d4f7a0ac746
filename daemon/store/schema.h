/* SPDX-License-Identifier: MIT */
/* schema.h - the database file: is it ours, of which version, and how it comes to the newest.
 *
 * Layout (docs/storage.md says why)
 *   meta    next_id, next_seq, paused, live, ended.N: integers by key
 *   envs    one row for each distinct environment
 *   jobs    what was submitted; written once
 *   live    jobs not terminated: a row comes and goes, so a start reads only what matters
 *   ended   how jobs terminated; written once
 *   reports the last progress (at_ns NULL: none) and the result (NULL: none) of the jobs that told some
 *   leftovers  removed jobs of which events are left to look at
 *   crons   entries of the calendar: what they are, and how far each has come
 *   log     every event, packed by pack.h in runs; a job's events are chained by prev_seq from
 *           last_seq in live or ended
 * PRAGMA application_id is 'GORD', user_version counts the steps of schema.c taken.
 */
#ifndef GORD_STORE_SCHEMA_H
#define GORD_STORE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#define GORD_PAGE_BYTES 4096

/* Open or create the database at `path` for the writer: checked, migrated, journal and durability
 * set (`sync` as opposed to memory mode). Errors and text as gord_store_open. */
int gord_schema_open(const char *path, bool sync, char *out_text, sqlite3 **out_db);

/* Steps there are, and so the user_version of a database that has taken them all. */
int gord_schema_version(void);

/* The statements of the step from that version to the next, for tests; NULL: there is none. */
const char *gord_schema_step(int version);

/* Explain `err` of the file at `path` in out_text (GORD_STORE_TEXT bytes): what happened, to what,
 * what to do. `said` is what SQLite had to say. */
void gord_schema_explain(int err, const char *path, const char *said, char *out_text);

#endif
