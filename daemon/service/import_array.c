/* SPDX-License-Identifier: MIT */
/* Arrays that have not ended, on an import: first the group, shut until the last of its tasks has come,
 * then each task by itself: with its history if it had ended, anew if not.
 *
 * Rejected: to take the whole array in one transaction. There is no end to how much that is, and clients
 * wait for answers before they send more. So a group that is on its way says so in its standing, on disk
 * as well: whatever ends the import, half an array never runs, and another import may bring the rest.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/event/array.h"
#include "daemon/job/group.h"
#include "daemon/service/import_inside.h"
#include "daemon/service/quota.h"
#include "daemon/service/share.h"
#include "daemon/service/tasks.h"

enum { AWAITED = 1, CAME = 2 };

/* Tasks that may be awaited at a time, of all arrays on one import: what is small to send takes memory
 * here. */
enum { AWAITED_MAX = 1000000 };

/* What the import knows of an array on its way; in its list. */
struct gord_import_array {
    struct gord_import_array *next; /* list link of the import */
    uint64_t old_id;
    uint64_t id; /* here; 0: it was not taken, and so are none of its tasks */
    uint32_t
        uid; /* whose it is, and how many that are to wait here he was found to have room for */
    uint32_t promised;
    uint32_t count;
    uint32_t awaited;
    struct gord_idmap places; /* indices, each plus 1: AWAITED or CAME; empty once all have come */
};

static void free_array(struct gord_import_array *array)
{
    gord_idmap_fini(&array->places);
    free(array);
}

void gord_import_free_arrays(struct gord_import *import)
{
    while (import->arrays != NULL) {
        struct gord_import_array *array = import->arrays;
        import->arrays = array->next;
        free_array(array);
    }
}

/* NULL: out of memory, or of AWAITED_MAX. `wire` may be NULL if `id` is 0. */
static struct gord_import_array *note(struct gord_import *import, uint64_t old_id, uint64_t id,
                                      const Gor__V1__Array *wire)
{
    struct gord_import_array *array = calloc(1, sizeof(*array));
    struct gord_array_walk walk = {0, 0};
    uint32_t index;

    if (array == NULL) {
        return NULL;
    }
    array->old_id = old_id;
    array->id = id;
    if (id != 0 && import->awaited + gord_array_size(wire) > AWAITED_MAX) {
        free_array(array);
        return NULL;
    }
    while (id != 0 && gord_array_next(wire, &walk, &index)) {
        array->count++;
        if (gord_idmap_put(&array->places, (uint64_t)index + 1, AWAITED) != 0) {
            free_array(array);
            return NULL;
        }
    }
    array->awaited = array->count;
    import->awaited += array->awaited;
    array->next = import->arrays;
    import->arrays = array;
    return array;
}

/* The group here, if its tasks have not all come. */
static struct gord_job *coming(const struct gord_import *import, uint64_t id)
{
    struct gord_job *group =
        id != 0 ? gord_job_find(gord_bus_table(import->service->bus), id) : NULL;

    return group != NULL && gord_group_is_coming(group) ? group : NULL;
}

/* Its place is taken; false: it was, or there is none. */
static bool mark(struct gord_import *import, struct gord_import_array *array, uint32_t index)
{
    uint64_t place = (uint64_t)index + 1;

    if (gord_idmap_get(&array->places, place) != AWAITED) {
        return false;
    }
    (void)gord_idmap_put(&array->places, place, CAME); /* the key is there: no memory is needed */
    import->awaited--;
    array->awaited--;
    if (array->awaited == 0) {
        gord_idmap_fini(&array->places);
    }
    return true;
}

static bool has_come(const struct gord_import_array *array, uint32_t index)
{
    return array->awaited == 0 || gord_idmap_get(&array->places, (uint64_t)index + 1) == CAME;
}

/* Those of the same group that `other` knows of, which may not be on disk yet. */
static void mark_those_of(struct gord_import *import, struct gord_import_array *array,
                          const struct gord_import *other, const Gor__V1__Array *wire)
{
    for (const struct gord_import_array *at = other->dry_run ? NULL : other->arrays; at != NULL;
         at = at->next) {
        struct gord_array_walk walk = {0, 0};
        uint32_t index;
        while (at != array && at->id == array->id && gord_array_next(wire, &walk, &index)) {
            if (has_come(at, index)) {
                (void)mark(import, array, index);
            }
        }
    }
}

/* The tasks of the group that are here: in memory, on disk, where none is removed before the group has
 * ended, or on their way there. -ENOMEM, or the reader's error. */
static int mark_those_here(struct gord_import *import, struct gord_import_array *array,
                           const struct gord_job *group, const Gor__V1__Array *wire)
{
    struct list_link *imports = &import->service->imports;
    struct gord_tasks_by_index tasks;
    int result = gord_tasks_find(import->service, group->id, wire, &tasks);

    if (result != 0) {
        return result;
    }
    for (uint32_t i = 0; i < tasks.count; i++) {
        if (tasks.ids[tasks.places[i].place] != 0) {
            (void)mark(import, array, tasks.places[i].index);
        }
    }
    gord_tasks_fini(&tasks);
    for (struct list_link *link = imports->next; link != imports; link = link->next) {
        mark_those_of(import, array, CONTAINER_OF(link, struct gord_import, link), wire);
    }
    return 0;
}

/* One of an earlier import, if it is that. */
static struct gord_import_array *note_earlier(struct gord_import *import, uint64_t old_id)
{
    const struct gord_job *group = coming(import, gord_idmap_get(&import->ids, old_id));
    Gor__V1__JobSpec *wire = group != NULL ? gord_spec_to_wire(group->body->spec, 0) : NULL;
    struct gord_import_array *array =
        wire != NULL && wire->array != NULL ? note(import, old_id, group->id, wire->array) : NULL;

    if (array != NULL && mark_those_here(import, array, group, wire->array) != 0) {
        import->arrays = array->next;
        import->awaited -= array->awaited;
        free_array(array);
        array = NULL;
    }
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return array;
}

static struct gord_import_array *find(struct gord_import *import, const Gor__V1__JobSpec *spec)
{
    uint64_t old_id = spec->task != NULL ? spec->task->array_id : 0;
    struct gord_import_array *array = import->arrays;

    while (array != NULL && array->old_id != old_id) {
        array = array->next;
    }
    return array != NULL || old_id == 0 ? array : note_earlier(import, old_id);
}

/* ------------------------------------------------------------------ room for its tasks */

static void promise(struct gord_import *import, struct gord_import_array *array, uint64_t count)
{
    uint32_t now = count < array->awaited ? (uint32_t)count : array->awaited;

    import->promised += now;
    import->promised -= array->promised;
    array->promised = now;
}

/* Of an array that has not ended, how many of its tasks have not: the others come with their ends. */
static uint64_t still_to_run(const Gor__V1__Job *job)
{
    uint64_t size = gord_array_size(job->spec->array);
    uint64_t ended = job->progress != NULL ? job->progress->done : 0;

    return ended < size ? size - ended : 0;
}

bool gord_import_is_promised(struct gord_import *import)
{
    const struct gord_import_array *array = find(import, import->job->job->spec);

    return array != NULL && array->promised > 0;
}

uint64_t gord_import_promised(struct gord_service *service, uint32_t uid)
{
    uint64_t all = 0;

    for (struct list_link *link = service->imports.next; link != &service->imports;
         link = link->next) {
        const struct gord_import *import = CONTAINER_OF(link, struct gord_import, link);
        uint64_t left = import->call != NULL ? import->promised : 0;
        for (const struct gord_import_array *array = import->arrays; left > 0;
             array = array->next) {
            left -= array->promised;
            if (array->promised > 0 && array->uid == uid && coming(import, array->id) != NULL) {
                all += array->promised;
            }
        }
    }
    return all;
}

/* ------------------------------------------------------------------ groups */

static int enter_group(struct gord_import *import, Gor__V1__JobSpec *wire, uint64_t id,
                       uint64_t *out_seq)
{
    struct gord_service *service = import->service;
    uint32_t uid = import->job->job->uid;
    struct gord_spec *spec = NULL;
    int result = 0;
    struct gord_request *request = gord_import_new_request(import, &result);

    gord_job_skip_to_id(gord_bus_table(service->bus), id + 1);
    result = result == 0 ? gord_submit_prepare(service, wire, uid, id, &spec) : result;
    if (result == 0) {
        spec->coming = true; /* nobody else has the spec yet */
        result = gord_submit_enter_spec(service, id, spec, uid, request, out_seq);
    } else {
        gord_request_free(request);
    }
    gord_spec_unref(spec);
    if (result == 0) {
        gord_import_entered(import, id, *out_seq);
    }
    return result;
}

/* An array that would be awaited with too many others. */
static bool is_too_many(const struct gord_import *import, const Gor__V1__JobSpec *spec,
                        struct gord_refusal *why)
{
    if (import->awaited + gord_array_size(spec->array) <= AWAITED_MAX) {
        return false;
    }
    (void)gord_refuse(why, WIRE_RESOURCE_EXHAUSTED,
                      "%" PRIu64 " tasks of the arrays before it have not come, and with its own "
                      "they are more than %d; import the rest by itself",
                      import->awaited, (int)AWAITED_MAX);
    return true;
}

static bool group_is_right(struct gord_import *import, const Gor__V1__JobSpec *wire,
                           struct gord_refusal *why)
{
    Gor__V1__JobSpec spec = *wire;
    char error[GORD_ERROR_BYTES] = "spec.array is missing, but it is the group of one";

    spec.rerun_of = 0;
    spec.hook_of = NULL;
    spec.cron = NULL;
    if (spec.array == NULL || spec.task != NULL ||
        gord_check_past_spec(&spec, error, sizeof(error)) != 0) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "job.%s", error);
    }
    if (import->service->drained != NULL && spec.parent_id == 0) {
        return gord_refuse(
            why, WIRE_UNAVAILABLE,
            "the daemon takes no new jobs: drained %s; `gorctl undrain` opens it again",
            import->service->drained);
    }
    return true;
}

/* It is here, or is not, and so will its tasks be. */
static bool enter_or_meet(struct gord_import *import, struct gord_import_answer *answer,
                          struct gord_refusal *why)
{
    Gor__V1__Job *job = import->job->job;
    uint64_t id = answer->result.id, other = 0, seq = 0;

    switch (gord_submit_conflict(import->service, job->spec, job->uid, &other, &seq, why)) {
    case GORD_CONFLICT_REFUSED:
        return false;
    case GORD_CONFLICT_SKIP:
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__EXISTS;
        answer->result.id = other;
        return note(import, job->id, 0, NULL) != NULL ||
               gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    case GORD_CONFLICT_NONE:
        break;
    }
    const Gor__V1__JobSpec *spec = job->spec;
    uint64_t count = still_to_run(job);
    if (!gord_submit_fits_replacing(import->service, job->uid, &spec, 1, count, why)) {
        return false;
    }
    struct gord_import_array *array = note(import, job->id, id, job->spec->array);
    if (import->dry_run && array != NULL) {
        return true;
    }
    int result = array != NULL ? enter_group(import, job->spec, id, &seq) : -ENOMEM;
    if (result == 0) {
        answer->lives = true;
        array->uid = job->uid;
        promise(import, array, count);
        result = gord_import_await(import, answer, seq);
    }
    if (result != 0) {
        gord_submit_withdraw(import->service, id, 1);
        if (array != NULL) {
            promise(import, array, 0);
            array->id = 0;
        }
        return gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "not submitted: out of memory");
    }
    return true;
}

bool gord_import_take_group(struct gord_import *import, struct gord_import_answer *answer,
                            struct gord_refusal *why)
{
    Gor__V1__JobSpec *spec = import->job->job->spec;

    spec->held = spec->held || import->live == GOR__V1__IMPORT_OPTIONS__LIVE__HOLD;
    bool taken = gord_import_point_live(import->service, spec, &import->ids, why) &&
                 group_is_right(import, spec, why) && !is_too_many(import, spec, why) &&
                 enter_or_meet(import, answer, why);
    if (!taken) {
        (void)note(import, import->job->job->id, 0, NULL);
    }
    return taken;
}

/* ------------------------------------------------------------------ tasks */

/* Of no array that the import knows. */
static enum gord_import_place place_of_none(const struct gord_import *import,
                                            const Gor__V1__ArrayTask *task,
                                            struct gord_refusal *why)
{
    const struct gord_job *group = task != NULL
                                       ? gord_job_find(gord_bus_table(import->service->bus),
                                                       gord_idmap_get(&import->ids, task->array_id))
                                       : NULL;

    if (group == NULL || group->state == GOR__V1__JOB_STATE__TERMINATED) {
        return GORD_IMPORT_NO_ARRAY;
    }
    if (gord_group_is_coming(group)) {
        (void)gord_refuse(why, WIRE_RESOURCE_EXHAUSTED,
                          "it cannot be found out now which tasks of its array, job %" PRIu64
                          ", are here; import it again",
                          group->id);
    } else {
        (void)gord_refuse(why, WIRE_FAILED_PRECONDITION,
                          "its array, job %" PRIu64 ", has all of its tasks", group->id);
    }
    return GORD_IMPORT_NO_PLACE;
}

enum gord_import_place gord_import_place(struct gord_import *import, struct gord_refusal *why)
{
    const Gor__V1__Job *job = import->job->job;
    const struct gord_import_array *array = find(import, job->spec);
    const Gor__V1__ArrayTask *task = job->spec->task;

    if (array == NULL) {
        return place_of_none(import, task, why);
    }
    if (array->id == 0) {
        return GORD_IMPORT_LEFT_OUT;
    }
    const struct gord_job *group = coming(import, array->id);
    if (group == NULL && !import->dry_run) {
        (void)gord_refuse(
            why, WIRE_FAILED_PRECONDITION,
            "its array, job %" PRIu64 ", has ended meanwhile, or has all of its tasks", array->id);
    } else if (task->count != array->count ||
               (array->awaited > 0 &&
                gord_idmap_get(&array->places, (uint64_t)task->index + 1) == 0)) {
        (void)gord_refuse(why, WIRE_INVALID_ARGUMENT,
                          "job.spec.task: its array, job %" PRIu64 " there, has no index %" PRIu32
                          " of %" PRIu32,
                          array->old_id, task->index, task->count);
    } else if (has_come(array, task->index)) {
        (void)gord_refuse(why, WIRE_INVALID_ARGUMENT,
                          "job.spec.task: index %" PRIu32 " of its array, job %" PRIu64
                          " there, has come already",
                          task->index, array->old_id);
    } else if (group != NULL && group->body->uid != job->uid) {
        (void)gord_refuse(why, WIRE_INVALID_ARGUMENT,
                          "job.uid: its array, job %" PRIu64 " here, is user %" PRIu32 "'s",
                          group->id, group->body->uid);
    } else {
        return GORD_IMPORT_PLACE;
    }
    return GORD_IMPORT_NO_PLACE;
}

bool gord_import_joins(struct gord_import *import)
{
    struct gord_refusal why;

    return import->job->job->spec->task != NULL &&
           gord_import_place(import, &why) == GORD_IMPORT_PLACE;
}

void gord_import_came(struct gord_import *import, const Gor__V1__JobSpec *spec)
{
    struct gord_import_array *array = find(import, spec);

    if (array == NULL || !mark(import, array, spec->task->index)) {
        return;
    }
    bool ended = import->job->job->state == GOR__V1__JOB_STATE__TERMINATED;
    promise(import, array, array->promised - (!ended && array->promised > 0));
}

/* For other imports that await it as well. */
static void mark_elsewhere(struct gord_service *service, uint64_t array_id, uint32_t index)
{
    for (struct list_link *link = service->imports.next; link != &service->imports;
         link = link->next) {
        struct gord_import *import = CONTAINER_OF(link, struct gord_import, link);
        for (struct gord_import_array *array = import->dry_run ? NULL : import->arrays;
             array != NULL; array = array->next) {
            if (array->id == array_id && mark(import, array, index)) {
                promise(import, array, array->promised);
            }
        }
    }
}

void gord_import_joined(struct gord_import *import, uint64_t array_id, int ended)
{
    struct gord_job *group = gord_job_find(gord_bus_table(import->service->bus), array_id);

    mark_elsewhere(import->service, array_id, import->job->job->spec->task->index);
    if (group == NULL || group->state == GOR__V1__JOB_STATE__TERMINATED) {
        return;
    }
    if (ended >= 0) {
        gord_group_count_ended(group, (Gor__V1__Outcome)ended);
    }
    gord_runner_task_came(import->service->runner, group);
}

bool gord_import_take_task(struct gord_import *import, struct gord_import_answer *answer,
                           struct gord_refusal *why)
{
    Gor__V1__JobSpec *spec = import->job->job->spec;
    const struct gord_import_array *array = find(import, spec);
    uint64_t old_id = spec->task->array_id;

    switch (gord_import_place(import, why)) {
    case GORD_IMPORT_NO_PLACE:
        return false;
    case GORD_IMPORT_NO_ARRAY:
        return gord_refuse(why, WIRE_FAILED_PRECONDITION,
                           "its array, job %" PRIu64 ", was not taken before it", old_id);
    case GORD_IMPORT_LEFT_OUT:
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__SKIPPED;
        answer->result.id = 0;
        return true;
    case GORD_IMPORT_PLACE:
        break;
    }
    uint64_t id = array->id;
    if (spec->unique_key[0] != '\0') { /* which its array may have, that it would replace */
        return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "job.spec.unique_key: a task has none, its array has it");
    }
    if (!gord_import_point_live(import->service, spec, &import->ids, why) ||
        !gord_import_would_run(import, spec, why)) {
        return false;
    }
    Gor__V1__ArrayTask *task = spec->task;
    task->array_id = id;
    spec->parent_id = id;
    bool taken = gord_import_enter_live(import, answer, why);
    task->array_id = old_id;
    if (taken) {
        gord_import_came(import, spec);
    }
    if (taken && !import->dry_run) {
        gord_import_joined(import, id, -1);
    }
    return taken;
}

bool gord_import_lacks(struct gord_import *import, struct gord_import_array **at, char *out,
                       size_t bytes)
{
    for (struct gord_import_array *array = *at; array != NULL; array = array->next) {
        const struct gord_job *group = import->dry_run ? NULL : coming(import, array->id);
        if (group != NULL) {
            uint32_t lacks = array->count - gord_group_live(group) - gord_group_ended(group);
            snprintf(out, bytes,
                     "job %" PRIu64 " (%" PRIu64 " there) is an array of which %" PRIu32
                     " task%s of %" PRIu32 " %s not come; it does not begin before an import with "
                     "--resume or the same --request-id brings them, and `gorctl cancel` ends it",
                     array->id, array->old_id, lacks, lacks == 1 ? "" : "s", array->count,
                     lacks == 1 ? "has" : "have");
            *at = array->next;
            return true;
        }
    }
    *at = NULL;
    return false;
}
