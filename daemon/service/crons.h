/* SPDX-License-Identifier: MIT */
/* crons.h - the calendar: its entries, and the jobs that they hand in.
 *
 * Invariants  a fire and its job are one transaction: the SUBMITTED event carries what the entry has
 *             come to. An entry whose change is on its way to the disk does not fire, so a state that
 *             was promised is never overtaken by one that was not.
 * Threads     loop thread.
 * Ownership   open/start/close/free, all part of the service's.
 * See also    docs/cron.md
 */
#ifndef GORD_SERVICE_CRONS_H
#define GORD_SERVICE_CRONS_H

#include "base/list.h"
#include "daemon/cron/plan.h"
#include "daemon/runner/alarm.h"
#include "daemon/service/submit.h"
#include "gor/v1/crons.pb-c.h"

enum { GORD_CRONS_MOST = 1000 };

struct gord_cron {
    Gor__V1__CronSpec *spec; /* owned */
    struct gord_zone *zone;  /* owned; NULL: it is not known any more, so the entry rests */
    struct gord_cron_entry entry;
    struct gord_cron_state state;
    uint32_t uid;
    int64_t made_ns;
    int64_t next_s;                /* 0: never again, or not for now */
    struct gord_alarm_entry alarm; /* set for the next fire, or to try again */
    bool changing;                 /* a change is on its way to the disk */
    bool fresh;                    /* that change is its making */
    struct gord_cron *next;        /* list link of the calendar, by name */
};

struct gord_crons {
    struct gord_cron *first; /* owned */
    size_t count;
    struct gord_alarm alarm;
    bool open;
    struct list_link changes; /* owned ones that somebody waits for */
};

/* Read the entries back; start them; take nothing on any more. -ENOMEM, or the reader's error, or the
 * kernel's; then they can be freed at once, and else when the loop has run after the close. */
int gord_crons_open(struct gord_service *service);
void gord_crons_start(struct gord_service *service);
void gord_crons_close(struct gord_service *service); /* once is enough */
void gord_crons_free(struct gord_service *service);

/* NULL: there is none. */
struct gord_cron *gord_crons_find(const struct gord_crons *crons, const char *name);
void gord_crons_insert(struct gord_crons *crons, struct gord_cron *cron);
void gord_crons_remove(struct gord_crons *crons, const struct gord_cron *cron);

/* Of a spec that was checked; takes it over in any case. NULL: out of memory. */
struct gord_cron *gord_cron_new(Gor__V1__CronSpec *spec, uint32_t uid, int64_t made_ns);
Gor__V1__CronSpec *gord_cron_copy_spec(const Gor__V1__CronSpec *spec); /* NULL: out of memory */
void gord_cron_free(struct gord_cron *cron); /* NULL is fine; it must not be set */

/* Make what is due, and set the alarm for what is next. */
void gord_cron_settle(struct gord_service *service, struct gord_cron *cron);

/* What has become of a fire. */
enum gord_cron_outcome { GORD_CRON_MADE, GORD_CRON_SKIPPED, GORD_CRON_FAILED };

/* Make its job for the time `at_s`; `request` names the submission. MADE with its id and the seq of its
 * last event. SKIPPED: another has not ended; FAILED: it is refused; both with the reason, and both
 * counted. */
struct gord_cron_fire {
    int64_t at_s;
    int64_t covered_s; /* the entry's, with this job */
    bool by_hand;
    uint8_t request[GORD_REQUEST_BYTES];
};
enum gord_cron_outcome gord_cron_fire(struct gord_service *service, struct gord_cron *cron,
                                      const struct gord_cron_fire *fire, uint64_t *out_id,
                                      uint64_t *out_seq, struct gord_refusal *out_why);

/* Keep the state that it has; nobody waits for that. */
void gord_cron_save(struct gord_service *service, struct gord_cron *cron);

/* ------------------------------------------------------------------ checks */

/* Is the spec right? `whole`: with name and job, else only what says when. 0, or -EINVAL with a
 * sentence. */
int gord_cron_check(struct gord_service *service, const Gor__V1__CronSpec *spec, bool whole,
                    struct gord_refusal *out_why);

/* The same of one that was made elsewhere: it need not fire any more. */
int gord_cron_check_past(struct gord_service *service, const Gor__V1__CronSpec *spec,
                         struct gord_refusal *out_why);

/* What the spec says of its times; the zone is the caller's. -EINVAL with a sentence in `error`. */
int gord_cron_times(const Gor__V1__CronSpec *spec, int64_t anchor_s,
                    struct gord_cron_entry *out_entry, struct gord_zone **out_zone, char *error,
                    size_t error_bytes);

/* Does it fire at all from now on? -EINVAL with a sentence as above. */
int gord_cron_future(const struct gord_cron_entry *entry, char *error, size_t error_bytes);

#endif
