/* SPDX-License-Identifier: MIT */
/* list.c - pages of jobs, newest first; see reader.h.
 *
 * A page begins at an id, never at an offset, so that the thousandth costs what the first does.
 * Which ids are looked at comes from the smallest table that has all that can match: one outcome's
 * part of the index of `ended`, `ended`, `live`, or `jobs`.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/store/reading.h"

enum { SCAN_MAX = 20000, SQL_BYTES = 2048 };

#define BIT(state) (1U << GOR__V1__JOB_STATE__##state)

/* The filter with its zeroes resolved. */
struct want {
    uint32_t live;     /* bits of live states */
    uint32_t outcomes; /* bits of outcomes; 0: no terminated job */
    bool all_outcomes;
};

static struct want resolve(const struct gord_filter *filter)
{
    const uint32_t live = BIT(CREATED) | BIT(RUNNABLE) | BIT(RUNNING) | BIT(WAITING);
    const uint32_t all = (1U << GORD_OUTCOME_COUNT) - 1;
    struct want want = {filter->states & live, 0, false};
    if (filter->states == 0 && filter->outcomes == 0) {
        want.live = live;
    }
    if (filter->states == 0 || (filter->states & BIT(TERMINATED)) != 0) {
        want.outcomes = filter->outcomes != 0 ? filter->outcomes & all : all;
        want.all_outcomes = want.outcomes == all;
    }
    return want;
}

/* The query of the ids to look at: ?1 the id to stay below, ?2 how many. */
static void write_source(const struct want *want, char *sql, size_t room)
{
    if (want->live != 0 && want->outcomes != 0) {
        snprintf(sql, room, "SELECT id FROM jobs WHERE id < ?1");
    } else if (want->outcomes == 0) {
        snprintf(sql, room, "SELECT id FROM live WHERE id < ?1");
    } else if (want->all_outcomes) {
        snprintf(sql, room, "SELECT id FROM ended WHERE id < ?1");
    } else {
        size_t used = 0;
        for (int i = 0; i < GORD_OUTCOME_COUNT; i++) {
            if ((want->outcomes & 1U << i) != 0) {
                used += (size_t)snprintf(sql + used, room - used,
                                         "%sSELECT id FROM ended WHERE outcome = %d AND id < ?1",
                                         used > 0 ? " UNION ALL " : "", i);
            }
        }
    }
}

static int prepare(struct gord_reader *reader, const struct gord_filter *filter,
                   const struct want *want, sqlite3_stmt **out_stmt)
{
    char source[SQL_BYTES - 256], sql[SQL_BYTES];
    write_source(want, source, sizeof source);
    snprintf(sql, sizeof sql,
             "SELECT " GORD_READER_JOB_COLUMNS " FROM (%s ORDER BY id DESC LIMIT ?2) s CROSS JOIN "
             "jobs j ON j.id = s.id",
             source);
    int err = gord_sql_prepare(reader->db, sql, out_stmt);
    if (err == 0) {
        uint64_t below = filter->before_id;
        (void)sqlite3_bind_int64(*out_stmt, 1,
                                 below == 0 || below > INT64_MAX ? INT64_MAX : (int64_t)below);
        (void)sqlite3_bind_int64(*out_stmt, 2, SCAN_MAX + 1);
    }
    return err;
}

/* What can be told from the job's own row, before anything else is read. */
static bool may_match(const struct gord_filter *filter, sqlite3_stmt *stmt,
                      const struct gord_row *row)
{
    if (row->created_ns < filter->created_from_ns ||
        (filter->created_to_ns != 0 && row->created_ns >= filter->created_to_ns)) {
        return false;
    }
    if (filter->name_contains == NULL || filter->name_contains[0] == '\0') {
        return true;
    }
    const char *name = (const char *)sqlite3_column_text(stmt, 6);
    return name != NULL && strstr(name, filter->name_contains) != NULL;
}

static bool matches(const struct want *want, const struct gord_row *row)
{
    return row->state == GOR__V1__JOB_STATE__TERMINATED ? (want->outcomes & 1U << row->outcome) != 0
                                                        : (want->live & 1U << row->state) != 0;
}

struct page {
    struct gord_reader *reader;
    const struct gord_filter *filter;
    struct want want;
    int (*visit)(void *arg, struct gord_row *row);
    void *arg;
    size_t visited;
};

static int look_at(struct page *page, sqlite3_stmt *stmt, uint64_t *out_id)
{
    struct gord_row row;
    gord_reader_row_begin(stmt, &row);
    *out_id = row.id;
    int err = 0;
    if (may_match(page->filter, stmt, &row)) {
        err = gord_reader_row_rest(page->reader, &row);
        if (err == 0 && matches(&page->want, &row)) {
            err = gord_reader_row_spec(page->reader, stmt, page->filter->with_env, &row);
            err = err != 0 ? err : gord_reader_row_report(page->reader, &row);
            err = err != 0 ? err : page->visit(page->arg, &row);
            page->visited++;
        }
    }
    gord_row_fini(&row);
    return err;
}

static int walk(struct page *page, sqlite3_stmt *stmt, uint64_t *out_next_before_id)
{
    uint64_t id = 0;
    for (int seen = 0;; seen++) {
        int rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW) {
            id = 0; /* there is no further page */
            *out_next_before_id = id;
            return gord_reader_error(page->reader, rc);
        }
        if (page->visited == page->filter->limit || seen == SCAN_MAX) {
            *out_next_before_id = id;
            return 0;
        }
        int err = look_at(page, stmt, &id);
        if (err != 0) {
            return err;
        }
    }
}

int gord_reader_list(struct gord_reader *reader, const struct gord_filter *filter,
                     int (*visit)(void *arg, struct gord_row *row), void *arg,
                     uint64_t *out_next_before_id)
{
    GORD_ASSERT(filter->limit > 0);
    struct page page = {reader, filter, resolve(filter), visit, arg, 0};
    if (page.want.live == 0 && page.want.outcomes == 0) {
        *out_next_before_id = 0; /* nothing can match */
        return 0;
    }
    sqlite3_stmt *stmt;
    int err = prepare(reader, filter, &page.want, &stmt);
    if (err != 0) {
        return err;
    }
    err = gord_reader_begin(reader);
    if (err == 0) {
        err = walk(&page, stmt, out_next_before_id);
        (void)sqlite3_reset(stmt);
        gord_reader_end(reader);
    }
    sqlite3_finalize(stmt);
    return err;
}
