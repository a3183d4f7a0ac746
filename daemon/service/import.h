/* SPDX-License-Identifier: MIT */
/* import.h - jobs as another daemon told them, made fit for this one: what they refer to, and their
 * history as events.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_IMPORT_H
#define GORD_SERVICE_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/service/idmap.h"
#include "daemon/service/submit.h"
#include "gor/v1/store.pb-c.h"

/* Have the spec of an ended job refer to jobs by their ids here. What was not taken keeps its id if the
 * job does (`renumbered` is false), else it is left out; how many were. */
size_t gord_import_point(Gor__V1__JobSpec *spec, const struct gord_idmap *ids, bool renumbered);

/* The same for one that is to run here, where nothing may be left out but a parent that does not live. */
bool gord_import_point_live(struct gord_service *service, Gor__V1__JobSpec *spec,
                            const struct gord_idmap *ids, struct gord_refusal *out_why);

/* How many tasks of that owner's are still to come to wait here, of arrays that imports under way have
 * taken: there is room for them. */
uint64_t gord_import_promised(struct gord_service *service, uint32_t uid);

/* What became of an ended job that an import under way has taken as `id`; false: none has. `arg` is the
 * service. */
bool gord_import_recall(void *arg, uint64_t id, struct gord_after_facts *out);

/* The history of an ended job that is `id` here, complete (gord_history_complete); the events are the
 * caller's, and so is the list. `*out_made_up`: its steps were not all there. */
bool gord_import_history(const Gor__V1__ImportRequest *request, uint64_t id,
                         struct gord_event ***out_events, size_t *out_count, bool *out_made_up,
                         struct gord_refusal *out_why);
void gord_import_history_free(struct gord_event **events, size_t count);

#endif
