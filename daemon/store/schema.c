/* SPDX-License-Identifier: MIT */
/* schema.c - see schema.h. */
#include "daemon/store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/sql.h"
#include "daemon/store/store.h"
#include "gor/v1/jobs.pb-c.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define PAGE_BYTES TEXT(GORD_PAGE_BYTES)
#define APPLICATION_ID "1196380740" /* 'GORD' */

/* Rows for jobs that have labels only. The trigger costs nothing until jobs are removed. Jobs had labels
 * before there was the table: see index_labels. */
static const char labels_step[] =
    "CREATE TABLE labels (id INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY (id, key)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX labels_by_value ON labels (key, value, id);"
    "CREATE TRIGGER labels_go AFTER DELETE ON jobs BEGIN DELETE FROM labels WHERE id = old.id;"
    " END;";

/* Step N brings version N to N + 1. Never edit one that was released; append. */
static const char *const steps[] = {
    "PRAGMA application_id = " APPLICATION_ID ";"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('next_id', 1), ('next_seq', 1), ('paused', 0), ('live', 0);"
    "CREATE TABLE envs (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;"
    "CREATE INDEX envs_by_hash ON envs (hash);"
    "CREATE TABLE jobs (id INTEGER PRIMARY KEY, created_ns INTEGER NOT NULL, uid INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, parent_id INTEGER, env_id INTEGER, name TEXT, spec BLOB NOT NULL)"
    " STRICT;"
    "CREATE TABLE live (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, last_seq INTEGER NOT NULL,"
    " started_ns INTEGER, goroutine INTEGER, pid INTEGER, pid_start INTEGER) STRICT;"
    "CREATE TABLE ended (id INTEGER PRIMARY KEY, outcome INTEGER NOT NULL, last_seq INTEGER NOT "
    "NULL,"
    " started_ns INTEGER, finished_ns INTEGER NOT NULL, exit_code INTEGER, signal INTEGER,"
    " stdout_bytes INTEGER, stderr_bytes INTEGER, detail TEXT) STRICT;"
    "CREATE INDEX ended_by_outcome ON ended (outcome);"
    "CREATE TABLE log (first_seq INTEGER PRIMARY KEY, events BLOB NOT NULL) STRICT;",
    "CREATE INDEX jobs_by_parent ON jobs (parent_id) WHERE parent_id IS NOT NULL;",
    "CREATE TABLE reports (id INTEGER PRIMARY KEY, at_ns INTEGER, done INTEGER, total INTEGER,"
    " text TEXT, result BLOB) STRICT;",
    /* To remove: is an environment in use; removed jobs of which events are left to look at. */
    "CREATE INDEX jobs_by_env ON jobs (env_id) WHERE env_id IS NOT NULL;"
    "CREATE TABLE leftovers (job_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;",
    /* A job is removed here or by whatever else deletes jobs. */
    "CREATE TABLE standing (id INTEGER PRIMARY KEY, held INTEGER NOT NULL, attempt INTEGER NOT "
    "NULL,"
    " losses INTEGER NOT NULL, version INTEGER NOT NULL, due_ns INTEGER, due_boot INTEGER,"
    " boot INTEGER, expires_ns INTEGER) STRICT;"
    "CREATE TRIGGER standing_of_removed AFTER DELETE ON jobs BEGIN"
    " DELETE FROM standing WHERE id = old.id; END;",
    "CREATE TABLE requests (id BLOB NOT NULL, uid INTEGER NOT NULL, first_id INTEGER NOT NULL,"
    " count INTEGER NOT NULL, at_ns INTEGER NOT NULL, PRIMARY KEY (id, uid)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX requests_by_time ON requests (at_ns);",
    /* Jobs that are not removed, since others wait for them; what would have been. */
    "CREATE TABLE awaited (id INTEGER NOT NULL, by_id INTEGER NOT NULL, PRIMARY KEY (id, by_id))"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX awaited_by ON awaited (by_id);"
    "CREATE TABLE spared (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;",
    labels_step,
    /* Queues and pools (what: enum gord_resource_kind; capacity -1: unlimited), and what live jobs ask
     * for if it is something special (see daemon/event/ask.h). */
    "CREATE TABLE resources (what INTEGER NOT NULL, name TEXT NOT NULL, capacity INTEGER NOT NULL,"
    " paused INTEGER NOT NULL, paused_until_ns INTEGER NOT NULL, PRIMARY KEY (what, name))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE lanes (id INTEGER PRIMARY KEY, asks TEXT NOT NULL) STRICT;",
    "CREATE TABLE crons (name TEXT PRIMARY KEY, version INTEGER NOT NULL, paused INTEGER NOT NULL,"
    " covered_s INTEGER NOT NULL, last_s INTEGER NOT NULL, last_job INTEGER NOT NULL,"
    " fired INTEGER NOT NULL, skipped INTEGER NOT NULL, missed INTEGER NOT NULL,"
    " why TEXT NOT NULL, uid INTEGER NOT NULL, made_ns INTEGER NOT NULL, spec BLOB NOT NULL)"
    " STRICT;",
    "DELETE FROM reports WHERE id NOT IN (SELECT id FROM jobs);"
    "CREATE TRIGGER reports_go AFTER DELETE ON jobs BEGIN DELETE FROM reports WHERE id = old.id;"
    " END;",
    "ALTER TABLE standing ADD COLUMN deadline_ns INTEGER;"
    "ALTER TABLE standing ADD COLUMN deadline_of INTEGER;",
    /* How often jobs start; rate_count 0: no rate. */
    "ALTER TABLE resources ADD COLUMN rate_count INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE resources ADD COLUMN rate_per_ns INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE resources ADD COLUMN rate_burst INTEGER NOT NULL DEFAULT 0;",
    /* Whose jobs take turns in a queue. */
    "ALTER TABLE resources ADD COLUMN fair TEXT NOT NULL DEFAULT '';",
    /* Bearer tokens; role: enum gord_role; uid 4294967295: nobody's; digest: SHA-256. */
    "CREATE TABLE tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL,"
    " role INTEGER NOT NULL, uid INTEGER NOT NULL, queues TEXT NOT NULL, made_ns INTEGER NOT NULL,"
    " expires_ns INTEGER NOT NULL, used_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
    /* Weights of shares, by the key they were given for; `what` and `name` as in resources. */
    "CREATE TABLE shares (what INTEGER NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL,"
    " weight INTEGER NOT NULL, PRIMARY KEY (what, name, key)) STRICT, WITHOUT ROWID;",
    /* Of what a submission handed in; 0: not known. */
    "ALTER TABLE requests ADD COLUMN digest INTEGER NOT NULL DEFAULT 0;",
};

enum { VERSION = sizeof steps / sizeof *steps };

int gord_schema_version(void)
{
    return VERSION;
}

const char *gord_schema_step(int version)
{
    return version >= 0 && version < VERSION ? steps[version] : NULL;
}

void gord_schema_explain(int err, const char *path, const char *said, char *out_text)
{
    const char *what = strerror(-err), *remedy;
    switch (err) {
    case -EBADMSG:
        what = "is no database that can be read";
        remedy = "gord leaves it as it is: restore a backup, or save what is readable with "
                 "'sqlite3 FILE .recover', or move the file away to begin with an empty one";
        break;
    case -EACCES:
    case -EPERM:
        remedy = "give the file and its directory to the user gord runs as, or choose another "
                 "--state-dir";
        break;
    case -EISDIR:
        remedy = "move it away; the database is a file";
        break;
    case -EROFS:
        remedy = "make the file system and the file writable";
        break;
    case -ENOSPC:
    case -EDQUOT:
        remedy = "make room on the file system; gord goes on by itself then";
        break;
    case -EFBIG:
        remedy = "raise the limit on file sizes (LimitFSIZE=, ulimit -f)";
        break;
    case -ESTALE:
        what = "is no longer the file that was opened";
        remedy =
            "put it and its -wal back and gord goes on by itself, or restart gord with what is "
            "there now; what it knew since cannot be kept then";
        break;
    case -EBUSY:
        remedy = "another program has it open; end that program";
        break;
    default:
        remedy = "look for disk errors in the kernel's log (dmesg)";
    }
    snprintf(out_text, GORD_STORE_TEXT, "%s: %s (%s): %s", path, what, said, remedy);
}

/* Run `sql`; SQLite's extended code. */
static int execute(sqlite3 *db, const char *sql)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? rc : sqlite3_extended_errcode(db);
}

/* Make the file if there is none, readable by nobody else; SQLite gives its side files the same
 * mode. */
static int create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) {
        return -errno;
    }
    close(fd);
    return 0;
}

/* The version in *out_version, if the file is empty or ours. */
static int check_identity(sqlite3 *db, const char *path, char *out_text, int *out_version)
{
    int64_t version, application, tables;
    int err = gord_sql_integer(db, "PRAGMA user_version", &version);
    err = err != 0 ? err : gord_sql_integer(db, "PRAGMA application_id", &application);
    err = err != 0 ? err : gord_sql_integer(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (err != 0) {
        gord_schema_explain(err, path, sqlite3_errmsg(db), out_text);
        return err;
    }
    bool ours = strtoll(APPLICATION_ID, NULL, 10) == application;
    if (!ours && (tables != 0 || version != 0)) {
        snprintf(out_text, GORD_STORE_TEXT,
                 "%s: is the database of another program: gord leaves it as it is; choose another "
                 "--state-dir or move the file away",
                 path);
        return -EPROTO;
    }
    if (version > VERSION) {
        snprintf(out_text, GORD_STORE_TEXT,
                 "%s: was written by a newer gord (version %" PRId64
                 " of the store, this one knows "
                 "%d): run that gord again, or restore a backup from before the upgrade",
                 path, version, (int)VERSION);
        return -EPROTO;
    }
    *out_version = (int)version;
    return 0;
}

/* The labels of a job, from its spec. */
static int insert_labels(sqlite3_stmt *insert, int64_t id, const void *packed, int bytes)
{
    Gor__V1__JobSpec *spec =
        gor__v1__job_spec__unpack(NULL, bytes > 0 ? (size_t)bytes : 0, bytes > 0 ? packed : "");
    int rc = spec != NULL ? SQLITE_OK : SQLITE_CORRUPT;
    for (size_t i = 0; rc == SQLITE_OK && i < spec->n_labels; i++) {
        (void)sqlite3_bind_int64(insert, 1, id);
        (void)sqlite3_bind_text(insert, 2, spec->labels[i]->key, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(insert, 3, spec->labels[i]->value, -1, SQLITE_STATIC);
        rc = gord_sql_run(insert);
    }
    gor__v1__job_spec__free_unpacked(spec, NULL);
    return rc;
}

/* The labels of jobs from before the table, whose specs have them already. */
static int index_labels(sqlite3 *db)
{
    sqlite3_stmt *select = NULL, *insert = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT id, spec FROM jobs", -1, &select, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", -1, &insert,
                                NULL);
    }
    while (rc == SQLITE_OK && (rc = sqlite3_step(select)) == SQLITE_ROW) {
        rc = insert_labels(insert, sqlite3_column_int64(select, 0), sqlite3_column_blob(select, 1),
                           sqlite3_column_bytes(select, 1));
    }
    (void)sqlite3_finalize(select);
    (void)sqlite3_finalize(insert);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Take the steps from `version` on, each in its own transaction. SQLite's code. */
static int migrate(sqlite3 *db, int version)
{
    for (; version < VERSION; version++) {
        char mark[64];
        snprintf(mark, sizeof mark, "PRAGMA user_version = %d; COMMIT", version + 1);
        int rc = execute(db, "BEGIN IMMEDIATE");
        rc = rc != SQLITE_OK ? rc : execute(db, steps[version]);
        rc = rc == SQLITE_OK && steps[version] == labels_step ? index_labels(db) : rc;
        rc = rc != SQLITE_OK ? rc : execute(db, mark);
        if (rc != SQLITE_OK) {
            (void)execute(db, "ROLLBACK");
            return rc;
        }
    }
    return SQLITE_OK;
}

int gord_schema_open(const char *path, bool sync, char *out_text, sqlite3 **out_db)
{
    sqlite3 *db = NULL;
    int version = 0, rc;
    int err = create_file(path);
    if (err != 0) {
        gord_schema_explain(err, path, "cannot be opened", out_text);
        return err;
    }
    errno = 0; /* see gord_sql_errno */
    rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        goto explain;
    }
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, 2000);
    err = check_identity(db, path, out_text, &version);
    if (err != 0) {
        goto close_db;
    }
    /* page_size counts only while the file is empty. Checkpoints are made by the writer. What is
     * deleted is overwritten where that costs no write of its own. */
    rc = execute(db, "PRAGMA page_size = " PAGE_BYTES "; PRAGMA journal_mode = WAL;"
                     "PRAGMA secure_delete = FAST;"
                     "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;"
                     "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864");
    rc = rc != SQLITE_OK
             ? rc
             : execute(db, sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
    rc = rc != SQLITE_OK ? rc : migrate(db, version);
    if (rc == SQLITE_OK) {
        *out_db = db;
        return 0;
    }
explain:
    err = gord_sql_errno(db, rc);
    gord_schema_explain(err, path, db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc), out_text);
close_db:
    (void)sqlite3_close(db);
    return err;
}
