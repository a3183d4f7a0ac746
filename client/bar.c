/* SPDX-License-Identifier: MIT */
/* bar.c - see bar.h. */
#include "client/bar.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/progress.h"
#include "client/screen.h"
#include "gor/v1/jobs.pb-c.h"

#define ERASE_LINE "\r\x1b[K"

struct gorctl_bar {
    struct gorctl_aside *aside;    /* owned */
    Gor__V1__WatchRequest request; /* its ids are borrowed */
    uint64_t job_id;               /* whose progress it is; 0: nobody's */
    char *line;                    /* owned; what is, or would be, on the screen; NULL: nothing */
    bool several;                  /* jobs are waited for, so it says which */
    bool shown;
    bool held; /* from hide to show */
};

static void draw(struct gorctl_bar *bar)
{
    fprintf(stderr, ERASE_LINE "%s", bar->line);
    bar->shown = true;
}

static void erase(struct gorctl_bar *bar)
{
    if (bar->shown) {
        fputs(ERASE_LINE, stderr);
        bar->shown = false;
    }
}

static void set_line(struct gorctl_bar *bar, const Gor__V1__Event *event)
{
    char which[40] = "";
    unsigned width = gorctl_screen_of(STDERR_FILENO).width; /* it may change */
    if (bar->several) {
        snprintf(which, sizeof(which), "job %" PRIu64 " ", event->job_id);
    }
    unsigned taken = (unsigned)strlen(which) + 1; /* a full line would wrap on some terminals */
    char *text = gorctl_progress_bar(event->progress, width > taken ? width - taken : 1);
    free(bar->line);
    bar->line = gorctl_format("%s%s", which, text);
    bar->job_id = event->job_id;
    free(text);
}

static bool on_event(const ProtobufCMessage *message, void *user)
{
    struct gorctl_bar *bar = user;
    const Gor__V1__Event *event = (const Gor__V1__Event *)message;
    bool over = event->state == GOR__V1__JOB_STATE__TERMINATED;
    if (event->progress != NULL) {
        set_line(bar, event);
        if (!bar->held) {
            draw(bar);
        }
    } else if (over && event->job_id == bar->job_id) {
        erase(bar);
        free(bar->line);
        bar->line = NULL;
    }
    return true;
}

void gorctl_bar_start(struct gorctl *ctl, const uint64_t *ids, size_t count)
{
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    if (dumb || ctl->json || !gorctl_screen_of(STDERR_FILENO).terminal) {
        return;
    }
    struct gorctl_bar *bar = gorctl_alloc(sizeof(*bar));
    bar->several = count > 1;
    gor__v1__watch_request__init(&bar->request);
    bar->request.ids = (uint64_t *)ids;
    bar->request.n_ids = count;
    bar->request.from_now = true;
    bar->request.with_progress = true;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Watch",
                               .request = &bar->request.base,
                               .reply = &gor__v1__event__descriptor};
    bar->aside = gorctl_stream_aside(ctl, &call, on_event, bar);
    ctl->bar = bar;
}

void gorctl_bar_stop(struct gorctl *ctl)
{
    struct gorctl_bar *bar = ctl->bar;
    if (bar != NULL) {
        erase(bar);
        gorctl_aside_stop(bar->aside);
        free(bar->line);
        free(bar);
        ctl->bar = NULL;
    }
}

void gorctl_bar_hide(struct gorctl *ctl)
{
    if (ctl->bar != NULL) {
        erase(ctl->bar);
        ctl->bar->held = true;
    }
}

void gorctl_bar_show(struct gorctl *ctl)
{
    if (ctl->bar != NULL) {
        ctl->bar->held = false;
        if (ctl->bar->line != NULL) {
            draw(ctl->bar);
        }
    }
}
