/* SPDX-License-Identifier: MIT */
/* leave.c - see leave.h. */
#include "client/leave.h"

#include <signal.h>
#include <stdlib.h>

#include <uv.h>

#include "client/alloc.h"
#include "client/bar.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/interrupt.h"
#include "gor/v1/jobs.pb-c.h"

/* Long enough for a second ctrl-C that is meant, short enough to wait for. */
enum { SECOND_CHANCE_MS = 1500 };

struct gorctl_leave {
    struct gorctl *ctl; /* borrowed */
    uint64_t job_id;
    unsigned count;
    struct gorctl_interrupt *interrupt; /* owned */
    uv_timer_t timer;
};

static void leave(uv_timer_t *timer)
{
    struct gorctl_leave *leaving = timer->data;
    gorctl_stream_stop(leaving->ctl, GORCTL_EXIT_DETACHED);
}

static void cancel_job(struct gorctl_leave *leaving)
{
    Gor__V1__CancelRequest request = GOR__V1__CANCEL_REQUEST__INIT;
    request.ids = &leaving->job_id;
    request.n_ids = 1;
    request.cause = (char *)"ctrl-C in gorctl run";
    gorctl_call_aside(leaving->ctl, "/gor.v1.Jobs/Cancel", &request.base);
}

static void on_signal(int number, void *user)
{
    struct gorctl_leave *leaving = user;
    unsigned long long id = leaving->job_id;
    (void)number;
    gorctl_bar_hide(leaving->ctl);
    switch (++leaving->count) {
    case 1:
        gorctl_say("leaving job %llu to itself; it runs on. Ctrl-C again cancels it.\n"
                   "  Come back with `gorctl logs -f %llu`.",
                   id, id);
        (void)uv_timer_start(&leaving->timer, leave, SECOND_CHANCE_MS, 0);
        break;
    case 2:
        gorctl_say("cancelling job %llu", id);
        (void)uv_timer_stop(&leaving->timer);
        cancel_job(leaving);
        break;
    default:
        gorctl_stream_stop(leaving->ctl, GORCTL_EXIT_DETACHED);
    }
    gorctl_bar_show(leaving->ctl);
}

struct gorctl_leave *gorctl_leave_start(struct gorctl *ctl, uint64_t job_id)
{
    struct gorctl_leave *leaving = gorctl_alloc(sizeof(*leaving));
    leaving->ctl = ctl;
    leaving->job_id = job_id;
    (void)uv_timer_init(gorctl_loop(ctl), &leaving->timer);
    leaving->timer.data = leaving;
    leaving->interrupt = gorctl_interrupt_start(ctl, (int[]){SIGINT, 0}, on_signal, leaving);
    return leaving;
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void gorctl_leave_stop(struct gorctl_leave *leaving)
{
    if (leaving != NULL) {
        gorctl_interrupt_stop(leaving->interrupt);
        uv_close((uv_handle_t *)&leaving->timer, timer_closed);
    }
}
