/* SPDX-License-Identifier: MIT */
/* job.h - the jobs that are alive, and gord_job_apply(), the one function that changes them.
 *
 * Invariants  a job is in exactly one list, which its state decides (see table.h); the counters
 *             equal the lists' lengths; only apply, take, committed and the spec calls change
 *             anything.
 * Threads     loop thread only; no locks.
 * Ownership   the table owns its jobs. A job pointer is good until the job is forgotten: after it
 *             terminated, its last event was committed, and nobody pins it.
 * See also    docs/job-lifecycle.md
 */
#ifndef GORD_JOB_JOB_H
#define GORD_JOB_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/event/event.h"

struct gord_job_table;
struct gord_tasks;

/* What a job has beyond its place in the queue. A queued job far from its turn has none. */
struct gord_job_body {
    struct gord_spec *spec;    /* owned reference; NULL: dropped, though something else is here */
    struct gord_event *last;   /* owned reference: newest event but for asides (see
                                * GORD_EVENT_IS_ASIDE); its text is the reason */
    struct gord_event *cancel; /* owned reference: the first request to end, or the one to end by
                                * force; NULL: none */
    struct gord_event *stuck;  /* owned reference: STUCK, until ALIVE or the end; NULL: is not */
    struct gord_standing *standing; /* owned reference; NULL: nothing to say */
    int64_t created_ns;
    int64_t started_ns; /* 0: not yet */
    uint64_t goroutine;
    uint64_t pid_start;
    int32_t pid;
    uint32_t uid;
    void *run;                    /* the runner's, while the job is taken or runs; borrowed */
    void *gate;                   /* the gates', while it waits at one; borrowed */
    struct gord_job *newer_child; /* list links of its parent's live children; see kin.h */
    struct gord_job *older_child;
    struct gord_tasks *tasks; /* owned: how those of a group stand, see group.h; else NULL */
};

/* Read-only to everybody outside this room, but for body->run and body->gate. */
struct gord_job {
    uint64_t id;
    uint64_t last_seq;
    struct gord_job *hash_next; /* list link of its bucket */
    struct gord_job *prev;      /* list links of the list its state decides */
    struct gord_job *next;
    struct gord_job_body *body; /* owned; NULL: dropped, see gord_job_give_spec */
    uint32_t lane;              /* which it stands in while it is queued; see lane.h */
    uint16_t pins;              /* how many look at it */
    uint8_t state;              /* Gor__V1__JobState */
    uint8_t kind : 2;           /* enum gord_job_kind */
    uint8_t outcome : 4;        /* Gor__V1__Outcome, once TERMINATED */
    uint8_t taken : 1; /* handed out by gord_job_take; holds what it wants until its run is over */
    uint8_t kept : 1;  /* terminated and committed, but pinned */
};

/* Queued jobs that keep their specs in memory, unless told otherwise. */
enum { GORD_JOB_SPEC_WINDOW = 4096 };

struct gord_job_opts {
    uint64_t next_id;   /* first id to give; at least 1 */
    uint64_t next_seq;  /* first seq to give; at least 1 */
    uint64_t committed; /* everything up to this seq is in the store */
    size_t spec_window; /* queued jobs that keep their specs; 0: GORD_JOB_SPEC_WINDOW */
};

struct gord_job_counts {
    uint64_t by_state[GORD_STATE_COUNT]; /* live, and TERMINATED ones not yet forgotten */
    uint64_t ended[GORD_OUTCOME_COUNT];  /* terminated since the table was made */
    uint64_t submitted;                  /* since the table was made, without restored ones */
    uint64_t stuck;                      /* times one was found to be, since the table was made */
    uint64_t queued[GORD_KIND_COUNT];    /* Runnable and not taken */
    uint64_t taken[GORD_KIND_COUNT];     /* slots in use */
    uint64_t specs;                      /* bodies in memory of queued jobs */
};

/* NULL: out of memory. */
struct gord_job_table *gord_job_table_new(const struct gord_job_opts *opts);
void gord_job_table_free(struct gord_job_table *table);

/* The next id, used up by the call. */
uint64_t gord_job_next_id(struct gord_job_table *table);

/* That id, not taken yet; see to it that it is at least `id`. */
uint64_t gord_job_peek_id(const struct gord_job_table *table);
void gord_job_skip_to_id(struct gord_job_table *table, uint64_t id);

/* The seq the next event will get. */
uint64_t gord_job_next_seq(const struct gord_job_table *table);

/* The job, or NULL: unknown, or forgotten (then the store knows it). */
struct gord_job *gord_job_find(const struct gord_job_table *table, uint64_t id);

/* Whether an event of this kind may happen to `job` now (NULL: a job that is not there). What comes
 * from outside is asked first; what breaks it in apply is a bug and asserts. */
bool gord_job_allows(const struct gord_job *job, enum gord_event_kind kind);

/* Apply `event`: complete it (event.h says which fields), change the job, count. An event that has
 * its seq already comes from the store at start and changes no sequence. Keeps references of its
 * own. -ENOMEM with nothing changed; an illegal step fails an assertion. */
int gord_job_apply(struct gord_job_table *table, struct gord_event *event);

/* Everything up to `seq` is in the store now: newly queued jobs may start, terminated ones that
 * nobody pins are forgotten, specs of queued jobs beyond the window are dropped. */
void gord_job_committed(struct gord_job_table *table, uint64_t seq);

/* The next job to start of the kinds (bits 1 << kind) that may, as lane.h orders them; it counts as
 * taken until it terminates, and its state stays RUNNABLE until its STARTED event. NULL: none that is
 * committed and finds what it wants. Its body may be missing: give it back before anything else. */
struct gord_job *gord_job_take_of(struct gord_job_table *table, unsigned kinds);

/* The same of one kind. */
struct gord_job *gord_job_take(struct gord_job_table *table, enum gord_job_kind kind);

/* Turns do not count any more, but for who is taken by gord_job_take_this: forget whom the last round saw
 * waiting for a rate. */
void gord_job_leave_turns(struct gord_job_table *table);

/* Out of turn, as gord_job_take_of otherwise: that job, if it is queued and committed and all it wants is
 * there, whoever else waits for it. */
bool gord_job_take_this(struct gord_job_table *table, struct gord_job *job);

/* The one gord_job_take would hand out, among those that ask for nothing special. */
struct gord_job *gord_job_peek(const struct gord_job_table *table, enum gord_job_kind kind);

/* Whether its spec is in memory. Jobs that were taken, and those with a parent, always have theirs
 * once it was given back. */
bool gord_job_has_spec(const struct gord_job *job);

/* The job it is below, or the array it is a task of; 0: none, or its spec is not in memory. */
uint64_t gord_job_parent_id(const struct gord_job *job);

/* Give a dropped job's spec back, as read from the store. Does nothing if it is there. -ENOENT: no
 * such live job. -ENOMEM. */
int gord_job_give_spec(struct gord_job_table *table, uint64_t id, struct gord_spec *spec,
                       uint32_t uid, int64_t created_ns);

/* Keep a job from being forgotten while somebody looks at it. */
void gord_job_pin(struct gord_job *job);
void gord_job_unpin(struct gord_job_table *table, struct gord_job *job);

/* Why the job is in its state, from its newest event; "" if there is nothing to say. */
const char *gord_job_reason(const struct gord_job *job);

/* Call visit(arg, job) for each live job until it answers non-zero; answers that, else 0. No order.
 * `visit` may apply events to the job it is given, and to no other. */
int gord_job_each(struct gord_job_table *table, int (*visit)(void *arg, struct gord_job *job),
                  void *arg);

/* The same for the jobs that are taken (starting, running or waiting), oldest first. */
int gord_job_each_taken(struct gord_job_table *table, int (*visit)(void *arg, struct gord_job *job),
                        void *arg);

/* The live children of `id`, newest first; ids, since cancelling changes the list. The number of
 * them, of which at most `room` were written to out_ids. */
size_t gord_job_children(const struct gord_job_table *table, uint64_t id, uint64_t *out_ids,
                         size_t room);

const struct gord_job_counts *gord_job_counts(const struct gord_job_table *table);

/* Whole-structure check for tests and debugging: lists, counters and hash agree. */
bool gord_job_table_is_valid(const struct gord_job_table *table);

/* Print the table for a person. */
void gord_job_table_dump(const struct gord_job_table *table, FILE *out);

#endif
