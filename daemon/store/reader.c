/* SPDX-License-Identifier: MIT */
/* reader.c - connection, single jobs, totals, recovery; see reader.h. Lists are in list.c, events
 * in history.c. */
#include "daemon/store/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/event/array.h"
#include "daemon/store/reading.h"

static const char *const statements[READ_COUNT] = {
    [READ_BEGIN] = "BEGIN",
    [READ_COMMIT] = "COMMIT",
    [READ_JOB] = "SELECT " GORD_READER_JOB_COLUMNS " FROM jobs j WHERE id = ?",
    [READ_LIVE] = "SELECT state, last_seq, started_ns, goroutine, pid, pid_start FROM live WHERE "
                  "id = ?",
    [READ_ENDED] = "SELECT outcome, last_seq, started_ns, finished_ns, exit_code, signal, "
                   "stdout_bytes, stderr_bytes, detail FROM ended WHERE id = ?",
    [READ_REPORT] = "SELECT at_ns, done, total, text, length(result) FROM reports WHERE id = ?",
    [READ_RESULT] = "SELECT at_ns, done, total, text, length(result), result FROM reports WHERE id "
                    "= ?",
    [READ_STANDING] = "SELECT held, attempt, losses, version, due_ns, due_boot, boot, expires_ns, "
                      "deadline_ns, deadline_of FROM standing WHERE id = ?",
    [READ_REQUEST] =
        "SELECT first_id, count, digest FROM requests r WHERE id = ? AND uid = ? AND NOT "
        "EXISTS (SELECT 1 FROM ended e WHERE e.id = r.first_id AND e.detail = "
        "'" GORD_WITHDRAWN "')",
    [READ_ENV] = "SELECT bytes FROM envs WHERE id = ?",
    [READ_NAME] = "SELECT name FROM jobs WHERE id = ?",
    [READ_META] = "SELECT key, value FROM meta",
    [READ_LIVE_JOBS] = "SELECT " GORD_READER_JOB_COLUMNS " FROM live l CROSS JOIN jobs j ON j.id = "
                       "l.id WHERE l.id >= ? ORDER BY l.id LIMIT ?",
    [READ_LANE] = "SELECT asks FROM lanes WHERE id = ?",
    [READ_RESOURCES] = "SELECT what, name, capacity, paused, paused_until_ns, rate_count,"
                       " rate_per_ns, rate_burst, fair FROM resources",
    [READ_SHARES] = "SELECT name, key, weight FROM shares WHERE what = ?",
    [READ_RUN_OF] = "SELECT first_seq, events FROM log WHERE first_seq <= ? ORDER BY first_seq "
                    "DESC LIMIT 1",
    [READ_RUNS_FROM] = "SELECT first_seq, events FROM log WHERE first_seq >= ifnull((SELECT "
                       "max(first_seq) FROM log WHERE first_seq <= ?1), 0) ORDER BY first_seq",
    /* A parent is there before its children, so the topmost has the least id. */
    [READ_TOP_OF] = "WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM jobs WHERE id "
                    "= ?1 UNION ALL SELECT j.id, j.parent_id FROM up JOIN jobs j ON j.id = "
                    "up.parent_id) SELECT min(id) FROM up",
    /* The deepest of those that wait comes next, which is depth first. */
    [READ_TREE] =
        "WITH RECURSIVE tree (id, depth) AS (SELECT id, 0 FROM jobs WHERE id = ?1 UNION "
        "ALL SELECT j.id, tree.depth + 1 FROM tree JOIN jobs j ON j.parent_id = tree.id "
        "ORDER BY 2 DESC, 1 LIMIT ?2) SELECT " GORD_READER_JOB_COLUMNS ", depth FROM tree "
        "CROSS JOIN jobs j ON j.id = tree.id",
    [READ_LABEL] = "SELECT value FROM labels WHERE id = ? AND key = ?",
    [READ_KNOWS] = "SELECT 1 FROM jobs WHERE id = ?",
    [READ_CRONS] = "SELECT name, version, paused, covered_s, last_s, last_job, fired, skipped, "
                   "missed, why, uid, made_ns, spec FROM crons ORDER BY name",
    [READ_TOKENS] = "SELECT id, name, digest, role, uid, queues, made_ns, expires_ns, used_ns FROM "
                    "tokens ORDER BY id",
    [READ_TASKS_ENDED] = "SELECT e.outcome FROM jobs t CROSS JOIN ended e ON e.id = t.id WHERE "
                         "t.parent_id = ?",
    [READ_FIRST_TASK] = "SELECT id FROM jobs WHERE parent_id = ? ORDER BY id LIMIT 1",
    [READ_TASKS] = "SELECT id, spec FROM jobs WHERE parent_id = ?",
};

int gord_reader_open(const char *path, struct gord_reader **out_reader)
{
    struct gord_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return -ENOMEM;
    }
    /* Read-write, since a reader of a journalled database shares the journal's index; the pragma
     * keeps it from writing. */
    int rc = sqlite3_open_v2(path, &reader->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    int err = gord_sql_errno(reader->db, rc);
    if (err == 0) {
        (void)sqlite3_extended_result_codes(reader->db, 1);
        (void)sqlite3_busy_timeout(reader->db, 1000);
        rc = sqlite3_exec(reader->db, "PRAGMA query_only = 1; PRAGMA cache_size = -2048", NULL,
                          NULL, NULL);
        err = gord_reader_error(reader, rc);
    }
    err = err != 0 ? err : gord_sql_prepare_all(reader->db, statements, READ_COUNT, reader->stmts);
    if (err != 0) {
        gord_reader_close(reader);
        return err;
    }
    *out_reader = reader;
    return 0;
}

void gord_reader_close(struct gord_reader *reader)
{
    if (reader != NULL) {
        gord_sql_finalize_all(reader->stmts, READ_COUNT);
        (void)sqlite3_close(reader->db);
        gord_env_unref(reader->env);
        gord_reader_run_fini(&reader->run);
        free(reader);
    }
}

int gord_reader_error(const struct gord_reader *reader, int rc)
{
    return gord_sql_errno(reader->db, rc);
}

int gord_reader_begin(struct gord_reader *reader)
{
    return gord_reader_error(reader, gord_sql_run(reader->stmts[READ_BEGIN]));
}

void gord_reader_end(struct gord_reader *reader)
{
    /* Nothing was written, so nothing can fail that would matter. */
    (void)gord_sql_run(reader->stmts[READ_COMMIT]);
}

/* ----------------------------------------------------------------- rows */

void gord_row_fini(struct gord_row *row)
{
    gord_spec_unref(row->spec);
    gord_report_unref(row->report);
    gord_standing_unref(row->standing);
    free(row->detail);
    row->report = NULL;
    row->spec = NULL;
    row->standing = NULL;
    row->detail = NULL;
}

void gord_reader_row_begin(sqlite3_stmt *stmt, struct gord_row *out_row)
{
    memset(out_row, 0, sizeof *out_row);
    out_row->id = (uint64_t)sqlite3_column_int64(stmt, 0);
    out_row->created_ns = sqlite3_column_int64(stmt, 1);
    out_row->uid = (uint32_t)sqlite3_column_int64(stmt, 2);
    out_row->kind = (uint8_t)sqlite3_column_int(stmt, 3);
    out_row->parent_id = (uint64_t)sqlite3_column_int64(stmt, 4);
}

/* Borrow the environment `id` in *out, read anew only if it is not the one read last. */
static int find_env(struct gord_reader *reader, int64_t id, struct gord_env **out)
{
    if (reader->env != NULL && reader->env_id == id) {
        *out = reader->env;
        return 0;
    }
    sqlite3_stmt *stmt = reader->stmts[READ_ENV];
    struct gord_env *env = NULL;
    (void)sqlite3_bind_int64(stmt, 1, id);
    int rc = sqlite3_step(stmt);
    int err = rc == SQLITE_DONE ? -EBADMSG : gord_reader_error(reader, rc);
    if (rc == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(stmt, 0);
        env = gord_env_new(bytes, (size_t)sqlite3_column_bytes(stmt, 0));
        err = env == NULL ? -ENOMEM : 0;
    }
    (void)sqlite3_reset(stmt);
    if (err == 0) {
        gord_env_unref(reader->env);
        reader->env = *out = env;
        reader->env_id = id;
    }
    return err;
}

int gord_reader_row_spec(struct gord_reader *reader, sqlite3_stmt *stmt, bool with_env,
                         struct gord_row *row)
{
    struct gord_env *env = NULL;
    int64_t env_id = sqlite3_column_int64(stmt, 5);
    if (with_env && env_id != 0) {
        int err = find_env(reader, env_id, &env);
        if (err != 0) {
            return err;
        }
    }
    const char *name = (const char *)sqlite3_column_text(stmt, 6);
    const void *packed = sqlite3_column_blob(stmt, 7);
    return gord_spec_from_packed(packed, (size_t)sqlite3_column_bytes(stmt, 7),
                                 name != NULL ? name : "", env, &row->spec);
}

static int take_ended(sqlite3_stmt *stmt, struct gord_row *row)
{
    row->state = GOR__V1__JOB_STATE__TERMINATED;
    row->outcome = (uint8_t)sqlite3_column_int(stmt, 0);
    row->last_seq = (uint64_t)sqlite3_column_int64(stmt, 1);
    row->started_ns = sqlite3_column_int64(stmt, 2);
    row->finished_ns = sqlite3_column_int64(stmt, 3);
    row->exit_code = sqlite3_column_int(stmt, 4);
    row->signal = sqlite3_column_int(stmt, 5) & ~GORD_CORE_DUMPED;
    row->core_dumped = (sqlite3_column_int(stmt, 5) & GORD_CORE_DUMPED) != 0;
    row->stdout_bytes = (uint64_t)sqlite3_column_int64(stmt, 6);
    row->stderr_bytes = (uint64_t)sqlite3_column_int64(stmt, 7);
    const char *detail = (const char *)sqlite3_column_text(stmt, 8);
    row->detail = strdup(detail != NULL ? detail : "");
    return row->detail == NULL ? -ENOMEM : 0;
}

/* NULL: out of memory. `result` is what the last column holds, or NULL: it was not asked for. */
static struct gord_report *make_report(sqlite3_stmt *stmt, const void *result)
{
    const char *text = (const char *)sqlite3_column_text(stmt, 3);
    struct gord_progress progress = {.at_ns = sqlite3_column_int64(stmt, 0),
                                     .done = (uint64_t)sqlite3_column_int64(stmt, 1),
                                     .total = (uint64_t)sqlite3_column_int64(stmt, 2),
                                     .text = text != NULL ? text : ""};
    size_t bytes = (size_t)sqlite3_column_int64(stmt, 4);
    struct gord_report *report =
        gord_report_new(progress.at_ns != 0 ? &progress : NULL, result, result != NULL ? bytes : 0);
    if (report != NULL && sqlite3_column_type(stmt, 4) != SQLITE_NULL) {
        report->has_result = true;
        report->result_bytes = bytes;
    }
    return report;
}

static int take_report(sqlite3_stmt *stmt, struct gord_row *row)
{
    row->report = make_report(stmt, NULL);
    return row->report == NULL ? -ENOMEM : 0;
}

static int take_live(sqlite3_stmt *stmt, struct gord_row *row)
{
    row->state = (uint8_t)sqlite3_column_int(stmt, 0);
    row->last_seq = (uint64_t)sqlite3_column_int64(stmt, 1);
    row->started_ns = sqlite3_column_int64(stmt, 2);
    row->goroutine = (uint64_t)sqlite3_column_int64(stmt, 3);
    row->pid = sqlite3_column_int(stmt, 4);
    row->pid_start = (uint64_t)sqlite3_column_int64(stmt, 5);
    row->detail = strdup("");
    return row->detail == NULL ? -ENOMEM : 0;
}

static int take_standing(sqlite3_stmt *stmt, struct gord_row *row)
{
    struct gord_standing *standing = gord_standing_copy(NULL);
    if (standing == NULL) {
        return -ENOMEM;
    }
    standing->held = (sqlite3_column_int(stmt, 0) & 1) != 0;
    standing->coming = (sqlite3_column_int(stmt, 0) & 2) != 0;
    standing->attempt = (uint32_t)sqlite3_column_int64(stmt, 1);
    standing->losses = (uint32_t)sqlite3_column_int64(stmt, 2);
    standing->version = (uint32_t)sqlite3_column_int64(stmt, 3);
    standing->due_ns = sqlite3_column_int64(stmt, 4);
    standing->due_boot = sqlite3_column_int64(stmt, 5);
    standing->boot = (uint64_t)sqlite3_column_int64(stmt, 6);
    standing->expires_ns = sqlite3_column_int64(stmt, 7);
    standing->deadline_ns = sqlite3_column_int64(stmt, 8);
    standing->deadline_of = (uint64_t)sqlite3_column_int64(stmt, 9);
    row->standing = standing;
    return 0;
}

/* 1: there is no such row in this table. */
static int take_from(struct gord_reader *reader, enum gord_reader_statement which,
                     int (*take)(sqlite3_stmt *stmt, struct gord_row *row), struct gord_row *row)
{
    sqlite3_stmt *stmt = reader->stmts[which];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)row->id);
    int rc = sqlite3_step(stmt);
    int err = rc == SQLITE_ROW ? take(stmt, row) : gord_reader_error(reader, rc);
    (void)sqlite3_reset(stmt);
    return err != 0 ? err : rc == SQLITE_DONE;
}

int gord_reader_row_rest(struct gord_reader *reader, struct gord_row *row)
{
    int err = take_from(reader, READ_ENDED, take_ended, row);
    if (err == 1) {
        err = take_from(reader, READ_LIVE, take_live, row);
    }
    if (err == 0) {
        err = take_from(reader, READ_STANDING, take_standing, row);
        err = err == 1 ? 0 : err;
    }
    return err == 1 ||
                   (err == 0 && (row->state >= GORD_STATE_COUNT || row->kind >= GORD_ALL_KINDS ||
                                 row->outcome >= GORD_OUTCOME_COUNT))
               ? -EBADMSG
               : err;
}

int gord_reader_row_report(struct gord_reader *reader, struct gord_row *row)
{
    int err = row->state == GOR__V1__JOB_STATE__TERMINATED
                  ? take_from(reader, READ_REPORT, take_report, row)
                  : 0;
    return err == 1 ? 0 : err;
}

static int read_job(struct gord_reader *reader, uint64_t id, bool with_env,
                    struct gord_row *out_row)
{
    sqlite3_stmt *stmt = reader->stmts[READ_JOB];
    struct gord_row row;
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    int rc = sqlite3_step(stmt);
    int err = rc == SQLITE_DONE ? -ENOENT : gord_reader_error(reader, rc);
    if (rc == SQLITE_ROW) {
        gord_reader_row_begin(stmt, &row);
        err = gord_reader_row_spec(reader, stmt, with_env, &row);
        err = err != 0 ? err : gord_reader_row_rest(reader, &row);
        err = err != 0 ? err : gord_reader_row_report(reader, &row);
        if (err == 0) {
            *out_row = row;
        } else {
            gord_row_fini(&row);
        }
    }
    (void)sqlite3_reset(stmt);
    return err;
}

int gord_reader_job(struct gord_reader *reader, uint64_t id, bool with_env,
                    struct gord_row *out_row)
{
    if (id > INT64_MAX) {
        return -ENOENT;
    }
    int err = gord_reader_begin(reader);
    if (err == 0) {
        err = read_job(reader, id, with_env, out_row);
        gord_reader_end(reader);
    }
    return err;
}

int gord_reader_report(struct gord_reader *reader, uint64_t id, struct gord_report **out_report)
{
    sqlite3_stmt *stmt = reader->stmts[READ_RESULT];
    if (id > INT64_MAX) {
        return -ENOENT;
    }
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    int rc = sqlite3_step(stmt);
    int err = rc == SQLITE_DONE ? -ENOENT : gord_reader_error(reader, rc);
    if (rc == SQLITE_ROW) {
        const void *result = sqlite3_column_blob(stmt, 5);
        /* An empty one has no address. */
        bool empty = result == NULL && sqlite3_column_type(stmt, 5) != SQLITE_NULL;
        struct gord_report *report = make_report(stmt, empty ? "" : result);
        err = report == NULL ? -ENOMEM : 0;
        *out_report = report != NULL ? report : *out_report;
    }
    (void)sqlite3_reset(stmt);
    return err;
}

int gord_reader_request(struct gord_reader *reader, const uint8_t id[GORD_REQUEST_BYTES],
                        uint32_t uid, uint64_t *out_first_id, struct gord_request *out_request)
{
    sqlite3_stmt *stmt = reader->stmts[READ_REQUEST];
    (void)sqlite3_bind_blob(stmt, 1, id, GORD_REQUEST_BYTES, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 2, uid);
    int rc = sqlite3_step(stmt);
    int err = rc == SQLITE_DONE ? -ENOENT : gord_reader_error(reader, rc);
    if (rc == SQLITE_ROW) {
        *out_first_id = (uint64_t)sqlite3_column_int64(stmt, 0);
        out_request->count = (uint64_t)sqlite3_column_int64(stmt, 1);
        out_request->digest = (uint64_t)sqlite3_column_int64(stmt, 2);
    }
    (void)sqlite3_reset(stmt);
    return err;
}

/* --------------------------------------------------------------- totals */

int gord_reader_totals(struct gord_reader *reader, struct gord_reader_totals *out_totals)
{
    struct gord_reader_totals totals = {.kept_from = 1};
    sqlite3_stmt *stmt = reader->stmts[READ_META];
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(stmt, 0);
        uint64_t value = (uint64_t)sqlite3_column_int64(stmt, 1);
        if (key == NULL) {
            continue;
        }
        unsigned outcome;
        if (strcmp(key, "live") == 0) {
            totals.live = value;
        } else if (strcmp(key, "kept_from") == 0) {
            totals.kept_from = value;
        } else if (strcmp(key, "next_seq") == 0) {
            totals.last_seq = value - 1;
        } else if (sscanf(key, "ended.%u", &outcome) == 1 && outcome < GORD_OUTCOME_COUNT) {
            totals.ended[outcome] = value;
            totals.terminated += value;
        }
    }
    (void)sqlite3_reset(stmt);
    if (rc == SQLITE_DONE) {
        *out_totals = totals;
    }
    return gord_reader_error(reader, rc);
}

int gord_reader_knows(struct gord_reader *reader, uint64_t id)
{
    sqlite3_stmt *stmt = reader->stmts[READ_KNOWS];
    (void)sqlite3_bind_int64(stmt, 1, id > INT64_MAX ? 0 : (int64_t)id);
    int rc = sqlite3_step(stmt);
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? -ENOENT : gord_reader_error(reader, rc);
}

int gord_reader_ended(struct gord_reader *reader, uint64_t id, Gor__V1__Outcome *out_outcome,
                      bool *out_started)
{
    sqlite3_stmt *stmt = reader->stmts[READ_ENDED];
    (void)sqlite3_bind_int64(stmt, 1, id > INT64_MAX ? 0 : (int64_t)id);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out_outcome = (Gor__V1__Outcome)sqlite3_column_int(stmt, 0);
        *out_started = sqlite3_column_int64(stmt, 2) != 0;
    }
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? -ENOENT : gord_reader_error(reader, rc);
}

/* --------------------------------------------------------------- arrays */

int gord_reader_tasks_ended(struct gord_reader *reader, uint64_t group_id,
                            uint64_t out_counts[GORD_OUTCOME_COUNT])
{
    sqlite3_stmt *stmt = reader->stmts[READ_TASKS_ENDED];
    uint64_t counts[GORD_OUTCOME_COUNT] = {0};
    int rc;
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)group_id);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t outcome = sqlite3_column_int64(stmt, 0);
        if (outcome >= 0 && outcome < GORD_OUTCOME_COUNT) {
            counts[outcome]++;
        }
    }
    (void)sqlite3_reset(stmt);
    int err = gord_reader_error(reader, rc);
    if (err == 0) {
        memcpy(out_counts, counts, sizeof counts);
    }
    return err;
}

int gord_reader_first_task(struct gord_reader *reader, uint64_t group_id, uint64_t *out_id)
{
    sqlite3_stmt *stmt = reader->stmts[READ_FIRST_TASK];
    (void)sqlite3_bind_int64(stmt, 1, group_id > INT64_MAX ? 0 : (int64_t)group_id);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out_id = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? -ENOENT : gord_reader_error(reader, rc);
}

int gord_reader_tasks(struct gord_reader *reader, uint64_t group_id,
                      int (*visit)(void *arg, uint64_t id, uint32_t index), void *arg)
{
    sqlite3_stmt *stmt = reader->stmts[READ_TASKS];
    int err = 0, rc = SQLITE_DONE;
    (void)sqlite3_bind_int64(stmt, 1, group_id > INT64_MAX ? 0 : (int64_t)group_id);
    while (err == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const void *packed = sqlite3_column_blob(stmt, 1);
        uint32_t index = 0;
        bool good = gord_array_index_of(packed, (size_t)sqlite3_column_bytes(stmt, 1), &index);
        err = good ? visit(arg, (uint64_t)sqlite3_column_int64(stmt, 0), index) : -EBADMSG;
    }
    (void)sqlite3_reset(stmt);
    return err != 0 ? err : gord_reader_error(reader, rc);
}

/* ------------------------------------------------------------ live jobs */

/* Visit live jobs from first_id on with what `columns` of a row visitors want; -1 in `limit`: all.
 */
static int each_live(struct gord_reader *reader, uint64_t first_id, int64_t limit,
                     int (*visit)(struct gord_reader *reader, sqlite3_stmt *stmt,
                                  struct gord_row *row, void *arg),
                     void *arg)
{
    int err = first_id > INT64_MAX ? -EINVAL : gord_reader_begin(reader);
    if (err != 0) {
        return err;
    }
    sqlite3_stmt *stmt = reader->stmts[READ_LIVE_JOBS];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)first_id);
    (void)sqlite3_bind_int64(stmt, 2, limit);
    int rc;
    while (err == 0 && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        err = gord_reader_error(reader, rc);
        if (err == 0) {
            struct gord_row row;
            gord_reader_row_begin(stmt, &row);
            err = gord_reader_row_rest(reader, &row);
            err = err != 0 ? err : visit(reader, stmt, &row, arg);
            gord_row_fini(&row);
        }
    }
    (void)sqlite3_reset(stmt);
    gord_reader_end(reader);
    return err;
}

struct specs_visit {
    int (*visit)(void *arg, const struct gord_row *row);
    void *arg;
};

static int visit_spec(struct gord_reader *reader, sqlite3_stmt *stmt, struct gord_row *row,
                      void *arg)
{
    const struct specs_visit *specs = arg;
    int err = gord_reader_row_spec(reader, stmt, true, row);
    return err != 0 ? err : specs->visit(specs->arg, row);
}

int gord_reader_specs(struct gord_reader *reader, uint64_t first_id, size_t limit,
                      int (*visit)(void *arg, const struct gord_row *row), void *arg)
{
    struct specs_visit specs = {visit, arg};
    return each_live(reader, first_id, (int64_t)limit, visit_spec, &specs);
}

/* --------------------------------------------------------- queues, pools */

int gord_reader_settings(struct gord_reader *reader,
                         int (*visit)(void *arg, const struct gord_setting *setting), void *arg)
{
    sqlite3_stmt *stmt = reader->stmts[READ_RESOURCES];
    int rc, err = 0;
    while (err == 0 && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        err = gord_reader_error(reader, rc);
        if (err == 0) {
            struct gord_setting setting = {.what = (uint8_t)sqlite3_column_int(stmt, 0),
                                           .capacity = (uint64_t)sqlite3_column_int64(stmt, 2),
                                           .paused = sqlite3_column_int(stmt, 3) != 0,
                                           .paused_until_ns = sqlite3_column_int64(stmt, 4),
                                           .rate_count = (uint32_t)sqlite3_column_int64(stmt, 5),
                                           .rate_per_ns = sqlite3_column_int64(stmt, 6),
                                           .rate_burst = (uint32_t)sqlite3_column_int64(stmt, 7)};
            const char *name = (const char *)sqlite3_column_text(stmt, 1);
            const char *fair = (const char *)sqlite3_column_text(stmt, 8);
            snprintf(setting.name, sizeof setting.name, "%s", name != NULL ? name : "");
            snprintf(setting.fair, sizeof setting.fair, "%s", fair != NULL ? fair : "");
            err = gord_word_ok(setting.name) ? visit(arg, &setting) : -EBADMSG;
        }
    }
    (void)sqlite3_reset(stmt);
    return err;
}

int gord_reader_weights(struct gord_reader *reader, int what,
                        int (*visit)(void *arg, const char *name, const struct gord_weight *weight),
                        void *arg)
{
    sqlite3_stmt *stmt = reader->stmts[READ_SHARES];
    int rc, err = 0;
    (void)sqlite3_bind_int(stmt, 1, what);
    while (err == 0 && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        err = gord_reader_error(reader, rc);
        if (err == 0) {
            struct gord_weight weight = {.weight = (uint32_t)sqlite3_column_int64(stmt, 2)};
            const char *name = (const char *)sqlite3_column_text(stmt, 0);
            const char *key = (const char *)sqlite3_column_text(stmt, 1);
            snprintf(weight.key, sizeof weight.key, "%s", key != NULL ? key : "");
            err = name != NULL && weight.weight != 0 ? visit(arg, name, &weight) : -EBADMSG;
        }
    }
    (void)sqlite3_reset(stmt);
    return err;
}

/* ------------------------------------------------------------- recovery */

struct recover_visit {
    size_t window; /* queued jobs that may still have their specs */
    int (*visit)(void *arg, struct gord_event *event);
    void *arg;
};

/* Make one event of the row's life and have it visited. */
static int emit(const struct recover_visit *recover, enum gord_event_kind kind, int64_t at_ns,
                const struct gord_row *row)
{
    bool bare = kind == GORD_EVENT_SUBMITTED && row->spec == NULL;
    struct gord_event *event = gord_event_new(kind, row->id, bare ? row->lane : NULL);
    if (event == NULL) {
        return -ENOMEM;
    }
    event->seq = row->last_seq;
    event->at_ns = at_ns;
    if (kind == GORD_EVENT_SUBMITTED) {
        event->spec = row->spec != NULL ? gord_spec_ref(row->spec) : NULL;
        event->job_kind = row->kind;
        event->parent_id = row->parent_id;
        event->uid = row->uid;
        event->standing = row->standing != NULL ? gord_standing_ref(row->standing) : NULL;
    } else if (kind == GORD_EVENT_STARTED) {
        event->goroutine = row->goroutine;
        event->pid = row->pid;
        event->pid_start = row->pid_start;
    } else if (kind == GORD_EVENT_STATE) {
        event->state = GOR__V1__JOB_STATE__WAITING;
    }
    int err = recover->visit(recover->arg, event);
    gord_event_unref(event);
    return err;
}

/* What a job without its spec asks for, and the rest of it; the text is good until the next. */
static int read_lane(struct gord_reader *reader, struct gord_row *row)
{
    sqlite3_stmt *stmt = reader->stmts[READ_LANE];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)row->id);
    int rc = sqlite3_step(stmt);
    row->lane = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : "";
    return gord_reader_error(reader, rc);
}

/* A group that has begun, and may have been held since. */
static int emit_group(const struct recover_visit *recover, const struct gord_row *row)
{
    bool created = row->state == GOR__V1__JOB_STATE__CREATED;
    if (created && row->started_ns == 0) {
        return 0;
    }
    int err = emit(recover, GORD_EVENT_STATE, row->created_ns, row);
    if (err == 0 && row->started_ns != 0) {
        err = emit(recover, GORD_EVENT_STARTED, row->started_ns, row);
    }
    return err == 0 && created ? emit(recover, GORD_EVENT_GATED, row->created_ns, row) : err;
}

/* The steps that a job in that state has taken, after it was submitted. */
static int emit_steps(const struct recover_visit *recover, const struct gord_row *row)
{
    int err = 0;
    if (row->kind == GORD_GROUP) {
        return emit_group(recover, row);
    }
    if (row->state != GOR__V1__JOB_STATE__CREATED) {
        err = emit(recover, GORD_EVENT_QUEUED, row->created_ns, row);
    }
    if (err == 0 && row->state > GOR__V1__JOB_STATE__RUNNABLE) {
        err = emit(recover, GORD_EVENT_STARTED, row->started_ns, row);
    }
    if (err == 0 && row->state == GOR__V1__JOB_STATE__WAITING && row->started_ns == 0) {
        err = emit(recover, GORD_EVENT_RETRYING, row->created_ns, row);
    }
    return err;
}

static int visit_recovered(struct gord_reader *reader, sqlite3_stmt *stmt, struct gord_row *row,
                           void *arg)
{
    struct recover_visit *recover = arg;
    bool queued = row->state == GOR__V1__JOB_STATE__RUNNABLE;
    if (!queued || row->parent_id != 0 || row->standing != NULL || recover->window > 0) {
        int err = gord_reader_row_spec(reader, stmt, true, row);
        if (err != 0) {
            return err;
        }
        recover->window -= queued && recover->window > 0;
    }
    int err = row->spec == NULL ? read_lane(reader, row) : 0;
    err = err != 0 ? err : emit(recover, GORD_EVENT_SUBMITTED, row->created_ns, row);
    err = err != 0 ? err : emit_steps(recover, row);
    (void)sqlite3_reset(reader->stmts[READ_LANE]);
    return err;
}

int gord_reader_recover(struct gord_reader *reader, size_t spec_window,
                        int (*visit)(void *arg, struct gord_event *event), void *arg)
{
    struct recover_visit recover = {spec_window, visit, arg};
    return each_live(reader, 0, -1, visit_recovered, &recover);
}
