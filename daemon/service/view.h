/* SPDX-License-Identifier: MIT */
/* view.h - jobs and events in the form of the wire.
 *
 * Threads     loop thread.
 * Ownership   a view owns everything its message points to, from a successful make to fini.
 */
#ifndef GORD_SERVICE_VIEW_H
#define GORD_SERVICE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/service/attempts.h"
#include "daemon/service/state.h"

struct gord_view {
    Gor__V1__Job job;
    Gor__V1__JobSpec *spec;      /* owned */
    char *text;                  /* owned: reason or detail */
    struct gord_report *report;  /* owned reference; NULL: it told nothing */
    Gor__V1__Progress *progress; /* owned; its text is the report's */
    Gor__V1__ResourceUse *use;   /* owned; NULL: not asked for, or not known */
    struct gord_attempts attempts;
};

/* With its result, once it has ended; after a make. -ENOMEM, or the reader's error. */
int gord_view_add_result(struct gord_service *service, struct gord_view *view);

/* When a job is over at the latest, and whose time that is; 0: none, its own. */
void gord_view_deadline(const struct gord_job *job, int64_t *out_ns, uint64_t *out_of);

/* The job that native job or script `id` has begun last to wait for; 0: it waits for none. */
uint64_t gord_view_waits_for(const struct gord_service *service, uint64_t id);

/* Progress for the wire, which borrows the text. */
void gord_view_progress(const struct gord_report *report, Gor__V1__Progress *out_progress);

/* Job `id`, live or in the store. -ENOENT, -ENOMEM, or the reader's error. */
int gord_view_make(struct gord_service *service, uint64_t id, bool with_env,
                   struct gord_view *out_view);

/* A job from its row, with what is newer in memory over it. -ENOMEM. */
int gord_view_from_row(struct gord_service *service, const struct gord_row *row, bool with_env,
                       struct gord_view *out_view);
void gord_view_fini(struct gord_view *view);

/* Add what an ended job used, if that is known. -ENOMEM, or the reader's error. */
int gord_view_add_use(struct gord_service *service, struct gord_view *view);

/* Add its runs. As above. */
int gord_view_add_attempts(struct gord_service *service, struct gord_view *view);

/* A growing list of views, for replies. */
struct gord_views {
    struct gord_view **items; /* owned */
    Gor__V1__Job **jobs;      /* owned; points into the items */
    size_t count;
    size_t room;
    size_t bytes; /* packed, roughly */
};

/* Takes the view's contents over. -ENOMEM, nothing taken. */
int gord_views_add(struct gord_views *views, const struct gord_view *view);
void gord_views_fini(struct gord_views *views);

/* An event for the wire, and the room for a text made for it. */
struct gord_event_view {
    Gor__V1__Event event;
    Gor__V1__ResourceUse use;
    char text[GORD_USE_TEXT];
};

/* Fill *out_view, which borrows from `event` and `name`, and must not move. */
void gord_view_event(const struct gord_event *event, const char *name,
                     struct gord_event_view *out_view);

#endif
