/* SPDX-License-Identifier: MIT */
/* Jobs.Retry: jobs that have ended run again, as the jobs they are.
 *
 * They are brought back in the order of their ids, whatever order they were found in, so that one that
 * is to run after another finds that one alive.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/service/act.h"
#include "daemon/service/quota.h"
#include "daemon/service/remove.h"
#include "daemon/service/submit.h"

#define DELAY_MAX_NS ((int64_t)3660 * 24 * 3600 * GOR_SECOND)

/* Would a job like this be taken today, and is nobody in its place? */
static int check(struct gord_act *act, const struct gord_row *row, const struct gord_spec *spec,
                 char why[GORD_ACT_TEXT])
{
    struct gord_service *service = act->many.service;
    struct gord_refusal refusal = {.text = ""};
    uint64_t holder = 0;
    Gor__V1__JobSpec *wire = gord_spec_to_wire(spec, 1);

    if (wire == NULL) {
        return -ENOMEM;
    }
    Gor__V1__JobSpec alone = gord_submit_alone(wire);
    bool taken = gord_submit_is_open(service, 1, &refusal) &&
                 gord_submit_accepts(service, "", &alone, row->uid, NULL, &refusal) &&
                 gord_submit_fits_quota(service, row->uid, 1, &refusal);
    gor__v1__job_spec__free_unpacked(wire, NULL);
    if (!taken) {
        return gord_act_not_taken(act, why, &refusal);
    }
    if (spec->unique[0] != '\0' &&
        gord_unique_find(&service->unique, row->uid, spec->unique, &holder, 1) > 0) {
        snprintf(why, GORD_ACT_TEXT, "job %" PRIu64 " has its unique key and has not ended",
                 holder);
        return -EPERM;
    }
    return 0;
}

static int revive(struct gord_act *act, const struct gord_row *row, char why[GORD_ACT_TEXT])
{
    if (row->outcome == GOR__V1__OUTCOME__SUCCEEDED && act->by_kind) {
        return GORD_ACT_NOT_MEANT;
    }
    if (row->kind == GORD_GROUP || row->spec->array_id != 0) {
        return act->by_kind ? GORD_ACT_NOT_MEANT
                            : gord_act_refuse(why, "of an array nothing runs again in its place: "
                                                   "`gorctl rerun` makes a new job of it");
    }
    int result = check(act, row, row->spec, why);
    if (result == 0) {
        result = gord_runner_revive(act->many.service->runner, row, act->delay_ns, act->cause,
                                    &act->many.seq);
    }
    if (result == 0) {
        const struct gord_job *job = gord_job_find(gord_bus_table(act->many.service->bus), row->id);
        snprintf(why, GORD_ACT_TEXT, "run %u",
                 job->body->standing->attempt + job->body->standing->losses + 1);
    }
    return result;
}

static int revive_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    struct gord_service *service = act->many.service;
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    struct gord_row row;

    if (job != NULL && act->by_kind) {
        return GORD_ACT_NOT_MEANT;
    }
    if (job != NULL) {
        return gord_act_refuse(why, job->state == GOR__V1__JOB_STATE__TERMINATED
                                        ? "its end is not on record yet: try again in a moment"
                                        : "it has not ended");
    }
    if (gord_is_being_removed(service, id)) {
        return -ENOENT;
    }
    int result = gord_reader_job(gord_bus_reader(service->bus), id, true, &row);
    if (result == 0) {
        result = revive(act, &row, why);
        gord_row_fini(&row);
    }
    return result;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void revive_all(struct gord_act *act)
{
    static const struct gord_act_verb verb = {
        "retry all of them", "retried", revive_one, NULL, NULL, false};
    uint64_t *ids = act->later;
    size_t count = act->later_count;

    act->verb = &verb;
    act->later = NULL;
    act->later_count = act->later_room = 0;
    qsort(ids, count, sizeof(*ids), compare_ids);
    gord_many_again(&act->many, ids, count);
}

static int collect_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    (void)why;
    return gord_act_later(act, id);
}

GORD_METHOD(gord_jobs_retry)
{
    static const struct gord_act_verb verb = {"retry all of them", "retried", collect_one, NULL,
                                              revive_all,          false};
    const Gor__V1__ActRequest *request = (const Gor__V1__ActRequest *)message;

    if (request->delay_ns < 0 || request->delay_ns > DELAY_MAX_NS) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "delay_ns: 0 to ten years, not %" PRId64,
                  request->delay_ns);
        return;
    }
    gord_act_begin(user, &verb, call, request);
}
