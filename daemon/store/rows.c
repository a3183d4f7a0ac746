/* SPDX-License-Identifier: MIT */
/* rows.c - jobs, environments, and how jobs stand, as rows; the writer's larger half. */
#include <string.h>

#include "daemon/store/awaited.h"
#include "daemon/store/crons.h"
#include "daemon/store/revise.h"
#include "daemon/store/writing.h"

#define HOUR_NS 3600000000000LL
#define REQUESTS_KEPT_HOURS 24

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
    struct gord_known_env *known = &writer->envs[env->hash % GORD_ENV_CACHE];
    gord_env_unref(known->env);
    known->env = gord_env_ref(env);
    known->id = id;
}

void gord_writer_forget_envs(struct gord_writer *writer)
{
    for (size_t i = 0; i < GORD_ENV_CACHE; i++) {
        gord_env_unref(writer->envs[i].env);
        writer->envs[i].env = NULL;
    }
}

void gord_writer_forget_env(struct gord_writer *writer, int64_t env_id)
{
    for (size_t i = 0; i < GORD_ENV_CACHE; i++) {
        if (writer->envs[i].env != NULL && writer->envs[i].id == env_id) {
            gord_env_unref(writer->envs[i].env);
            writer->envs[i].env = NULL;
        }
    }
}

/* The row of `env` in *out_id, made if need be; 0 for none. SQLite's code. */
static int put_env(struct gord_writer *writer, struct gord_env *env, int64_t *out_id)
{
    if (env == NULL) {
        *out_id = 0;
        return SQLITE_OK;
    }
    const struct gord_known_env *known = &writer->envs[env->hash % GORD_ENV_CACHE];
    if (known->env == env ||
        (known->env != NULL && known->env->hash == env->hash && known->env->bytes == env->bytes &&
         memcmp(known->env->packed, env->packed, env->bytes) == 0)) {
        *out_id = known->id;
        return SQLITE_OK;
    }
    sqlite3_stmt *find = writer->stmts[WRITE_FIND_ENV], *insert = writer->stmts[WRITE_INSERT_ENV];
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

int gord_writer_insert_labels(struct gord_writer *writer, uint64_t job_id,
                              const struct gord_spec *spec, struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_INSERT_LABEL];
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, spec->packed_bytes, spec->packed);
    int rc = wire != NULL ? SQLITE_OK : SQLITE_NOMEM;
    for (size_t i = 0; rc == SQLITE_OK && i < wire->n_labels; i++) {
        (void)sqlite3_bind_int64(stmt, 1, (int64_t)job_id);
        (void)sqlite3_bind_text(stmt, 2, wire->labels[i]->key, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(stmt, 3, wire->labels[i]->value, -1, SQLITE_STATIC);
        tally->rows++;
        rc = gord_sql_run(stmt);
    }
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return rc;
}

static int insert_job(struct gord_writer *writer, const struct gord_event *event,
                      struct gord_tally *tally)
{
    const struct gord_spec *spec = event->spec;
    int64_t env_id = 0;
    int rc = put_env(writer, spec->env, &env_id);
    if (rc != SQLITE_OK) {
        return rc;
    }
    sqlite3_stmt *stmt = writer->stmts[WRITE_INSERT_JOB];
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

/* What it asks for, as `entered` has it, if it is something special and it waits for it. */
static int put_lane(struct gord_writer *writer, const struct gord_event *entered,
                    struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_LANE];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)entered->job_id);
    (void)sqlite3_bind_text(stmt, 2, entered->spec->lane, -1, SQLITE_STATIC);
    tally->rows++;
    return gord_sql_run(stmt);
}

static int delete_lane(struct gord_writer *writer, uint64_t job_id, struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_LANE];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)job_id);
    tally->rows++;
    return gord_sql_run(stmt);
}

static int put_live(struct gord_writer *writer, const struct gord_event *event,
                    struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_LIVE];
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

static int delete_live(struct gord_writer *writer, uint64_t job_id, struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_DELETE_LIVE];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)job_id);
    tally->rows++;
    return gord_sql_run(stmt);
}

static int insert_ended(struct gord_writer *writer, const struct gord_event *event,
                        struct gord_tally *tally)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_INSERT_ENDED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)event->job_id);
    (void)sqlite3_bind_int64(stmt, 2, event->outcome);
    (void)sqlite3_bind_int64(stmt, 3, (int64_t)event->seq);
    (void)bind_unless_zero(stmt, 4, event->started_ns);
    (void)sqlite3_bind_int64(stmt, 5, event->at_ns);
    (void)bind_unless_zero(stmt, 6, event->exit_code);
    (void)bind_unless_zero(stmt, 7, gord_event_ended_by(event));
    (void)bind_unless_zero(stmt, 8, (int64_t)event->stdout_bytes);
    (void)bind_unless_zero(stmt, 9, (int64_t)event->stderr_bytes);
    (void)bind_text(stmt, 10, event->text);
    gord_usage_add(&writer->retain.usage, event->job_id);
    tally->live--;
    tally->ended[event->outcome]++;
    tally->rows++;
    return gord_sql_run(stmt);
}

/* For the few jobs that told something of themselves. */
static int put_report(struct gord_writer *writer, const struct gord_event *event,
                      struct gord_tally *tally)
{
    const struct gord_report *report = event->report;
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_REPORT];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)event->job_id);
    (void)bind_unless_zero(stmt, 2, report->progress.at_ns);
    (void)bind_unless_zero(stmt, 3, (int64_t)report->progress.done);
    (void)bind_unless_zero(stmt, 4, (int64_t)report->progress.total);
    (void)bind_text(stmt, 5, report->progress.text);
    if (report->has_result) {
        (void)sqlite3_bind_blob64(stmt, 6, report->result, report->result_bytes, SQLITE_STATIC);
    } else {
        (void)sqlite3_bind_null(stmt, 6);
    }
    tally->rows++;
    return gord_sql_run(stmt);
}

/* Now and then those go that nobody repeats any more. */
static int put_request(struct gord_writer *writer, const struct gord_event *event,
                       struct gord_tally *tally)
{
    int rc = SQLITE_OK;
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_REQUEST];
    int64_t at_ns = event->request->at_ns != 0 ? event->request->at_ns : event->at_ns;
    if (at_ns - writer->requests_swept_ns > HOUR_NS || at_ns < writer->requests_swept_ns) {
        sqlite3_stmt *old = writer->stmts[WRITE_DELETE_REQUESTS];
        writer->requests_swept_ns = at_ns;
        (void)sqlite3_bind_int64(old, 1, at_ns - REQUESTS_KEPT_HOURS * HOUR_NS);
        rc = gord_sql_run(old);
    }
    if (rc != SQLITE_OK) {
        return rc;
    }
    (void)sqlite3_bind_blob(stmt, 1, event->request->id, GORD_REQUEST_BYTES, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 2, event->uid);
    (void)sqlite3_bind_int64(stmt, 3, (int64_t)event->job_id);
    (void)sqlite3_bind_int64(stmt, 4, (int64_t)event->request->count);
    (void)sqlite3_bind_int64(stmt, 5, at_ns);
    (void)sqlite3_bind_int64(stmt, 6, (int64_t)event->request->digest);
    tally->rows++;
    return gord_sql_run(stmt);
}

/* What keeps a live job, and how often it ran; of an ended one only the latter. */
static int write_standing(struct gord_writer *writer, const struct gord_event *event,
                          struct gord_tally *tally)
{
    const struct gord_standing *standing = event->standing;
    tally->rows++;
    if (event->kind == GORD_EVENT_FINISHED && !gord_standing_is_kept(standing)) {
        sqlite3_stmt *gone = writer->stmts[WRITE_DELETE_STANDING];
        (void)sqlite3_bind_int64(gone, 1, (int64_t)event->job_id);
        return gord_sql_run(gone);
    }
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_STANDING];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)event->job_id);
    (void)sqlite3_bind_int(stmt, 2, standing->held | standing->coming << 1);
    (void)sqlite3_bind_int64(stmt, 3, standing->attempt);
    (void)sqlite3_bind_int64(stmt, 4, standing->losses);
    (void)sqlite3_bind_int64(stmt, 5, standing->version);
    (void)bind_unless_zero(stmt, 6, standing->due_ns);
    (void)bind_unless_zero(stmt, 7, standing->due_boot);
    (void)bind_unless_zero(stmt, 8, (int64_t)standing->boot);
    (void)bind_unless_zero(stmt, 9, standing->expires_ns);
    (void)bind_unless_zero(stmt, 10, standing->deadline_ns);
    (void)bind_unless_zero(stmt, 11, (int64_t)standing->deadline_of);
    return gord_sql_run(stmt);
}

/* Where it came from in this batch: SUBMITTED or REVIVED; NULL: it was there before. */
static const struct gord_event *entry_of(const struct gord_batch_entry *entry)
{
    return entry->submitted != NULL ? entry->submitted : entry->revived;
}

/* The event that says what it asks for, if one of this batch does. */
static const struct gord_event *asks_anew(const struct gord_batch_entry *entry)
{
    return entry->updated != NULL ? entry->updated : entry_of(entry);
}

static bool has_run(const struct gord_event *event)
{
    return event->standing->attempt + event->standing->losses > 0;
}

/* What it asks for, and waits for, was another before this batch: it may have rows of that. */
static bool was_another(const struct gord_batch_entry *entry)
{
    return entry->updated != NULL && entry->submitted == NULL;
}

/* Who waits for whom. Its spec is in memory as long as a job waits for others. One that has run waits
 * for none any more. */
static int write_awaited(struct gord_writer *writer, const struct gord_batch_entry *entry,
                         struct gord_tally *tally)
{
    bool ended = entry->last->kind == GORD_EVENT_FINISHED;
    const struct gord_spec *spec = entry->last->spec;
    if (ended && entry->last->job_kind == GORD_GROUP) {
        int rc = gord_awaited_release_tasks(writer, entry->job_id, tally);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }
    if (was_another(entry)) {
        bool waits = !ended && !has_run(entry->updated);
        return waits ? gord_awaited_replace(writer, entry->updated, tally)
                     : gord_awaited_release(writer, entry->job_id,
                                            entry->last->job_kind == GORD_GROUP, tally);
    }
    const struct gord_event *entered = entry_of(entry);
    if (spec == NULL || spec->after_count == 0 || ended == (entered != NULL)) {
        return SQLITE_OK;
    }
    if (ended) {
        return gord_awaited_release(writer, entry->job_id, entry->last->job_kind == GORD_GROUP,
                                    tally);
    }
    bool never_again = entry->revived != NULL && has_run(entry->revived);
    return never_again ? SQLITE_OK : gord_awaited_put(writer, asks_anew(entry), tally);
}

/* Table by table, so that each one's pages and statement stay warm. */
int gord_writer_rows_write(struct gord_writer *writer, struct gord_tally *tally)
{
    const struct gord_batch *batch = &writer->batch;
    int rc = SQLITE_OK;
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++) {
        if (batch->entries[i].submitted != NULL) {
            rc = insert_job(writer, batch->entries[i].submitted, tally);
        } else if (batch->entries[i].revived != NULL) {
            rc = gord_revise_revived(writer, &batch->entries[i], tally);
        }
    }
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++) {
        const struct gord_event *event = batch->entries[i].submitted;
        if (event != NULL && event->spec->labelled) {
            rc = gord_writer_insert_labels(writer, event->job_id, event->spec, tally);
        }
        if (rc == SQLITE_OK && batch->entries[i].updated != NULL) {
            rc = gord_revise_updated(writer, &batch->entries[i], tally);
        }
    }
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++) {
        const struct gord_batch_entry *entry = &batch->entries[i];
        if (entry->last->kind != GORD_EVENT_FINISHED) {
            rc = put_live(writer, entry->last, tally);
            if (rc == SQLITE_OK && entry->last->laned && asks_anew(entry) != NULL) {
                rc = put_lane(writer, asks_anew(entry), tally);
            }
        } else if (entry->submitted == NULL) {
            rc = delete_live(writer, entry->job_id, tally);
            if (rc == SQLITE_OK && entry->last->laned) {
                rc = delete_lane(writer, entry->job_id, tally);
            }
        }
    }
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++) {
        if (batch->entries[i].last->kind == GORD_EVENT_FINISHED) {
            rc = insert_ended(writer, batch->entries[i].last, tally);
        }
        if (rc == SQLITE_OK && batch->entries[i].last->report != NULL) {
            rc = put_report(writer, batch->entries[i].last, tally);
        }
    }
    for (size_t i = 0; i < batch->count && rc == SQLITE_OK; i++) {
        if (batch->entries[i].last->standing != NULL) {
            rc = write_standing(writer, batch->entries[i].last, tally);
        }
        const struct gord_event *submitted = batch->entries[i].submitted;
        if (rc == SQLITE_OK && submitted != NULL && submitted->request != NULL) {
            rc = put_request(writer, submitted, tally);
            if (rc == SQLITE_OK && submitted->request->cron != NULL) {
                rc = gord_crons_mark(writer, submitted, tally);
            }
        }
        rc = rc != SQLITE_OK ? rc : write_awaited(writer, &batch->entries[i], tally);
    }
    return rc;
}
