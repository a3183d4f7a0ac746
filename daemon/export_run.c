/* SPDX-License-Identifier: MIT */
/* export_run.c - see export.h: the thread's part. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "daemon/base/log.h"
#include "daemon/export_inside.h"
#include "daemon/otlp/encode.h"
#include "runtime/gor.h"

#define TIMEOUT_NS (10 * GOR_SECOND) /* of one attempt */

static void count(atomic_ullong *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* ---- the message */

static void forget_message(struct gord_export *export, bool dropped)
{
    if (export->message != NULL && dropped) {
        count(&export->counts->dropped, 1);
    }
    free(export->message);
    export->message = NULL;
}

/* The page, as anybody who asks gets it, in memory that the caller frees. */
static int write_page(const struct gord_figures *figures, char **out_page)
{
    char *page = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&page, &bytes);

    if (out == NULL) {
        return -ENOMEM;
    }
    int result = gord_figures_write(figures, out);
    if (fclose(out) != 0 && result == 0) {
        result = -ENOMEM;
    }
    if (result != 0) {
        free(page);
        return result;
    }
    *out_page = page;
    return 0;
}

/* A message of the figures, in the place of the one that is there. */
static void make_message(struct gord_export *export, const struct gord_figures *figures,
                         int64_t at_ns)
{
    struct gord_otlp_source source = {.version = GOR_VERSION,
                                      .instance = export->instance,
                                      .host = export->host,
                                      .start_ns = export->start_ns,
                                      .at_ns = at_ns};
    char *page = NULL;

    forget_message(export, true);
    int result = write_page(figures, &page);
    if (result == 0) {
        result = gord_otlp_encode(&source, page, &export->message, &export->message_bytes);
        free(page);
    }
    if (result != 0) {
        count(&export->counts->dropped, 1);
        gord_log(GORD_LOG_ERROR, 0, "cannot make a message of the metrics: %s", strerror(-result));
    }
}

/* ---- what is told */

/* Once until it works again. */
static void tell_failure(struct gord_export *export, const char *what, const char *then)
{
    gord_log(export->failing ? GORD_LOG_DEBUG : GORD_LOG_WARNING, 0,
             "cannot send metrics to %s: %s; %s", export->target->url, what, then);
    export->failing = true;
}

static void tell_success(struct gord_export *export)
{
    if (export->failing) {
        gord_log(GORD_LOG_NOTICE, 0, "metrics are sent to %s again", export->target->url);
    }
    export->failing = false;
}

/* It may have taken less than all, or have something to say. */
static void read_reply(struct gord_export *export)
{
    uint64_t rejected = 0;
    char text[256] = "";

    if (gord_otlp_read_reply(export->answer.reply, export->answer.reply_bytes, &rejected, text,
                             sizeof(text)) != 0) {
        return; /* the status counts */
    }
    count(&export->counts->rejected_points, rejected);
    if (rejected > 0 && !export->rejected) {
        gord_log(GORD_LOG_WARNING, 0, "%s did not take %" PRIu64 " data points: %s",
                 export->target->url, rejected, text[0] != '\0' ? text : "it does not say why");
    }
    export->rejected = rejected > 0;
}

/* ---- sending */

/* What is being sent is not worth it any more. */
static bool gives_up(void *arg)
{
    struct gord_export *export = arg;

    pthread_mutex_lock(&export->lock);
    bool result = export->has_fresh || (export->stopping && !export->last);
    pthread_mutex_unlock(&export->lock);
    return result;
}

static int64_t timeout_of(struct gord_export *export)
{
    pthread_mutex_lock(&export->lock);
    int64_t left_ns = export->stopping ? export->ends_ns - gor_now() : TIMEOUT_NS;
    pthread_mutex_unlock(&export->lock);
    return left_ns < TIMEOUT_NS ? left_ns : TIMEOUT_NS;
}

static void try_later(struct gord_export *export, const char *what, int64_t asked_ns)
{
    uint32_t lot = 0;

    (void)getrandom(&lot, sizeof(lot), GRND_NONBLOCK);
    count(&export->counts->failed, 1);
    gord_otlp_pace_failed(&export->pace, gor_now(), asked_ns, lot);
    tell_failure(export, what, "trying again");
}

static void take_answer(struct gord_export *export)
{
    const struct gord_post_answer *answer = &export->answer;

    switch (gord_otlp_judge(answer->status)) {
    case GORD_OTLP_TAKEN:
        count(&export->counts->sent, 1);
        export->pace = (struct gord_otlp_pace){0};
        tell_success(export);
        read_reply(export);
        forget_message(export, false);
        break;
    case GORD_OTLP_TRY_AGAIN:
        try_later(export, answer->text, answer->asked_ns);
        break;
    case GORD_OTLP_GIVEN_UP:
        count(&export->counts->failed, 1);
        export->pace = (struct gord_otlp_pace){0};
        tell_failure(export, answer->text, "look at the endpoint, its log and --otlp-headers");
        forget_message(export, true);
        break;
    }
}

static void send_message(struct gord_export *export)
{
    struct gord_post_body body = {.message = export->message,
                                  .bytes = export->message_bytes,
                                  .timeout_ns = timeout_of(export),
                                  .gives_up = gives_up,
                                  .arg = export};
    int result = gord_post_send(export->post, export->target, &body, &export->answer);

    if (result == 0) {
        take_answer(export);
    } else if (result != -ECANCELED) {
        try_later(export, strerror(-result), 0);
    }
}

/* ---- the thread */

static bool may_send(const struct gord_export *export)
{
    return export->message != NULL && export->target != NULL &&
           export->pace.not_before_ns <= gor_now();
}

/* Until there is something to do; locked. */
static void await(struct gord_export *export)
{
    while (!export->has_next && !export->has_fresh && !export->stopping && !may_send(export)) {
        int64_t until_ns = export->pace.not_before_ns;
        struct timespec until = {until_ns / GOR_SECOND, until_ns % GOR_SECOND};
        if (export->message != NULL && export->target != NULL) {
            (void)pthread_cond_timedwait(&export->changed, &export->lock, &until);
        } else {
            (void)pthread_cond_wait(&export->changed, &export->lock);
        }
    }
}

/* Another collector need not wait for what the former has asked for; locked. */
static void take_target(struct gord_export *export)
{
    gord_otlp_target_free(export->target);
    export->target = export->fresh;
    export->fresh = NULL;
    export->has_fresh = false;
    export->pace = (struct gord_otlp_pace){0};
    export->failing = false;
    export->rejected = false;
}

/* A turn: take what has come, send what may be sent. false: it was the last. */
static bool turn(struct gord_export *export)
{
    struct gord_figures figures = {0};

    pthread_mutex_lock(&export->lock);
    await(export);
    if (export->has_fresh) {
        take_target(export);
    }
    bool has_figures = export->has_next;
    int64_t at_ns = export->next_at_ns;
    if (has_figures) {
        figures = export->next;
        export->next.queues = NULL; /* they are ours */
        export->has_next = false;
    }
    export->last = export->stopping;
    bool told_not_to = export->pace.told && export->pace.not_before_ns > export->ends_ns;
    pthread_mutex_unlock(&export->lock);
    if (export->target == NULL) {
        forget_message(export, true);
    } else if (has_figures) {
        make_message(export, &figures, at_ns);
    }
    gord_figures_fini(&figures);
    if (export->last && export->message != NULL && !told_not_to) {
        send_message(export);
    } else if (!export->last && may_send(export)) {
        send_message(export);
    }
    return !export->last;
}

void *gord_export_run(void *arg)
{
    struct gord_export *export = arg;

    (void)pthread_setname_np(pthread_self(), "otlp");
    while (turn(export)) {
    }
    forget_message(export, true);
    return NULL;
}
