/* SPDX-License-Identifier: MIT */
/* crons.c - see crons.h; and what gord_store_put_cron and gord_reader_crons do. */
#include "daemon/store/crons.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/queue.h"
#include "daemon/store/reading.h"

/* ------------------------------------------------------------------ rows on their way */

struct gord_cron_row *gord_cron_row_new(const struct gord_cron_row *like)
{
    struct gord_cron_row *row = calloc(1, sizeof *row);
    if (row == NULL) {
        return NULL;
    }
    *row = *like;
    row->name = strdup(like->name);
    row->spec = NULL;
    if (like->spec != NULL && (row->spec = malloc(like->spec_bytes + 1)) != NULL) {
        memcpy(row->spec, like->spec, like->spec_bytes);
    }
    if (row->name == NULL || (like->spec != NULL && row->spec == NULL)) {
        gord_cron_row_free(row);
        return NULL;
    }
    return row;
}

void gord_cron_row_free(struct gord_cron_row *row)
{
    if (row != NULL) {
        free(row->name);
        free(row->spec);
        free(row);
    }
}

/* ------------------------------------------------------------------ writing */

/* Columns 2 to 9 of both statements. */
static void bind_state(sqlite3_stmt *stmt, const struct gord_cron_state *state, uint64_t last_job)
{
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)state->version);
    (void)sqlite3_bind_int(stmt, 3, state->paused);
    (void)sqlite3_bind_int64(stmt, 4, state->covered_s);
    (void)sqlite3_bind_int64(stmt, 5, state->last_s);
    (void)sqlite3_bind_int64(stmt, 6, (int64_t)last_job);
    (void)sqlite3_bind_int64(stmt, 7, (int64_t)state->fired);
    (void)sqlite3_bind_int64(stmt, 8, (int64_t)state->skipped);
    (void)sqlite3_bind_int64(stmt, 9, (int64_t)state->missed);
    (void)sqlite3_bind_text(stmt, 10, state->why, -1, SQLITE_TRANSIENT);
}

static int write_state(struct gord_writer *writer, const char *name,
                       const struct gord_cron_state *state, uint64_t last_job)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_SET_CRON];
    (void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    bind_state(stmt, state, last_job);
    return gord_sql_run(stmt);
}

int gord_crons_mark(struct gord_writer *writer, const struct gord_event *submitted,
                    struct gord_tally *tally)
{
    const struct gord_cron_mark *mark = submitted->request->cron;
    tally->rows++;
    return write_state(writer, mark->name, &mark->state, submitted->job_id);
}

static int put(struct gord_writer *writer, const struct gord_cron_row *row)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_CRON];
    (void)sqlite3_bind_text(stmt, 1, row->name, -1, SQLITE_STATIC);
    bind_state(stmt, &row->state, row->state.last_job);
    (void)sqlite3_bind_int64(stmt, 11, row->uid);
    (void)sqlite3_bind_int64(stmt, 12, row->made_ns);
    (void)sqlite3_bind_blob64(stmt, 13, row->spec, row->spec_bytes, SQLITE_STATIC);
    return gord_sql_run(stmt);
}

static int delete (struct gord_writer *writer, const char *name)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_CRON];
    (void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    return gord_sql_run(stmt);
}

int gord_crons_write(struct gord_writer *writer, const struct gord_store_note *notes,
                     struct gord_tally *tally)
{
    int rc = SQLITE_OK;
    for (const struct gord_store_note *note = notes; note != NULL && rc == SQLITE_OK;
         note = note->next) {
        const struct gord_cron_row *row = note->cron;
        if (row == NULL) {
            continue;
        }
        tally->rows++;
        rc = row->is_gone        ? delete (writer, row->name)
             : row->spec != NULL ? put(writer, row)
                                 : write_state(writer, row->name, &row->state, row->state.last_job);
    }
    return rc;
}

/* ------------------------------------------------------------------ reading */

static void take_row(sqlite3_stmt *stmt, struct gord_cron_row *out)
{
    const char *why = (const char *)sqlite3_column_text(stmt, 9);
    *out = (struct gord_cron_row){.name = (char *)(uintptr_t)sqlite3_column_text(stmt, 0),
                                  .state = {.version = (uint64_t)sqlite3_column_int64(stmt, 1),
                                            .paused = sqlite3_column_int(stmt, 2) != 0,
                                            .covered_s = sqlite3_column_int64(stmt, 3),
                                            .last_s = sqlite3_column_int64(stmt, 4),
                                            .last_job = (uint64_t)sqlite3_column_int64(stmt, 5),
                                            .fired = (uint64_t)sqlite3_column_int64(stmt, 6),
                                            .skipped = (uint64_t)sqlite3_column_int64(stmt, 7),
                                            .missed = (uint64_t)sqlite3_column_int64(stmt, 8)},
                                  .uid = (uint32_t)sqlite3_column_int64(stmt, 10),
                                  .made_ns = sqlite3_column_int64(stmt, 11),
                                  .spec = (uint8_t *)(uintptr_t)sqlite3_column_blob(stmt, 12),
                                  .spec_bytes = (size_t)sqlite3_column_bytes(stmt, 12)};
    snprintf(out->state.why, sizeof out->state.why, "%s", why != NULL ? why : "");
}

int gord_reader_crons(struct gord_reader *reader,
                      int (*visit)(void *arg, const struct gord_cron_row *row), void *arg)
{
    sqlite3_stmt *stmt = reader->stmts[READ_CRONS];
    int err = 0, rc = SQLITE_ROW;
    while (err == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct gord_cron_row row;
        take_row(stmt, &row);
        err = row.name == NULL || row.spec == NULL ? -EBADMSG : visit(arg, &row);
    }
    err = err != 0 ? err : gord_reader_error(reader, rc);
    (void)sqlite3_reset(stmt);
    return err;
}
