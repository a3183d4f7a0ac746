/* SPDX-License-Identifier: MIT */
/* export_inside.h - what the loop's and the thread's part of export.h share.
 *
 * Threads     each field says whose it is.
 */
#ifndef GORD_EXPORT_INSIDE_H
#define GORD_EXPORT_INSIDE_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/instance.h"
#include "daemon/otlp/pace.h"
#include "daemon/otlp/post.h"
#include "daemon/otlp/target.h"
#include "daemon/service/export_counts.h"
#include "daemon/service/figures.h"

struct gord_export {
    const struct gord_config *config; /* borrowed; the loop's, as what follows */
    struct gord_service *service;     /* borrowed */
    uv_timer_t timer;
    int64_t interval_ns;              /* of the timer */
    struct gord_otlp_target *current; /* owned; the thread has another copy; NULL: nowhere */
    bool inited;                      /* libcurl is */
    bool runs;                        /* the thread */
    bool finished;                    /* gord_export_finish was called */
    bool stopped;

    struct gord_export_counts *counts;  /* the service's */
    char instance[GORD_INSTANCE_BYTES]; /* does not change, as what follows */
    char host[HOST_NAME_MAX + 1];
    int64_t start_ns;       /* wall clock */
    struct gord_post *post; /* owned; the thread's, but for wake */
    pthread_t thread;

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    struct gord_figures next; /* owned */
    bool has_next;
    int64_t next_at_ns;             /* wall clock */
    struct gord_otlp_target *fresh; /* owned; NULL: nowhere */
    bool has_fresh;
    bool stopping;
    int64_t ends_ns; /* monotonic; with stopping */

    /* The thread's. */
    struct gord_otlp_target *target; /* owned; NULL: nowhere */
    void *message;                   /* owned; not taken yet; NULL: none */
    size_t message_bytes;
    struct gord_otlp_pace pace;
    struct gord_post_answer answer;
    bool failing;  /* it was logged */
    bool rejected; /* so was that */
    bool last;     /* the message is the last */
};

/* The thread; `arg` is the export. */
void *gord_export_run(void *arg);

#endif
