/* SPDX-License-Identifier: MIT */
/* The part of the audit that is about what people have set, and about notes that the store keeps for
 * itself. What a person has set is never guessed: a number that cannot be is told, and so is the way to
 * set it anew. An entry of the calendar that does not say what it is to do any more is removed when told,
 * with all that is known of it said: the daemon does not start with it, and nothing else is left of it.
 */
#include <string.h>

#include "daemon/event/ask.h"
#include "daemon/event/event.h"
#include "daemon/store/audit_inside.h"
#include "gor/v1/crons.pb-c.h"

#define YEAR_2250_S "8835955200" /* behind which nothing fires: cron/plan.h */
#define NOW_S "CAST(strftime('%s', 'now') AS INTEGER)"
#define BAD_CRON_TIME                                                                             \
    "covered_s NOT BETWEEN 0 AND " YEAR_2250_S " OR last_s NOT BETWEEN 0 AND " YEAR_2250_S        \
    " OR version < 0 OR last_job < 0 OR fired < 0 OR skipped < 0 OR missed < 0 OR paused NOT IN " \
    "(0, 1)"

static const char *text_of(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text != NULL ? text : "";
}

/* ------------------------------------------------------------ calendar */

/* Does the row say what is to be done, by that name? */
static bool says_what(sqlite3_stmt *stmt)
{
    const void *packed = sqlite3_column_blob(stmt, 1);
    int bytes = sqlite3_column_bytes(stmt, 1);
    Gor__V1__CronSpec *spec = gor__v1__cron_spec__unpack(
        NULL, bytes > 0 ? (size_t)bytes : 0, packed != NULL ? packed : (const void *)"");
    bool good = spec != NULL && spec->job != NULL && strcmp(spec->name, text_of(stmt, 0)) == 0;
    gor__v1__cron_spec__free_unpacked(spec, NULL);
    return good;
}

static int drop_cron(struct gord_auditor *auditor, const char *name)
{
    sqlite3_stmt *stmt;
    int err = gord_sql_prepare(auditor->db, "DELETE FROM crons WHERE name = ?", &stmt);
    if (err != 0) {
        return err;
    }
    (void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_TRANSIENT);
    err = gord_audit_error(auditor, sqlite3_step(stmt));
    sqlite3_finalize(stmt);
    auditor->audit->repaired += err == 0;
    return err;
}

static int visit_cron(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    if (says_what(stmt)) {
        return 0;
    }
    gord_audit_problem(auditor,
                       "what cron entry '%s' is to do cannot be read: user %lld's, with %lld job%s "
                       "made, the last of them job %lld",
                       text_of(stmt, 0), sqlite3_column_int64(stmt, 2),
                       sqlite3_column_int64(stmt, 3), sqlite3_column_int64(stmt, 3) == 1 ? "" : "s",
                       sqlite3_column_int64(stmt, 4));
    return auditor->opts->repair ? drop_cron(auditor, text_of(stmt, 0)) : 0;
}

static int visit_cron_time(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    gord_audit_problem(auditor, "cron entry '%s' has a time or a counter that cannot be",
                       text_of(stmt, 0));
    return 0;
}

/* With a time that cannot be it goes on from now: nothing is made twice, nothing made up for. */
static int check_crons(struct gord_auditor *auditor)
{
    gord_audit_begin(auditor);
    int err = gord_audit_each(
        auditor, "SELECT name, spec, uid, fired, last_job FROM crons ORDER BY name", visit_cron);
    gord_audit_begin(auditor);
    uint64_t before = auditor->audit->problems;
    err = err != 0 ? err
                   : gord_audit_each(auditor,
                                     "SELECT name FROM crons WHERE " BAD_CRON_TIME " ORDER BY name",
                                     visit_cron_time);
    return err != 0 ? err
                    : gord_audit_repair(
                          auditor, before,
                          "UPDATE crons SET covered_s = " NOW_S ", last_s = CASE WHEN last_s "
                          "BETWEEN 0 AND " NOW_S " THEN last_s ELSE 0 END, version = max(version, "
                          "0), last_job = max(last_job, 0), fired = max(fired, 0), skipped = "
                          "max(skipped, 0), missed = max(missed, 0), paused = paused <> 0 "
                          "WHERE " BAD_CRON_TIME);
}

/* ------------------------------------------------- queues, pools, rates */

static int visit_resource(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    static const char *const nouns[] = {"", "queue", "pool", "", "rate"}; /* see resource.h */
    const char *name = text_of(stmt, 1);
    int64_t what = sqlite3_column_int64(stmt, 0);
    if (what < 1 || what > 4 || nouns[what][0] == '\0' || !gord_word_ok(name)) {
        gord_audit_problem(auditor, "a setting is of no queue, pool or rate: '%s', of kind %lld",
                           name, (long long)what);
    } else if (sqlite3_column_int(stmt, 2) != 0) {
        gord_audit_problem(auditor,
                           "%s '%s' has a number that cannot be; `gorctl %s set` gives it another",
                           nouns[what], name, nouns[what]);
    }
    return 0;
}

static int check_resources(struct gord_auditor *auditor)
{
    gord_audit_begin(auditor);
    return gord_audit_each(
        auditor,
        "SELECT what, name, capacity < -1 OR paused NOT IN (0, 1) OR paused_until_ns < 0 OR "
        "rate_count NOT BETWEEN 0 AND 1000000 OR (rate_count > 0 AND (rate_per_ns <= 0 OR "
        "rate_burst < 1)) OR (what = 4 AND rate_count = 0) FROM resources ORDER BY what, name",
        visit_resource);
}

/* With a weight that cannot be the daemon does not start; without one the share has turns as all others. */
#define BAD_SHARE                                                                           \
    " FROM shares WHERE typeof(weight) <> 'integer' OR weight NOT BETWEEN 1 AND 1000 OR "   \
    "typeof(key) <> 'text' OR length(CAST(key AS BLOB)) > 255 OR what <> 1 OR name NOT IN " \
    "(SELECT name FROM resources WHERE what = 1)"

static int visit_share(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    gord_audit_problem(auditor,
                       "the weight of share '%.40s' of queue '%s' cannot be: %.20s; `gorctl queue "
                       "set --share` gives it another",
                       text_of(stmt, 1), text_of(stmt, 0), text_of(stmt, 2));
    return 0;
}

static int check_shares(struct gord_auditor *auditor)
{
    gord_audit_begin(auditor);
    uint64_t before = auditor->audit->problems;
    int err = gord_audit_each(auditor, "SELECT name, key, weight" BAD_SHARE " ORDER BY name, key",
                              visit_share);
    return err != 0 ? err : gord_audit_repair(auditor, before, "DELETE" BAD_SHARE);
}

/* ----------------------------------------------------- notes of its own */

static int visit_request(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    gord_audit_problem(auditor,
                       "the id of a submission stands for %lld job%s from %lld on, which "
                       "there %s not been",
                       sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 1) == 1 ? "" : "s",
                       sqlite3_column_int64(stmt, 0),
                       sqlite3_column_int64(stmt, 1) == 1 ? "has" : "have");
    return 0;
}

static int visit_leftover(struct gord_auditor *auditor, sqlite3_stmt *stmt)
{
    gord_audit_problem(auditor, "job %lld is there, but noted as removed in part",
                       sqlite3_column_int64(stmt, 0));
    return 0;
}

/* Whoever repeated such a submission would be told of jobs that are none of his. */
#define BAD_REQUEST                                                                             \
    " FROM requests WHERE length(id) <> 16 OR count < 1 OR first_id < 1 OR first_id + count > " \
    "(SELECT value FROM meta WHERE key = 'next_id')"
#define BAD_LEFTOVER " FROM leftovers WHERE job_id IN (SELECT id FROM jobs)"

static int check_notes(struct gord_auditor *auditor)
{
    gord_audit_begin(auditor);
    uint64_t before = auditor->audit->problems;
    int err = gord_audit_each(auditor, "SELECT first_id, count" BAD_REQUEST, visit_request);
    err = err != 0 ? err : gord_audit_repair(auditor, before, "DELETE" BAD_REQUEST);
    gord_audit_begin(auditor);
    before = auditor->audit->problems;
    err = err != 0 ? err : gord_audit_each(auditor, "SELECT job_id" BAD_LEFTOVER, visit_leftover);
    return err != 0 ? err : gord_audit_repair(auditor, before, "DELETE" BAD_LEFTOVER);
}

int gord_audit_settings(struct gord_auditor *auditor)
{
    int err = check_crons(auditor);
    err = err != 0 ? err : check_resources(auditor);
    err = err != 0 ? err : check_shares(auditor);
    return err != 0 ? err : check_notes(auditor);
}
