/* SPDX-License-Identifier: MIT */
/* sql.c - see sql.h. */
#include "daemon/store/sql.h"

#include <errno.h>

/* What the operating system said, if it explains the failure better than SQLite's own code. SQLite
 * keeps no errno of a failed COMMIT, but leaves errno itself alone. */
static int system_errno(sqlite3 *db, int otherwise)
{
    int err = db != NULL ? sqlite3_system_errno(db) : 0;
    err = err != 0 ? err : errno;
    switch (err) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EROFS:
    case EACCES:
    case EPERM:
    case EMFILE:
    case ENFILE:
    case EISDIR:
        return -err;
    default:
        return otherwise;
    }
}

int gord_sql_errno(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return system_errno(db, -ENOSPC);
    case SQLITE_IOERR:
        return (rc == SQLITE_IOERR_NOMEM) ? -ENOMEM : system_errno(db, -EIO);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return system_errno(db, -EACCES);
    case SQLITE_READONLY:
        return system_errno(db, -EROFS);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_TOOBIG:
        return -E2BIG;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* our SQL is right, so it is the schema that is not ours */
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    case SQLITE_SCHEMA:
        return -EBADMSG;
    default:
        return -EIO;
    }
}

bool gord_sql_is_fsync(int rc)
{
    return rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC;
}

int gord_sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_stmt)
{
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out_stmt, NULL);
    return gord_sql_errno(db, rc);
}

int gord_sql_prepare_all(sqlite3 *db, const char *const *sql, size_t count, sqlite3_stmt **stmts)
{
    for (size_t i = 0; i < count; i++) {
        int err = gord_sql_prepare(db, sql[i], &stmts[i]);
        if (err != 0) {
            gord_sql_finalize_all(stmts, i);
            return err;
        }
    }
    return 0;
}

void gord_sql_finalize_all(sqlite3_stmt **stmts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(stmts[i]);
        stmts[i] = NULL;
    }
}

int gord_sql_run(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
    }
    (void)sqlite3_reset(stmt); /* answers the step's error once more */
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int gord_sql_integer(sqlite3 *db, const char *sql, int64_t *out_value)
{
    sqlite3_stmt *stmt;
    int err = gord_sql_prepare(db, sql, &stmt);
    if (err != 0) {
        return err;
    }
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out_value = sqlite3_column_int64(stmt, 0);
    } else {
        err = rc == SQLITE_DONE ? -ENOENT : gord_sql_errno(db, rc);
    }
    sqlite3_finalize(stmt);
    return err;
}
