/* SPDX-License-Identifier: MIT */
/* list.c - pages of jobs, newest first; see reader.h.
 *
 * A page begins at an id, never at an offset, so that the thousandth costs what the first does.
 * Which ids are looked at comes from the smallest table that has all that can match: `live`, one
 * parent's part of its index, one label's part of its index, `labels`, one outcome's part of the index of `ended`, `ended`, or
 * `jobs`; and of that only the ranges of ids that are asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/store/match.h"

enum { SCAN_MAX = 20000, SQL_BYTES = 2048 };

/* The label to search by: one with a value if there is any. NULL: none is asked for. */
static const struct gord_label_match *best_label(const struct gord_filter *filter)
{
    for (size_t i = 0; i < filter->label_count; i++) {
        if (filter->labels[i].value != NULL) {
            return &filter->labels[i];
        }
    }
    return filter->labels; /* NULL if there are none */
}

/* One outcome after the other, each newest first. */
static void write_outcomes(uint32_t outcomes, char *sql, size_t room)
{
    size_t used = 0;
    for (int i = 0; i < GORD_OUTCOME_COUNT; i++) {
        if ((outcomes & 1U << i) != 0) {
            used += (size_t)snprintf(
                sql + used, room - used,
                "%sSELECT id FROM ended WHERE outcome = %d AND id < ?1 AND id >= ?3",
                used > 0 ? " UNION ALL " : "", i);
        }
    }
}

/* The query of the ids to look at: ?1 the id to stay below, ?2 how many, ?3 the least; then
 * ?4 the parent, or ?4 and ?5 the label. */
static void write_source(const struct gord_filter *filter, const struct gord_match_want *want,
                         char *sql, size_t room)
{
    const struct gord_label_match *label = best_label(filter);
    const char *table = "ended";
    if (filter->parent_id != 0) {
        table = "jobs WHERE parent_id = ?4 AND";
    } else if (want->outcomes == 0) {
        table = "live";
    } else if (label != NULL && label->value != NULL) {
        table = "labels WHERE key = ?4 AND value = ?5 AND";
    } else if (label != NULL) {
        /* By key alone they are not in order, so all that have labels are looked at. */
        snprintf(sql, room, "SELECT DISTINCT id FROM labels WHERE id < ?1 AND id >= ?3");
        return;
    } else if (want->live != 0) {
        table = "jobs";
    } else if (!want->all_outcomes) {
        write_outcomes(want->outcomes, sql, room);
        return;
    }
    snprintf(sql, room, "SELECT id FROM %s %s id < ?1 AND id >= ?3", table,
             strchr(table, ' ') == NULL ? "WHERE" : "");
}

static int prepare(struct gord_reader *reader, const struct gord_filter *filter,
                   const struct gord_match_want *want, sqlite3_stmt **out_stmt)
{
    char source[SQL_BYTES - 256], sql[SQL_BYTES];
    write_source(filter, want, source, sizeof source);
    snprintf(sql, sizeof sql,
             "SELECT " GORD_READER_JOB_COLUMNS " FROM (%s ORDER BY id DESC LIMIT ?2) s CROSS JOIN "
             "jobs j ON j.id = s.id",
             source);
    int err = gord_sql_prepare(reader->db, sql, out_stmt);
    const struct gord_label_match *label = best_label(filter);
    if (err == 0 && filter->parent_id != 0) {
        (void)sqlite3_bind_int64(*out_stmt, 4, (int64_t)filter->parent_id);
    } else if (err == 0 && label != NULL && sqlite3_bind_parameter_count(*out_stmt) == 5) {
        (void)sqlite3_bind_text(*out_stmt, 4, label->key, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(*out_stmt, 5, label->value, -1, SQLITE_STATIC);
    }
    return err;
}

struct page {
    struct gord_reader *reader;
    const struct gord_filter *filter;
    struct gord_match_want want;
    int (*visit)(void *arg, struct gord_row *row);
    void *arg;
    size_t visited;
    int seen;         /* rows looked at */
    uint64_t last_id; /* of the newest of them */
};

static int look_at(struct page *page, sqlite3_stmt *stmt)
{
    struct gord_row row;
    gord_reader_row_begin(stmt, &row);
    page->last_id = row.id;
    page->seen++;
    int err = gord_match_job(page->reader, page->filter, stmt, &row);
    if (err == 1) {
        err = gord_reader_row_rest(page->reader, &row);
        if (err == 0 && gord_match_rest(page->filter, &page->want, &row)) {
            err = page->filter->without_spec
                      ? 0
                      : gord_reader_row_spec(page->reader, stmt, page->filter->with_env, &row);
            err = err != 0 ? err : gord_reader_row_report(page->reader, &row);
            err = err != 0 ? err : page->visit(page->arg, &row);
            page->visited++;
        }
    }
    gord_row_fini(&row);
    return err;
}

enum { PAGE_FULL = 1 << 16 }; /* no visitor's answer */

/* Look at the ids from `first` to below `before`. PAGE_FULL: there is more. */
static int walk(struct page *page, sqlite3_stmt *stmt, uint64_t first, uint64_t before)
{
    (void)sqlite3_bind_int64(stmt, 1, before > INT64_MAX ? INT64_MAX : (int64_t)before);
    (void)sqlite3_bind_int64(stmt, 2, SCAN_MAX + 1 - page->seen);
    (void)sqlite3_bind_int64(stmt, 3, first > INT64_MAX ? INT64_MAX : (int64_t)first);
    int rc, err = 0;
    while (err == 0 && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW) {
            err = gord_reader_error(page->reader, rc);
        } else if (page->visited == page->filter->limit || page->seen == SCAN_MAX) {
            err = PAGE_FULL;
        } else {
            err = look_at(page, stmt);
        }
    }
    (void)sqlite3_reset(stmt);
    return err;
}

static int walk_ranges(struct page *page, sqlite3_stmt *stmt, uint64_t *out_next_before_id)
{
    static const struct gord_id_range every = {1, INT64_MAX};
    const struct gord_filter *filter = page->filter;
    const struct gord_id_range *ranges = filter->range_count > 0 ? filter->ranges : &every;
    size_t count = filter->range_count > 0 ? filter->range_count : 1;
    uint64_t before = filter->before_id != 0 ? filter->before_id : INT64_MAX;
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        if (ranges[i].first >= before) {
            continue;
        }
        err = walk(page, stmt, ranges[i].first,
                   ranges[i].last < before ? ranges[i].last + 1 : before);
    }
    /* Ranges that hold nothing cost little, so only rows count. */
    *out_next_before_id = err == PAGE_FULL ? page->last_id : 0;
    return err == PAGE_FULL ? 0 : err;
}

int gord_reader_list(struct gord_reader *reader, const struct gord_filter *filter,
                     int (*visit)(void *arg, struct gord_row *row), void *arg,
                     uint64_t *out_next_before_id)
{
    GORD_ASSERT(filter->limit > 0);
    struct page page = {reader, filter, gord_match_want(filter), visit, arg, 0, 0, 0};
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
        err = walk_ranges(&page, stmt, out_next_before_id);
        gord_reader_end(reader);
    }
    sqlite3_finalize(stmt);
    return err;
}
