/* SPDX-License-Identifier: MIT */
/* Jobs.Retry: jobs that have ended run again, as the jobs they are.
 *
 * They are brought back in the order of their ids, whatever order they were found in, so that one that
 * is to run after another finds that one alive. One that was told later to wait for a job with a higher
 * id is put off until all others have had their turn; then those go, by falling ids, and so on to and fro
 * until none has to be put off any more, or all would be, which wait for each other.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/service/act.h"
#include "daemon/service/behind.h"
#include "daemon/service/quota.h"
#include "daemon/service/remove.h"
#include "daemon/service/submit.h"

#define DELAY_MAX_NS ((int64_t)3660 * 24 * 3600 * GOR_SECOND)

/* What it was to run after had come once it ran; else that counts again. */
static bool waits_again(const struct gord_row *row)
{
    const struct gord_standing *standing = row->standing;

    return row->spec->after_count > 0 && row->started_ns == 0 &&
           (standing == NULL || standing->attempt + standing->losses == 0);
}

static int by_falling_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? 1 : x == y ? 0 : -1;
}

static int by_rising_ids(const void *a, const void *b)
{
    return -by_falling_ids(a, b);
}

/* Is that job yet to be brought back by this call? */
static bool is_to_come(const struct gord_act *act, uint64_t id)
{
    const struct gord_many *many = &act->many;
    int (*order)(const void *, const void *) = act->falling ? by_falling_ids : by_rising_ids;

    return bsearch(&id, many->ids + many->done, many->id_count - many->done, sizeof(id), order) !=
               NULL ||
           (act->later_count > 0 &&
            bsearch(&id, act->later, act->later_count, sizeof(id), order) != NULL);
}

static bool is_put_off(const struct gord_act *act, const Gor__V1__JobSpec *wire)
{
    for (size_t i = 0; !act->not_later && i < wire->n_after; i++) {
        for (size_t k = 0; k < wire->after[i]->n_of; k++) {
            if (is_to_come(act, wire->after[i]->of[k]->id)) {
                return true;
            }
        }
    }
    return false;
}

/* While it was over, those that it is to run after may have come to wait for it. */
static bool waits_for_itself(struct gord_service *service, const struct gord_row *row,
                             const Gor__V1__JobSpec *wire, struct gord_refusal *out_why)
{
    struct gord_circle circle;

    gord_circle_init(&circle);
    bool none = gord_behind_walk(service, wire, &circle) == 0
                    ? gord_behind_accepts(service, &circle, row->id, row->parent_id, out_why)
                    : gord_refuse(out_why, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    gord_circle_fini(&circle);
    return !none;
}

/* Would a job like this be taken today, and is nobody in its place? GORD_ACT_LATER: not yet. */
static int check_wire(struct gord_act *act, const struct gord_row *row,
                      const Gor__V1__JobSpec *wire, char why[GORD_ACT_TEXT])
{
    struct gord_service *service = act->many.service;
    struct gord_refusal refusal = {.text = ""};
    uint64_t holder = 0;
    Gor__V1__JobSpec alone = gord_submit_alone(wire);

    if (waits_again(row) && is_put_off(act, wire)) {
        return gord_act_later(act, row->id);
    }
    if (!gord_submit_is_open(service, 1, &refusal) ||
        !gord_submit_accepts(service, "", &alone, row->uid, NULL, &refusal) ||
        !gord_submit_fits_quota(service, row->uid, 1, &refusal) ||
        (waits_again(row) && waits_for_itself(service, row, wire, &refusal))) {
        return gord_act_not_taken(act, why, &refusal);
    }
    if (wire->unique_key[0] != '\0' &&
        gord_unique_find(&service->unique, row->uid, wire->unique_key, &holder, 1) > 0) {
        snprintf(why, GORD_ACT_TEXT, "job %" PRIu64 " has its unique key and has not ended",
                 holder);
        return -EPERM;
    }
    return 0;
}

static int check(struct gord_act *act, const struct gord_row *row, char why[GORD_ACT_TEXT])
{
    Gor__V1__JobSpec *wire = gord_spec_to_wire(row->spec, 1);
    int result = wire != NULL ? check_wire(act, row, wire, why) : -ENOMEM;

    gor__v1__job_spec__free_unpacked(wire, NULL);
    return result;
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
    int result = check(act, row, why);
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

/* The next round, of those that were put off by the last one. */
static void revive_all(struct gord_act *act)
{
    static const struct gord_act_verb verb = {"retry all of them", "retried", revive_one, NULL,
                                              revive_all,          false};
    uint64_t *ids = act->later;
    size_t count = act->later_count;

    act->falling = act->verb == &verb && !act->falling;
    act->not_later = act->verb == &verb && count == act->many.id_count;
    act->verb = &verb;
    act->later = NULL;
    act->later_count = act->later_room = 0;
    qsort(ids, count, sizeof(*ids), act->falling ? by_falling_ids : by_rising_ids);
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
