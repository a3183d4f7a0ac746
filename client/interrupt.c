/* SPDX-License-Identifier: MIT */
/* interrupt.c - see interrupt.h. */
#include "client/interrupt.h"

#include <signal.h>
#include <stdlib.h>

#include <uv.h>

#include "client/alloc.h"
#include "client/bar.h"
#include "client/channel.h"
#include "client/exits.h"
#include "gor/v1/jobs.pb-c.h"

/* Long enough for a second ctrl-C that is meant, short enough to wait for. */
enum { SECOND_CHANCE_MS = 1500 };

struct gorctl_interrupt {
    struct gorctl *ctl; /* borrowed */
    uint64_t job_id;
    unsigned count;
    uv_signal_t signal;
    uv_timer_t timer;
    unsigned open_handles;
};

static void leave(uv_timer_t *timer)
{
    struct gorctl_interrupt *interrupt = timer->data;
    gorctl_stream_stop(interrupt->ctl, GORCTL_EXIT_DETACHED);
}

static void cancel_job(struct gorctl_interrupt *interrupt)
{
    Gor__V1__CancelRequest request = GOR__V1__CANCEL_REQUEST__INIT;
    request.ids = &interrupt->job_id;
    request.n_ids = 1;
    request.cause = (char *)"ctrl-C in gorctl run";
    gorctl_call_aside(interrupt->ctl, "/gor.v1.Jobs/Cancel", &request.base);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct gorctl_interrupt *interrupt = handle->data;
    unsigned long long id = interrupt->job_id;
    (void)number;
    gorctl_bar_hide(interrupt->ctl);
    switch (++interrupt->count) {
    case 1:
        gorctl_say("leaving job %llu to itself; it runs on. Ctrl-C again cancels it.\n"
                   "  Come back with `gorctl logs -f %llu`.",
                   id, id);
        (void)uv_timer_start(&interrupt->timer, leave, SECOND_CHANCE_MS, 0);
        break;
    case 2:
        gorctl_say("cancelling job %llu", id);
        (void)uv_timer_stop(&interrupt->timer);
        cancel_job(interrupt);
        break;
    default:
        gorctl_stream_stop(interrupt->ctl, GORCTL_EXIT_DETACHED);
    }
    gorctl_bar_show(interrupt->ctl);
}

struct gorctl_interrupt *gorctl_interrupt_start(struct gorctl *ctl, uint64_t job_id)
{
    struct sigaction old;
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler == SIG_IGN) {
        return NULL;
    }
    struct gorctl_interrupt *interrupt = gorctl_alloc(sizeof(*interrupt));
    interrupt->ctl = ctl;
    interrupt->job_id = job_id;
    if (uv_signal_init(gorctl_loop(ctl), &interrupt->signal) != 0) {
        free(interrupt); /* ctrl-C ends us; the job runs on all the same */
        return NULL;
    }
    (void)uv_timer_init(gorctl_loop(ctl), &interrupt->timer);
    interrupt->signal.data = interrupt->timer.data = interrupt;
    interrupt->open_handles = 2;
    (void)uv_signal_start(&interrupt->signal, on_signal, SIGINT);
    return interrupt;
}

static void handle_closed(uv_handle_t *handle)
{
    struct gorctl_interrupt *interrupt = handle->data;
    if (--interrupt->open_handles == 0) {
        free(interrupt);
    }
}

void gorctl_interrupt_stop(struct gorctl_interrupt *interrupt)
{
    if (interrupt != NULL) {
        uv_close((uv_handle_t *)&interrupt->signal, handle_closed);
        uv_close((uv_handle_t *)&interrupt->timer, handle_closed);
    }
}
