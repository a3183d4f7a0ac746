/* SPDX-License-Identifier: MIT */
/* sql.h - the border to SQLite: its result codes as negative errno, statements kept ready.
 * For the files of this room only. Threads: those of the connection.
 */
#ifndef GORD_STORE_SQL_H
#define GORD_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

/* The errno that SQLite's `rc` (extended) amounts to: -ENOSPC, -EDQUOT, -EFBIG, -EIO, -EROFS,
 * -EACCES, -EBUSY, -ENOMEM, -EBADMSG for what is no database or a broken one; 0 for OK, ROW and
 * DONE. `db` may be NULL. To be called before errno changes; whoever wants the truth about a write
 * has set errno to 0 before it. */
int gord_sql_errno(sqlite3 *db, int rc);

/* Whether it was an fsync that failed. */
bool gord_sql_is_fsync(int rc);

/* Prepare for repeated use. Errors as gord_sql_errno. */
int gord_sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_stmt);

/* Prepare `count` statements into the array; on failure none is left. */
int gord_sql_prepare_all(sqlite3 *db, const char *const *sql, size_t count, sqlite3_stmt **stmts);
void gord_sql_finalize_all(sqlite3_stmt **stmts, size_t count);

/* Step a statement that answers no rows, and reset it. SQLITE_OK or the extended code. */
int gord_sql_run(sqlite3_stmt *stmt);

/* The one integer that `sql` answers. -ENOENT: it answers none. */
int gord_sql_integer(sqlite3 *db, const char *sql, int64_t *out_value);

#endif
