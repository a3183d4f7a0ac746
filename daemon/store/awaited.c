/* SPDX-License-Identifier: MIT */
/* awaited.c - see awaited.h. */
#include "daemon/store/awaited.h"

#include "daemon/store/writing.h"

static int put_one(struct gord_writer *writer, uint64_t id, uint64_t by_id,
                   struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_AWAITED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)by_id);
    tally->rows++;
    return gord_sql_run(stmt);
}

int gord_awaited_put(struct gord_writer *writer, const struct gord_event *submitted,
                     struct gord_tally *tally)
{
    const struct gord_spec *spec = submitted->spec;
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, spec->packed_bytes, spec->packed);
    int rc = wire != NULL ? SQLITE_OK : SQLITE_NOMEM;
    for (size_t i = 0; rc == SQLITE_OK && i < wire->n_after; i++) {
        const Gor__V1__AnyOf *clause = wire->after[i];
        for (size_t k = 0; rc == SQLITE_OK && k < clause->n_of; k++) {
            rc = put_one(writer, clause->of[k]->id, submitted->job_id, tally);
        }
    }
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return rc;
}

/* Does anybody wait for it? */
static int ask_awaited(struct gord_writer *writer, uint64_t id, bool *out_awaited)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_FIND_AWAITED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    int rc = sqlite3_step(stmt);
    *out_awaited = rc == SQLITE_ROW;
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Remove a job that was spared, unless somebody else waits for it. */
static int give_up(struct gord_writer *writer, uint64_t id, struct gord_tally *tally)
{
    bool awaited = false;
    int rc = ask_awaited(writer, id, &awaited);
    if (rc != SQLITE_OK || awaited) {
        return rc;
    }
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_SPARED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    rc = sqlite3_step(stmt);
    bool spared = rc == SQLITE_ROW;
    uint64_t seq = spared ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
    }
    (void)sqlite3_reset(stmt);
    if (rc != SQLITE_DONE || !spared) {
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    writer->retain.marks.spared--;
    return gord_retain_remove(writer, tally, id, seq);
}

int gord_awaited_release(struct gord_writer *writer, uint64_t job_id, struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_AWAITED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)job_id);
    int rc = sqlite3_step(stmt); /* all are deleted by the first step */
    while (rc == SQLITE_ROW) {
        tally->rows++;
        rc = give_up(writer, (uint64_t)sqlite3_column_int64(stmt, 0), tally);
        rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
    }
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int gord_awaited_spare(struct gord_writer *writer, uint64_t job_id, uint64_t seq, bool *out_spared)
{
    int rc = ask_awaited(writer, job_id, out_spared);
    if (rc != SQLITE_OK || !*out_spared) {
        return rc;
    }
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_SPARED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)job_id);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    rc = gord_sql_run(stmt);
    writer->retain.marks.spared += rc == SQLITE_OK && sqlite3_changes(writer->db) > 0;
    return rc;
}
