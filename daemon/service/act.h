/* SPDX-License-Identifier: MIT */
/* act.h - verbs that take an ActRequest, on many jobs: see many.h.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_ACT_H
#define GORD_SERVICE_ACT_H

#include "daemon/service/check.h"
#include "daemon/service/many.h"

/* Room for why a job was refused. */
enum { GORD_ACT_TEXT = 256 };

struct gord_act;

struct gord_act_verb {
    const char *what; /* "hold all of them" */
    const char *done; /* "held" */
    /* Do it to one job. 0; -EALREADY: nothing to do, -EPERM: refused, both with a text in `why`;
     * -ENOENT: no such job; others end the call. */
    int (*act)(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT]);
    bool (*fits)(const struct gord_job *job); /* which jobs `all` means; NULL: there is no `all` */
};

/* One call under way. */
struct gord_act {
    struct gord_many many;
    const struct gord_act_verb *verb;
    char cause[GORD_CAUSE_MAX + 256];
    Gor__V1__ActResult *results;   /* owned, as their messages */
    Gor__V1__ActResult **pointers; /* owned */
    size_t count;
    uint64_t new_id; /* of the job at hand; the verb sets it */
};

/* Answer the call with what becomes of the jobs in the request. */
void gord_act_begin(struct gord_service *service, const struct gord_act_verb *verb,
                    struct rpc_call *call, const Gor__V1__ActRequest *request);

/* For verbs: refuse with that text. -EPERM. */
int gord_act_refuse(char why[GORD_ACT_TEXT], const char *text);

/* For verbs: a live job. -EPERM: it has ended; -ENOENT. */
int gord_act_find(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT],
                  struct gord_job **out_job);

#endif
