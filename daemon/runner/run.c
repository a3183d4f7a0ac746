/* SPDX-License-Identifier: MIT */
#include "daemon/runner/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/crashpoint.h"
#include "daemon/event/ask.h"
#include "daemon/runner/handover.h"
#include "daemon/runner/native.h"
#include "daemon/runner/retry.h"
#include "daemon/runner/runner.h"
#include "daemon/runner/text.h"

/* What the context of a run says that it was ended by gord_run_time_out(). */
#define TIMEOUT_CAUSE "the timeout of its parent job passed"

/* After each append, on the goroutine: one note under way at a time, and only if somebody reads. */
static void on_appended(void *arg)
{
    struct gord_run *run = arg;

    if (atomic_load(&run->followers) > 0 && !atomic_exchange(&run->noted, true)) {
        gord_run_ref(run);
        gord_inbox_post(run->env->notes, &run->note);
    }
}

/* What is left until the deadline counts from now on by a clock that nobody sets. */
static int64_t deadline_of(const struct gord_standing *standing, int64_t now)
{
    if (standing == NULL || standing->deadline_ns == 0) {
        return GOR_NEVER;
    }
    int64_t left = standing->deadline_ns - gord_event_clock();
    return left <= 0 ? now : left < GOR_NEVER - now ? now + left : GOR_NEVER;
}

static int64_t late_by(const struct gord_job_body *body)
{
    int64_t late = body->started_ns != 0 ? gord_event_clock() - body->started_ns : 0;

    return late > 0 ? late : 0;
}

struct gord_run *gord_run_new(struct gord_run_env *env, const struct gord_job *job,
                              struct gord_run *above)
{
    struct gord_run *run = calloc(1, sizeof(*run));

    if (run == NULL) {
        return NULL;
    }
    atomic_init(&run->refs, 1);
    run->id = job->id;
    run->uid = job->body->uid;
    run->env = env;
    run->spec = gord_spec_ref(job->body->spec);
    if (job->body->standing != NULL) {
        run->standing = gord_standing_ref(job->body->standing);
    }
    run->signer = run->spec->is_hook ? gord_signer_ref(env->signer) : NULL;
    run->above = above != NULL ? gord_run_ref(above) : NULL;
    run->started_at = gor_now();
    run->late_ns = late_by(job->body);
    gord_heartbeat_init(&run->heartbeat, run->started_at);
    run->deadline = deadline_of(run->standing, run->started_at);
    run->shown = GOR__V1__JOB_STATE__RUNNING;
    snprintf(run->name, sizeof(run->name), "job %" PRIu64, run->id);
    gord_logfile_init(&run->log, env->log_root, run->id,
                      run->spec->output_max != 0 ? run->spec->output_max : env->log_cap_bytes);
    if (run->standing != NULL && run->standing->attempt + run->standing->losses > 0) {
        gord_logfile_go_on(&run->log);
    }
    run->log.queue = gord_ask_queue(run->spec->lane);
    run->log.appended = on_appended;
    run->log.appended_arg = run;
    gord_process_init(&run->process);
    run->input.fd = -1;
    if (run->spec->skips_pauses && run->spec->timeout_ns > 0) {
        run->poked = gor_chan_new(0, 1);
        if (run->poked == NULL) {
            gord_run_unref(run);
            return NULL;
        }
    }
    return run;
}

struct gord_run *gord_run_ref(struct gord_run *run)
{
    atomic_fetch_add_explicit(&run->refs, 1, memory_order_relaxed);
    return run;
}

static void destroy(struct gord_run *run)
{
    gord_hold_fini(&run->hold);
    gord_logfile_fini(&run->log);
    gord_process_fini(&run->process);
    gor_quota_unref(run->quota);
    gord_input_fini(&run->input);
    gor_chan_unref(run->poked);
    struct gor_ctx *ctx = atomic_load(&run->ctx);
    if (ctx != NULL) {
        gor_ctx_unref(ctx);
    }
    struct gor_ctx *force = atomic_load(&run->force);
    if (force != NULL) {
        gor_ctx_unref(force);
    }
    gord_signer_unref(run->signer);
    gord_spec_unref(run->spec);
    gord_standing_unref(run->standing);
    free((void *)(uintptr_t)atomic_load(&run->cause));
    gord_reporter_free(atomic_load(&run->reporter));
    free(atomic_load(&run->panic));
    gor__handover__run__free_unpacked(run->taken_over, NULL);
    gor__handover__run__free_unpacked(run->handed, NULL);
    free(run);
}

void gord_run_unref(struct gord_run *run)
{
    /* acq_rel: the last owner sees everything the others did. */
    while (run != NULL && atomic_fetch_sub_explicit(&run->refs, 1, memory_order_acq_rel) == 1) {
        struct gord_run *above = run->above;
        destroy(run);
        run = above;
    }
}

/* What it has inherited is in the context that it runs under, by the clock of the run that it is from: a
 * second one, by the wall clock, could end it a moment before those above it. */
static bool has_own_deadline(const struct gord_run *run)
{
    return run->deadline != GOR_NEVER && (run->above == NULL || run->standing->deadline_of == 0 ||
                                          run->standing->deadline_of == run->id);
}

struct gor_ctx *gord_run_ctx(struct gord_run *run)
{
    struct gor_ctx *ctx = atomic_load(&run->ctx);
    int64_t timeout = run->spec->timeout_ns;
    int64_t deadline = has_own_deadline(run) ? run->deadline : GOR_NEVER;

    if (ctx != NULL) {
        return ctx;
    }
    if (timeout > 0 && timeout < deadline - run->started_at && !run->spec->skips_pauses) {
        deadline = run->started_at + timeout;
    }
    /* That one may not have asked for its own yet, and it has a timeout all the same. */
    struct gor_ctx *parent = run->above != NULL ? gord_run_ctx(run->above) : run->env->root;
    int result = parent == NULL          ? -ENOMEM
                 : deadline == GOR_NEVER ? gor_ctx_with_cancel(parent, &ctx)
                                         : gor_ctx_with_deadline(parent, deadline, &ctx);
    if (result != 0) {
        return NULL;
    }
    struct gor_ctx *former = NULL;
    if (!atomic_compare_exchange_strong(&run->ctx, &former, ctx)) {
        gor_ctx_unref(ctx); /* another goroutine of the job's was faster */
        return former;
    }
    const char *cause = atomic_load(&run->cause);
    if (cause != NULL) {
        gor_ctx_cancel(ctx, cause);
    }
    return ctx;
}

bool gord_run_is_about_over(struct gord_run *run)
{
    struct gor_ctx *ctx = gord_run_ctx(run);
    int64_t late = 0;

    for (const struct gord_run *at = run; at != NULL; at = at->above) {
        late = at->late_ns > late ? at->late_ns : late;
    }
    return ctx != NULL && gor_ctx_deadline(ctx) - gor_now() <= late;
}

static void ask_to_end(struct gord_run *run, const char *cause)
{
    if (atomic_load(&run->cause) != NULL) {
        return;
    }
    char *copy = strndup(cause, 255);
    if (copy == NULL) {
        return;
    }
    atomic_store(&run->cause, copy);
    struct gor_ctx *ctx = atomic_load(&run->ctx);
    if (ctx != NULL) {
        gor_ctx_cancel_async(ctx, cause);
    }
}

void gord_run_cancel(struct gord_run *run, const char *cause)
{
    atomic_store(&run->failed, false);
    atomic_store(&run->requeued, false); /* somebody wants its end, whatever else there was */
    ask_to_end(run, cause);
}

void gord_run_requeue(struct gord_run *run, const char *cause)
{
    if (atomic_load(&run->cause) == NULL) {
        atomic_store(&run->requeued, true);
        ask_to_end(run, cause);
    }
}

void gord_run_fail(struct gord_run *run, const char *cause)
{
    if (atomic_load(&run->cause) == NULL) {
        atomic_store(&run->failed, true);
        ask_to_end(run, cause);
    }
}

static void poke(void *arg)
{
    struct gord_run *run = arg;

    (void)gor_chan_try_send(run->poked, NULL); /* a full one says it already */
    gord_run_unref(run);
}

void gord_run_poke(struct gord_run *run)
{
    struct gor_go_opts opts = {.at_ceiling = GOR_CEILING_EXEMPT};

    /* A channel is for goroutines only. Without one the job keeps the deadline it knows. */
    if (run->poked != NULL && gor_go_with(&opts, poke, gord_run_ref(run)) != 0) {
        gord_run_unref(run);
    }
}

static void say_timeout(struct gord_run *run)
{
    snprintf(run->detail, sizeof(run->detail), "its timeout of %.9g s passed",
             (double)run->spec->timeout_ns / (double)GOR_SECOND);
}

void gord_run_time_out(struct gord_run *run)
{
    say_timeout(run);
    gor_ctx_cancel(gord_run_ctx(run), TIMEOUT_CAUSE);
}

void gord_run_force(struct gord_run *run, const char *cause)
{
    atomic_store(&run->forced, true);
    gord_run_cancel(run, cause);
    struct gor_ctx *force = atomic_load(&run->force);
    if (force != NULL) {
        gor_ctx_cancel_async(force, cause);
    }
}

struct gor_ctx *gord_run_force_ctx(struct gord_run *run)
{
    struct gor_ctx *force = NULL;

    if (gor_ctx_with_cancel(gor_ctx_background(), &force) != 0) {
        return NULL;
    }
    atomic_store(&run->force, force);
    /* After the store: either this sees the flag, or the loop sees the context. */
    return atomic_load(&run->forced) ? NULL : force;
}

/* A deadline that is not of its own timeout: what it has, or its parent's context. */
static void say_deadline(struct gord_run *run)
{
    if (run->deadline != GOR_NEVER) {
        gord_runner_deadline_text(run->standing, run->detail, sizeof(run->detail));
    } else {
        snprintf(run->detail, sizeof(run->detail), TIMEOUT_CAUSE);
    }
}

Gor__V1__Outcome gord_run_stopped(struct gord_run *run)
{
    struct gor_ctx *ctx = atomic_load(&run->ctx);
    int error = ctx != NULL ? gor_ctx_err(ctx) : 0;

    if (error == 0) {
        return GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED;
    }
    if (error == -ETIMEDOUT) {
        bool own = run->spec->timeout_ns > 0 && !run->spec->skips_pauses &&
                   gor_now() >= run->started_at + run->spec->timeout_ns;
        if (own) {
            say_timeout(run);
        } else {
            say_deadline(run);
        }
        return GOR__V1__OUTCOME__TIMED_OUT;
    }
    /* The context has the first cause; the loop's, that the parent ended, may be there by now too. */
    if (strcmp(gor_ctx_cause(ctx), TIMEOUT_CAUSE) == 0) {
        snprintf(run->detail, sizeof(run->detail), TIMEOUT_CAUSE);
        return GOR__V1__OUTCOME__TIMED_OUT;
    }
    /* Its parent's context may have brought it before the loop did. */
    const char *cause = atomic_load(&run->cause);
    if (cause == NULL && run->spec->parent_id != 0) {
        snprintf(run->detail, sizeof(run->detail), "its parent job %" PRIu64 " was cancelled: %s",
                 run->spec->parent_id, gor_ctx_cause(ctx));
    } else {
        snprintf(run->detail, sizeof(run->detail), "%s",
                 cause != NULL ? cause : gor_ctx_cause(ctx));
    }
    if (cause != NULL && atomic_load(&run->failed)) {
        return GOR__V1__OUTCOME__FAILED;
    }
    return GOR__V1__OUTCOME__CANCELLED;
}

bool gord_run_starts(struct gord_run *run)
{
    int start = GORD_RUN_NOT_STARTED;

    return atomic_compare_exchange_strong(&run->start, &start, GORD_RUN_STARTS) ||
           start == GORD_RUN_STARTS;
}

bool gord_run_keep(struct gord_run *run)
{
    int start = GORD_RUN_NOT_STARTED;

    return atomic_compare_exchange_strong(&run->start, &start, GORD_RUN_KEPT);
}

Gor__V1__Outcome gord_run_kept(struct gord_run *run)
{
    /* A request to end it that comes now is on record, and looked at when the job is in the queue. */
    atomic_store(&run->requeued, true);
    snprintf(run->detail, sizeof(run->detail), "%s", GORD_STOP_REQUEUES);
    return GOR__V1__OUTCOME__CANCELLED;
}

bool gord_run_is_left(struct gord_run *run, Gor__V1__Outcome stopped)
{
    /* A cause of its own is there before its context is cancelled; and what is above it is told to end by
     * the daemon's going after `leaving` is set. So whoever sees such an end sees that as well. An end above
     * that somebody had asked for before is on record, and the next daemon looks there. */
    return stopped == GOR__V1__OUTCOME__CANCELLED && atomic_load(&run->cause) == NULL &&
           atomic_load(&run->env->leaving);
}

/* The end of this run, as that of the job or as the wait for the next attempt. */
static struct gord_event *end_event(struct gord_run *run, const struct gord_result *result,
                                    const char *detail)
{
    struct gord_standing *next = NULL;

    if (result->outcome == GOR__V1__OUTCOME__CANCELLED && atomic_load(&run->requeued)) {
        return gord_event_standing(GORD_EVENT_REQUEUED, run->id, gord_standing_copy(run->standing),
                                   detail);
    }
    if (run->spec->retries > 0) {
        next = gord_retry_plan(run->spec, run->standing, result);
    }
    if (next == NULL) {
        struct gord_event *end = gord_event_finished(run->id, result->outcome, result->exit_code,
                                                     result->signal, detail);
        if (end != NULL) {
            end->core_dumped = result->core_dumped;
        }
        return end;
    }
    char text[GORD_DETAIL_BYTES + 96];
    gord_retry_text(run->spec, next, result, detail, text, sizeof(text));
    struct gord_event *event = gord_event_standing(GORD_EVENT_RETRYING, run->id, next, text);
    if (event != NULL) {
        event->outcome = (uint8_t)result->outcome;
        event->exit_code = result->exit_code;
        event->signal = result->signal;
        event->core_dumped = result->core_dumped;
    }
    return event;
}

static void post_finished(struct gord_run *run, const struct gord_result *result, const char *text)
{
    struct gord_event *event = end_event(run, result, text);

    if (event != NULL) {
        gord_logfile_counts(&run->log, &event->stdout_bytes, &event->stderr_bytes);
        /* What is to run again has told nothing yet. */
        event->report = event->kind == GORD_EVENT_FINISHED ? gord_run_report(run) : NULL;
    }
    gord_bus_post(run->env->bus, event);
}

void gord_run_end(struct gord_run *run, const struct gord_result *result)
{
    char clean[GORD_DETAIL_BYTES];
    const char *detail = run->detail;
    const char *panic = atomic_load(&run->panic);

    gord_logfile_shut(&run->log);
    gord_hold_open(run); /* who was left behind, and waits to write, is to find that */
    if (result->outcome == GOR__V1__OUTCOME__PANICKED && panic != NULL) {
        detail = panic;
    } else if (!gord_text_is_utf8(detail, strlen(detail))) {
        detail = gord_text_clean(detail, strlen(detail), clean, sizeof(clean));
    }
    post_finished(run, result, detail);
}

/* ------------------------------------------------------------------ panics */

/* Where it was, the caller's; NULL: the caller does not panic, or there is no memory. */
static char *trace_panic(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL) {
        return NULL;
    }
    int result = gor_panic_dump(out);
    if (fclose(out) != 0 || result != 0) {
        free(text);
        return NULL;
    }
    return text;
}

bool gord_run_is_panicking(void)
{
    char *trace = trace_panic();
    bool is = trace != NULL;

    free(trace);
    return is;
}

/* What happened in one line, a blank one, and where it was: what the history has. */
static char *describe_panic(const char *what, const char *message, const char *trace)
{
    char clean[GORD_DETAIL_BYTES];
    char *text = NULL;
    bool whole = trace != NULL && gord_text_is_utf8(trace, strlen(trace));

    gord_text_clean(message, strlen(message), clean, sizeof(clean));
    if (asprintf(&text, "%s: %s%s%s", what, clean, whole ? "\n\n" : "", whole ? trace : "") < 0) {
        return NULL;
    }
    return text;
}

static void log_lines(struct gord_run *run, char *text)
{
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        if (line[0] != '\0') {
            gord_logfile_remark(&run->log, "%s\n", line);
        }
    }
}

/* Into the job's log, and for its end. Only the first counts. */
static void note_panic(struct gord_run *run, const char *what, const char *message)
{
    char *none = NULL;
    char *trace = trace_panic();
    char *text = describe_panic(what, message, trace);

    free(trace);
    if (text != NULL && !atomic_compare_exchange_strong(&run->panic, &none, text)) {
        free(text);
        return;
    }
    if (text != NULL) {
        char *lines = strdup(text);
        log_lines(run, lines);
        free(lines);
    }
}

void gord_run_end_by_panic(struct gord_run *run, const char *message)
{
    struct gord_result result = {.outcome = GOR__V1__OUTCOME__PANICKED};

    snprintf(run->detail, sizeof(run->detail), "panic: %s", message);
    note_panic(run, "panic", message);
    gord_run_end(run, &result);
}

void gord_run_note_panic(struct gord_run *run, const char *message)
{
    if (atomic_exchange(&run->panicked, true)) {
        return;
    }
    note_panic(run, "panic in a goroutine of this job", message);
    /* Made now if the job has not asked for it: whenever it does, it is to find it ended. */
    struct gor_ctx *ctx = gord_run_ctx(run);
    if (ctx != NULL) {
        gor_ctx_cancel(ctx, message);
    }
}

/* The default, a panic, is decided here: it ends this job only. So does a stack that is used up. */
static void on_panic(void *arg, const char *message)
{
    struct gord_run *run = arg;

    if (gor_self() == run->goroutine) {
        gord_run_end_by_panic(run, message);
        gord_run_unref(run);
    } else {
        gord_run_note_panic(run, message);
    }
}

/* For profiles; the goroutines it starts have it too. Without memory they miss it. */
static void label_goroutine(const struct gord_run *run)
{
    char id[24];

    snprintf(id, sizeof(id), "%" PRIu64, run->id);
    (void)gor_set_label("job", id);
}

void gord_run_main(void *arg)
{
    struct gord_run *run = arg;
    struct gord_result result = {.outcome = GOR__V1__OUTCOME__SUCCEEDED};

    label_goroutine(run);
    if (run->job != NULL) {
        gord_plugin_job_main(run->job);
        return;
    }
    gor_on_panic(on_panic, run);
    if (run->spec->kind == GORD_EXEC) {
        gord_exec_run(run, &result);
    } else if (run->spec->kind == GORD_LUA) {
        gord_lua_job_run(run, &result);
    } else {
        gord_native_run(run, &result);
    }
    if (result.left) {
        gord_run_post_handed(run);
    } else {
        gord_run_end(run, &result);
        GORD_CRASHPOINT(EXIT_POSTED);
    }
    gord_run_unref(run);
}
