/* SPDX-License-Identifier: MIT */
/* array.h - an array that is handed in: one group, and a task for each index.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_ARRAY_H
#define GORD_SERVICE_ARRAY_H

#include "daemon/service/submit.h"

/* Is what the spec says of an array right, if it does? 0, or -EINVAL with a text. */
int gord_array_check_spec(const Gor__V1__JobSpec *spec, char *error, size_t error_bytes);

/* How many jobs come of it: 1, or its tasks. */
uint64_t gord_array_tasks(const Gor__V1__JobSpec *spec);

/* `wire`, which has an array, as its group; a shallow copy. */
void gord_array_group(const Gor__V1__JobSpec *wire, Gor__V1__JobSpec *out_group);

/* Enter the tasks of the group, of which `wire` is what was handed in. *out_seq is that of the last
 * event. -ENOMEM. */
int gord_array_enter_tasks(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                           uint64_t group_id, uint64_t *out_seq);

/* Is job `id` a group? 1, with the first of its tasks that is kept, or 0; 0; the reader's error. */
int gord_array_is_group(struct gord_service *service, uint64_t id, uint64_t *out_first_task);

/* What was handed in, of a group that was once entered; to be freed as other specs. `group` is its own
 * spec, taken over. -ENOENT: its tasks are no longer kept; -ENOMEM; the reader's error. */
int gord_array_restore(struct gord_service *service, uint64_t group_id, Gor__V1__JobSpec *group,
                       Gor__V1__JobSpec **out_wire);

#endif
