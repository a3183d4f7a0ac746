/* SPDX-License-Identifier: MIT */
/* writing.h - the inside of the writer; for the files of this room only. */
#ifndef GORD_STORE_WRITING_H
#define GORD_STORE_WRITING_H

#include "daemon/store/batch.h"
#include "daemon/store/place.h"
#include "daemon/store/retain.h"
#include "daemon/store/schema.h"
#include "daemon/store/sql.h"
#include "daemon/store/writer.h"

enum { GORD_ENV_CACHE = 64 };

enum gord_writer_statement {
    WRITE_BEGIN,
    WRITE_COMMIT,
    WRITE_ROLLBACK,
    WRITE_INSERT_JOB,
    WRITE_UPDATE_JOB,
    WRITE_INSERT_LABEL,
    WRITE_DELETE_LABELS,
    WRITE_PUT_LIVE,
    WRITE_DELETE_LIVE,
    WRITE_INSERT_ENDED,
    WRITE_INSERT_LOG,
    WRITE_PUT_REPORT,
    WRITE_DELETE_REPORT,
    WRITE_PUT_STANDING,
    WRITE_DELETE_STANDING,
    WRITE_PUT_REQUEST,
    WRITE_DELETE_REQUESTS,
    WRITE_PUT_AWAITED,
    WRITE_FIND_AWAITED,
    WRITE_NEXT_SPARED,
    WRITE_DELETE_AWAITED,
    WRITE_PUT_SPARED,
    WRITE_DELETE_SPARED,
    WRITE_PUT_CRON,
    WRITE_SET_CRON,
    WRITE_DELETE_CRON,
    WRITE_PUT_TOKEN,
    WRITE_USE_TOKEN,
    WRITE_DELETE_TOKEN,
    WRITE_FIND_ENV,
    WRITE_INSERT_ENV,
    WRITE_PUT_LANE,
    WRITE_DELETE_LANE,
    WRITE_PUT_RESOURCE,
    WRITE_DELETE_RESOURCE,
    WRITE_PUT_SHARE,
    WRITE_DELETE_SHARE,
    WRITE_DELETE_SHARES,
    WRITE_SET_META,
    WRITE_ADD_META,
    WRITE_FIND_JOB,
    WRITE_FIND_ENDED,
    WRITE_DELETE_JOB,
    WRITE_DELETE_ENDED,
    WRITE_LOG_AT,
    WRITE_LOG_FROM,
    WRITE_DELETE_LOG,
    WRITE_ENV_USED,
    WRITE_DELETE_ENV,
    WRITE_FIRST_LEFTOVER,
    WRITE_PUT_LEFTOVER,
    WRITE_DELETE_LEFTOVER,
    WRITE_PAGES,
    WRITE_UNUSED_PAGES,
    WRITE_COUNT,
};

/* An environment whose row is known. Jobs of one caller share it, so few lookups go to the table.
 */
struct gord_known_env {
    struct gord_env *env; /* owned reference */
    int64_t id;
};

/* What one transaction adds to the counters. */
struct gord_tally {
    int64_t live;
    int64_t ended[GORD_OUTCOME_COUNT];
    uint64_t rows;
    uint64_t next_id;
};

struct gord_writer {
    sqlite3 *db;
    sqlite3_stmt *stmts[WRITE_COUNT];
    char *path; /* owned */
    struct gord_place place;
    struct gord_batch batch;
    struct gord_known_env envs[GORD_ENV_CACHE]; /* by hash */
    uint8_t *run;                               /* owned; the run being packed */
    size_t run_room;
    uint64_t next_seq;
    uint64_t next_id;
    uint64_t rows;
    int64_t ended;             /* jobs that have, and are kept */
    int64_t requests_swept_ns; /* when requests that are too old were deleted last */
    int journal_frames;        /* since the last checkpoint */
    struct gord_retain retain;
};

/* The rows that the batch comes to; adds to the tally. SQLite's code. */
int gord_writer_rows_write(struct gord_writer *writer, struct gord_tally *tally);

/* The labels of a job, so that it is found by them. SQLite's code. */
int gord_writer_insert_labels(struct gord_writer *writer, uint64_t job_id,
                              const struct gord_spec *spec, struct gord_tally *tally);

/* Forget which environments have rows: a rollback may have taken them back. */
void gord_writer_forget_envs(struct gord_writer *writer);

/* The row of an environment is about to go. */
void gord_writer_forget_env(struct gord_writer *writer, int64_t env_id);

/* Set a number of `meta`. SQLite's code. */
int gord_writer_set_meta(struct gord_writer *writer, const char *key, int64_t value);

#endif
