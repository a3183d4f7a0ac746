/* SPDX-License-Identifier: MIT */
/* writer.c - see writer.h.
 *
 * Measured before it became this: one row per event with an index by job costs 4 B-tree inserts and
 * 4 index inserts for each job; packing the events of a transaction into runs, and writing each
 * job's row once per transaction, makes it about 4 rows for a job's whole life.
 */
#include "daemon/store/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/store/batch.h"
#include "daemon/store/pack.h"
#include "daemon/store/schema.h"
#include "daemon/store/sql.h"

/* A run fills one page: 4096 less the B-tree's overhead (SQLite keeps up to 4061 bytes of a row in
 * its page). */
enum { RUN_BYTES = 4000, CHECKPOINT_FRAMES = 4096, ENV_CACHE = 64 };

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    INSERT_JOB,
    PUT_LIVE,
    DELETE_LIVE,
    INSERT_ENDED,
    INSERT_LOG,
    FIND_ENV,
    INSERT_ENV,
    SET_META,
    ADD_META,
    STATEMENT_COUNT,
};

static const char *const statements[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [INSERT_JOB] = "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [PUT_LIVE] = "INSERT OR REPLACE INTO live VALUES (?, ?, ?, ?, ?, ?, ?)",
    [DELETE_LIVE] = "DELETE FROM live WHERE id = ?",
    [INSERT_ENDED] = "INSERT INTO ended VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [INSERT_LOG] = "INSERT INTO log VALUES (?, ?)",
    [FIND_ENV] = "SELECT id FROM envs WHERE hash = ? AND bytes = ?",
    [INSERT_ENV] = "INSERT INTO envs VALUES (NULL, ?, ?)",
    [SET_META] = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = "
                 "excluded.value",
    [ADD_META] = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = value + "
                 "excluded.value",
};

/* An environment whose row is known. Jobs of one caller share it, so few lookups go to the table.
 */
struct known_env {
    struct gord_env *env; /* owned reference */
    int64_t id;
};

/* What one transaction adds to the counters. */
struct tally {
    int64_t live;
    int64_t ended[GORD_OUTCOME_COUNT];
    uint64_t rows;
    uint64_t next_id;
};

struct gord_writer {
    sqlite3 *db;
    sqlite3_stmt *stmts[STATEMENT_COUNT];
    char *path; /* owned */
    struct gord_batch batch;
    struct known_env envs[ENV_CACHE]; /* by hash */
    uint8_t *run;                     /* owned; the run being packed */
    size_t run_room;
    uint64_t next_seq;
    uint64_t next_id;
    uint64_t rows;
    int journal_frames; /* since the last checkpoint */
};

/* ----------------------------------------------------------------- rows */

static int bind_unless_zero(sqlite3_stmt *stmt, int column, int64_t value)
{
    return value != 0 ? sqlite3_bind_int64(stmt, column, value) : sqlite3_bind_null(stmt, column);
}

static int bind_text(sqlite3_stmt *stmt, int column, const char *text)
{
    return text[0] != '\0' ? sqlite3_bind_text(stmt, column, text, -1, SQLITE_STATIC)
                           : sqlite3_bind_null(stmt, column);
}

static void remember_env(struct gord_writer *writer, struct gord_env *env, int64_t id)
{
    struct known_env *known = &writer->envs[env->hash % ENV_CACHE];
    gord_env_unref(known->env);
    known->env = gord_env_ref(env);
    known->id = id;
}

/* A rollback may have taken rows back that we remember. */
static void forget_envs(struct gord_writer *writer)
{
    for (size_t i = 0; i < ENV_CACHE; i++) {
        gord_env_unref(writer->envs[i].env);
        writer->envs[i].env = NULL;
    }
}

/* The row of `env` in *out_id, made if need be; 0 for none. SQLite's code. */
static int put_env(struct gord_writer *writer, struct gord_env *env, int64_t *out_id)
{
    if (env == NULL) {
        *out_id = 0;
        return SQLITE_OK;
    }
    const struct known_env *known = &writer->envs[env->hash % ENV_CACHE];
    if (known->env == env ||
        (known->env != NULL && known->env->hash == env->hash && known->env->bytes == env->bytes &&
         memcmp(known->env->packed, env->packed, env->bytes) == 0)) {
        *out_id = known->id;
        return SQLITE_OK;
    }
    sqlite3_stmt *find = writer->stmts[FIND_ENV], *insert = writer->stmts[INSERT_ENV];
    (void)sqlite3_bind_int64(find, 1, (int64_t)env->hash);
    (void)sqlite3_bind_blob64(find, 2, env->packed, env->bytes, SQLITE_STATIC);
    int rc = sqlite3_step(find);
    if (rc == SQLITE_ROW) {
        *out_id = sqlite3_column_int64(find, 0);
    }
    (void)sqlite3_reset(find);
    if (rc == SQLITE_DONE) {
        (void)sqlite3_bind_int64(insert, 1, (int64_t)env->hash);
        (void)sqlite3_bind_blob64(insert, 2, env->packed, env->bytes, SQLITE_STATIC);
        rc = gord_sql_run(insert);
        *out_id = sqlite3_last_insert_rowid(writer->db);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_OK) {
        return rc;
    }
    remember_env(writer, env, *out_id);
    return SQLITE_OK;
}

static int insert_job(struct gord_writer *writer, const struct gord_event *event,
                      struct tally *tally)
{
    const struct gord_spec *spec = event->spec;
    int64_t env_id = 0;
    int rc = put_env(writer, spec->env, &env_id);
    if (rc != SQLITE_OK) {
        return rc;
    }
    sqlite3_stmt *stmt = writer->stmts[INSERT_JOB];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)event->job_id);
    (void)sqlite3_bind_int64(stmt, 2, event->at_ns);
    (void)sqlite3_bind_int64(stmt, 3, event->uid);
    (void)sqlite3_bind_int64(stmt, 4, event->job_kind);
    (void)bind_unless_zero(stmt, 5, (int64_t)event->parent_id);
    (void)bind_unless_zero(stmt, 6, env_id);
    (void)bind_text(stmt, 7, spec->name);
    (void)sqlite3_bind_blob64(stmt, 8, spec->packed, spec->packed_bytes, SQLITE_STATIC);
    if (event->job_id >= tally->next_id) {
        tally->next_id = event->job_id + 1;
    }
    tally->live++;
    tally->rows++;
    return gord_sql_run(stmt);
}

static int put_live(struct gord_writer *writer, const struct gord_event *event, struct tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[PUT_LIVE];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)event->job_id);
    (void)sqlite3_bind_int64(stmt, 2, event->state);
    (void)sqlite3_bind_int64(stmt, 3, (int64_t)event->seq);
    (void)bind_unless_zero(stmt, 4, event->started_ns);
    (void)bind_unless_zero(stmt, 5, (int64_t)event->goroutine);
    (void)bind_unless_zero(stmt, 6, event->pid);
    (void)bind_unless_zero(stmt, 7, (int64_t)event->pid_start);
    tally->rows++;
    return gord_sql_run(stmt);
}

static int delete_live(struct gord_writer *writer, uint64_t job_id, struct tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[DELETE_LIVE];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)job_id);
    tally->rows++;
    return gord_sql_run(stmt);
}

static int insert_ended(struct gord_writer *writer, const struct gord_event *event,
                        struct tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[INSERT_ENDED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)event->job_id);
    (void)sqlite3_bind_int64(stmt, 2, event->outcome);
    (void)sqlite3_bind_int64(stmt, 3, (int64_t)event->seq);
    (void)bind_unless_zero(stmt, 4, event->started_ns);
    (void)sqlite3_bind_int64(stmt, 5, event->at_ns);
    (void)bind_unless_zero(stmt, 6, event->exit_code);
    (void)bind_unless_zero(stmt, 7, event->signal);
    (void)bind_unless_zero(stmt, 8, (int64_t)event->stdout_bytes);
    (void)bind_unless_zero(stmt, 9, (int64_t)event->stderr_bytes);
    (void)bind_text(stmt, 10, event->text);
    tally->live--;
    tally->ended[event->outcome]++;
    tally->rows++;
    return gord_sql_run(stmt);
}

/* Table by table, so that each one's pages and statement stay warm. */
static int write_jobs(struct gord_writer *writer, struct tally *tally)
{
    const struct gord_batch *batch = &writer->batch;
    int rc = SQLITE_OK;
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++) {
        if (batch->entries[i].submitted != NULL) {
            rc = insert_job(writer, batch->entries[i].submitted, tally);
        }
    }
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++) {
        const struct gord_batch_entry *entry = &batch->entries[i];
        if (entry->last->kind != GORD_EVENT_FINISHED) {
            rc = put_live(writer, entry->last, tally);
        } else if (entry->submitted == NULL) {
            rc = delete_live(writer, entry->job_id, tally);
        }
    }
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++) {
        if (batch->entries[i].last->kind == GORD_EVENT_FINISHED) {
            rc = insert_ended(writer, batch->entries[i].last, tally);
        }
    }
    return rc;
}

/* ------------------------------------------------------------------ log */

static int insert_run(struct gord_writer *writer, uint64_t first_seq, size_t bytes,
                      struct tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[INSERT_LOG];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)first_seq);
    (void)sqlite3_bind_blob64(stmt, 2, writer->run, bytes, SQLITE_STATIC);
    tally->rows++;
    return gord_sql_run(stmt);
}

/* Room for a record with `text_bytes` of text behind `used`. */
static int grow_run(struct gord_writer *writer, size_t used, size_t text_bytes)
{
    size_t need = used + GORD_PACK_FIXED + text_bytes;
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
                     struct tally *tally)
{
    struct gord_pack_state state = {0, 0};
    uint64_t first_seq = writer->next_seq;
    size_t used = 0;
    int rc = SQLITE_OK;
    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        size_t text_bytes = strlen(events[i]->text);
        if (used > 0 && used + GORD_PACK_FIXED + text_bytes > RUN_BYTES) {
            rc = insert_run(writer, first_seq, used, tally);
            state = (struct gord_pack_state){0, 0};
            first_seq = events[i]->seq;
            used = 0;
        }
        rc = rc != SQLITE_OK ? rc : grow_run(writer, used, text_bytes);
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

static int write_meta(struct gord_writer *writer, uint64_t next_seq, int paused,
                      const struct tally *tally)
{
    sqlite3_stmt *set = writer->stmts[SET_META], *add = writer->stmts[ADD_META];
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
            char key[] = "ended.0";
            key[sizeof key - 2] = (char)('0' + i);
            rc = put_meta(add, key, tally->ended[i]);
        }
    }
    return rc;
}
_Static_assert(GORD_OUTCOME_COUNT <= 10, "the key of an outcome's counter has one digit");

/* --------------------------------------------------------------- commit */

static int write_all(struct gord_writer *writer, struct gord_event *const *events, size_t count,
                     int paused, struct tally *tally)
{
    errno = 0; /* see gord_sql_errno */
    int rc = gord_sql_run(writer->stmts[BEGIN]);
    rc = rc != SQLITE_OK ? rc : write_jobs(writer, tally);
    rc = rc != SQLITE_OK ? rc : write_log(writer, events, count, tally);
    rc = rc != SQLITE_OK ? rc : write_meta(writer, writer->next_seq + count, paused, tally);
    return rc != SQLITE_OK ? rc : gord_sql_run(writer->stmts[COMMIT]);
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
        (void)gord_sql_run(writer->stmts[ROLLBACK]);
    }
    forget_envs(writer);
    return err;
}

int gord_writer_commit(struct gord_writer *writer, struct gord_event *const *events, size_t count,
                       const struct gord_writer_extra *extra, char *out_text, bool *out_fatal)
{
    struct tally tally = {.next_id = writer->next_id};
    for (size_t i = 0; i < count; i++) {
        GORD_ASSERT(events[i]->seq == writer->next_seq + i);
    }
    if (gord_batch_fill(&writer->batch, events, count) != 0) {
        return fail(writer, SQLITE_NOMEM, out_text, out_fatal);
    }
    int rc = write_all(writer, events, count, extra->paused, &tally);
    if (rc != SQLITE_OK) {
        return fail(writer, rc, out_text, out_fatal);
    }
    writer->next_seq += count;
    writer->next_id = tally.next_id;
    writer->rows += tally.rows;
    return 0;
}

int gord_writer_checkpoint(struct gord_writer *writer, char *out_text, bool *out_fatal)
{
    if (writer->journal_frames < CHECKPOINT_FRAMES) {
        return 0;
    }
    writer->journal_frames = 0;
    errno = 0;
    int rc = sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
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

int gord_writer_open(const char *path, bool sync, struct gord_store_start *out_start,
                     char *out_text, struct gord_writer **out_writer)
{
    struct gord_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL || (writer->path = strdup(path)) == NULL ||
        (writer->run = malloc(RUN_BYTES)) == NULL) {
        gord_schema_explain(-ENOMEM, path, "not opened", out_text);
        gord_writer_close(writer);
        return -ENOMEM;
    }
    writer->run_room = RUN_BYTES;
    int err = gord_schema_open(path, sync, out_text, &writer->db);
    if (err != 0) {
        gord_writer_close(writer);
        return err;
    }
    (void)sqlite3_wal_hook(writer->db, on_journal, writer);
    err = gord_sql_prepare_all(writer->db, statements, STATEMENT_COUNT, writer->stmts);
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
    *out_writer = writer;
    return 0;
}

int gord_writer_seed(struct gord_writer *writer, const struct gord_store_start *start)
{
    sqlite3_stmt *set = writer->stmts[SET_META];
    int rc = put_meta(set, "next_id", (int64_t)start->next_id);
    rc = rc != SQLITE_OK ? rc : put_meta(set, "next_seq", (int64_t)start->next_seq);
    if (rc != SQLITE_OK) {
        return gord_sql_errno(writer->db, rc);
    }
    writer->next_id = start->next_id;
    writer->next_seq = start->next_seq;
    return 0;
}

uint64_t gord_writer_rows(const struct gord_writer *writer)
{
    return writer->rows;
}

void gord_writer_close(struct gord_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    forget_envs(writer);
    gord_batch_fini(&writer->batch);
    gord_sql_finalize_all(writer->stmts, STATEMENT_COUNT);
    (void)sqlite3_close(writer->db); /* checkpoints, unless another connection is open */
    free(writer->run);
    free(writer->path);
    free(writer);
}
