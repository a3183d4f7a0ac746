/* SPDX-License-Identifier: MIT */
/* event.h - one fact about one job; the only thing that changes a job, and what history is made of.
 *
 * Life        made anywhere with the facts of its kind; gord_job_apply() completes it (seq, spec,
 *             the job's state after it, ...) and from then on it never changes. The same record
 *             goes to the store and to the watchers.
 * Invariants  seq increases by one from event to event over all jobs.
 * Threads     made and posted by any thread; completed by the loop; shared by loop and store.
 * Ownership   counted references; the text lies in the same allocation.
 */
#ifndef GORD_EVENT_EVENT_H
#define GORD_EVENT_EVENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/inbox.h"
#include "daemon/event/cron.h"
#include "daemon/event/report.h"
#include "daemon/event/spec.h"
#include "daemon/event/standing.h"
#include "daemon/event/use.h"

/* X(id, text): the kinds. The numbers are stored: only append. */
#define GORD_EVENT_KINDS(X)                                                                   \
    X(SUBMITTED, "submitted")               /* spec, uid; text: none */                       \
    X(QUEUED, "queued")                     /* text: why it waits, or none */                 \
    X(STARTED, "started")                   /* goroutine, pid, pid_start */                   \
    X(STATE, "state")                       /* state (RUNNING, WAITING); text: on what */     \
    X(CANCEL_REQUESTED, "cancel requested") /* text: the cause */                             \
    X(FINISHED, "finished")                 /* outcome, code, signal, bytes; text: detail */  \
    X(RECOVERED, "recovered")               /* found running by a new daemon; text: remark */ \
    X(GATED, "gated")                       /* standing; text: which gate keeps it */         \
    X(RETRYING, "retrying")                 /* as FINISHED, and standing */                   \
    X(REQUEUED, "requeued")                 /* standing; text: why it runs again */           \
    X(UPDATED, "updated")                   /* spec, standing; text: what was changed */      \
    X(REVIVED, "revived") /* spec, standing, uid, prev_seq, when submitted; text: by whom */  \
    X(REMOVED, "removed") /* text: by whom */                                                 \
    X(TERMINATE_REQUESTED, "terminate requested") /* text: the cause */                       \
    X(USED, "used")           /* use; right before the end of a program's run */              \
    X(SIGNALLED, "signalled") /* signal; text: by whom */                                     \
    X(STUCK, "stuck")         /* text: for how long there was no sign of life */              \
    X(ALIVE, "alive")         /* no longer stuck; text: remark */

/* Whether it is an aside: why the job is in its state is what it was. */
#define GORD_EVENT_IS_ASIDE(kind)                                                                 \
    ((kind) == GORD_EVENT_USED || (kind) == GORD_EVENT_SIGNALLED || (kind) == GORD_EVENT_STUCK || \
     (kind) == GORD_EVENT_ALIVE)

enum gord_event_kind {
#define GORD_EVENT_ENUM(id, text) GORD_EVENT_##id,
    GORD_EVENT_KINDS(GORD_EVENT_ENUM)
#undef GORD_EVENT_ENUM
        GORD_EVENT_KIND_COUNT
};

/* The wire's numbers of JobState and Outcome are used throughout (GOR__V1__JOB_STATE__RUNNING,
 * GOR__V1__OUTCOME__FAILED): they are stored as well. */
enum { GORD_STATE_COUNT = GOR__V1__JOB_STATE__TERMINATED + 1 };
enum { GORD_OUTCOME_COUNT = GOR__V1__OUTCOME__EXPIRED + 1 };

/* The id that a client gave its submission, or what an import made of its own for one job. */
enum { GORD_REQUEST_BYTES = 16 };
struct gord_request {
    uint8_t id[GORD_REQUEST_BYTES];
    uint64_t count;              /* of the jobs, whose first is the event's */
    uint64_t digest;             /* of what was handed in; 0: not known */
    int64_t at_ns;               /* when it was made; 0: as the event, which is no older */
    struct gord_cron_mark *cron; /* owned; NULL: no entry of the calendar made it */
};
void gord_request_free(struct gord_request *request); /* NULL is fine */

struct gord_event {
    struct gord_inbox_item link; /* list link of the inbox it is posted to */
    atomic_uint refs;
    uint8_t kind;      /* enum gord_event_kind */
    uint8_t job_kind;  /* enum gord_job_kind; by the maker for SUBMITTED, else by apply */
    uint8_t state;     /* Gor__V1__JobState after it; by the maker for STATE, else by apply */
    uint8_t outcome;   /* Gor__V1__Outcome; FINISHED only */
    bool joined;       /* the store's: the next event belongs into the same transaction */
    bool laned;        /* the job asks for something special, see ask.h; by apply */
    uint32_t uid;      /* SUBMITTED and REVIVED only */
    uint64_t seq;      /* by apply; 0 before */
    uint64_t prev_seq; /* of the job's event before this; by apply, REVIVED by the maker; 0: none */
    uint64_t job_id;
    int64_t at_ns;          /* wall clock, since 1970 */
    struct gord_spec *spec; /* owned reference; by the maker for SUBMITTED, else by apply, which
                             * leaves NULL if the job's is not in memory */
    struct gord_request *request;   /* owned; by the maker; SUBMITTED only; NULL: it had no id */
    struct gord_standing *standing; /* owned reference; by the maker if this event changes it, else
                                     * by apply; NULL: the job has none */
    uint64_t parent_id;             /* SUBMITTED and REVIVED only */
    int64_t started_ns;         /* of the job; by apply; 0: has not started; of a REVIVED that is
                                     * yet to be applied: when it was submitted */
    uint64_t goroutine;         /* STARTED: by the maker; later events: by apply; 0: none yet */
    uint64_t pid_start;         /* start time of the process in clock ticks since boot, as in
                             * /proc/PID/stat; by whom as `goroutine` */
    int32_t pid;                /* 0: no process; by whom as `goroutine` */
    const struct gord_use *use; /* USED only; in this allocation */
    int32_t exit_code;          /* FINISHED only, as the next three */
    int32_t signal;             /* SIGNALLED too */
    bool core_dumped;           /* FINISHED and RETRYING only */
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    struct gord_report
        *report;      /* owned reference; FINISHED only, by the maker; NULL: it told nothing */
    const char *text; /* in this allocation; never NULL, "" if there is nothing to say */
};

/* A standing's event; takes the reference of `standing`. NULL, with the reference given up: out of
 * memory, also for a NULL standing. [any thread] */
struct gord_event *gord_event_standing(enum gord_event_kind kind, uint64_t job_id,
                                       struct gord_standing *standing, const char *text);

/* Now, as events count it. */
int64_t gord_event_clock(void);

/* An event of `kind` about job `job_id`, now, with one reference and everything else zero; `text`
 * may be NULL; more than 64 KiB of it are cut. NULL: out of memory. [any thread] */
struct gord_event *gord_event_new(enum gord_event_kind kind, uint64_t job_id, const char *text);

/* The usual ones, ready to post or apply. NULL: out of memory. [any thread] */
struct gord_event *gord_event_submitted(uint64_t job_id, struct gord_spec *spec, uint32_t uid);
struct gord_event *gord_event_started(uint64_t job_id, uint64_t goroutine, int32_t pid,
                                      uint64_t pid_start);
struct gord_event *gord_event_state(uint64_t job_id, Gor__V1__JobState state, const char *reason);
struct gord_event *gord_event_finished(uint64_t job_id, Gor__V1__Outcome outcome, int32_t exit_code,
                                       int32_t signal, const char *detail);

struct gord_event *gord_event_used(uint64_t job_id, const struct gord_use *use);
struct gord_event *gord_event_signalled(uint64_t job_id, int32_t signal, const char *by_whom);

/* How a process ended, as the store keeps it: the signal, and beside it, as in wait(2)'s status, whether a
 * core file was made. */
enum { GORD_CORE_DUMPED = 0x80 };
static inline int32_t gord_event_ended_by(const struct gord_event *event)
{
    return event->core_dumped ? event->signal | GORD_CORE_DUMPED : event->signal;
}

struct gord_event *gord_event_ref(struct gord_event *event);
void gord_event_unref(struct gord_event *event); /* NULL is fine */

/* The event an inbox item is the link of. */
struct gord_event *gord_event_of_item(struct gord_inbox_item *item);

/* "submitted", ... */
const char *gord_event_kind_name(enum gord_event_kind kind);

#endif
