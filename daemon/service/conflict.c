/* SPDX-License-Identifier: MIT */
/* conflict.c - what a unique key comes to: see submit.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/service/state.h"
#include "daemon/service/submit.h"

enum gord_conflict gord_submit_conflict(struct gord_service *service, const Gor__V1__JobSpec *spec,
                                        uint32_t uid, uint64_t *out_id, uint64_t *out_seq,
                                        struct gord_refusal *out_why)
{
    uint64_t id = 0;

    if (spec->unique_key[0] == '\0' ||
        gord_unique_find(&service->unique, uid, spec->unique_key, &id, 1) == 0) {
        return GORD_CONFLICT_NONE;
    }
    if (spec->on_conflict == GOR__V1__ON_CONFLICT__FAIL) {
        (void)gord_refuse(out_why, WIRE_ALREADY_EXISTS,
                          "spec.unique_key: job %" PRIu64 " has it and has not ended", id);
        return GORD_CONFLICT_REFUSED;
    }
    if (spec->on_conflict == GOR__V1__ON_CONFLICT__SKIP) {
        *out_id = id;
        *out_seq = gord_job_find(gord_bus_table(service->bus), id)->last_seq;
        return GORD_CONFLICT_SKIP;
    }
    return GORD_CONFLICT_NONE;
}

int gord_submit_replace(struct gord_service *service, uint32_t uid, const char *key, uint64_t by)
{
    char cause[64];
    size_t count = gord_unique_find(&service->unique, uid, key, NULL, 0);
    uint64_t *ids = calloc(count + 1, sizeof(*ids));

    if (ids == NULL) {
        return -ENOMEM;
    }
    gord_unique_find(&service->unique, uid, key, ids, count);
    snprintf(cause, sizeof(cause), "replaced by job %" PRIu64 " with its unique key", by);
    for (size_t i = 0; i < count; i++) {
        struct gord_job *job = gord_job_find(gord_bus_table(service->bus), ids[i]);
        if (job != NULL) {
            (void)gord_runner_cancel(service->runner, job, cause, NULL);
        }
    }
    free(ids);
    return 0;
}

int gord_submit_spec(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                     struct gord_spec **out_spec)
{
    size_t count = wire->unique_key[0] != '\0'
                       ? gord_unique_find(&service->unique, uid, wire->unique_key, NULL, 0)
                       : 0;

    if (count == 0) {
        return gord_spec_from_wire(wire, service->last_env, out_spec);
    }
    uint64_t *ids = calloc(count, sizeof(*ids));
    Gor__V1__Dependency *of = calloc(count, sizeof(*of));
    Gor__V1__Dependency **each = calloc(count, sizeof(*each));
    Gor__V1__AnyOf *clauses = calloc(count, sizeof(*clauses));
    Gor__V1__AnyOf **after = calloc(wire->n_after + count, sizeof(*after));
    int result =
        ids != NULL && of != NULL && each != NULL && clauses != NULL && after != NULL ? 0 : -ENOMEM;
    if (result == 0) {
        Gor__V1__JobSpec behind = *wire;
        gord_unique_find(&service->unique, uid, wire->unique_key, ids, count);
        for (size_t i = 0; i < wire->n_after; i++) {
            after[i] = wire->after[i];
        }
        for (size_t i = 0; i < count; i++) {
            gor__v1__dependency__init(&of[i]);
            gor__v1__any_of__init(&clauses[i]);
            of[i].id = ids[i];
            of[i].condition = GOR__V1__DEPENDENCY__CONDITION__ANY;
            each[i] = &of[i];
            clauses[i].n_of = 1;
            clauses[i].of = &each[i];
            after[wire->n_after + i] = &clauses[i];
        }
        behind.n_after += count;
        behind.after = after;
        result = gord_spec_from_wire(&behind, service->last_env, out_spec);
    }
    free(ids);
    free(of);
    free(each);
    free(clauses);
    free(after);
    return result;
}
