/* SPDX-License-Identifier: MIT */
/* writer.c - see writer.h.
 *
 * Rejected: one row per event with an index by job. A job's usual four events are then eight inserts
 * into two B-trees, besides its own rows: measured side by side, 1.6 times the processor time and
 * twice the bytes of packing a transaction's events into runs.
 */
#include "daemon/store/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "daemon/store/crons.h"
#include "daemon/store/pack.h"
#include "daemon/store/schema.h"
#include "daemon/store/tokens.h"
#include "daemon/store/writing.h"

/* Pages in the journal that make a checkpoint worthwhile; tests want more of them. */
#ifndef GORD_CHECKPOINT_FRAMES
#define GORD_CHECKPOINT_FRAMES 4096
#endif

/* A run fills one page: 4096 less the B-tree's overhead (SQLite keeps up to 4061 bytes of a row in
 * its page). */
enum { RUN_BYTES = 4000, IDLE_REMOVALS = 500, LEAST_REMOVALS = 16 };

static const char *const statements[WRITE_COUNT] = {
    [WRITE_BEGIN] = "BEGIN IMMEDIATE",
    [WRITE_COMMIT] = "COMMIT",
    [WRITE_ROLLBACK] = "ROLLBACK",
    [WRITE_INSERT_JOB] = "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [WRITE_UPDATE_JOB] = "UPDATE jobs SET name = ?2, spec = ?3 WHERE id = ?1",
    /* Of a key that is there twice the last counts, as everywhere with maps of the wire. */
    [WRITE_INSERT_LABEL] = "INSERT OR REPLACE INTO labels VALUES (?, ?, ?)",
    [WRITE_DELETE_LABELS] = "DELETE FROM labels WHERE id = ?",
    [WRITE_PUT_LIVE] = "INSERT OR REPLACE INTO live VALUES (?, ?, ?, ?, ?, ?, ?)",
    [WRITE_DELETE_LIVE] = "DELETE FROM live WHERE id = ?",
    [WRITE_INSERT_ENDED] = "INSERT INTO ended VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [WRITE_INSERT_LOG] = "INSERT INTO log VALUES (?, ?)",
    [WRITE_PUT_REPORT] = "INSERT OR REPLACE INTO reports VALUES (?, ?, ?, ?, ?, ?)",
    [WRITE_DELETE_REPORT] = "DELETE FROM reports WHERE id = ?",
    [WRITE_PUT_STANDING] = "INSERT OR REPLACE INTO standing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                           "?)",
    [WRITE_DELETE_STANDING] = "DELETE FROM standing WHERE id = ?",
    [WRITE_PUT_REQUEST] = "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?)",
    [WRITE_DELETE_REQUESTS] = "DELETE FROM requests WHERE at_ns < ?",
    [WRITE_PUT_AWAITED] = "INSERT OR IGNORE INTO awaited VALUES (?, ?)",
    /* The jobs of an array wait for it as well, to be counted: kind 3 is GORD_GROUP. */
    [WRITE_FIND_AWAITED] =
        "SELECT by_id FROM awaited WHERE id = ?1 UNION ALL SELECT l.id FROM jobs t JOIN live l ON "
        "l.id = "
        "t.parent_id JOIN jobs g ON g.id = l.id WHERE t.id = ?1 AND g.kind = 3 UNION ALL SELECT "
        "a.by_id FROM jobs t JOIN awaited a ON a.id = t.parent_id JOIN standing s ON s.id = "
        "a.by_id WHERE t.id = ?1 AND s.held & 2 LIMIT 1",
    [WRITE_NEXT_SPARED] =
        "SELECT s.id FROM jobs t JOIN spared s ON s.id = t.id WHERE t.parent_id = "
        "?1 AND t.id > ?2 ORDER BY t.id LIMIT 1",
    [WRITE_DELETE_AWAITED] = "DELETE FROM awaited WHERE by_id = ? RETURNING id",
    [WRITE_PUT_SPARED] = "INSERT OR IGNORE INTO spared VALUES (?, ?)",
    [WRITE_DELETE_SPARED] = "DELETE FROM spared WHERE id = ? RETURNING seq",
    [WRITE_PUT_CRON] =
        "INSERT OR REPLACE INTO crons VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [WRITE_SET_CRON] =
        "UPDATE crons SET version = ?2, paused = ?3, covered_s = ?4, last_s = ?5, last_job = ?6, "
        "fired = ?7, skipped = ?8, missed = ?9, why = ?10 WHERE name = ?1 AND version < ?2",
    [WRITE_DELETE_CRON] = "DELETE FROM crons WHERE name = ?",
    [WRITE_PUT_TOKEN] = "INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [WRITE_USE_TOKEN] = "UPDATE tokens SET used_ns = ?2 WHERE id = ?1",
    [WRITE_DELETE_TOKEN] = "DELETE FROM tokens WHERE id = ?",
    [WRITE_FIND_ENV] = "SELECT id FROM envs WHERE hash = ? AND bytes = ?",
    [WRITE_INSERT_ENV] = "INSERT INTO envs VALUES (NULL, ?, ?)",
    [WRITE_PUT_LANE] = "INSERT INTO lanes VALUES (?, ?)",
    [WRITE_DELETE_LANE] = "DELETE FROM lanes WHERE id = ?",
    [WRITE_PUT_RESOURCE] = "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [WRITE_DELETE_RESOURCE] = "DELETE FROM resources WHERE what = ? AND name = ?",
    [WRITE_PUT_SHARE] = "INSERT OR REPLACE INTO shares VALUES (?, ?, ?, ?)",
    [WRITE_DELETE_SHARE] = "DELETE FROM shares WHERE what = ? AND name = ? AND key = ?",
    [WRITE_DELETE_SHARES] = "DELETE FROM shares WHERE what = ? AND name = ?",
    [WRITE_SET_META] = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = "
                       "excluded.value",
    [WRITE_ADD_META] =
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = value + "
        "excluded.value",
    [WRITE_FIND_JOB] = "SELECT 1 FROM jobs WHERE id = ?",
    [WRITE_FIND_ENDED] = "SELECT last_seq, outcome FROM ended WHERE id = ?",
    [WRITE_DELETE_JOB] = "DELETE FROM jobs WHERE id = ? RETURNING env_id",
    [WRITE_DELETE_ENDED] = "DELETE FROM ended WHERE id = ? RETURNING outcome",
    [WRITE_LOG_AT] = "SELECT first_seq, events FROM log WHERE first_seq <= ? ORDER BY first_seq "
                     "DESC LIMIT 1",
    [WRITE_LOG_FROM] = "SELECT first_seq, events FROM log WHERE first_seq >= ? ORDER BY first_seq "
                       "LIMIT 1",
    [WRITE_DELETE_LOG] = "DELETE FROM log WHERE first_seq = ?",
    [WRITE_ENV_USED] = "SELECT 1 FROM jobs WHERE env_id = ? LIMIT 1",
    /* The newest stays, so that ids are not used again. */
    [WRITE_DELETE_ENV] = "DELETE FROM envs WHERE id = ?1 AND id < (SELECT max(id) FROM envs)",
    [WRITE_FIRST_LEFTOVER] = "SELECT job_id, seq FROM leftovers ORDER BY job_id LIMIT 1",
    [WRITE_PUT_LEFTOVER] = "INSERT OR REPLACE INTO leftovers VALUES (?, ?)",
    [WRITE_DELETE_LEFTOVER] = "DELETE FROM leftovers WHERE job_id = ?",
    [WRITE_PAGES] = "PRAGMA page_count",
    [WRITE_UNUSED_PAGES] = "PRAGMA freelist_count",
};

/* ------------------------------------------------------------------ log */

static int insert_run(struct gord_writer *writer, uint64_t first_seq, size_t bytes,
                      struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_INSERT_LOG];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)first_seq);
    (void)sqlite3_bind_blob64(stmt, 2, writer->run, bytes, SQLITE_STATIC);
    tally->rows++;
    return gord_sql_run(stmt);
}

/* Room for a record of `most` bytes behind `used`. */
static int grow_run(struct gord_writer *writer, size_t used, size_t most)
{
    size_t need = used + most;
    if (need <= writer->run_room) {
        return SQLITE_OK;
    }
    uint8_t *run = realloc(writer->run, need);
    if (run == NULL) {
        return SQLITE_NOMEM;
    }
    writer->run = run;
    writer->run_room = need;
    return SQLITE_OK;
}

static int write_log(struct gord_writer *writer, struct gord_event *const *events, size_t count,
                     struct gord_tally *tally)
{
    struct gord_pack_state state = {0, 0};
    uint64_t first_seq = writer->next_seq;
    size_t used = 0;
    int rc = SQLITE_OK;
    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        size_t most = gord_pack_most(events[i]);
        if (used > 0 && used + most > RUN_BYTES) {
            rc = insert_run(writer, first_seq, used, tally);
            state = (struct gord_pack_state){0, 0};
            first_seq = events[i]->seq;
            used = 0;
        }
        rc = rc != SQLITE_OK ? rc : grow_run(writer, used, most);
        if (rc == SQLITE_OK) {
            used += gord_pack_event(&state, events[i], writer->run + used);
        }
    }
    return rc == SQLITE_OK && used > 0 ? insert_run(writer, first_seq, used, tally) : rc;
}

/* ----------------------------------------------------------------- meta */

static int put_meta(sqlite3_stmt *stmt, const char *key, int64_t value)
{
    (void)sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 2, value);
    return gord_sql_run(stmt);
}

int gord_writer_set_meta(struct gord_writer *writer, const char *key, int64_t value)
{
    return put_meta(writer->stmts[WRITE_SET_META], key, value);
}

static int write_meta(struct gord_writer *writer, uint64_t next_seq, int paused,
                      const struct gord_tally *tally)
{
    sqlite3_stmt *set = writer->stmts[WRITE_SET_META], *add = writer->stmts[WRITE_ADD_META];
    int rc = put_meta(set, "next_seq", (int64_t)next_seq);
    if (rc == SQLITE_OK && tally->next_id != writer->next_id) {
        rc = put_meta(set, "next_id", (int64_t)tally->next_id);
    }
    if (rc == SQLITE_OK && paused >= 0) {
        rc = put_meta(set, "paused", paused);
    }
    if (rc == SQLITE_OK && tally->live != 0) {
        rc = put_meta(add, "live", tally->live);
    }
    for (int i = 0; i < GORD_OUTCOME_COUNT && rc == SQLITE_OK; i++) {
        if (tally->ended[i] != 0) {
            char key[16];
            snprintf(key, sizeof key, "ended.%d", i);
            rc = put_meta(add, key, tally->ended[i]);
        }
    }
    return rc;
}

/* ------------------------------------------------------------- settings */

static int write_resource(struct gord_writer *writer, const struct gord_setting *setting)
{
    sqlite3_stmt *stmt = writer->stmts[setting->gone ? WRITE_DELETE_RESOURCE : WRITE_PUT_RESOURCE];
    (void)sqlite3_bind_int(stmt, 1, setting->what);
    (void)sqlite3_bind_text(stmt, 2, setting->name, -1, SQLITE_STATIC);
    if (!setting->gone) {
        (void)sqlite3_bind_int64(stmt, 3, (int64_t)setting->capacity);
        (void)sqlite3_bind_int(stmt, 4, setting->paused);
        (void)sqlite3_bind_int64(stmt, 5, setting->paused_until_ns);
        (void)sqlite3_bind_int64(stmt, 6, setting->rate_count);
        (void)sqlite3_bind_int64(stmt, 7, setting->rate_per_ns);
        (void)sqlite3_bind_int64(stmt, 8, setting->rate_burst);
        (void)sqlite3_bind_text(stmt, 9, setting->fair, -1, SQLITE_STATIC);
    }
    return gord_sql_run(stmt);
}

/* The weights of shares that change with it, or all of them. */
static int write_shares(struct gord_writer *writer, const struct gord_setting *setting)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_SHARES];
    int rc = SQLITE_OK;
    if (setting->gone) {
        (void)sqlite3_bind_int(stmt, 1, setting->what);
        (void)sqlite3_bind_text(stmt, 2, setting->name, -1, SQLITE_STATIC);
        return gord_sql_run(stmt);
    }
    for (size_t i = 0; i < setting->weight_count && rc == SQLITE_OK; i++) {
        const struct gord_weight *weight = &setting->weights[i];
        stmt = writer->stmts[weight->weight != 0 ? WRITE_PUT_SHARE : WRITE_DELETE_SHARE];
        (void)sqlite3_bind_int(stmt, 1, setting->what);
        (void)sqlite3_bind_text(stmt, 2, setting->name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(stmt, 3, weight->key, -1, SQLITE_STATIC);
        if (weight->weight != 0) {
            (void)sqlite3_bind_int64(stmt, 4, weight->weight);
        }
        rc = gord_sql_run(stmt);
    }
    return rc;
}

static int write_settings(struct gord_writer *writer, const struct gord_store_note *notes)
{
    int rc = SQLITE_OK;
    for (; notes != NULL && rc == SQLITE_OK; notes = notes->next) {
        if (notes->setting.name[0] != '\0') {
            rc = write_resource(writer, &notes->setting);
            rc = rc != SQLITE_OK ? rc : write_shares(writer, &notes->setting);
        }
    }
    return rc;
}

/* ------------------------------------------------------------- removals */

static int remove_asked(struct gord_writer *writer, const struct gord_store_note *notes,
                        struct gord_tally *tally)
{
    int rc = SQLITE_OK;
    for (; notes != NULL && rc == SQLITE_OK; notes = notes->next) {
        if (notes->removal != NULL) {
            rc = gord_retain_remove_asked(writer, tally, notes->removal);
        }
    }
    return rc;
}

/* --------------------------------------------------------------- commit */

/* Jobs that a transaction may remove. With events a few more than end in them, so that removing keeps
 * up and a commit takes longer by little; without, as many as take some milliseconds. */
static unsigned removals(const struct gord_tally *tally, size_t events)
{
    int64_t ended = 0;
    for (int i = 0; i < GORD_OUTCOME_COUNT; i++) {
        ended += tally->ended[i];
    }
    return events == 0 ? IDLE_REMOVALS : (unsigned)(ended + ended / 4) + LEAST_REMOVALS;
}

static int write_all(struct gord_writer *writer, struct gord_event *const *events, size_t count,
                     const struct gord_writer_extra *extra, struct gord_tally *tally)
{
    errno = 0; /* see gord_sql_errno */
    GORD_CRASHPOINT(COMMIT_BEGIN);
    unsigned removable;
    int rc = gord_sql_run(writer->stmts[WRITE_BEGIN]);
    rc = rc != SQLITE_OK ? rc : gord_writer_rows_write(writer, tally);
    GORD_CRASHPOINT(COMMIT_ROWS);
    rc = rc != SQLITE_OK ? rc : write_log(writer, events, count, tally);
    GORD_CRASHPOINT(COMMIT_LOG);
    rc = rc != SQLITE_OK ? rc : write_settings(writer, extra->notes);
    rc = rc != SQLITE_OK ? rc : gord_crons_write(writer, extra->notes, tally);
    rc = rc != SQLITE_OK ? rc : gord_tokens_write(writer, extra->notes, tally);
    removable = removals(tally, count);
    rc = rc != SQLITE_OK ? rc : remove_asked(writer, extra->notes, tally);
    rc = rc != SQLITE_OK ? rc : gord_retain_step(writer, tally, removable);
    rc = rc != SQLITE_OK ? rc : write_meta(writer, writer->next_seq + count, extra->paused, tally);
    GORD_CRASHPOINT(COMMIT_READY);
    rc = rc != SQLITE_OK ? rc : gord_sql_run(writer->stmts[WRITE_COMMIT]);
    GORD_CRASHPOINT(COMMIT_DONE);
    return rc;
}

/* Say what happened, and get out of the transaction. */
static int fail(struct gord_writer *writer, int rc, char *out_text, bool *out_fatal)
{
    int err = gord_sql_errno(writer->db, rc);
    *out_fatal = gord_sql_is_fsync(rc);
    if (*out_fatal) {
        snprintf(out_text, GORD_STORE_TEXT,
                 "%s: could not be flushed to the disk (%s): what is written now may be lost, so "
                 "gord takes no more jobs; check the disk, then restart gord",
                 writer->path, sqlite3_errmsg(writer->db));
    } else {
        gord_schema_explain(err, writer->path, sqlite3_errmsg(writer->db), out_text);
    }
    if (sqlite3_get_autocommit(writer->db) == 0) {
        (void)gord_sql_run(writer->stmts[WRITE_ROLLBACK]);
    }
    gord_writer_forget_envs(writer);
    gord_retain_rolled_back(writer);
    return err;
}

int gord_writer_commit(struct gord_writer *writer, struct gord_event *const *events, size_t count,
                       const struct gord_writer_extra *extra, char *out_text, bool *out_fatal)
{
    struct gord_tally tally = {.next_id = writer->next_id};
    for (size_t i = 0; i < count; i++) {
        GORD_ASSERT(events[i]->seq == writer->next_seq + i);
    }
    *out_fatal = false;
    if (!gord_place_is_kept(&writer->place)) {
        gord_schema_explain(-ESTALE, writer->path, "removed or replaced while gord runs", out_text);
        return -ESTALE;
    }
    if (gord_batch_fill(&writer->batch, events, count) != 0) {
        return fail(writer, SQLITE_NOMEM, out_text, out_fatal);
    }
    int rc = write_all(writer, events, count, extra, &tally);
    if (rc != SQLITE_OK) {
        return fail(writer, rc, out_text, out_fatal);
    }
    writer->next_seq += count;
    writer->next_id = tally.next_id;
    writer->rows += tally.rows;
    for (int i = 0; i < GORD_OUTCOME_COUNT; i++) {
        writer->ended += tally.ended[i];
    }
    gord_retain_committed(writer);
    return 0;
}

int gord_writer_checkpoint(struct gord_writer *writer, char *out_text, bool *out_fatal)
{
    if (writer->journal_frames < GORD_CHECKPOINT_FRAMES) {
        return 0;
    }
    writer->journal_frames = 0;
    errno = 0;
    GORD_CRASHPOINT(CHECKPOINT_BEGIN);
    int rc = sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    GORD_CRASHPOINT(CHECKPOINT_DONE);
    /* Busy: somebody reads an old state; the next time will do. */
    return (rc & 0xff) == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY
               ? 0
               : fail(writer, rc, out_text, out_fatal);
}

static int on_journal(void *arg, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    ((struct gord_writer *)arg)->journal_frames = frames;
    return SQLITE_OK;
}

/* ----------------------------------------------------------------- open */

/* Where the database stands; -EBADMSG if it contradicts itself. */
static int read_start(struct gord_writer *writer, struct gord_store_start *out)
{
    int64_t next_id, next_seq, paused, last_id, last_run;
    sqlite3 *db = writer->db;
    int err = gord_sql_integer(db, "SELECT value FROM meta WHERE key = 'next_id'", &next_id);
    err = err != 0
              ? err
              : gord_sql_integer(db, "SELECT value FROM meta WHERE key = 'next_seq'", &next_seq);
    err = err != 0 ? err
                   : gord_sql_integer(db, "SELECT value FROM meta WHERE key = 'paused'", &paused);
    err = err != 0 ? err : gord_sql_integer(db, "SELECT ifnull(max(id), 0) FROM jobs", &last_id);
    err = err != 0 ? err
                   : gord_sql_integer(db, "SELECT ifnull(max(first_seq), 0) FROM log", &last_run);
    err = err != 0 ? err
                   : gord_sql_integer(db,
                                      "SELECT ifnull(sum(value), 0) FROM meta WHERE key BETWEEN "
                                      "'ended.' AND 'ended.~'",
                                      &writer->ended);
    if (err != 0) {
        return err == -ENOENT ? -EBADMSG : err;
    }
    if (next_id <= last_id || next_seq <= last_run || next_id < 1 || next_seq < 1) {
        return -EBADMSG;
    }
    writer->next_id = (uint64_t)next_id;
    writer->next_seq = (uint64_t)next_seq;
    *out = (struct gord_store_start){(uint64_t)next_id, (uint64_t)next_seq, paused != 0};
    return 0;
}

int gord_writer_open(const struct gord_writer_opts *opts, struct gord_store_start *out_start,
                     char *out_text, struct gord_writer **out_writer)
{
    const char *path = opts->path;
    struct gord_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL || (writer->path = strdup(path)) == NULL ||
        (writer->run = malloc(RUN_BYTES)) == NULL) {
        gord_schema_explain(-ENOMEM, path, "not opened", out_text);
        gord_writer_close(writer);
        return -ENOMEM;
    }
    writer->run_room = RUN_BYTES;
    int err = gord_schema_open(path, opts->sync, out_text, &writer->db);
    if (err != 0) {
        gord_writer_close(writer);
        return err;
    }
    (void)sqlite3_wal_hook(writer->db, on_journal, writer);
    err = gord_sql_prepare_all(writer->db, statements, WRITE_COUNT, writer->stmts);
    err = err != 0 ? err : read_start(writer, out_start);
    if (err != 0) {
        int rc = sqlite3_errcode(writer->db);
        bool sound = rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW;
        gord_schema_explain(err, path,
                            sound ? "its counters and rows disagree" : sqlite3_errmsg(writer->db),
                            out_text);
        gord_writer_close(writer);
        return err;
    }
    err = gord_retain_open(writer, opts->keep != NULL ? opts->keep : &(struct gord_keep){0},
                           opts->outputs);
    if (err != 0) {
        gord_schema_explain(err, path, sqlite3_errmsg(writer->db), out_text);
        gord_writer_close(writer);
        return err;
    }
    err = gord_place_init(&writer->place, writer->path);
    if (err != 0) {
        gord_schema_explain(err, path, "gone as soon as it was opened", out_text);
        gord_writer_close(writer);
        return err;
    }
    *out_writer = writer;
    return 0;
}

void gord_writer_set_keep(struct gord_writer *writer, const struct gord_keep *keep,
                          const char *outputs)
{
    gord_retain_close(writer);
    memset(&writer->retain, 0, sizeof writer->retain);
    int err = gord_retain_open(writer, keep, outputs);
    if (err != 0) {
        writer->retain.broken = true;
        gord_log(GORD_LOG_ERROR, 0,
                 "%s: nothing is removed any more, since it cannot be read to its end: %s",
                 writer->path, strerror(-err));
    }
}

int gord_writer_seed(struct gord_writer *writer, const struct gord_store_start *start)
{
    sqlite3_stmt *set = writer->stmts[WRITE_SET_META];
    int rc = put_meta(set, "next_id", (int64_t)start->next_id);
    rc = rc != SQLITE_OK ? rc : put_meta(set, "next_seq", (int64_t)start->next_seq);
    if (rc != SQLITE_OK) {
        return gord_sql_errno(writer->db, rc);
    }
    writer->next_id = start->next_id;
    writer->next_seq = start->next_seq;
    return 0;
}

int64_t gord_writer_wait_ns(const struct gord_writer *writer)
{
    return gord_retain_wait_ns(writer, gord_event_clock());
}

uint64_t gord_writer_rows(const struct gord_writer *writer)
{
    return writer->rows;
}

void gord_writer_rest(struct gord_writer *writer)
{
    (void)sqlite3_db_release_memory(writer->db);
}

void gord_writer_close(struct gord_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    gord_writer_forget_envs(writer);
    gord_retain_close(writer);
    gord_batch_fini(&writer->batch);
    gord_sql_finalize_all(writer->stmts, WRITE_COUNT);
    (void)sqlite3_close(writer->db); /* checkpoints, unless another connection is open */
    free(writer->run);
    free(writer->path);
    free(writer);
}
