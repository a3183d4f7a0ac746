/* SPDX-License-Identifier: MIT */
/* audit.c - see audit.h. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/grow.h"
#include "daemon/base/order.h"
#include "daemon/event/event.h"
#include "daemon/store/audit_inside.h"
#include "daemon/store/output.h"
#include "daemon/store/pack.h"
#include "daemon/store/schema.h"
#include "daemon/store/sql.h"

#define WAITING_TEXT "4"
_Static_assert(GOR__V1__JOB_STATE__WAITING == 4, "WAITING_TEXT says so too");

enum { SAID_MAX = 20 }; /* problems of one kind that are told one by one */

/* ------------------------------------------------------------ telling */

void gord_audit_begin(struct gord_auditor *auditor)
{
    auditor->said = 0;
}

void gord_audit_problem(struct gord_auditor *auditor, const char *format, ...)
{
    char text[512];
    auditor->audit->problems++;
    if (auditor->opts->say == NULL || auditor->said > SAID_MAX) {
        return;
    }
    if (auditor->said++ == SAID_MAX) {
        auditor->opts->say(auditor->opts->arg, "... and more of that kind");
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    auditor->opts->say(auditor->opts->arg, text);
}

int gord_audit_error(const struct gord_auditor *auditor, int rc)
{
    return gord_sql_errno(auditor->db, rc);
}

int gord_audit_each(struct gord_auditor *auditor, const char *sql,
                    int (*visit)(struct gord_auditor *auditor, sqlite3_stmt *stmt))
{
    sqlite3_stmt *stmt;
    int err = gord_sql_prepare(auditor->db, sql, &stmt);
    if (err != 0) {
        return err;
    }
    int rc = SQLITE_DONE;
    while (err == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        err = visit(auditor, stmt);
    }
    err = err != 0 ? err : gord_audit_error(auditor, rc);
    sqlite3_finalize(stmt);
    return err;
}

int gord_audit_repair(struct gord_auditor *auditor, uint64_t before, const char *sql)
{
    if (!auditor->opts->repair || auditor->audit->problems == before) {
        return 0;
    }
    int err = gord_audit_error(auditor, sqlite3_exec(auditor->db, sql, NULL, NULL, NULL));
    auditor->audit->repaired += err == 0 ? auditor->audit->problems - before : 0;
    return err;
}

/* ------------------------------------------------- SQLite's structures */

static int visit_integrity(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    if (text == NULL || strcmp(text, "ok") != 0) {
        gord_audit_problem(auditor, "the file is damaged: %s", text != NULL ? text : "");
    }
    return 0;
}

/* ---------------------------------------------------------------- jobs */

static int visit_job(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    if (gord_grow(&auditor->jobs, auditor->count, &auditor->room, sizeof *auditor->jobs) != 0) {
        return -ENOMEM;
    }
    struct gord_audit_job *job = &auditor->jobs[auditor->count++];
    bool live = sqlite3_column_type(stmt, 1) != SQLITE_NULL;
    bool ended = sqlite3_column_type(stmt, 2) != SQLITE_NULL;
    *job = (struct gord_audit_job){.id = (uint64_t)sqlite3_column_int64(stmt, 0),
                                   .last_seq = (uint64_t)sqlite3_column_int64(stmt, live ? 1 : 2),
                                   .state = live ? (uint8_t)sqlite3_column_int(stmt, 3)
                                                 : (uint8_t)GOR__V1__JOB_STATE__TERMINATED};
    auditor->audit->live += live;
    if (live == ended) {
        gord_audit_problem(auditor, "job %" PRIu64 " is %s", job->id,
                           live ? "both live and ended" : "neither live nor ended");
    }
    return 0;
}

static int visit_stray(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    gord_audit_problem(auditor, "a row in '%s' is of job %lld, of which nothing else is there",
                       (const char *)sqlite3_column_text(stmt, 0), sqlite3_column_int64(stmt, 1));
    return 0;
}

static int visit_lost_wait(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    gord_audit_problem(auditor, "job %lld waits to run again, but nothing says until when",
                       sqlite3_column_int64(stmt, 0));
    return 0;
}

/* What is kept about jobs in tables of its own. */
static int check_strays(struct gord_auditor *auditor)
{
    static const char strays[] =
        "SELECT 'standing', id FROM standing WHERE id NOT IN (SELECT id FROM jobs) "
        "UNION ALL SELECT 'awaited', by_id FROM awaited WHERE by_id NOT IN (SELECT id FROM live) "
        "UNION ALL SELECT 'spared', id FROM spared WHERE id NOT IN (SELECT id FROM ended) "
        "UNION ALL SELECT 'reports', id FROM reports WHERE id NOT IN (SELECT id FROM jobs) "
        "UNION ALL SELECT 'lanes', id FROM lanes WHERE id NOT IN (SELECT id FROM live) "
        "UNION ALL SELECT DISTINCT 'labels', id FROM labels WHERE id NOT IN (SELECT id FROM jobs)";
    static const char removal[] = "DELETE FROM standing WHERE id NOT IN (SELECT id FROM jobs);"
                                  "DELETE FROM awaited WHERE by_id NOT IN (SELECT id FROM live);"
                                  "DELETE FROM spared WHERE id NOT IN (SELECT id FROM ended);"
                                  "DELETE FROM reports WHERE id NOT IN (SELECT id FROM jobs);"
                                  "DELETE FROM lanes WHERE id NOT IN (SELECT id FROM live);"
                                  "DELETE FROM labels WHERE id NOT IN (SELECT id FROM jobs)";
    gord_audit_begin(auditor);
    uint64_t before = auditor->audit->problems;
    int err = gord_audit_each(auditor, strays, visit_stray);
    err = err != 0 ? err : gord_audit_repair(auditor, before, removal);
    gord_audit_begin(auditor);
    return err != 0 ? err
                    : gord_audit_each(
                          auditor,
                          "SELECT id FROM live WHERE state = " WAITING_TEXT
                          " AND started_ns IS NULL AND id NOT IN (SELECT id FROM standing) AND "
                          "(SELECT kind FROM jobs j WHERE j.id = live.id) <> 3", /* GORD_GROUP */
                          visit_lost_wait);
}

static int visit_lost_env(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    gord_audit_problem(auditor, "the environment of job %lld is not there",
                       sqlite3_column_int64(stmt, 0));
    return 0;
}

static int check_jobs(struct gord_auditor *auditor)
{
    gord_audit_begin(auditor);
    int err =
        gord_audit_each(auditor,
                        "SELECT j.id, l.last_seq, e.last_seq, l.state FROM jobs j LEFT JOIN live l "
                        "ON l.id = j.id LEFT JOIN ended e ON e.id = j.id ORDER BY j.id",
                        visit_job);
    auditor->audit->jobs = auditor->count;
    gord_audit_begin(auditor);
    err =
        err != 0
            ? err
            : gord_audit_each(auditor,
                              "SELECT 'live', id FROM live WHERE id NOT IN (SELECT id FROM jobs) "
                              "UNION ALL SELECT 'ended', id FROM ended WHERE id NOT IN (SELECT id "
                              "FROM jobs)",
                              visit_stray);
    gord_audit_begin(auditor);
    return err != 0
               ? err
               : gord_audit_each(auditor,
                                 "SELECT id FROM jobs WHERE env_id IS NOT NULL AND env_id NOT IN "
                                 "(SELECT id FROM envs)",
                                 visit_lost_env);
}

/* ------------------------------------------------------------ counters */

/* A counter must be what a query counts; 0 if it is not there. */
static int check_counter(struct gord_auditor *auditor, const char *key, const char *sql)
{
    char find[128], fix[512];
    int64_t stored = 0, counted = 0;
    (void)snprintf(find, sizeof find, "SELECT value FROM meta WHERE key = '%s'", key);
    int err = gord_sql_integer(auditor->db, find, &stored);
    err = err != 0 && err != -ENOENT ? err : gord_sql_integer(auditor->db, sql, &counted);
    if (err != 0 || stored == counted) {
        return err;
    }
    gord_audit_problem(auditor, "counter '%s' is %" PRId64 ", but there are %" PRId64, key, stored,
                       counted);
    if (!auditor->opts->repair) {
        return 0;
    }
    (void)snprintf(fix, sizeof fix, "INSERT OR REPLACE INTO meta VALUES ('%s', %" PRId64 ")", key,
                   counted);
    int rc = sqlite3_exec(auditor->db, fix, NULL, NULL, NULL);
    auditor->audit->repaired += rc == SQLITE_OK;
    return gord_audit_error(auditor, rc);
}

static int check_counters(struct gord_auditor *auditor)
{
    gord_audit_begin(auditor);
    int err = check_counter(auditor, "live", "SELECT count(*) FROM live");
    for (int i = 0; i < GORD_OUTCOME_COUNT && err == 0; i++) {
        char key[16], sql[64];
        (void)snprintf(key, sizeof key, "ended.%d", i);
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM ended WHERE outcome = %d", i);
        err = check_counter(auditor, key, sql);
    }
    int64_t next_id = 0;
    err = err != 0 ? err
                   : gord_sql_integer(auditor->db, "SELECT value FROM meta WHERE key = 'next_id'",
                                      &next_id);
    if (err == 0 && auditor->count > 0 &&
        auditor->jobs[auditor->count - 1].id >= (uint64_t)next_id) {
        gord_audit_problem(auditor,
                           "the next job would get id %" PRId64 ", but there is a job %" PRIu64,
                           next_id, auditor->jobs[auditor->count - 1].id);
        err = gord_audit_repair(auditor, auditor->audit->problems - 1,
                                "UPDATE meta SET value = (SELECT max(id) + 1 FROM jobs) WHERE key "
                                "= 'next_id'");
    }
    return err;
}

/* ---------------------------------------------------------- environments */

static int visit_unused_env(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    gord_audit_problem(auditor, "environment %lld is of no job", sqlite3_column_int64(stmt, 0));
    return 0;
}

#define UNUSED_ENVS                                                                           \
    " FROM envs WHERE id NOT IN (SELECT env_id FROM jobs WHERE env_id IS NOT NULL) AND id < " \
    "(SELECT max(id) FROM envs)"

static int check_envs(struct gord_auditor *auditor)
{
    int64_t count = 0;
    gord_audit_begin(auditor);
    int err = gord_sql_integer(auditor->db, "SELECT count(*) FROM envs", &count);
    auditor->audit->envs = (uint64_t)count;
    uint64_t before = auditor->audit->problems;
    err = err != 0 ? err : gord_audit_each(auditor, "SELECT id" UNUSED_ENVS, visit_unused_env);
    return err != 0 ? err : gord_audit_repair(auditor, before, "DELETE" UNUSED_ENVS);
}

/* ------------------------------------------------------------- the log */

static struct gord_audit_job *find_job(struct gord_auditor *auditor, uint64_t id)
{
    struct gord_audit_job key = {.id = id};
    return auditor->count == 0
               ? NULL
               : bsearch(&key, auditor->jobs, auditor->count, sizeof key, gord_by_rising_id);
}

static void check_event(struct gord_auditor *auditor, const struct gord_packed *event)
{
    struct gord_audit_job *job = find_job(auditor, event->job_id);
    auditor->audit->events++;
    if (job == NULL) {
        return; /* it was removed, and others need the run */
    }
    if (event->prev_seq != job->seen_seq) {
        gord_audit_problem(auditor,
                           "event %" PRIu64 " of job %" PRIu64 " follows event %" PRIu64
                           ", but the one before it is %" PRIu64,
                           event->seq, job->id, event->prev_seq, job->seen_seq);
    }
    job->seen_seq = event->seq;
    job->seen_state = event->state;
}

/* What the log must go on with; kept in the audit's events while there is none. */
struct log_state {
    struct gord_auditor *auditor;
    uint64_t next_seq; /* 0: nothing read yet */
    uint64_t kept_from;
};

static int check_run(struct log_state *log, sqlite3_stmt *stmt)
{
    struct gord_pack_state state = {0, 0};
    uint64_t seq = (uint64_t)sqlite3_column_int64(stmt, 0);
    const uint8_t *at = sqlite3_column_blob(stmt, 1);
    const uint8_t *end = at + sqlite3_column_bytes(stmt, 1);
    uint64_t want = log->next_seq < log->kept_from ? log->kept_from : log->next_seq;
    if (seq > want) {
        gord_audit_problem(log->auditor, "events %" PRIu64 " to %" PRIu64 " are not there", want,
                           seq - 1);
    } else if (seq < log->next_seq) {
        gord_audit_problem(log->auditor, "event %" PRIu64 " is there twice", seq);
    }
    while (at < end) {
        struct gord_packed event;
        if (gord_unpack_event(&state, seq, &at, end, &event) != 0) {
            gord_audit_problem(log->auditor, "events from %" PRIu64 " on cannot be read", seq);
            break;
        }
        check_event(log->auditor, &event);
        seq++;
    }
    log->next_seq = seq;
    return 0;
}

static int read_log(struct log_state *log)
{
    sqlite3_stmt *stmt;
    int err = gord_sql_prepare(log->auditor->db,
                               "SELECT first_seq, events FROM log ORDER BY first_seq", &stmt);
    if (err != 0) {
        return err;
    }
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        (void)check_run(log, stmt);
    }
    err = gord_audit_error(log->auditor, rc);
    sqlite3_finalize(stmt);
    return err;
}

static int check_log(struct gord_auditor *auditor)
{
    int64_t kept_from = 1, next_seq = 0;
    gord_audit_begin(auditor);
    int err =
        gord_sql_integer(auditor->db, "SELECT value FROM meta WHERE key = 'kept_from'", &kept_from);
    err = err != 0 && err != -ENOENT
              ? err
              : gord_sql_integer(auditor->db, "SELECT value FROM meta WHERE key = 'next_seq'",
                                 &next_seq);
    struct log_state log = {auditor, 0, (uint64_t)kept_from};
    err = err != 0 ? err : read_log(&log);
    uint64_t end = log.next_seq < log.kept_from ? log.kept_from : log.next_seq;
    if (err == 0 && end != (uint64_t)next_seq) {
        gord_audit_problem(auditor,
                           "the next event is %" PRId64 ", but the log ends before %" PRIu64,
                           next_seq, end);
    }
    gord_audit_begin(auditor);
    for (size_t i = 0; i < auditor->count && err == 0; i++) {
        const struct gord_audit_job *job = &auditor->jobs[i];
        if (job->seen_seq != job->last_seq || job->seen_state != job->state) {
            gord_audit_problem(auditor,
                               "job %" PRIu64 " is in state %u by event %" PRIu64
                               ", but in state %u by event %" PRIu64 " of the log",
                               job->id, job->state, job->last_seq, job->seen_state, job->seen_seq);
        }
    }
    return err;
}

/* -------------------------------------------------------------- tokens */

static int visit_bad_token(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    gord_audit_problem(
        auditor, "token '%s' cannot be one: its id, role or digest is not as gord writes them",
        (const char *)sqlite3_column_text(stmt, 0));
    return 0;
}

/* One that is repaired by being removed lets nobody in that it should not. */
static int check_tokens(struct gord_auditor *auditor)
{
#define BAD_TOKEN "length(digest) <> 32 OR role NOT BETWEEN 1 AND 4 OR length(id) <> 8"
    gord_audit_begin(auditor);
    uint64_t before = auditor->audit->problems;
    int err = gord_audit_each(auditor, "SELECT id FROM tokens WHERE " BAD_TOKEN, visit_bad_token);
    return err != 0 ? err
                    : gord_audit_repair(auditor, before, "DELETE FROM tokens WHERE " BAD_TOKEN);
#undef BAD_TOKEN
}

/* ------------------------------------------------------------- outputs */

static void check_output(struct gord_auditor *auditor, const char *folder, const char *name)
{
    char path[PATH_MAX];
    uint64_t id;
    enum gord_output_part part;
    if (gord_output_parse(name, &id, &part) != 0) {
        return;
    }
    auditor->audit->outputs++;
    if (find_job(auditor, id) != NULL) {
        return;
    }
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    gord_audit_problem(auditor, "%s is the output of a job that is not there", path);
    if (auditor->opts->repair && length > 0 && (size_t)length < sizeof path && unlink(path) == 0) {
        auditor->audit->repaired++;
    }
}

static void check_folder(struct gord_auditor *auditor, const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        check_output(auditor, folder, entry->d_name);
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static int check_outputs(struct gord_auditor *auditor)
{
    char folder[PATH_MAX];
    gord_audit_begin(auditor);
    DIR *dir = opendir(auditor->opts->outputs);
    if (dir == NULL) {
        return errno == ENOENT ? 0 : -errno;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int length =
            snprintf(folder, sizeof folder, "%s/%s", auditor->opts->outputs, entry->d_name);
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && (size_t)length < sizeof folder) {
            check_folder(auditor, folder);
        }
    }
    closedir(dir);
    return 0;
}

/* ------------------------------------------------------------- the whole */

static int open_store(struct gord_auditor *auditor)
{
    if (access(auditor->opts->path, F_OK) != 0) {
        return -errno;
    }
    /* Read-write also to look only: what the last daemon left in the journal belongs to it. */
    int rc = sqlite3_open_v2(auditor->opts->path, &auditor->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    int err = gord_audit_error(auditor, rc);
    int64_t version = 0;
    if (err == 0) {
        (void)sqlite3_extended_result_codes(auditor->db, 1);
        (void)sqlite3_busy_timeout(auditor->db, 2000);
        err = gord_sql_integer(auditor->db, "PRAGMA user_version", &version);
    }
    return err == 0 && version != gord_schema_version() ? -EPROTO : err;
}

int gord_audit(const struct gord_audit_opts *opts, struct gord_audit *out_audit)
{
    struct gord_audit audit = {0};
    struct gord_auditor auditor = {.opts = opts, .audit = &audit};
    int err = open_store(&auditor);
    err = err != 0 ? err : gord_audit_each(&auditor, "PRAGMA integrity_check(20)", visit_integrity);
    /* What is damaged cannot be counted on, but may be read: those who repair want to know. */
    err = err != 0 ? err : check_jobs(&auditor);
    err = err != 0 ? err : check_strays(&auditor);
    err = err != 0 ? err : check_counters(&auditor);
    err = err != 0 ? err : check_envs(&auditor);
    err = err != 0 ? err : check_log(&auditor);
    err = err != 0 ? err : check_tokens(&auditor);
    err = err != 0 ? err : gord_audit_settings(&auditor);
    err = err != 0 ? err : check_outputs(&auditor);
    (void)sqlite3_close(auditor.db);
    free(auditor.jobs);
    *out_audit = audit;
    return err;
}
