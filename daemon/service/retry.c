/* SPDX-License-Identifier: MIT */
/* Jobs.Retry: jobs that have ended run again, as the jobs they are.
 *
 * They are brought back in the order of their ids, whatever order they were found in, so that one that
 * is to run after another finds that one alive. One that was told later to wait for a job with a higher
 * id is put off until all others have had their turn; then those go, by falling ids, and so on to and fro
 * until none has to be put off any more, or all would be, which wait for each other.
 *
 * A task of an array that has ended brings its array back first, which lives then until the last of its
 * tasks has ended again, and tells its end anew. An array that is named by id stands for those of its
 * tasks that did not succeed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/order.h"
#include "daemon/service/act.h"
#include "daemon/service/array.h"
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

/* Is that job yet to be brought back by this call? */
static bool is_to_come(const struct gord_act *act, uint64_t id)
{
    const struct gord_many *many = &act->many;
    int (*order)(const void *, const void *) =
        act->falling ? gord_by_falling_id : gord_by_rising_id;

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

/* Would a job like this be taken today, and is nobody in its place? GORD_ACT_LATER: not yet, and `id` is
 * put off. */
static int check_wire(struct gord_act *act, uint64_t id, const struct gord_row *row,
                      const Gor__V1__JobSpec *wire, char why[GORD_ACT_TEXT])
{
    struct gord_service *service = act->many.service;
    struct gord_refusal refusal = {.text = ""};
    uint64_t holder = 0;
    Gor__V1__JobSpec alone = gord_submit_alone(wire);

    if (waits_again(row) && is_put_off(act, wire)) {
        return gord_act_later(act, id);
    }
    if (!gord_submit_is_open(service, 1, &refusal) ||
        (row->kind != GORD_GROUP && /* nobody but gord makes those; the task was looked at */
         !gord_submit_accepts(service, "", &alone, row->uid, NULL, &refusal)) ||
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

static int check(struct gord_act *act, uint64_t id, const struct gord_row *row,
                 char why[GORD_ACT_TEXT])
{
    Gor__V1__JobSpec *wire = gord_spec_to_wire(row->spec, 1);
    int result = wire != NULL ? check_wire(act, id, row, wire, why) : -ENOMEM;

    gor__v1__job_spec__free_unpacked(wire, NULL);
    return result;
}

static int refuse_array(char why[GORD_ACT_TEXT], uint64_t array, const char *text)
{
    snprintf(why, GORD_ACT_TEXT, "its array, job %" PRIu64 ", %s", array, text);
    return -EPERM;
}

static int count_task(void *arg, uint64_t id, uint32_t index)
{
    (void)id;
    (void)index;
    ++*(uint32_t *)arg;
    return 0;
}

/* Tasks are gone, or have ended after the array and not on record yet, as those of one that never began. */
static int refuse_incomplete(struct gord_act *act, const struct gord_row *array,
                             char why[GORD_ACT_TEXT])
{
    uint32_t kept = 0;
    int result =
        gord_reader_tasks(gord_bus_reader(act->many.service->bus), array->id, count_task, &kept);

    if (result != 0) {
        return result;
    }
    if (kept == array->spec->array_count) {
        return refuse_array(why, array->id, "has tasks that end just now: try again in a moment");
    }
    return refuse_array(why, array->id,
                        "has tasks that are no longer kept: `gorctl rerun` makes a new job");
}

/* The array of a task, as `row` says, that has ended. Its reasons against it are told as the task's. */
static int revive_ended_array(struct gord_act *act, uint64_t task, const struct gord_row *row,
                              char why[GORD_ACT_TEXT])
{
    struct gord_runner *runner = act->many.service->runner;
    char text[GORD_ACT_TEXT] = "";
    int result = check(act, task, row, text);

    if (result == 0) {
        result = gord_runner_revive_group(runner, row, act->cause, &act->many.seq);
    }
    if (result == -ESTALE) {
        return refuse_incomplete(act, row, why);
    }
    if (result == -EPERM) {
        snprintf(why, GORD_ACT_TEXT, "its array, job %" PRIu64 ": %.200s", row->id, text);
    }
    act->array = result == 0 ? row->id : 0;
    return result;
}

/* The array of a task must live before the task does. */
static int revive_array(struct gord_act *act, uint64_t task, uint64_t array,
                        char why[GORD_ACT_TEXT])
{
    struct gord_service *service = act->many.service;
    const struct gord_job *group = gord_job_find(gord_bus_table(service->bus), array);
    struct gord_row row;

    if (act->array != array) {
        gord_act_array_done(act);
    }
    if (group != NULL && group->state == GOR__V1__JOB_STATE__TERMINATED) {
        return refuse_array(why, array,
                            "has an end that is not on record yet: try again in a moment");
    }
    if (group != NULL && group->body->cancel != NULL) {
        return refuse_array(why, array, "is being cancelled: try again when it has ended");
    }
    if (group != NULL) {
        return 0;
    }
    int result = gord_is_being_removed(service, array)
                     ? -ENOENT
                     : gord_reader_job(gord_bus_reader(service->bus), array, true, &row);
    if (result == -ENOENT) {
        return refuse_array(why, array, "is no longer kept: `gorctl rerun` makes a new job");
    }
    if (result == 0) {
        result = revive_ended_array(act, task, &row, why);
        gord_row_fini(&row);
    }
    return result;
}

static bool is_task(const struct gord_row *row)
{
    return row->parent_id != 0 && row->spec->array_id == row->parent_id;
}

static int revive(struct gord_act *act, const struct gord_row *row, char why[GORD_ACT_TEXT])
{
    int result = check(act, row->id, row, why);

    if (result == 0 && is_task(row)) {
        result = revive_array(act, row->id, row->parent_id, why);
    }
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

/* Named by id, rather than met by what it is like, or as a task of a named array. 1, 0, -ENOMEM. */
static int is_named(struct gord_act *act, uint64_t id)
{
    return act->by_kind ? 0 : gord_act_names(act, id);
}

static int revive_if_meant(struct gord_act *act, const struct gord_row *row, bool named,
                           char why[GORD_ACT_TEXT])
{
    if (row->kind == GORD_GROUP || (row->outcome == GOR__V1__OUTCOME__SUCCEEDED && !named)) {
        return GORD_ACT_NOT_MEANT;
    }
    return revive(act, row, why);
}

static int revive_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    struct gord_service *service = act->many.service;
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    struct gord_row row;
    int named = is_named(act, id);

    if (named < 0 || (job != NULL && named == 0)) {
        return named < 0 ? named : GORD_ACT_NOT_MEANT;
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
        result = revive_if_meant(act, &row, named == 1, why);
        gord_row_fini(&row);
    }
    return result;
}

/* In order; how many are left when each stands there once. */
static size_t keep_once(uint64_t *ids, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || ids[i] != ids[kept - 1]) {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

/* The next round, of those that were put off by the last one. */
static void revive_all(struct gord_act *act)
{
    static const struct gord_act_verb verb = {"retry all of them", "retried", revive_one, NULL,
                                              revive_all,          false};
    uint64_t *ids = act->later;
    size_t count = act->later_count;

    gord_act_array_done(act);
    if (gord_many_expect(&act->many, count) != 0) {
        gord_act_end(act, -ENOMEM);
        return;
    }

    act->falling = act->verb == &verb && !act->falling;
    act->not_later = act->verb == &verb && count == act->many.id_count;
    act->verb = &verb;
    act->later = NULL;
    act->later_count = act->later_room = 0;
    qsort(ids, count, sizeof(*ids), act->falling ? gord_by_falling_id : gord_by_rising_id);
    gord_many_again(&act->many, ids, keep_once(ids, count));
}

static int collect_task(void *arg, uint64_t id, uint32_t index)
{
    (void)index;
    int result = gord_act_later(arg, id);
    return result == GORD_ACT_LATER ? 0 : result;
}

/* Those tasks of a named array that have ended, and not well. */
static int collect_tasks(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    struct gord_reader *reader = gord_bus_reader(act->many.service->bus);
    uint64_t ended[GORD_OUTCOME_COUNT];
    uint64_t bad = 0;
    int result = gord_reader_tasks_ended(reader, id, ended);

    for (int i = 0; i < GORD_OUTCOME_COUNT && result == 0; i++) {
        bad += i != GOR__V1__OUTCOME__SUCCEEDED ? ended[i] : 0;
    }
    if (result == 0 && bad == 0) {
        return gord_act_refuse(why, "none of its tasks has ended but well; name those that are to "
                                    "run again, or `gorctl rerun` makes a new job of the whole");
    }
    result = result != 0 ? result : gord_reader_tasks(reader, id, collect_task, act);
    return result != 0 ? result : GORD_ACT_LATER;
}

/* Whose turn comes once all are known. */
static int collect_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    uint64_t first = 0;
    int named = is_named(act, id); /* so that those are noted which the call began with */
    int is_group = named < 0 ? named : gord_array_is_group(act->many.service, id, &first);

    if (is_group < 0) {
        return is_group;
    }
    if (is_group == 1) {
        return named == 1 ? collect_tasks(act, id, why) : GORD_ACT_NOT_MEANT;
    }
    return gord_act_later(act, id);
}

GORD_METHOD(gord_jobs_retry)
{
    static const struct gord_act_verb verb = {"retry all of them", "retried", collect_one, NULL,
                                              revive_all,          true};
    const Gor__V1__ActRequest *request = (const Gor__V1__ActRequest *)message;

    if (request->delay_ns < 0 || request->delay_ns > DELAY_MAX_NS) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "delay_ns: 0 to ten years, not %" PRId64,
                  request->delay_ns);
        return;
    }
    gord_act_begin(user, &verb, call, request);
}
