/* SPDX-License-Identifier: MIT */
/* cron.h - how far an entry of the calendar has come; as the store has it.
 *
 * A fire and its job are one transaction: the job's SUBMITTED event brings the mark, which is what
 * the entry has come to by it.
 * Threads     immutable once it is part of an event.
 */
#ifndef GORD_EVENT_CRON_H
#define GORD_EVENT_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GORD_CRON_WHY = 200, GORD_CRON_NAME_MAX = 100 };

struct gord_cron_state {
    uint64_t version; /* counts changes: of two, the higher is the newer */
    bool paused;
    int64_t covered_s; /* fires up to here are settled */
    int64_t last_s;    /* the newest that made a job; 0: none yet */
    uint64_t last_job;
    uint64_t fired;
    uint64_t skipped;
    uint64_t missed;
    char why[GORD_CRON_WHY]; /* the newest made none; "": it did */
};

struct gord_cron_mark {
    char name[GORD_CRON_NAME_MAX + 1];
    struct gord_cron_state state; /* but for last_job, which is the event's */
};

#endif
