/* SPDX-License-Identifier: MIT */
/* reading.h - the inside of the reader; for the files of this room only. */
#ifndef GORD_STORE_READING_H
#define GORD_STORE_READING_H

#include "daemon/store/pack.h"
#include "daemon/store/reader.h"
#include "daemon/store/sql.h"

enum gord_reader_statement {
    READ_BEGIN,
    READ_COMMIT,
    READ_JOB,
    READ_LIVE,
    READ_ENDED,
    READ_REPORT,
    READ_RESULT,
    READ_STANDING,
    READ_REQUEST,
    READ_ENV,
    READ_NAME,
    READ_META,
    READ_LIVE_JOBS,
    READ_LANE,
    READ_RESOURCES,
    READ_SHARES,
    READ_RUN_OF,
    READ_RUNS_FROM,
    READ_TOP_OF,
    READ_TREE,
    READ_LABEL,
    READ_KNOWS,
    READ_CRONS,
    READ_TOKENS,
    READ_TASKS_ENDED,
    READ_FIRST_TASK,
    READ_TASKS,
    READ_COUNT,
};

/* The columns of `jobs j` that gord_reader_row_begin wants, in its order. */
#define GORD_READER_JOB_COLUMNS \
    "j.id, j.created_ns, j.uid, j.kind, j.parent_id, j.env_id, j.name, j.spec"

/* One run of the log, taken apart. Runs never change, so the last one is kept. */
struct gord_reader_run {
    uint64_t first_seq;
    size_t count;
    size_t room;
    struct gord_packed *records; /* owned; their texts lie in `bytes` */
    uint8_t *bytes;              /* owned */
};

struct gord_reader {
    sqlite3 *db;
    sqlite3_stmt *stmts[READ_COUNT];
    struct gord_env *env; /* owned reference: the one read last */
    int64_t env_id;
    struct gord_reader_run run;
};

/* A read transaction, so that several statements see one state. */
int gord_reader_begin(struct gord_reader *reader);
void gord_reader_end(struct gord_reader *reader);

/* Fill a row from a statement on those columns; the spec, which costs most, and the rest come by
 * the calls below. The row needs gord_row_fini after any of them. */
void gord_reader_row_begin(sqlite3_stmt *stmt, struct gord_row *out_row);

/* The spec from the same statement. */
int gord_reader_row_spec(struct gord_reader *reader, sqlite3_stmt *stmt, bool with_env,
                         struct gord_row *row);

/* State, outcome and what belongs to them. -EBADMSG: the job is in neither table. */
int gord_reader_row_rest(struct gord_reader *reader, struct gord_row *row);

/* What it told of itself, without the result; after the rest. */
int gord_reader_row_report(struct gord_reader *reader, struct gord_row *row);

/* The errno of the connection's code. */
int gord_reader_error(const struct gord_reader *reader, int rc);

void gord_reader_run_fini(struct gord_reader_run *run);

#endif
