/* SPDX-License-Identifier: MIT */
/* What running jobs ask: to hand in one below them, checked, entered and acknowledged as those of clients; and
 * to wait for one. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/runner/job_ask.h"
#include "daemon/service/submit.h"

/* ------------------------------------------------------------------ hand in */

/* What a refusal is to a function that gets an errno. */
static int error_of(const struct gord_service *service, enum wire_status status)
{
    if (gord_service_is_closing(service)) {
        return -ECANCELED;
    }
    switch (status) {
    case WIRE_INVALID_ARGUMENT:
        return -EINVAL;
    case WIRE_NOT_FOUND:
    case WIRE_FAILED_PRECONDITION:
        return -ESRCH; /* the job above has ended meanwhile */
    default:
        return service->store_error != 0 ? service->store_error : -EAGAIN;
    }
}

static void entered(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct gord_job_ask *ask = ack->data;
    struct gord_refusal why;

    if (error != 0) {
        gord_submit_failed(service, ack, error, &why);
        gord_job_ask_refuse(ask, error, "%s", why.text);
        return;
    }
    ask->answer.id = ack->first_id;
    gord_job_ask_answer(ask);
}

/* Whether the run that asks is its job's still: a next attempt of it would not know of what was handed in. */
static bool is_running(const struct gord_service *service, const struct gord_job_ask *ask)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), ask->run->id);

    return job != NULL && gord_runner_run_of(job) == ask->run;
}

static void submit(struct gord_service *service, struct gord_job_ask *ask)
{
    struct gord_refusal why;
    struct gord_ack ack = {.fn = entered, .data = ask, .count = 1};
    uint32_t uid = gord_submit_uid_of(service, ask->run->id);

    if (!gord_submit_takes(service, ask->spec, uid, &why)) {
        gord_job_ask_refuse(ask, error_of(service, why.status), "%s", why.text);
        return;
    }
    if (!is_running(service, ask)) {
        gord_job_ask_refuse(ask, error_of(service, WIRE_FAILED_PRECONDITION),
                            "its run has ended meanwhile");
        return;
    }
    int result = gord_submit_enter(service, ask->spec, uid, NULL, &ack.first_id, &ack.seq);
    if (result == 0) {
        result = gord_acks_add(service, &ack);
    }
    if (result != 0) {
        gord_submit_withdraw(service, ack.first_id, 1);
        ask->answer.error = result;
        gord_job_ask_answer(ask);
    }
}

/* ------------------------------------------------------------------ wait */

static void tell(struct gord_job_ask *ask, int error)
{
    if (error != 0) {
        gord_job_ask_refuse(ask, error, "cannot read what job %" PRIu64 " left: %s", ask->id,
                            strerror(-error));
    } else {
        gord_job_ask_answer(ask);
    }
}

/* By its last event, as long as the table has it. */
static void tell_end(struct gord_job_ask *ask, const struct gord_event *event)
{
    struct gord_job_answer *answer = &ask->answer;

    answer->outcome = (Gor__V1__Outcome)event->outcome;
    answer->exit_code = event->exit_code;
    answer->signal = event->signal;
    answer->stdout_bytes = event->stdout_bytes;
    answer->stderr_bytes = event->stderr_bytes;
    answer->report = event->report != NULL ? gord_report_ref(event->report) : NULL;
    answer->detail = strdup(event->text);
    tell(ask, answer->detail != NULL ? 0 : -ENOMEM);
}

static void tell_row(struct gord_service *service, struct gord_job_ask *ask, struct gord_row *row)
{
    struct gord_job_answer *answer = &ask->answer;
    int result = 0;

    answer->outcome = (Gor__V1__Outcome)row->outcome;
    answer->exit_code = row->exit_code;
    answer->signal = row->signal;
    answer->stdout_bytes = row->stdout_bytes;
    answer->stderr_bytes = row->stderr_bytes;
    answer->detail = row->detail;
    row->detail = NULL;
    if (row->report != NULL) {
        result = gord_reader_report(gord_bus_reader(service->bus), ask->id, &answer->report);
    }
    tell(ask, result);
}

static void refuse_stranger(struct gord_job_ask *ask, int error)
{
    gord_job_ask_refuse(ask, error, "job %" PRIu64 " is none that this job has submitted", ask->id);
}

/* The table has forgotten it. */
static void look_up(struct gord_service *service, struct gord_job_ask *ask)
{
    struct gord_row row;
    int result = gord_reader_job(gord_bus_reader(service->bus), ask->id, false, &row);

    if (result == -ENOENT) {
        refuse_stranger(ask, result);
    } else if (result != 0) {
        gord_job_ask_refuse(ask, result, "cannot look up job %" PRIu64 ": %s", ask->id,
                            strerror(-result));
    } else {
        if (ask->is_script && row.parent_id != ask->run->id) {
            refuse_stranger(ask, -EPERM);
        } else {
            tell_row(service, ask, &row);
        }
        gord_row_fini(&row);
    }
}

/* What the table has: has it ended, as far as who asks is to know? */
static bool has_ended(const struct gord_service *service, const struct gord_job_ask *ask,
                      const struct gord_job *job)
{
    return job->state == GOR__V1__JOB_STATE__TERMINATED &&
           (job->last_seq <= gord_bus_committed(service->bus) ||
            (ask->is_script && service->store_error != 0));
}

static void wait_for(struct gord_service *service, struct gord_job_ask *ask)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), ask->id);

    if (job == NULL) {
        look_up(service, ask);
    } else if (ask->is_script && gord_job_parent_id(job) != ask->run->id) {
        refuse_stranger(ask, -EPERM);
    } else if (has_ended(service, ask, job)) {
        tell_end(ask, job->body->last);
    } else {
        list_append(&service->job_asks, &ask->link);
    }
}

/* ------------------------------------------------------------------ the list */

void gord_job_asks_take(void *arg, struct gord_job_ask *ask)
{
    struct gord_service *service = arg;

    if (service->ended || (ask->is_script && gord_service_is_closing(service))) {
        gord_job_ask_refuse(ask, -ECANCELED, "the daemon stops");
    } else if (ask->spec != NULL) {
        submit(service, ask);
    } else {
        wait_for(service, ask);
    }
}

void gord_job_asks_flush(struct gord_service *service)
{
    struct list_link *next;

    for (struct list_link *link = service->job_asks.next; link != &service->job_asks; link = next) {
        struct gord_job_ask *ask = CONTAINER_OF(link, struct gord_job_ask, link);
        const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), ask->id);
        next = link->next;
        if (job == NULL) {
            look_up(service, ask);
        } else if (has_ended(service, ask, job)) {
            tell_end(ask, job->body->last);
        }
    }
}

void gord_job_asks_end(struct gord_service *service)
{
    service->draining = true;
    while (!list_is_empty(&service->job_asks)) {
        gord_job_ask_refuse(CONTAINER_OF(service->job_asks.next, struct gord_job_ask, link),
                            -ECANCELED, "the daemon stops");
    }
}
