/* SPDX-License-Identifier: MIT */
/* revise.c - see revise.h. */
#include "daemon/store/revise.h"

#include "daemon/store/awaited.h"
#include "daemon/store/writing.h"

static int run_with(struct gord_writer *writer, enum gord_writer_statement which, uint64_t id)
{
    sqlite3_stmt *stmt = writer->stmts[which];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    return gord_sql_run(stmt);
}

/* The outcome that it had no longer counts. */
static int delete_end(struct gord_writer *writer, uint64_t id, struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_ENDED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    int rc = sqlite3_step(stmt);
    while (rc == SQLITE_ROW) {
        int outcome = sqlite3_column_int(stmt, 0);
        if (outcome >= 0 && outcome < GORD_OUTCOME_COUNT) {
            tally->ended[outcome]--;
        }
        tally->live++;
        tally->rows++;
        rc = sqlite3_step(stmt);
    }
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int gord_revise_revived(struct gord_writer *writer, const struct gord_batch_entry *entry,
                        struct gord_tally *tally)
{
    uint64_t id = entry->job_id;
    gord_usage_take_back(&writer->retain.usage, id);
    int rc = delete_end(writer, id, tally);
    rc = rc != SQLITE_OK ? rc : run_with(writer, WRITE_DELETE_REPORT, id);
    return rc != SQLITE_OK ? rc : gord_awaited_unspare(writer, id);
}

int gord_revise_updated(struct gord_writer *writer, const struct gord_batch_entry *entry,
                        struct gord_tally *tally)
{
    const struct gord_spec *spec = entry->updated->spec;
    sqlite3_stmt *stmt = writer->stmts[WRITE_UPDATE_JOB];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)entry->job_id);
    if (spec->name[0] != '\0') {
        (void)sqlite3_bind_text(stmt, 2, spec->name, -1, SQLITE_STATIC);
    } else {
        (void)sqlite3_bind_null(stmt, 2);
    }
    (void)sqlite3_bind_blob64(stmt, 3, spec->packed, spec->packed_bytes, SQLITE_STATIC);
    tally->rows++;
    int rc = gord_sql_run(stmt);
    rc = rc != SQLITE_OK ? rc : run_with(writer, WRITE_DELETE_LABELS, entry->job_id);
    if (rc == SQLITE_OK && spec->labelled) {
        rc = gord_writer_insert_labels(writer, entry->job_id, spec, tally);
    }
    /* It is written again if the job lives and asks for something. */
    return rc != SQLITE_OK ? rc : run_with(writer, WRITE_DELETE_LANE, entry->job_id);
}
