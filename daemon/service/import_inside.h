/* SPDX-License-Identifier: MIT */
/* import_inside.h - one import under way, for the files that take what comes on it.
 *
 * Invariants  each message is answered once: at once, or when what came of it is on disk; `pending`
 *             counts those on their way there, and keeps the import.
 * Threads     loop thread.
 * Ownership   an answer is whoever's has it: of the one that took the message, of the store while it is
 *             on its way to the disk, of the import once it is known.
 */
#ifndef GORD_SERVICE_IMPORT_INSIDE_H
#define GORD_SERVICE_IMPORT_INSIDE_H

#include "daemon/runner/logtake.h"
#include "daemon/service/import.h"

enum { GORD_IMPORT_WHAT = 128 };

struct gord_import;
struct gord_import_array;

struct gord_import_answer {
    struct gord_import_answer *next; /* list link of the import, once it is known */
    struct gord_import *import;
    Gor__V1__ImportResult result; /* its message is `text` or empty, `what` likewise */
    bool lives;                   /* entered to run here */
    char text[GORD_ERROR_BYTES + 64];
    char what[GORD_IMPORT_WHAT];
};

struct gord_import {
    struct gord_service *service;
    struct rpc_call *call; /* NULL: it is over */
    struct list_link link; /* in the service's imports, as long as it is there */
    uint32_t uid;
    uint8_t request[GORD_REQUEST_BYTES]; /* by which it is known with others; see import_again.c */
    bool has_request;
    bool begun;            /* something to take has come */
    uint64_t number;       /* among all imports */
    struct gord_idmap ids; /* of jobs taken, and of those known */
    struct gord_idmap
        ends; /* by ids here: what became of jobs taken that had ended, see import_refs.c */
    Gor__V1__ImportOptions__Live live;
    bool dry_run;
    bool dry_settings;   /* were this none, there would be queues, pools or rates that are not */
    uint64_t dry_id;     /* the next id, were this none */
    uint64_t asked;      /* messages */
    uint64_t unanswered; /* of them; with those in `known` and on the way to the disk */
    uint64_t pending;    /* of those, on the way to the disk; each keeps the import */
    bool ended;          /* the client sends no more */
    struct gord_import_answer *known; /* owned list */
    struct gord_import_answer **known_end;
    Gor__V1__ImportRequest *job; /* owned; the last job, not taken yet; NULL: none */
    uint64_t job_index;
    struct gord_import_array *arrays; /* owned list; see import_array.c */
    uint64_t awaited;                 /* tasks of those */
    uint64_t promised;                /* of them, those that their owners have room for */
    struct gord_logtake output;       /* its */
    int output_error;                 /* 0, or why it cannot be taken with its output */
};

/* ------------------------------------------------------------------ answers */

void gord_import_refuse(struct gord_import_answer *answer, const struct gord_refusal *why);

/* It is entered, and answered once all up to `seq` is on disk. -ENOMEM. */
int gord_import_await(struct gord_import *import, struct gord_import_answer *answer, uint64_t seq);

/* What was on its way to the disk by itself is there, or is not, as the refusal (else NULL) says;
 * `pending` was raised for it. The import may be gone. */
void gord_import_settled(struct gord_import_answer *answer, const struct gord_refusal *why);

/* What is told of things that are no jobs: "queue build". */
void gord_import_name(struct gord_import_answer *answer, const char *noun, const char *name);

/* ------------------------------------------------------------------ taking

 * False: refused. An answer that is awaited is known later. */

bool gord_import_take(struct gord_import *import, struct gord_import_answer *answer,
                      struct gord_refusal *why);
bool gord_import_take_cron(struct gord_import *import, const Gor__V1__Cron *wire,
                           struct gord_import_answer *answer, struct gord_refusal *why);
bool gord_import_take_queue(struct gord_import *import, const Gor__V1__Queue *wire,
                            struct gord_import_answer *answer, struct gord_refusal *why);
bool gord_import_take_pool(struct gord_import *import, const Gor__V1__Pool *wire,
                           struct gord_import_answer *answer, struct gord_refusal *why);
bool gord_import_take_rate(struct gord_import *import, const Gor__V1__Rate *wire,
                           struct gord_import_answer *answer, struct gord_refusal *why);

/* A job that is to run here, by the import's last message, whose spec refers to jobs here. */
bool gord_import_enter_live(struct gord_import *import, struct gord_import_answer *answer,
                            struct gord_refusal *why);

/* Would a job with that spec be taken here, but for what only gord may set? */
bool gord_import_would_run(struct gord_import *import, const Gor__V1__JobSpec *wire,
                           struct gord_refusal *why);

/* It had ended, and is job `id` here: those that come after it find it, though it may not be on disk yet,
 * or be removed there again for its age. Without memory they do not. */
void gord_import_remember(struct gord_import *import, const Gor__V1__Job *job, uint64_t id);

/* ------------------------------------------------------------------ what was taken before */

/* The import's request id, if it has one. */
bool gord_import_set_request(struct gord_import *import, const ProtobufCBinaryData *id,
                             struct gord_refusal *why);

/* The request id of a job, of an import's: another for each job, by its id there and its time. */
void gord_import_name_job(const uint8_t import[GORD_REQUEST_BYTES], const Gor__V1__Job *job,
                          uint8_t out[GORD_REQUEST_BYTES]);

/* It was taken before as job `id`, which is here or on its way to the disk, or has been removed since. */
void gord_import_exists(struct gord_import *import, struct gord_import_answer *answer, uint64_t id);

/* Has an import of the same request id taken the last job? 1: answered, or awaited; 0; a negative errno:
 * refused. */
int gord_import_find_taken(struct gord_import *import, struct gord_import_answer *answer,
                           struct gord_refusal *why);

/* By which it is found, for the job's first event; NULL without a request id, or without memory, which
 * *out_error tells. */
struct gord_request *gord_import_new_request(const struct gord_import *import, int *out_error);

/* The last job is `id` here, found until it is on disk, and then there. */
void gord_import_entered(struct gord_import *import, uint64_t id, uint64_t seq);

/* ------------------------------------------------------------------ arrays that have not ended */

bool gord_import_take_group(struct gord_import *import, struct gord_import_answer *answer,
                            struct gord_refusal *why);
bool gord_import_take_task(struct gord_import *import, struct gord_import_answer *answer,
                           struct gord_refusal *why);

/* Has the last job a place in an array that is on its way? */
enum gord_import_place {
    GORD_IMPORT_NO_ARRAY, /* it is no task, or of an array that is not known here, or has ended */
    GORD_IMPORT_LEFT_OUT, /* its array was not taken */
    GORD_IMPORT_NO_PLACE, /* refused */
    GORD_IMPORT_PLACE,
};
enum gord_import_place gord_import_place(struct gord_import *import, struct gord_refusal *why);
bool gord_import_joins(struct gord_import *import); /* PLACE */

/* Is there room for the last job among those that wait, since its array was taken? */
bool gord_import_is_promised(struct gord_import *import);

/* Its place in the array, if it has one, is taken; the spec has the array's id there. */
void gord_import_came(struct gord_import *import, const Gor__V1__JobSpec *spec);

/* The last job, a task of the group here, is entered, with that outcome if it has ended, else -1. */
void gord_import_joined(struct gord_import *import, uint64_t array_id, int ended);

/* The next array from *at on of which tasks are missing, told in `out`; false: there is none. */
bool gord_import_lacks(struct gord_import *import, struct gord_import_array **at, char *out,
                       size_t bytes);

void gord_import_free_arrays(struct gord_import *import);

/* May the caller bring what is user `uid`'s? */
bool gord_import_may_bring(const struct gord_import *import, const char *what, uint32_t uid,
                           struct gord_refusal *why);

#endif
