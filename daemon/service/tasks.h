/* SPDX-License-Identifier: MIT */
/* tasks.h - which job is which task of an array.
 *
 * Ids of tasks that were submitted here follow each other in the order of the indices; those of an array
 * that was imported come in any order, with others between. So each task is asked for its index.
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_TASKS_H
#define GORD_SERVICE_TASKS_H

#include "daemon/event/array.h"
#include "daemon/service/state.h"

/* The tasks of one array, as far as they are kept. */
struct gord_tasks_by_index {
    struct gord_array_place *places; /* owned; sorted by index */
    uint64_t *ids;                   /* owned; by place; 0: it is not there */
    uint32_t count;                  /* of its indices */
    uint32_t known;                  /* of those, the ones that are there */
};

/* Those of the group, whose indices `array` has, in memory or on disk. -ENOMEM, or the reader's error;
 * then there is nothing to free. */
int gord_tasks_find(struct gord_service *service, uint64_t group_id, const Gor__V1__Array *array,
                    struct gord_tasks_by_index *out);
void gord_tasks_fini(struct gord_tasks_by_index *tasks); /* a zeroed one is fine */

/* 0: the array has no such index, or its task is not there. */
uint64_t gord_tasks_id(const struct gord_tasks_by_index *tasks, uint32_t index);

#endif
