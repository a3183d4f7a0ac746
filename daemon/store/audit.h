/* SPDX-License-Identifier: MIT */
/* audit.h - does a store agree with itself? Reads all of it; for when no daemon writes.
 *
 * What must hold, and is looked at: SQLite's own structures; counters equal rows; each job is either
 * live or ended; the log has every event from kept_from on, each job's events are chained, and the
 * last one says what the job's row says; what keeps jobs that wait is there, and of no others; every
 * environment is there, and used; what is set can be so, and entries of the calendar say what to do;
 * ids of submissions stand for jobs that there have been; no output lies about without its job.
 * Threads     one at a time.
 */
#ifndef GORD_STORE_AUDIT_H
#define GORD_STORE_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

struct gord_audit_opts {
    const char *path;    /* of the database */
    const char *outputs; /* the folder of all output */
    bool repair;         /* what can be without guessing: counters, unused environments, orphans */
    void (*say)(void *arg, const char *text); /* for each kind of problem; NULL: nobody listens */
    void *arg;
};

struct gord_audit {
    uint64_t jobs;
    uint64_t live;
    uint64_t events;
    uint64_t envs;
    uint64_t outputs;  /* files */
    uint64_t problems; /* found */
    uint64_t repaired; /* of them */
};

/* 0, whatever is found; -ENOENT: there is no store; -EPROTO: it is not one of this version; -EBADMSG,
 * -EIO, -EACCES, -ENOMEM: it cannot be read to the end. */
int gord_audit(const struct gord_audit_opts *opts, struct gord_audit *out_audit);

#endif
