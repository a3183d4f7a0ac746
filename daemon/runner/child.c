/* SPDX-License-Identifier: MIT */
#include "daemon/runner/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/runner.h"

/* ------------------------------------------------------------------ requests */

/* Give up so many references. */
static void drop_refs(struct gord_child_request *request, unsigned refs)
{
    /* acq_rel: the last one sees what the other did. */
    if (atomic_fetch_sub_explicit(&request->refs, refs, memory_order_acq_rel) != refs) {
        return;
    }
    gord_run_unref(request->run);
    gor_chan_unref(request->ready);
    if (request->spec != NULL) {
        gor__v1__job_spec__free_unpacked(request->spec, NULL);
    }
    gord_child_end_fini(&request->end);
    free(request);
}

static void request_unref(struct gord_child_request *request)
{
    drop_refs(request, 1);
}

/* With both references, for a job that is not to end: one that is, and asks again and again all the same,
 * is to make no work for the loop. NULL: the error of its context, or -ENOMEM. */
static struct gord_child_request *request_new(struct gord_run *run, int *out_error)
{
    struct gor_ctx *ctx = gord_run_ctx(run);

    *out_error = ctx != NULL ? gor_ctx_err(ctx) : -ENOMEM;
    if (*out_error != 0) {
        return NULL;
    }
    struct gord_child_request *request = calloc(1, sizeof(*request));
    struct gor_chan *ready = gor_chan_new(0, 0);
    if (request == NULL || ready == NULL) {
        gor_chan_unref(ready);
        free(request);
        *out_error = -ENOMEM;
        return NULL;
    }
    atomic_init(&request->refs, 2);
    request->run = gord_run_ref(run);
    request->ready = ready;
    return request;
}

static void wake(void *arg)
{
    struct gord_child_request *request = arg;

    gor_chan_close(request->ready);
    request_unref(request);
}

void gord_child_line_up(struct gord_child_request **waiting, struct gord_child_request *request)
{
    request->next = *waiting;
    request->place = waiting;
    if (request->next != NULL) {
        request->next->place = &request->next;
    }
    *waiting = request;
}

/* Whether it stood there. */
static bool leave_line(struct gord_child_request *request)
{
    if (request->place == NULL) {
        return false;
    }
    *request->place = request->next;
    if (request->next != NULL) {
        request->next->place = request->place;
    }
    request->place = NULL;
    return true;
}

void gord_child_answer(struct gord_child_request *request, int error)
{
    struct gor_go_opts opts = {.at_ceiling = GOR_CEILING_EXEMPT, .no_quota = true};
    bool was_handed_in = request->spec != NULL && error == 0;
    const struct gord_run *run = request->run;

    (void)leave_line(request);
    request->error = error;
    request->is_overdue = !was_handed_in && gord_runner_is_overdue(run->env->bus, run->id);
    /* Where there is no memory for it, or the runtime stops, who asked waits for his context. */
    if (gor_go_with(&opts, wake, request) != 0) {
        request_unref(request);
    }
}

void gord_child_end_fini(struct gord_child_end *end)
{
    free(end->detail);
    gord_report_unref(end->report);
    *end = (struct gord_child_end){0};
}

/* ------------------------------------------------------------------ asking */

/* It may have been answered meanwhile. */
static void give_up_on_loop(struct gord_runner *runner, struct gord_errand *errand)
{
    struct gord_child_request *request =
        (struct gord_child_request *)((char *)errand -
                                      offsetof(struct gord_child_request, given_up));

    (void)runner;
    drop_refs(request, leave_line(request) ? 2 : 1); /* the loop's, too, if it had kept it */
}

/* The loop may be about to have it wait, or to answer it: it hears of this after that. */
static void give_up(struct gord_run *run, struct gord_child_request *request)
{
    atomic_fetch_add_explicit(&request->refs, 1, memory_order_relaxed); /* the errand's */
    request->given_up.fn = give_up_on_loop;
    gord_errand_post(run->env->errands, &request->given_up);
}

/* Have the loop do it, and wait for that. 0: `request` has the answer; else the error of the job's context,
 * which has ended: the answer is not looked at. */
static int ask(struct gord_run *run, struct gord_child_request *request,
               void (*fn)(struct gord_runner *runner, struct gord_errand *errand))
{
    struct gor_ctx *ctx = gord_run_ctx(run);

    request->errand.fn = fn;
    gord_errand_post(run->env->errands, &request->errand);
    int result = gor_chan_recv_ctx(request->ready, NULL, ctx);
    if (result != 0) {
        give_up(run, request);
    } else if (request->is_overdue && gord_run_is_about_over(run)) {
        gor_chan_recv(gor_ctx_done(ctx), NULL);
        result = gor_ctx_err(ctx);
    }
    return result;
}

/* ------------------------------------------------------------------ submitting */

static void submit_on_loop(struct gord_runner *runner, struct gord_errand *errand)
{
    gord_runner_submit_child(
        runner, (struct gord_child_request *)((char *)errand -
                                              offsetof(struct gord_child_request, errand)));
}

int gord_run_submit(struct gord_run *run, Gor__V1__JobSpec *spec, uint64_t *out_id, char *text)
{
    int result;
    struct gord_child_request *request = request_new(run, &result);

    if (request == NULL) {
        gor__v1__job_spec__free_unpacked(spec, NULL);
        return result;
    }
    spec->parent_id = run->id;
    request->spec = spec;
    result = ask(run, request, submit_on_loop);
    if (result == 0) {
        result = request->error;
        snprintf(text, GORD_CHILD_TEXT, "%s", request->text);
    }
    if (result == 0) {
        *out_id = request->id;
    }
    request_unref(request);
    return result;
}

/* ------------------------------------------------------------------ waiting */

static int fill_end(struct gord_child_request *request, const struct gord_event *event)
{
    struct gord_child_end *end = &request->end;

    end->outcome = (Gor__V1__Outcome)event->outcome;
    end->exit_code = event->exit_code;
    end->signal = event->signal;
    end->report = event->report != NULL ? gord_report_ref(event->report) : NULL;
    end->detail = strdup(event->text);
    return end->detail != NULL ? 0 : -ENOMEM;
}

/* Of a job that the table has forgotten. */
static int fill_from_store(struct gord_bus *bus, struct gord_child_request *request)
{
    struct gord_child_end *end = &request->end;
    struct gord_row row;
    int result = gord_reader_job(gord_bus_reader(bus), request->id, false, &row);

    if (result != 0) {
        return result;
    }
    end->outcome = (Gor__V1__Outcome)row.outcome;
    end->exit_code = row.exit_code;
    end->signal = row.signal;
    end->detail = strdup(row.detail);
    if (row.report != NULL) {
        result = gord_reader_report(gord_bus_reader(bus), request->id, &end->report);
    }
    gord_row_fini(&row);
    return result == 0 && end->detail == NULL ? -ENOMEM : result;
}

void gord_child_wait(struct gord_runner *runner, struct gord_child_request *request)
{
    struct gord_bus *bus = gord_runner_bus(runner);
    struct gord_job *job = gord_job_find(gord_bus_table(bus), request->id);
    bool ended = job != NULL && job->state == GOR__V1__JOB_STATE__TERMINATED &&
                 job->last_seq <= gord_bus_committed(bus);

    if (job == NULL) {
        gord_child_answer(request, fill_from_store(bus, request));
    } else if (ended) {
        gord_child_answer(request, fill_end(request, job->body->last));
    } else {
        gord_runner_add_waiting(runner, request);
    }
}

static void wait_on_loop(struct gord_runner *runner, struct gord_errand *errand)
{
    gord_child_wait(runner,
                    (struct gord_child_request *)((char *)errand -
                                                  offsetof(struct gord_child_request, errand)));
}

void gord_child_ended(struct gord_child_request **waiting, const struct gord_event *event)
{
    struct gord_child_request *next;

    for (struct gord_child_request *request = *waiting; request != NULL; request = next) {
        next = request->next;
        if (request->id == event->job_id) {
            gord_child_answer(request, fill_end(request, event));
        }
    }
}

int gord_run_await(struct gord_run *run, uint64_t id, struct gord_child_end *out_end)
{
    int result;

    if (id == run->id) {
        return -EDEADLK;
    }
    struct gord_child_request *request = request_new(run, &result);
    if (request == NULL) {
        return result;
    }
    request->id = id;
    result = ask(run, request, wait_on_loop);
    if (result == 0) {
        result = request->error;
    }
    if (result == 0) {
        *out_end = request->end;
        request->end = (struct gord_child_end){0};
    }
    request_unref(request);
    return result;
}
