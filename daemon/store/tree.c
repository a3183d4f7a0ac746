/* SPDX-License-Identifier: MIT */
/* tree.c - a job with its kin, ended ones too; see reader.h. Who lives is in the job table as well
 * (daemon/job/kin.h); this is for looking. */
#include <errno.h>

#include "daemon/store/reading.h"

enum { DEPTH_COLUMN = 8 }; /* behind GORD_READER_JOB_COLUMNS */

struct tree_visit {
    struct gord_reader *reader;
    int (*visit)(void *arg, struct gord_row *row, unsigned depth);
    void *arg;
};

static int read_top(struct gord_reader *reader, uint64_t *id)
{
    sqlite3_stmt *stmt = reader->stmts[READ_TOP_OF];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)*id);
    int rc = sqlite3_step(stmt);
    int err = gord_reader_error(reader, rc);
    if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        *id = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_reset(stmt);
    return err;
}

static int visit_row(const struct tree_visit *tree, sqlite3_stmt *stmt)
{
    struct gord_row row;
    gord_reader_row_begin(stmt, &row);
    int err = gord_reader_row_rest(tree->reader, &row);
    err = err != 0 ? err : gord_reader_row_spec(tree->reader, stmt, false, &row);
    if (err == 0) {
        err = tree->visit(tree->arg, &row, (unsigned)sqlite3_column_int(stmt, DEPTH_COLUMN));
    }
    gord_row_fini(&row);
    return err;
}

static int walk(const struct tree_visit *tree, uint64_t id, size_t limit, bool *out_more)
{
    sqlite3_stmt *stmt = tree->reader->stmts[READ_TREE];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)limit + 1);
    int err = 0, rc = SQLITE_ROW;
    size_t seen = 0;
    while (err == 0 && seen < limit && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        err = visit_row(tree, stmt);
        seen++;
    }
    err = err != 0 ? err : gord_reader_error(tree->reader, rc);
    *out_more = err == 0 && seen == limit && sqlite3_step(stmt) == SQLITE_ROW;
    (void)sqlite3_reset(stmt);
    return err == 0 && seen == 0 ? -ENOENT : err;
}

int gord_reader_tree(struct gord_reader *reader, const struct gord_branch *branch,
                     int (*visit)(void *arg, struct gord_row *row, unsigned depth), void *arg,
                     bool *out_more)
{
    uint64_t id = branch->id;
    if (id > INT64_MAX) {
        return -ENOENT;
    }
    int err = gord_reader_begin(reader);
    if (err != 0) {
        return err;
    }
    const struct tree_visit tree = {reader, visit, arg};
    err = branch->from_top ? read_top(reader, &id) : 0;
    err = err != 0 ? err : walk(&tree, id, branch->limit, out_more);
    gord_reader_end(reader);
    return err;
}
