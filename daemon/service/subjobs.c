/* SPDX-License-Identifier: MIT */
/* What jobs ask about jobs below them: to hand one in, and to wait for one. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/state.h"
#include "daemon/service/submit.h"
#include "daemon/service/view.h"

/* ------------------------------------------------------------------ hand in */

static void entered(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct gord_subjob *subjob = ack->data;
    struct gord_refusal why;

    if (error != 0) {
        gord_submit_failed(service, ack, error, &why);
        gord_subjob_refuse(subjob, error, "%s", why.text);
        return;
    }
    subjob->answer.id = ack->first_id;
    gord_subjob_answer(subjob);
}

static void submit(struct gord_service *service, struct gord_subjob *subjob)
{
    struct gord_refusal why;
    struct gord_ack ack = {.fn = entered, .data = subjob, .count = 1};
    uint32_t uid = gord_submit_uid_of(service, subjob->parent_id);

    if (!gord_submit_takes(service, subjob->spec, uid, &why)) {
        subjob->is_overdue = gord_runner_is_overdue(service->bus, subjob->parent_id);
        gord_subjob_refuse(subjob, -EINVAL, "%s", why.text);
        return;
    }
    int result = gord_submit_enter(service, subjob->spec, uid, NULL, &ack.first_id, &ack.seq);
    if (result == 0) {
        result = gord_acks_add(service, &ack);
    }
    if (result != 0) {
        gord_submit_withdraw(service, ack.first_id, 1);
        gord_subjob_refuse(subjob, result, "not submitted: %s", strerror(-result));
    }
}

/* ------------------------------------------------------------------ wait */

static int copy_value(const struct gord_view *view, struct gord_lua_answer *answer)
{
    if (!view->job.has_result) {
        return 0;
    }
    answer->value = malloc(view->job.result.len + 1);
    if (answer->value == NULL) {
        return -ENOMEM;
    }
    if (view->job.result.len > 0) {
        memcpy(answer->value, view->job.result.data, view->job.result.len);
    }
    answer->value_bytes = view->job.result.len;
    return 0;
}

/* The job has ended: how. */
static void tell_end(struct gord_service *service, struct gord_subjob *subjob)
{
    struct gord_lua_answer *answer = &subjob->answer;
    struct gord_view view;
    int result = gord_view_make(service, subjob->id, false, &view);

    if (result != 0) {
        gord_subjob_refuse(subjob, result, "cannot read how job %" PRIu64 " ended: %s", subjob->id,
                           strerror(-result));
        return;
    }
    result = gord_view_add_result(service, &view);
    subjob->is_overdue = gord_runner_is_overdue(service->bus, subjob->parent_id);
    answer->id = subjob->id;
    answer->outcome = view.job.outcome;
    answer->exit_code = view.job.exit_code;
    answer->signal = view.job.signal;
    answer->stdout_bytes = view.job.stdout_bytes;
    answer->stderr_bytes = view.job.stderr_bytes;
    snprintf(answer->detail, sizeof(answer->detail), "%s", view.job.detail);
    result = result == 0 ? copy_value(&view, answer) : result;
    gord_view_fini(&view);
    if (result != 0) {
        gord_subjob_refuse(subjob, result, "cannot read what job %" PRIu64 " left: %s", subjob->id,
                           strerror(-result));
    } else {
        gord_subjob_answer(subjob);
    }
}

/* Is `id` a job below the one that asks? -ENOENT: there is none of that id; -EPERM: it is another's. */
static int check_parent(struct gord_service *service, const struct gord_subjob *subjob)
{
    struct gord_view view;
    int result = gord_view_make(service, subjob->id, false, &view);

    if (result == 0) {
        result = view.spec != NULL && view.spec->parent_id == subjob->parent_id ? 0 : -EPERM;
        gord_view_fini(&view);
    }
    return result;
}

static void wait_for(struct gord_service *service, struct gord_subjob *subjob)
{
    int result = check_parent(service, subjob);

    if (result == -ENOENT || result == -EPERM) {
        gord_subjob_refuse(subjob, result, "job %" PRIu64 " is none that this job has submitted",
                           subjob->id);
    } else if (result != 0) {
        gord_subjob_refuse(subjob, result, "cannot look up job %" PRIu64 ": %s", subjob->id,
                           strerror(-result));
    } else if (gord_is_settled(service, subjob->id)) {
        tell_end(service, subjob);
    } else {
        gord_subjob_line_up(&service->subjobs, subjob);
    }
}

/* ------------------------------------------------------------------ the list */

void gord_subjobs_ask(void *arg, struct gord_subjob *subjob)
{
    struct gord_service *service = arg;

    if (gord_service_is_closing(service)) {
        gord_subjob_refuse(subjob, -ESRCH, "the daemon stops");
    } else if (subjob->spec != NULL) {
        submit(service, subjob);
    } else {
        wait_for(service, subjob);
    }
}

void gord_subjobs_flush(struct gord_service *service)
{
    struct gord_subjob *next;

    for (struct gord_subjob *subjob = service->subjobs; subjob != NULL; subjob = next) {
        next = subjob->next;
        if (gord_is_settled(service, subjob->id)) {
            tell_end(service, subjob);
        }
    }
}

void gord_subjobs_end(struct gord_service *service)
{
    service->draining = true;
    while (service->subjobs != NULL) {
        gord_subjob_refuse(service->subjobs, -ESRCH, "the daemon stops");
    }
}
