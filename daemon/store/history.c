/* SPDX-License-Identifier: MIT */
/* history.c - events read back, all of them in order or those of one job; see reader.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"
#include "daemon/store/reading.h"

void gord_reader_run_fini(struct gord_reader_run *run)
{
    free(run->records);
    free(run->bytes);
    memset(run, 0, sizeof *run);
}

static int add_record(struct gord_reader_run *run, const struct gord_packed *record)
{
    if (gord_grow(&run->records, run->count, &run->room, sizeof *run->records) != 0) {
        return -ENOMEM;
    }
    run->records[run->count++] = *record;
    return 0;
}

/* Take the run in the row of `stmt` (first_seq, events) apart. It is empty after a failure. */
static int load_run(struct gord_reader_run *run, sqlite3_stmt *stmt)
{
    const void *blob = sqlite3_column_blob(stmt, 1);
    size_t bytes = (size_t)sqlite3_column_bytes(stmt, 1);
    run->count = 0;
    free(run->bytes);
    run->bytes = malloc(bytes + 1);
    if (run->bytes == NULL) {
        return -ENOMEM;
    }
    if (bytes > 0) {
        memcpy(run->bytes, blob, bytes);
    }
    run->first_seq = (uint64_t)sqlite3_column_int64(stmt, 0);
    struct gord_pack_state state = {0, 0};
    const uint8_t *at = run->bytes, *end = run->bytes + bytes;
    while (at < end) {
        struct gord_packed record;
        int err = gord_unpack_event(&state, run->first_seq + run->count, &at, end, &record);
        err = err != 0 ? err : add_record(run, &record);
        if (err != 0) {
            run->count = 0;
            return err;
        }
    }
    return 0;
}

/* The record of `seq` in *out. -ENOENT: it is not (no longer) there. */
static int find_record(struct gord_reader *reader, uint64_t seq, const struct gord_packed **out)
{
    struct gord_reader_run *run = &reader->run;
    if (run->count == 0 || seq < run->first_seq || seq - run->first_seq >= run->count) {
        sqlite3_stmt *stmt = reader->stmts[READ_RUN_OF];
        (void)sqlite3_bind_int64(stmt, 1, (int64_t)seq);
        int rc = sqlite3_step(stmt);
        int err = rc == SQLITE_ROW ? load_run(run, stmt) : gord_reader_error(reader, rc);
        (void)sqlite3_reset(stmt);
        if (err != 0) {
            return err;
        }
        if (rc == SQLITE_DONE || seq - run->first_seq >= run->count) {
            return -ENOENT;
        }
    }
    *out = &run->records[seq - run->first_seq];
    return 0;
}

/* ------------------------------------------------------------ of one job */

/* Newest to oldest, into events[*count]. */
static int collect(struct gord_reader *reader, const struct gord_row *row,
                   struct gord_event **events, size_t limit, size_t *count)
{
    for (uint64_t seq = row->last_seq; seq != 0 && *count < limit;) {
        const struct gord_packed *record = NULL;
        int err = find_record(reader, seq, &record);
        if (err == -ENOENT) {
            return 0; /* the older part is gone */
        }
        if (err != 0) {
            return err;
        }
        if (record->job_id != row->id || record->prev_seq >= seq) {
            return -EBADMSG;
        }
        events[*count] = gord_packed_to_event(record);
        if (events[*count] == NULL) {
            return -ENOMEM;
        }
        ++*count;
        seq = record->prev_seq;
    }
    return 0;
}

int gord_reader_job_events(struct gord_reader *reader, uint64_t id, size_t limit,
                           gord_reader_event_fn visit, void *arg)
{
    struct gord_row row;
    int err = gord_reader_job(reader, id, false, &row);
    if (err != 0) {
        return err;
    }
    size_t count = 0;
    struct gord_event **events = calloc(limit + 1, sizeof *events);
    if (events == NULL) {
        err = -ENOMEM;
        goto fini_row;
    }
    err = collect(reader, &row, events, limit, &count);
    for (size_t i = count; i-- > 0;) {
        err = err != 0 ? err : visit(arg, events[i], row.spec->name);
        gord_event_unref(events[i]);
    }
    free(events);
fini_row:
    gord_row_fini(&row);
    return err;
}

int gord_reader_use(struct gord_reader *reader, uint64_t seq, struct gord_use *out_use)
{
    enum { LOOKS = 4 }; /* it comes right before the end */
    for (int look = 0; look < LOOKS && seq != 0; look++) {
        const struct gord_packed *record = NULL;
        int err = find_record(reader, seq, &record);
        if (err != 0) {
            return err;
        }
        if (record->kind == GORD_EVENT_USED) {
            *out_use = record->use;
            return 0;
        }
        seq = record->prev_seq;
    }
    return -ENOENT;
}

/* -------------------------------------------------------------- of all */

/* The name of the job in *out, owned by the caller. */
static int read_name(struct gord_reader *reader, uint64_t id, char **out)
{
    sqlite3_stmt *stmt = reader->stmts[READ_NAME];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    int rc = sqlite3_step(stmt);
    int err = gord_reader_error(reader, rc);
    if (err == 0) {
        const char *name = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        *out = strdup(name != NULL ? name : "");
        err = *out == NULL ? -ENOMEM : 0;
    }
    (void)sqlite3_reset(stmt);
    return err;
}

static int visit_record(struct gord_reader *reader, const struct gord_packed *record,
                        gord_reader_event_fn visit, void *arg)
{
    char *name = NULL;
    struct gord_event *event = gord_packed_to_event(record);
    int err = event == NULL ? -ENOMEM : read_name(reader, record->job_id, &name);
    err = err != 0 ? err : visit(arg, event, name);
    free(name);
    gord_event_unref(event);
    return err;
}

/* Visit the run in the row of `stmt` from behind after_seq on; *left counts down. */
static int visit_run(struct gord_reader *reader, sqlite3_stmt *stmt, uint64_t after_seq,
                     size_t *left, gord_reader_event_fn visit, void *arg)
{
    int err = load_run(&reader->run, stmt);
    for (size_t i = 0; err == 0 && i<reader->run.count && * left> 0; i++) {
        if (reader->run.records[i].seq > after_seq) {
            err = visit_record(reader, &reader->run.records[i], visit, arg);
            --*left;
        }
    }
    return err;
}

int gord_reader_events(struct gord_reader *reader, uint64_t after_seq, size_t limit,
                       gord_reader_event_fn visit, void *arg)
{
    if (after_seq >= INT64_MAX) {
        return 0;
    }
    int err = gord_reader_begin(reader);
    if (err != 0) {
        return err;
    }
    sqlite3_stmt *stmt = reader->stmts[READ_RUNS_FROM];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)after_seq + 1);
    int rc = SQLITE_ROW;
    while (err == 0 && limit > 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        err = visit_run(reader, stmt, after_seq, &limit, visit, arg);
    }
    (void)sqlite3_reset(stmt);
    gord_reader_end(reader);
    return err != 0 ? err : gord_reader_error(reader, rc);
}
