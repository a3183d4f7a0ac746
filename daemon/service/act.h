/* SPDX-License-Identifier: MIT */
/* act.h - verbs that take an ActRequest, on many jobs: see many.h.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_ACT_H
#define GORD_SERVICE_ACT_H

#include "daemon/service/check.h"
#include "daemon/service/circle.h"
#include "daemon/service/many.h"
#include "daemon/service/submit.h"
#include "daemon/service/whom.h"

/* Room for why a job was refused. */
enum { GORD_ACT_TEXT = 256 };

struct gord_act;

struct gord_act_verb {
    const char *what; /* "hold all of them" */
    const char *done; /* "held" */
    /* Do it to one job. 0; -EALREADY: nothing to do, -EPERM: refused, both with a text in `why`;
     * -ENOENT: no such job; GORD_ACT_LATER, GORD_ACT_NOT_MEANT; others end the call. */
    int (*act)(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT]);
    bool (*fits)(const struct gord_job *job); /* see gord_many_request */
    /* Go on with those of act->later, once all jobs have been met: by gord_act_note() for each and
     * gord_act_end() at last. NULL: nothing is for later. */
    void (*rest)(struct gord_act *act);
    bool in_order; /* see gord_many_request */
};

/* What a verb answers of a job: noted in act->later; not about this one. */
enum { GORD_ACT_LATER = 1, GORD_ACT_NOT_MEANT = 2 };

/* One call under way. */
struct gord_act {
    struct gord_many many;
    const struct gord_act_verb *verb;
    /* "held by user 1000: wait for disks" */
    char cause[GORD_BY_WHOM + 16];
    uint64_t new_id; /* of the job at hand; the verb sets it */
    bool for_now;    /* likewise: it is refused, and may be done later */
    uint64_t *later; /* owned; jobs whose turn comes in verb->rest */
    size_t later_count;
    size_t later_room;
    bool by_kind; /* jobs were chosen by what they are like, so that one the verb is not for is left
                   * out, rather than by id, so that it is refused */
    int64_t delay_ns; /* of the request */
    bool falling;     /* of Retry: it goes through them by falling ids */
    bool not_later;   /* of Retry: none is put off any more */
    uint64_t *named;  /* owned; see gord_act_names; rising; NULL: not looked at yet */
    size_t named_count;
    uint64_t array;            /* of Retry: whose tasks are being brought back; 0: none's */
    struct gord_circle circle; /* of Update: what those would wait for that are changed alike */
    uint64_t circle_seq;       /* as it was after that event; 0: it was not looked at */
    ProtobufCMessage *more;    /* owned; what the verb is told besides; NULL: nothing */
};

/* Answer the call with what becomes of the jobs in the request. */
void gord_act_begin(struct gord_service *service, const struct gord_act_verb *verb,
                    struct rpc_call *call, const Gor__V1__ActRequest *request);

/* The same, with what the verb is told besides, which is taken over. */
void gord_act_begin_with(struct gord_service *service, const struct gord_act_verb *verb,
                         struct rpc_call *call, const Gor__V1__ActRequest *request,
                         ProtobufCMessage *more);

/* For verbs: this job's turn comes in verb->rest. GORD_ACT_LATER, or -ENOMEM. */
int gord_act_later(struct gord_act *act, uint64_t id);

/* For verbs that have their jobs in order: is that one of those the call began with? 1; 0; -ENOMEM. */
int gord_act_names(struct gord_act *act, uint64_t id);

/* Of Retry: nothing more comes of the array whose tasks it brings back, if there is one. */
void gord_act_array_done(struct gord_act *act);

/* For verbs with a rest: note what became of a job. Answer, unless `error` says why it could not be
 * done, and free the act. */
void gord_act_note(struct gord_act *act, uint64_t id, Gor__V1__ActResult__Status status,
                   const char *message);
void gord_act_end(struct gord_act *act, int error);

/* For verbs: refuse with that text. -EPERM. */
int gord_act_refuse(char why[GORD_ACT_TEXT], const char *text);

/* The same for what was to be submitted. */
int gord_act_not_taken(struct gord_act *act, char why[GORD_ACT_TEXT],
                       const struct gord_refusal *refusal);

/* For verbs: a live job. -EPERM: it has ended; -ENOENT. */
int gord_act_find(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT],
                  struct gord_job **out_job);

#endif
