/* SPDX-License-Identifier: MIT */
/* match.c - see match.h. */
#include "daemon/store/match.h"

#include <string.h>

#include "daemon/event/ask.h"

#define BIT(state) (1U << GOR__V1__JOB_STATE__##state)

/* Of JobSpec, as jobs.proto numbers it. */
enum { QUEUE_FIELD = 10 };

struct gord_match_want gord_match_want(const struct gord_filter *filter)
{
    const uint32_t live = BIT(CREATED) | BIT(RUNNABLE) | BIT(RUNNING) | BIT(WAITING);
    const uint32_t all = (1U << GORD_OUTCOME_COUNT) - 1;
    bool only_ended =
        filter->finished_from_ns != 0 || filter->finished_to_ns != 0 || filter->exit_code_count > 0;
    struct gord_match_want want = {filter->states & live, 0, false};
    if (filter->states == 0 && filter->outcomes == 0) {
        want.live = live;
    }
    if (only_ended) {
        want.live = 0;
    }
    if (filter->states == 0 || (filter->states & BIT(TERMINATED)) != 0) {
        want.outcomes = filter->outcomes != 0 ? filter->outcomes & all : all;
        want.all_outcomes = want.outcomes == all;
    }
    return want;
}

/* ---------------------------------------------------------------- queue */

/* A varint at `at`; how many bytes it has, 0: it does not end. */
static size_t take_varint(const uint8_t *at, size_t bytes, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes && i < 10; i++) {
        value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] < 0x80) {
            *out = value;
            return i + 1;
        }
    }
    return 0;
}

/* Unpacking the whole message for one field would cost ten times what this walk does. */
size_t gord_match_queue(const uint8_t *packed, size_t bytes, const char **out_queue)
{
    size_t at = 0, found = 0;
    while (at < bytes) {
        uint64_t tag = 0, length = 0;
        size_t used = take_varint(packed + at, bytes - at, &tag);
        size_t more = used == 0 ? 0 : take_varint(packed + at + used, bytes - at - used, &length);
        switch (tag & 7) {
        case 0: /* a varint is its own length */
            length = 0;
            break;
        case 1:
            more = 0;
            length = 8;
            break;
        case 2:
            break;
        case 5:
            more = 0;
            length = 4;
            break;
        default: /* no kind of field that is written */
            return found;
        }
        at += used + more;
        if (used == 0 || length > bytes - at) {
            return found;
        }
        if (tag == (QUEUE_FIELD << 3 | 2)) {
            *out_queue = (const char *)packed + at;
            found = length;
        }
        at += length;
    }
    return found;
}

static bool in_queue(const char *queue, sqlite3_stmt *stmt)
{
    const char *found = GORD_DEFAULT_QUEUE;
    const void *packed = sqlite3_column_blob(stmt, 7);
    size_t length = gord_match_queue(packed, (size_t)sqlite3_column_bytes(stmt, 7), &found);
    if (length == 0) {
        length = strlen(GORD_DEFAULT_QUEUE);
    }
    return strlen(queue) == length && memcmp(queue, found, length) == 0;
}

/* --------------------------------------------------------------- labels */

/* 1, 0, or the reader's error. */
static int has_label(struct gord_reader *reader, uint64_t id, const struct gord_label_match *label)
{
    sqlite3_stmt *stmt = reader->stmts[READ_LABEL];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    (void)sqlite3_bind_text(stmt, 2, label->key, -1, SQLITE_STATIC);
    int rc = sqlite3_step(stmt);
    int result = gord_reader_error(reader, rc);
    if (rc == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(stmt, 0);
        result = label->value == NULL || (value != NULL && strcmp(value, label->value) == 0);
    }
    (void)sqlite3_reset(stmt);
    return result;
}

/* ----------------------------------------------------------------- rows */

int gord_match_job(struct gord_reader *reader, const struct gord_filter *filter, sqlite3_stmt *stmt,
                   const struct gord_row *row)
{
    if (row->created_ns < filter->created_from_ns ||
        (filter->created_to_ns != 0 && row->created_ns >= filter->created_to_ns) ||
        (filter->of_uid && row->uid != filter->uid) ||
        (filter->parent_id != 0 && row->parent_id != filter->parent_id) ||
        (filter->kinds != 0 && (filter->kinds & 1U << row->kind) == 0)) {
        return 0;
    }
    if (filter->name_contains != NULL && filter->name_contains[0] != '\0') {
        const char *name = (const char *)sqlite3_column_text(stmt, 6);
        if (name == NULL || strstr(name, filter->name_contains) == NULL) {
            return 0;
        }
    }
    if (filter->queue != NULL && filter->queue[0] != '\0' && !in_queue(filter->queue, stmt)) {
        return 0;
    }
    int result = 1;
    for (size_t i = 0; i < filter->label_count && result == 1; i++) {
        result = has_label(reader, row->id, &filter->labels[i]);
    }
    return result;
}

static bool has_exit_code(const struct gord_filter *filter, const struct gord_row *row)
{
    if (row->outcome != GOR__V1__OUTCOME__SUCCEEDED && row->outcome != GOR__V1__OUTCOME__FAILED) {
        return false;
    }
    for (size_t i = 0; i < filter->exit_code_count; i++) {
        if (row->exit_code == filter->exit_codes[i]) {
            return true;
        }
    }
    return false;
}

bool gord_match_rest(const struct gord_filter *filter, const struct gord_match_want *want,
                     const struct gord_row *row)
{
    if (row->state != GOR__V1__JOB_STATE__TERMINATED) {
        return (want->live & 1U << row->state) != 0;
    }
    return (want->outcomes & 1U << row->outcome) != 0 &&
           row->finished_ns >= filter->finished_from_ns &&
           (filter->finished_to_ns == 0 || row->finished_ns < filter->finished_to_ns) &&
           (filter->exit_code_count == 0 || has_exit_code(filter, row));
}
