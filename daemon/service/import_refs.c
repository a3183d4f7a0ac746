/* SPDX-License-Identifier: MIT */
/* Whom an imported job refers to: parent, the job it repeats, those it is to run after. */
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/service/import_inside.h"

/* The id here in *id; whether it had to be left out. */
static bool point(uint64_t *id, const struct gord_idmap *ids, bool renumbered)
{
    uint64_t here = gord_idmap_get(ids, *id);
    bool lost = *id != 0 && here == 0 && renumbered;

    *id = here != 0 ? here : lost ? 0 : *id;
    return lost;
}

/* Of alternatives those go that are not known; how many did. */
static size_t point_clause(Gor__V1__AnyOf *clause, const struct gord_idmap *ids, bool renumbered)
{
    size_t kept = 0;
    size_t lost = 0;

    for (size_t i = 0; i < clause->n_of; i++) {
        if (point(&clause->of[i]->id, ids, renumbered)) {
            gor__v1__dependency__free_unpacked(clause->of[i], NULL);
            lost++;
        } else {
            clause->of[kept++] = clause->of[i];
        }
    }
    clause->n_of = kept;
    return lost;
}

size_t gord_import_point(Gor__V1__JobSpec *spec, const struct gord_idmap *ids, bool renumbered)
{
    size_t kept = 0;
    size_t lost = point(&spec->parent_id, ids, renumbered);

    lost += point(&spec->rerun_of, ids, renumbered);
    if (spec->hook_of != NULL) {
        lost += point(&spec->hook_of->job_id, ids, renumbered);
    }
    if (spec->hook_of != NULL && spec->hook_of->task != NULL) {
        lost += point(&spec->hook_of->task->array_id, ids, renumbered);
    }
    if (spec->task != NULL && point(&spec->task->array_id, ids, renumbered)) {
        gor__v1__array_task__free_unpacked(spec->task, NULL);
        spec->task = NULL;
        lost++;
    }
    for (size_t i = 0; i < spec->n_after; i++) {
        lost += point_clause(spec->after[i], ids, renumbered);
        if (spec->after[i]->n_of == 0) {
            gor__v1__any_of__free_unpacked(spec->after[i], NULL);
        } else {
            spec->after[kept++] = spec->after[i];
        }
    }
    spec->n_after = kept;
    return lost;
}

bool gord_import_point_live(struct gord_service *service, Gor__V1__JobSpec *spec,
                            const struct gord_idmap *ids, struct gord_refusal *out_why)
{
    for (size_t i = 0; i < spec->n_after; i++) {
        for (size_t k = 0; k < spec->after[i]->n_of; k++) {
            uint64_t *id = &spec->after[i]->of[k]->id;
            uint64_t here = gord_idmap_get(ids, *id);
            if (*id != 0 && here == 0) {
                return gord_refuse(out_why, WIRE_FAILED_PRECONDITION,
                                   "it is to run after job %" PRIu64
                                   ", which was not taken before it; import that as well, or "
                                   "take it out of spec.after",
                                   *id);
            }
            *id = here;
        }
    }
    spec->rerun_of = gord_idmap_get(ids, spec->rerun_of);
    if (spec->hook_of != NULL) {
        spec->hook_of->job_id = gord_idmap_get(ids, spec->hook_of->job_id);
    }
    if (spec->hook_of != NULL && spec->hook_of->task != NULL) {
        spec->hook_of->task->array_id = gord_idmap_get(ids, spec->hook_of->task->array_id);
    }
    spec->parent_id = gord_idmap_get(ids, spec->parent_id);
    const struct gord_job *parent =
        spec->parent_id != 0 ? gord_job_find(gord_bus_table(service->bus), spec->parent_id) : NULL;
    if (parent == NULL || parent->state == GOR__V1__JOB_STATE__TERMINATED) {
        spec->parent_id = 0;
    }
    return true;
}

/* ------------------------------------------------------------------ those that had ended */

enum { KNOWN = 1, STARTED = 2, OUTCOME_SHIFT = 8 };

void gord_import_remember(struct gord_import *import, const Gor__V1__Job *job, uint64_t id)
{
    bool started = job->started_ns != 0 || job->attempt > 0 || job->losses > 0;
    uint64_t end = KNOWN | (started ? STARTED : 0U) | (uint64_t)job->outcome << OUTCOME_SHIFT;

    (void)gord_idmap_put(&import->ends, id, end);
}

bool gord_import_recall(void *arg, uint64_t id, struct gord_after_facts *out)
{
    struct gord_service *service = arg;
    uint64_t end = 0;

    for (struct list_link *link = service->imports.next; link != &service->imports && end == 0;
         link = link->next) {
        end = gord_idmap_get(&CONTAINER_OF(link, struct gord_import, link)->ends, id);
    }
    if (end == 0) {
        return false;
    }
    *out = (struct gord_after_facts){.exists = true,
                                     .started = (end & STARTED) != 0,
                                     .ended = true,
                                     .outcome = (Gor__V1__Outcome)(end >> OUTCOME_SHIFT)};
    return true;
}
