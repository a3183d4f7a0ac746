/* SPDX-License-Identifier: MIT */
/* reader.h - looking into the store: jobs, history, events; read-only, on a connection of its own.
 *
 * Sees what is committed, at the moment of each call. Never waits for the writer.
 * Errors      -EBADMSG corrupt, -EIO, -ENOMEM, and those a function names.
 * Threads     one thread per reader; gord's is the loop's.
 */
#ifndef GORD_STORE_READER_H
#define GORD_STORE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/event/event.h"
#include "daemon/store/setting.h"

struct gord_reader;

/* One job as the store has it. A live one's `state` is that of its last committed event; its reason
 * and byte counts are in memory only. */
struct gord_row {
    uint64_t id;
    uint64_t last_seq;
    uint64_t parent_id;
    int64_t created_ns;
    int64_t started_ns;
    int64_t finished_ns;
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    uint64_t goroutine;
    uint64_t pid_start;
    int32_t pid;
    int32_t exit_code;
    int32_t signal;
    bool core_dumped;
    uint32_t uid;
    uint8_t kind;                   /* enum gord_job_kind */
    uint8_t state;                  /* Gor__V1__JobState */
    uint8_t outcome;                /* Gor__V1__Outcome */
    struct gord_standing *standing; /* owned reference; NULL: it has none */
    char *detail;                   /* owned; "" if none */
    const char *lane;               /* borrowed; while jobs are recovered: what it asks for */
    struct gord_report *report; /* owned reference, without the result; NULL: none; of ended jobs */
    struct gord_spec *spec;     /* owned reference; without env unless asked for */
};

void gord_row_fini(struct gord_row *row);

int gord_reader_open(const char *path, struct gord_reader **out_reader);
void gord_reader_close(struct gord_reader *reader);

/* One job. -ENOENT. */
int gord_reader_job(struct gord_reader *reader, uint64_t id, bool with_env,
                    struct gord_row *out_row);

/* What an ended job told of itself, with its result. -ENOENT: nothing. */
int gord_reader_report(struct gord_reader *reader, uint64_t id, struct gord_report **out_report);

/* How many of the tasks of a group have ended how. */
int gord_reader_tasks_ended(struct gord_reader *reader, uint64_t group_id,
                            uint64_t out_counts[GORD_OUTCOME_COUNT]);

/* The first of a group's tasks that is kept. -ENOENT. */
int gord_reader_first_task(struct gord_reader *reader, uint64_t group_id, uint64_t *out_id);

/* Call visit(arg, id, index) for each of a group's tasks that is kept, until that answers something else
 * than 0, which is answered then. -EBADMSG: one is no task. */
int gord_reader_tasks(struct gord_reader *reader, uint64_t group_id,
                      int (*visit)(void *arg, uint64_t id, uint32_t index), void *arg);

/* 0, or -ENOENT; cheaper than reading the job. */
int gord_reader_knows(struct gord_reader *reader, uint64_t id);

/* How a job has ended, and whether it had started; cheaper than reading it, too. -ENOENT: it has not
 * ended, or there is none. */
int gord_reader_ended(struct gord_reader *reader, uint64_t id, Gor__V1__Outcome *out_outcome,
                      bool *out_started);

struct gord_id_range {
    uint64_t first;
    uint64_t last;
};

struct gord_label_match {
    const char *key;
    const char *value; /* NULL: any */
};

/* Which jobs a list wants; zeroes: all. Everything is borrowed. */
struct gord_filter {
    uint32_t states;           /* bit 1 << Gor__V1__JobState */
    uint32_t outcomes;         /* bit 1 << Gor__V1__Outcome; a live job passes only if `states`
                                * names its state */
    const char *name_contains; /* NULL or "": any */
    const char *queue;         /* NULL or "": any */
    uint64_t before_id;        /* ids below it; 0: from the newest */
    int64_t created_from_ns;   /* inclusive; 0: any */
    int64_t created_to_ns;     /* exclusive; 0: any */
    int64_t finished_from_ns;  /* inclusive; 0: any; a live job passes neither this nor the next
                                * two */
    int64_t finished_to_ns;    /* exclusive; 0: any */
    const int32_t *exit_codes; /* any of them; a job that has none passes no such filter */
    size_t exit_code_count;    /* 0: any, as the next two */
    const struct gord_label_match *labels; /* all of them */
    size_t label_count;
    const struct gord_id_range *ranges; /* descending, apart from each other */
    size_t range_count;
    uint32_t kinds;     /* bit 1 << enum gord_job_kind; 0: any */
    uint64_t parent_id; /* right below this job; 0: anywhere */
    bool of_uid;
    uint32_t uid;
    size_t limit; /* at least 1 */
    bool with_env;
    bool without_spec; /* the rows have no spec, nor detail to speak of */
};

/* Visit jobs that match, newest first; the row is the visitor's to look at, not to keep. A call
 * looks at 20,000 jobs at most, so a page may be short: *out_next_before_id is where the next one
 * begins, 0 when there is none. A visitor's non-zero answer ends it and is answered. No visitor may
 * call the reader. */
int gord_reader_list(struct gord_reader *reader, const struct gord_filter *filter,
                     int (*visit)(void *arg, struct gord_row *row), void *arg,
                     uint64_t *out_next_before_id);

/* Which part of a tree is wanted. */
struct gord_branch {
    uint64_t id;
    bool from_top; /* begin with its topmost parent instead of itself */
    size_t limit;  /* of jobs; at least 1 */
};

/* Visit a job and all below it: a parent, then its children by ids, each with what is below it.
 * *out_more says whether there are more than the limit. No row has its env. -ENOENT. The visitor is
 * as that of gord_reader_list. */
int gord_reader_tree(struct gord_reader *reader, const struct gord_branch *branch,
                     int (*visit)(void *arg, struct gord_row *row, unsigned depth), void *arg,
                     bool *out_more);

/* An event as read back: kind, seq, job_id, at_ns, state, outcome, codes, text; no spec. `name` is
 * the job's, borrowed for the call; the event too, unless a reference is taken. */
typedef int (*gord_reader_event_fn)(void *arg, struct gord_event *event, const char *name);

/* Events with seq > after_seq, in order, at most `limit`. */
int gord_reader_events(struct gord_reader *reader, uint64_t after_seq, size_t limit,
                       gord_reader_event_fn visit, void *arg);

/* The events of one job, oldest first; of more than `limit` the newest. -ENOENT. */
int gord_reader_job_events(struct gord_reader *reader, uint64_t id, size_t limit,
                           gord_reader_event_fn visit, void *arg);

/* What the job's newest run used, told by an event at or before `seq`, one of its events (the last
 * one, say). -ENOENT: none of the last few tells. */
int gord_reader_use(struct gord_reader *reader, uint64_t seq, struct gord_use *out_use);

/* How many jobs have ended, by outcome, and how many live; counters, not a count. */
struct gord_reader_totals {
    uint64_t ended[GORD_OUTCOME_COUNT];
    uint64_t terminated; /* their sum */
    uint64_t live;
    uint64_t last_seq;
    uint64_t kept_from; /* every event from this seq on is there */
};
int gord_reader_totals(struct gord_reader *reader, struct gord_reader_totals *out_totals);

/* The first of the jobs that a submission with that id made, how many they are, and the digest, for a day;
 * nothing else is set. -ENOENT: there is none, or it was refused after all. */
int gord_reader_request(struct gord_reader *reader, const uint8_t id[GORD_REQUEST_BYTES],
                        uint32_t uid, uint64_t *out_first_id, struct gord_request *out_request);

/* Visit the entries of the calendar, by name; the row is the visitor's to look at only. A visitor's
 * non-zero answer ends it and is answered; a visitor may call the reader. */
struct gord_cron_row;
int gord_reader_crons(struct gord_reader *reader,
                      int (*visit)(void *arg, const struct gord_cron_row *row), void *arg);

/* Visit the bearer tokens, by id; as above. -EBADMSG: one cannot be what was written. */
struct gord_token_row;
int gord_reader_tokens(struct gord_reader *reader,
                       int (*visit)(void *arg, const struct gord_token_row *row), void *arg);

/* What a job says that ended because its submission was refused after it had been entered. */
#define GORD_WITHDRAWN "its submission was refused: it could not be stored"

/* Specs (with env) of live jobs from first_id on, at most `limit`: what gord_job_give_spec wants.
 */
int gord_reader_specs(struct gord_reader *reader, uint64_t first_id, size_t limit,
                      int (*visit)(void *arg, const struct gord_row *row), void *arg);

/* Queues and pools, in no order. */
int gord_reader_settings(struct gord_reader *reader,
                         int (*visit)(void *arg, const struct gord_setting *setting), void *arg);

/* The weights of the shares of all queues (`what` as in a setting), those of one queue together. */
int gord_reader_weights(struct gord_reader *reader, int what,
                        int (*visit)(void *arg, const char *name, const struct gord_weight *weight),
                        void *arg);

/* Events that, applied, make every live job as it was, in the order of ids: SUBMITTED; QUEUED,
 * STARTED as far as each came; RETRYING for one that waited to run again. The first `spec_window`
 * queued jobs, those with a parent or a standing, and all that were not queued (CREATED, started)
 * come with their specs; the others with what they ask for as the text of SUBMITTED. */
int gord_reader_recover(struct gord_reader *reader, size_t spec_window,
                        int (*visit)(void *arg, struct gord_event *event), void *arg);

#endif
