/* SPDX-License-Identifier: MIT */
/* tokens.c - see tokens.h; and what gord_reader_tokens does. */
#include "daemon/store/tokens.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/queue.h"
#include "daemon/store/reading.h"

/* ------------------------------------------------------------------ writing */

static int put(struct gord_writer *writer, const struct gord_token_row *row)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_TOKEN];
    (void)sqlite3_bind_text(stmt, 1, row->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 2, row->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(stmt, 3, row->digest, sizeof row->digest, SQLITE_STATIC);
    (void)sqlite3_bind_int(stmt, 4, row->role);
    (void)sqlite3_bind_int64(stmt, 5, row->uid);
    (void)sqlite3_bind_text(stmt, 6, row->queues, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 7, row->made_ns);
    (void)sqlite3_bind_int64(stmt, 8, row->expires_ns);
    (void)sqlite3_bind_int64(stmt, 9, row->used_ns);
    return gord_sql_run(stmt);
}

static int mark_used(struct gord_writer *writer, const struct gord_token_row *row)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_USE_TOKEN];
    (void)sqlite3_bind_text(stmt, 1, row->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 2, row->used_ns);
    return gord_sql_run(stmt);
}

static int delete (struct gord_writer *writer, const struct gord_token_row *row)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_TOKEN];
    (void)sqlite3_bind_text(stmt, 1, row->id, -1, SQLITE_STATIC);
    return gord_sql_run(stmt);
}

int gord_tokens_write(struct gord_writer *writer, const struct gord_store_note *notes,
                      struct gord_tally *tally)
{
    int rc = SQLITE_OK;
    for (const struct gord_store_note *note = notes; note != NULL && rc == SQLITE_OK;
         note = note->next) {
        const struct gord_token_row *row = note->token;
        if (row == NULL) {
            continue;
        }
        tally->rows++;
        rc = note->token_change == GORD_TOKEN_MADE   ? put(writer, row)
             : note->token_change == GORD_TOKEN_USED ? mark_used(writer, row)
                                                     : delete (writer, row);
    }
    return rc;
}

/* ------------------------------------------------------------------ reading */

static void take_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    snprintf(out, size, "%s", text != NULL ? text : "");
}

/* -EBADMSG: it cannot be one that was written here. */
static int take_row(sqlite3_stmt *stmt, struct gord_token_row *out)
{
    const void *digest = sqlite3_column_blob(stmt, 2);
    int role = sqlite3_column_int(stmt, 3);
    memset(out, 0, sizeof *out);
    if (digest == NULL || sqlite3_column_bytes(stmt, 2) != GORD_TOKEN_DIGEST || role < 1 ||
        role > GORD_TOKEN_ROLES || sqlite3_column_bytes(stmt, 0) != GORD_TOKEN_ID) {
        return -EBADMSG;
    }
    memcpy(out->digest, digest, sizeof out->digest);
    take_text(stmt, 0, out->id, sizeof out->id);
    take_text(stmt, 1, out->name, sizeof out->name);
    out->role = (uint8_t)role;
    out->uid = (uint32_t)sqlite3_column_int64(stmt, 4);
    take_text(stmt, 5, out->queues, sizeof out->queues);
    out->made_ns = sqlite3_column_int64(stmt, 6);
    out->expires_ns = sqlite3_column_int64(stmt, 7);
    out->used_ns = sqlite3_column_int64(stmt, 8);
    return 0;
}

int gord_reader_tokens(struct gord_reader *reader,
                       int (*visit)(void *arg, const struct gord_token_row *row), void *arg)
{
    sqlite3_stmt *stmt = reader->stmts[READ_TOKENS];
    int err = 0, rc = SQLITE_ROW;
    while (err == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct gord_token_row row;
        err = take_row(stmt, &row);
        err = err != 0 ? err : visit(arg, &row);
    }
    err = err != 0 ? err : gord_reader_error(reader, rc);
    (void)sqlite3_reset(stmt);
    return err;
}
