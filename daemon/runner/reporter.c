/* SPDX-License-Identifier: MIT */
#include "daemon/runner/reporter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "daemon/runner/run.h"
#include "daemon/runner/runner.h"

/* ------------------------------------------------------------------ telling */

/* The loop hears that there is one, and looks at it from then on. */
static void announced(struct gord_runner *runner, struct gord_errand *errand)
{
    struct gord_reporter *reporter = CONTAINER_OF(errand, struct gord_reporter, announce);
    struct gord_run *run = reporter->run;

    gord_runner_add_reporter(runner, reporter);
    gord_run_unref(run);
}

static struct gord_reporter *reporter_new(struct gord_run *run)
{
    struct gord_reporter *reporter = calloc(1, sizeof(*reporter));

    if (reporter != NULL) {
        reporter->run = run;
        reporter->announce.fn = announced;
        pthread_mutex_init(&reporter->lock, NULL);
    }
    return reporter;
}

void gord_reporter_free(struct gord_reporter *reporter)
{
    if (reporter != NULL) {
        gord_report_unref(reporter->latest);
        pthread_mutex_destroy(&reporter->lock);
        free(reporter->result);
        free(reporter);
    }
}

/* The run's, made if need be. NULL: out of memory. */
static struct gord_reporter *reporter_of(struct gord_run *run)
{
    struct gord_reporter *none = NULL;
    /* Acquire: what reporter_new wrote, of another thread's. */
    struct gord_reporter *reporter = atomic_load_explicit(&run->reporter, memory_order_acquire);

    if (reporter != NULL) {
        return reporter;
    }
    reporter = reporter_new(run);
    if (reporter == NULL) {
        return NULL;
    }
    if (!atomic_compare_exchange_strong_explicit(&run->reporter, &none, reporter,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        gord_reporter_free(reporter);
        return none;
    }
    gord_run_ref(run);
    gord_errand_post(run->env->errands, &reporter->announce);
    return reporter;
}

int gord_run_tell(struct gord_run *run, uint64_t done, uint64_t total, const char *text)
{
    struct gord_progress progress = {done, total, gord_event_clock(), text != NULL ? text : ""};

    gord_run_sign(run);
    struct gord_reporter *reporter = reporter_of(run);
    struct gord_report *report = reporter != NULL ? gord_report_new(&progress, NULL, 0) : NULL;

    if (report == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&reporter->lock);
    struct gord_report *former = reporter->latest;
    reporter->latest = report;
    reporter->told++;
    pthread_mutex_unlock(&reporter->lock);
    gord_report_unref(former);
    return 0;
}

/* `kept`: of the bytes that are there. */
static int put_result(struct gord_run *run, size_t kept, const void *bytes, size_t length)
{
    struct gord_reporter *reporter = reporter_of(run);
    int result = -ENOMEM;

    if (reporter == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&reporter->lock);
    size_t at = kept < reporter->result_bytes ? kept : reporter->result_bytes;
    uint8_t *whole = NULL;
    if (length > GORD_RESULT_BYTES - at) {
        result = -EMSGSIZE;
    } else {
        whole = realloc(reporter->result, at + length + 1);
    }
    if (whole != NULL) {
        reporter->result = whole;
        if (length > 0) {
            memcpy(whole + at, bytes, length);
        }
        reporter->result_bytes = at + length;
        reporter->has_result = true;
        result = 0;
    }
    pthread_mutex_unlock(&reporter->lock);
    return result;
}

int gord_run_set_result(struct gord_run *run, const void *bytes, size_t length)
{
    return put_result(run, 0, bytes, length);
}

int gord_run_add_result(struct gord_run *run, const void *bytes, size_t length)
{
    return put_result(run, GORD_RESULT_BYTES, bytes, length);
}

void gord_run_drop_result(struct gord_run *run)
{
    struct gord_reporter *reporter = atomic_load_explicit(&run->reporter, memory_order_acquire);

    if (reporter != NULL) {
        pthread_mutex_lock(&reporter->lock);
        free(reporter->result);
        reporter->result = NULL;
        reporter->result_bytes = 0;
        reporter->has_result = false;
        pthread_mutex_unlock(&reporter->lock);
    }
}

/* ------------------------------------------------------------------ what was told */

struct gord_report *gord_run_progress(const struct gord_run *run)
{
    struct gord_reporter *reporter = atomic_load_explicit(&run->reporter, memory_order_acquire);
    struct gord_report *report = NULL;

    if (reporter != NULL) {
        pthread_mutex_lock(&reporter->lock);
        report = reporter->latest != NULL ? gord_report_ref(reporter->latest) : NULL;
        pthread_mutex_unlock(&reporter->lock);
    }
    return report;
}

struct gord_report *gord_run_report(const struct gord_run *run)
{
    struct gord_reporter *reporter = atomic_load_explicit(&run->reporter, memory_order_acquire);
    struct gord_report *report = NULL;

    if (reporter != NULL) {
        pthread_mutex_lock(&reporter->lock);
        report = gord_report_new(reporter->latest != NULL ? &reporter->latest->progress : NULL,
                                 reporter->has_result ? reporter->result : NULL,
                                 reporter->has_result ? reporter->result_bytes : 0);
        pthread_mutex_unlock(&reporter->lock);
    }
    return report;
}

/* ------------------------------------------------------------------ the loop's list */

void gord_reporters_init(struct gord_reporters *reporters)
{
    *reporters = (struct gord_reporters){.order = 0};
    list_init(&reporters->list);
}

static struct gord_reporter *reporter_at(const struct list_link *link)
{
    return CONTAINER_OF(link, struct gord_reporter, link);
}

/* First, since its order is 0. */
void gord_reporters_add(struct gord_reporters *reporters, struct gord_reporter *reporter)
{
    list_prepend(&reporters->list, &reporter->link);
}

void gord_reporters_remove(struct gord_reporter *reporter)
{
    if (reporter != NULL) {
        list_remove(&reporter->link);
    }
}

static bool has_news(struct gord_reporter *reporter)
{
    pthread_mutex_lock(&reporter->lock);
    bool news = reporter->told != reporter->seen;
    reporter->seen = reporter->told;
    pthread_mutex_unlock(&reporter->lock);
    return news;
}

void gord_reporters_look(struct gord_reporters *reporters)
{
    const struct list_link *last = reporters->list.prev;

    for (struct list_link *link = reporters->list.next, *next; link != &reporters->list;
         link = next) {
        struct gord_reporter *reporter = reporter_at(link);
        next = link != last ? link->next : &reporters->list;
        if (has_news(reporter)) {
            list_remove(link);
            list_append(&reporters->list, link);
            reporter->order = ++reporters->order;
        }
    }
}

int gord_reporters_each(const struct gord_reporters *reporters, uint64_t *cursor,
                        int (*visit)(void *arg, const struct gord_run *run,
                                     const struct gord_report *report),
                        void *arg)
{
    const struct list_link *link = reporters->list.prev;
    int result = 0;

    while (link != &reporters->list && reporter_at(link)->order > *cursor) {
        link = link->prev;
    }
    for (link = link->next; link != &reporters->list && result == 0; link = link->next) {
        const struct gord_reporter *reporter = reporter_at(link);
        struct gord_report *report = gord_run_progress(reporter->run);
        result = report != NULL ? visit(arg, reporter->run, report) : 0;
        gord_report_unref(report);
        if (result == 0) {
            *cursor = reporter->order;
        }
    }
    return result;
}
