/* SPDX-License-Identifier: MIT */
/* tasks.c - see tasks.h. */
#include "daemon/service/tasks.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/job/group.h"

static int note(void *arg, uint64_t id, uint32_t index)
{
    struct gord_tasks_by_index *tasks = arg;
    const struct gord_array_place *place = gord_array_find(tasks->places, tasks->count, index);

    if (place != NULL) {
        tasks->known += tasks->ids[place->place] == 0;
        tasks->ids[place->place] = id;
    }
    return 0;
}

static void note_job(struct gord_tasks_by_index *tasks, const struct gord_job *job,
                     uint64_t group_id)
{
    if (job != NULL && gord_job_has_spec(job) && job->body->spec->array_id == group_id) {
        (void)note(tasks, job->id, job->body->spec->array_index);
    }
}

/* Those that live. */
static int note_children(struct gord_job_table *table, uint64_t group_id,
                         struct gord_tasks_by_index *tasks)
{
    size_t count = gord_job_children(table, group_id, NULL, 0);
    uint64_t *ids = calloc(count + 1, sizeof(*ids));

    if (ids == NULL) {
        return -ENOMEM;
    }
    gord_job_children(table, group_id, ids, count);
    for (size_t i = 0; i < count; i++) {
        note_job(tasks, gord_job_find(table, ids[i]), group_id);
    }
    free(ids);
    return 0;
}

/* Those that were submitted and have ended, and of all that nothing is on disk yet. */
static void note_fresh(const struct gord_job_table *table, uint64_t group_id,
                       struct gord_tasks_by_index *tasks)
{
    const struct gord_job *group = gord_job_find(table, group_id);
    bool grouped = group != NULL && group->kind == GORD_GROUP && group->body != NULL &&
                   group->body->tasks != NULL && group->body->tasks->first != 0;

    for (uint64_t i = 0; grouped && i < tasks->count; i++) {
        note_job(tasks, gord_job_find(table, group->body->tasks->first + i), group_id);
    }
}

int gord_tasks_find(struct gord_service *service, uint64_t group_id, const Gor__V1__Array *array,
                    struct gord_tasks_by_index *out)
{
    struct gord_job_table *table = gord_bus_table(service->bus);
    struct gord_tasks_by_index tasks = {.count = gord_array_size(array)};

    tasks.places = gord_array_places(array);
    tasks.ids = calloc((size_t)tasks.count + 1, sizeof(*tasks.ids));
    int result = tasks.places != NULL && tasks.ids != NULL ? 0 : -ENOMEM;
    if (result == 0) {
        result = note_children(table, group_id, &tasks);
    }
    if (result == 0 && tasks.known < tasks.count) {
        result = gord_reader_tasks(gord_bus_reader(service->bus), group_id, note, &tasks);
    }
    if (result == 0 && tasks.known < tasks.count) {
        note_fresh(table, group_id, &tasks);
    }
    if (result != 0) {
        gord_tasks_fini(&tasks);
        return result;
    }
    *out = tasks;
    return 0;
}

void gord_tasks_fini(struct gord_tasks_by_index *tasks)
{
    free(tasks->places);
    free(tasks->ids);
    *tasks = (struct gord_tasks_by_index){0};
}

uint64_t gord_tasks_id(const struct gord_tasks_by_index *tasks, uint32_t index)
{
    const struct gord_array_place *place = gord_array_find(tasks->places, tasks->count, index);

    return place != NULL ? tasks->ids[place->place] : 0;
}
