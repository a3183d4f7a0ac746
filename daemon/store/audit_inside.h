/* SPDX-License-Identifier: MIT */
/* audit_inside.h - the inside of the audit; for the files of this room only.
 *
 * Threads     one at a time.
 */
#ifndef GORD_STORE_AUDIT_INSIDE_H
#define GORD_STORE_AUDIT_INSIDE_H

#include <stddef.h>

#include "daemon/store/audit.h"
#include "daemon/store/sql.h"

/* A job as its rows have it, and as the log has it so far. */
struct gord_audit_job {
    uint64_t id; /* first, for it is what they are sorted by */
    uint64_t last_seq;
    uint64_t seen_seq;
    uint8_t state;
    uint8_t seen_state;
};

struct gord_auditor {
    const struct gord_audit_opts *opts;
    struct gord_audit *audit;
    sqlite3 *db;
    struct gord_audit_job *jobs; /* owned, by id */
    size_t count;
    size_t room;
    unsigned said; /* of the kind at hand */
};

/* A kind of problems begins; of each kind only so many are told. */
void gord_audit_begin(struct gord_auditor *auditor);
void gord_audit_problem(struct gord_auditor *auditor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The errno of SQLite's code. */
int gord_audit_error(const struct gord_auditor *auditor, int rc);

/* Visit the rows of a query. 0, or the error of reading or visiting. */
int gord_audit_each(struct gord_auditor *auditor, const char *sql,
                    int (*visit)(struct gord_auditor *auditor, sqlite3_stmt *stmt));

/* If it is to repair, and there were `before` problems, run what repairs all that were found since. */
int gord_audit_repair(struct gord_auditor *auditor, uint64_t before, const char *sql);

/* The calendar, queues, pools and rates, ids of submissions, and what removal has left to do. */
int gord_audit_settings(struct gord_auditor *auditor);

#endif
