/* SPDX-License-Identifier: MIT */
/* Jobs.Rerun: what a job was to do, as a new job.
 *
 * Whatever is meant runs once. An array is run again as a whole where it is named by id, and then its
 * tasks are part of it; jobs that are chosen by what they are like are single tasks, never the array.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/service/act.h"
#include "daemon/service/array.h"
#include "daemon/service/submit.h"

/* The message without what belonged to the former job's time and place. */
static void strip(Gor__V1__JobSpec *wire, uint64_t of)
{
    wire->rerun_of = of;
    wire->parent_id = 0;
    wire->held = false;
    wire->not_before_ns = 0;
    wire->delay_ns = 0;
    wire->start_before_ns = 0;
    gor__v1__cron_fire__free_unpacked(wire->cron, NULL);
    wire->cron = NULL;
    if (wire->task != NULL) {
        wire->task->at_once = 0; /* it keeps its index, and runs by itself */
    }
    wire->deadline_ns = 0;
}

/* `wire` is ours; its dependencies are set aside while the rest is submitted. */
static int submit_again(struct gord_act *act, Gor__V1__JobSpec *wire, uint64_t of,
                        char why[GORD_ACT_TEXT])
{
    struct gord_refusal refusal;

    strip(wire, of);
    Gor__V1__JobSpec alone = gord_submit_alone(wire);
    if (!gord_submit_takes(act->many.service, &alone, gord_submit_uid(act->many.call), &refusal)) {
        return gord_act_not_taken(act, why, &refusal);
    }
    size_t after = wire->n_after;
    wire->n_after = 0;
    int result = gord_submit_enter(act->many.service, wire, gord_submit_uid(act->many.call), NULL,
                                   &act->new_id, &act->many.seq);
    wire->n_after = after;
    return result;
}

/* Does this one run by itself? 0; GORD_ACT_NOT_MEANT; -EALREADY: with its array; -ENOMEM. */
static int check_part(struct gord_act *act, const struct gord_row *row, char why[GORD_ACT_TEXT])
{
    uint64_t array = row->spec->array_id;

    if (act->by_kind) {
        return row->kind == GORD_GROUP ? GORD_ACT_NOT_MEANT : 0;
    }
    if (array == 0 || row->parent_id != array) {
        return 0;
    }
    int named = gord_act_names(act, array);
    if (named <= 0) {
        return named;
    }
    snprintf(why, GORD_ACT_TEXT, "runs again with its array, job %" PRIu64, array);
    return -EALREADY;
}

static int rerun_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    struct gord_row row;
    int result = gord_reader_job(gord_bus_reader(act->many.service->bus), id, true, &row);

    if (result != 0) {
        return result;
    }
    result = check_part(act, &row, why);
    Gor__V1__JobSpec *wire = result == 0 ? gord_spec_to_wire(row.spec, 1) : NULL;
    gord_row_fini(&row);
    if (wire == NULL) {
        return result != 0 ? result : -ENOMEM;
    }
    if (wire->kind_case == GOR__V1__JOB_SPEC__KIND_GROUP) {
        result = gord_array_restore(act->many.service, id, wire, &wire);
        if (result == -ENOENT) {
            return gord_act_refuse(why, "its tasks, which have what to do, are no longer kept");
        }
        if (result != 0) {
            return result;
        }
    }
    result = submit_again(act, wire, id, why);
    gor__v1__job_spec__free_unpacked(wire, NULL);
    if (result == 0) {
        snprintf(why, GORD_ACT_TEXT, "as job %" PRIu64, act->new_id);
    }
    return result;
}

GORD_METHOD(gord_jobs_rerun)
{
    static const struct gord_act_verb verb = {
        "rerun all of them", "run again", rerun_one, NULL, NULL, true};

    gord_act_begin(user, &verb, call, (const Gor__V1__ActRequest *)message);
}
