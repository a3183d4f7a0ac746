/* SPDX-License-Identifier: MIT */
/* cron_change.h - changes of the calendar on their way to the disk, and the calls that wait for them.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_CRON_CHANGE_H
#define GORD_SERVICE_CRON_CHANGE_H

#include "daemon/service/crons.h"

enum gord_cron_change_kind {
    GORD_CRON_MAKE,    /* `cron` is in the list, as fresh */
    GORD_CRON_REPLACE, /* by `other` */
    GORD_CRON_DELETE,
    GORD_CRON_PAUSE, /* or resume: `state` */
};

struct gord_cron_change {
    enum gord_cron_change_kind kind;
    struct gord_service *service;
    struct rpc_call *call;              /* NULL: it has ended, or there is none */
    void (*done)(void *arg, int error); /* told when it is on disk, or is not; NULL: nobody is */
    void *done_arg;
    struct gord_cron *cron;
    struct gord_cron *other; /* owned */
    struct gord_cron_state state;
    struct list_link link; /* list link of the calendar */
};

/* Put it on its way; copied. The call is answered when it is on disk. */
void gord_cron_change(const struct gord_cron_change *change);

/* Make an entry that no call waits for, taken over; done(arg, 0 or -errno) later. -ENOMEM, at once. */
int gord_cron_enter(struct gord_service *service, struct gord_cron *cron,
                    void (*done)(void *arg, int error), void *arg);

/* Answer those that wait as UNAVAILABLE. */
void gord_cron_changes_end(struct gord_service *service);

/* Answer with the entry as it is. */
void gord_cron_reply(struct rpc_call *call, const struct gord_cron *cron);

#endif
