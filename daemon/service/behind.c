/* SPDX-License-Identifier: MIT */
/* behind.c - see behind.h. */
#include "daemon/service/behind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/runner/gates.h"

static bool is_firm(Gor__V1__Dependency__Condition condition)
{
    return condition != GOR__V1__DEPENDENCY__CONDITION__START;
}

/* What it was to run after has come, and is not waited for again. */
static bool has_run(const struct gord_job *job)
{
    const struct gord_standing *standing = job->body != NULL ? job->body->standing : NULL;

    return standing != NULL && standing->attempt + standing->losses > 0;
}

/* For gord_gates_each. */
static int add_one(void *arg, uint64_t id, Gor__V1__Dependency__Condition condition)
{
    return gord_circle_add(arg, id, is_firm(condition));
}

/* What one job waits for. A task waits for what keeps its array. What an array waits for with CORR counts as
 * long as it lives, so all does. */
static int add_steps(void *arg, uint64_t id, struct gord_circle *circle)
{
    struct gord_service *service = arg;
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    int result = 0;

    if (job == NULL || job->state == GOR__V1__JOB_STATE__TERMINATED || job->taken ||
        !gord_job_has_spec(job)) {
        return 0; /* of those that wait for others the spec is in memory */
    }
    const struct gord_spec *spec = job->body->spec;
    if (spec->array_id != 0 && spec->array_id == spec->parent_id) { /* not one that was run again */
        result = gord_circle_add(circle, spec->array_id, true);
    }
    return result != 0 || has_run(job) ? result : gord_gates_each(job, add_one, circle);
}

int gord_behind_walk(struct gord_service *service, const Gor__V1__JobSpec *spec,
                     struct gord_circle *circle)
{
    int result = 0;

    for (size_t i = 0; i < spec->n_after && result == 0; i++) {
        for (size_t k = 0; k < spec->after[i]->n_of && result == 0; k++) {
            const Gor__V1__Dependency *of = spec->after[i]->of[k];
            result = gord_circle_add(circle, of->id, is_firm(of->condition));
        }
    }
    return result == 0 ? gord_circle_walk(circle, add_steps, service) : result;
}

static bool refuse(const struct gord_circle *circle, uint64_t id, const char *what, const char *end,
                   struct gord_refusal *out_why)
{
    char way[GORD_ERROR_BYTES - 200];

    gord_circle_text(circle, id, end, way, sizeof(way));
    return gord_refuse(out_why, WIRE_FAILED_PRECONDITION, "spec.after: %s%s%s", what,
                       way[0] != '\0' ? ": " : "", way);
}

bool gord_behind_accepts(struct gord_service *service, const struct gord_circle *circle,
                         uint64_t id, uint64_t parent_id, struct gord_refusal *out_why)
{
    char name[32];
    char what[96];

    if (gord_circle_has(circle, id, false)) {
        return refuse(circle, id, "it would wait for itself", "it", out_why);
    }
    while (parent_id != 0) {
        const struct gord_job *parent = gord_job_find(gord_bus_table(service->bus), parent_id);
        if (gord_circle_has(circle, parent_id, true)) {
            snprintf(name, sizeof(name), "job %" PRIu64, parent_id);
            snprintf(what, sizeof(what), "it is below %s, and would end with it before it runs",
                     name);
            return refuse(circle, parent_id, what, name, out_why);
        }
        parent_id = parent != NULL ? gord_job_parent_id(parent) : 0;
    }
    return true;
}
