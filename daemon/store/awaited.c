/* SPDX-License-Identifier: MIT */
/* awaited.c - see awaited.h. */
#include "daemon/store/awaited.h"

#include <stdlib.h>

#include "daemon/base/grow.h"
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

int gord_awaited_put(struct gord_writer *writer, const struct gord_event *entered,
                     struct gord_tally *tally)
{
    const struct gord_spec *spec = entered->spec;
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, spec->packed_bytes, spec->packed);
    int rc = wire != NULL ? SQLITE_OK : SQLITE_NOMEM;
    for (size_t i = 0; rc == SQLITE_OK && i < wire->n_after; i++) {
        const Gor__V1__AnyOf *clause = wire->after[i];
        for (size_t k = 0; rc == SQLITE_OK && k < clause->n_of; k++) {
            rc = put_one(writer, clause->of[k]->id, entered->job_id, tally);
        }
    }
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return rc;
}

int gord_awaited_by(struct gord_writer *writer, uint64_t id, uint64_t *out_by)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_FIND_AWAITED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    int rc = sqlite3_step(stmt);
    *out_by = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* It is spared no longer; *out_seq: by which event it ended, 0: it was not. */
static int delete_spared(struct gord_writer *writer, uint64_t id, uint64_t *out_seq)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_SPARED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    int rc = sqlite3_step(stmt);
    *out_seq = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
    }
    (void)sqlite3_reset(stmt);
    writer->retain.marks.spared -= rc == SQLITE_DONE && *out_seq != 0;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int gord_awaited_unspare(struct gord_writer *writer, uint64_t id)
{
    uint64_t seq;
    return delete_spared(writer, id, &seq);
}

/* Remove a job that was spared, unless somebody else waits for it. */
static int give_up(struct gord_writer *writer, uint64_t id, struct gord_tally *tally)
{
    uint64_t by = 0, seq = 0;
    int rc = gord_awaited_by(writer, id, &by);
    if (rc != SQLITE_OK || by != 0) {
        return rc;
    }
    rc = delete_spared(writer, id, &seq);
    return rc != SQLITE_OK || seq == 0 ? rc : gord_retain_remove(writer, tally, id, seq);
}

/* The job waits for none of those any more, whose ids are written down: an owned array. */
static int take_awaited(struct gord_writer *writer, uint64_t job_id, struct gord_tally *tally,
                        uint64_t **out_ids, size_t *out_count)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_AWAITED];
    uint64_t *ids = NULL;
    size_t count = 0, room = 0;
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)job_id);
    int rc = sqlite3_step(stmt); /* all are deleted by the first step */
    while (rc == SQLITE_ROW) {
        if (gord_grow(&ids, count, &room, sizeof *ids) != 0) {
            rc = SQLITE_NOMEM;
            break;
        }
        ids[count++] = (uint64_t)sqlite3_column_int64(stmt, 0);
        tally->rows++;
        rc = sqlite3_step(stmt);
    }
    (void)sqlite3_reset(stmt);
    *out_ids = ids;
    *out_count = count;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* `with_tasks`: and the tasks of those that are arrays. */
static int give_up_all(struct gord_writer *writer, const uint64_t *ids, size_t count,
                       bool with_tasks, struct gord_tally *tally)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        rc = give_up(writer, ids[i], tally);
        if (rc == SQLITE_OK && with_tasks) {
            rc = gord_awaited_release_tasks(writer, ids[i], tally);
        }
    }
    return rc;
}

int gord_awaited_release(struct gord_writer *writer, uint64_t job_id, bool is_group,
                         struct gord_tally *tally)
{
    uint64_t *ids;
    size_t count;
    int rc = take_awaited(writer, job_id, tally, &ids, &count);
    rc = rc != SQLITE_OK ? rc : give_up_all(writer, ids, count, is_group, tally);
    free(ids);
    return rc;
}

int gord_awaited_replace(struct gord_writer *writer, const struct gord_event *updated,
                         struct gord_tally *tally)
{
    uint64_t *ids;
    size_t count;
    int rc = take_awaited(writer, updated->job_id, tally, &ids, &count);
    /* Whom it goes on waiting for is in the table again before the others are given up. */
    rc = rc != SQLITE_OK ? rc : gord_awaited_put(writer, updated, tally);
    rc = rc != SQLITE_OK ? rc
                         : give_up_all(writer, ids, count, updated->job_kind == GORD_GROUP, tally);
    free(ids);
    return rc;
}

int gord_awaited_release_tasks(struct gord_writer *writer, uint64_t group_id,
                               struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_NEXT_SPARED];
    int64_t id = 0;
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && writer->retain.marks.spared > 0) {
        (void)sqlite3_bind_int64(stmt, 1, (int64_t)group_id);
        (void)sqlite3_bind_int64(stmt, 2, id);
        rc = sqlite3_step(stmt);
        id = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
        (void)sqlite3_reset(stmt);
        if (rc != SQLITE_ROW) {
            return rc == SQLITE_DONE ? SQLITE_OK : rc;
        }
        rc = give_up(writer, (uint64_t)id, tally);
    }
    return rc;
}

int gord_awaited_spare(struct gord_writer *writer, uint64_t job_id, uint64_t seq, bool *out_spared)
{
    uint64_t by = 0;
    int rc = gord_awaited_by(writer, job_id, &by);
    *out_spared = by != 0;
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
