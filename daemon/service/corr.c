/* SPDX-License-Identifier: MIT */
/* corr.c - see corr.h. */
#include "daemon/service/corr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/event/array.h"
#include "daemon/job/group.h"
#include "daemon/service/array.h"
#include "daemon/service/tasks.h"

/* Arrays one is to wait for so, and how many dependencies all its tasks may have of it. */
enum { ARRAYS_MAX = 16, TOTAL_MAX = 1000000 };

static bool is_corr(const Gor__V1__Dependency *of)
{
    return of->condition == GOR__V1__DEPENDENCY__CONDITION__CORR;
}

static bool has_corr(const Gor__V1__AnyOf *clause)
{
    for (size_t i = 0; i < clause->n_of; i++) {
        if (is_corr(clause->of[i])) {
            return true;
        }
    }
    return false;
}

/* How many arrays it names so, and how many dependencies each task has of that. */
static void count(const Gor__V1__JobSpec *spec, size_t *out_arrays, size_t *out_each)
{
    *out_arrays = *out_each = 0;
    for (size_t i = 0; i < spec->n_after; i++) {
        const Gor__V1__AnyOf *clause = spec->after[i];
        for (size_t k = 0; k < clause->n_of; k++) {
            *out_arrays += is_corr(clause->of[k]);
        }
        *out_each += has_corr(clause) ? clause->n_of : 0;
    }
}

int gord_corr_check(const Gor__V1__JobSpec *spec, char *error, size_t error_bytes)
{
    size_t arrays, each;

    count(spec, &arrays, &each);
    if (arrays == 0) {
        return 0;
    }
    if (spec->array == NULL && spec->kind_case != GOR__V1__JOB_SPEC__KIND_GROUP) {
        return gord_check_refuse(error, error_bytes,
                                 "spec.after: condition corr makes each task of an array wait for "
                                 "one of another; give spec.array, or take ok");
    }
    if (arrays > ARRAYS_MAX) {
        return gord_check_refuse(error, error_bytes,
                                 "spec.after names %zu arrays with corr, at most %d are taken",
                                 arrays, ARRAYS_MAX);
    }
    uint64_t tasks = spec->array != NULL ? gord_array_size(spec->array) : 0;
    if (tasks * each > TOTAL_MAX) {
        return gord_check_refuse(error, error_bytes,
                                 "spec.after: %" PRIu64 " tasks that each wait for %zu others are "
                                 "more than the %d dependencies one array may have with corr",
                                 tasks, each, TOTAL_MAX);
    }
    return 0;
}

/* ------------------------------------------------------------------ the other array */

/* The spec of a job that is known, without its environment. A reference. */
static int find_spec(struct gord_service *service, uint64_t id, struct gord_spec **out_spec)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    struct gord_row row;

    if (job != NULL && gord_job_has_spec(job)) {
        *out_spec = gord_spec_ref(job->body->spec);
        return 0;
    }
    int result = gord_reader_job(gord_bus_reader(service->bus), id, false, &row);
    if (result == 0) {
        *out_spec = gord_spec_ref(row.spec);
        gord_row_fini(&row);
    }
    return result;
}

/* The other array as it is named in the request, or was submitted. */
struct other {
    const Gor__V1__Array *array;
    Gor__V1__JobSpec *owned; /* what has it; NULL: it is borrowed */
    uint64_t id;             /* 0: it is in the same request */
};

static void fini_other(struct other *other)
{
    gor__v1__job_spec__free_unpacked(other->owned, NULL);
}

/* 0 and the array there was once handed in as `id`; 0 and none: it is none, and *out_task_of says which
 * one has it as a task. */
static int find_other(struct gord_service *service, uint64_t id, struct other *out,
                      uint64_t *out_task_of)
{
    struct gord_spec *spec = NULL;
    int result = find_spec(service, id, &spec);

    *out = (struct other){.id = id};
    if (result != 0) {
        return result;
    }
    *out_task_of = spec->array_id;
    if (spec->kind == GORD_GROUP) {
        out->owned = gord_spec_to_wire(spec, 0);
        result = out->owned != NULL ? 0 : -ENOMEM;
        out->array = out->owned != NULL ? out->owned->array : NULL;
    }
    gord_spec_unref(spec);
    return result;
}

/* ------------------------------------------------------------------ is it right */

static bool refuse_no_array(const char *where, uint64_t id, uint64_t task_of,
                            struct gord_refusal *out_why)
{
    if (task_of != 0) {
        return gord_refuse(out_why, WIRE_FAILED_PRECONDITION,
                           "%sspec.after: corr takes an array, and job %" PRIu64
                           " is a task of one; name that, job %" PRIu64,
                           where, id, task_of);
    }
    return gord_refuse(out_why, WIRE_FAILED_PRECONDITION,
                       "%sspec.after: corr takes an array, and job %" PRIu64
                       " is none; with ok each task waits for it",
                       where, id);
}

static bool refuse_lookup(const char *where, uint64_t id, int error, struct gord_refusal *out_why)
{
    return gord_refuse(out_why, wire_status_from_errno(error),
                       "%sspec.after: cannot look job %" PRIu64 " up: %s", where, id,
                       strerror(-error));
}

/* Has it a task for each index of ours? */
static bool has_indices(const char *where, const Gor__V1__Array *ours, const struct other *other,
                        struct gord_refusal *out_why)
{
    char mine[96], theirs[96], name[48];
    uint32_t size = gord_array_size(other->array);
    struct gord_array_place *places = gord_array_places(other->array);
    struct gord_array_walk walk = {0, 0};
    uint32_t index = 0;
    bool found = true;

    if (places == NULL) {
        return gord_refuse(out_why, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    }
    while (found && gord_array_next(ours, &walk, &index)) {
        found = gord_array_find(places, size, index) != NULL;
    }
    free(places);
    if (found) {
        return true;
    }
    if (other->id != 0) {
        snprintf(name, sizeof(name), "array %" PRIu64, other->id);
    } else {
        snprintf(name, sizeof(name), "the array of the line");
    }
    return gord_refuse(out_why, WIRE_FAILED_PRECONDITION,
                       "%sspec.after: corr: %s has the indices %s, and not %" PRIu32
                       ", which is one of %s",
                       where, name, gord_array_text(other->array, theirs, sizeof(theirs)), index,
                       gord_array_text(ours, mine, sizeof(mine)));
}

/* Are all of its tasks there, so that what became of each can be told? */
static bool has_tasks(struct gord_service *service, const char *where, const struct other *other,
                      struct gord_refusal *out_why)
{
    const struct gord_job *group = gord_job_find(gord_bus_table(service->bus), other->id);
    struct gord_tasks_by_index tasks;
    int result = gord_tasks_find(service, other->id, other->array, &tasks);

    if (result != 0) {
        return refuse_lookup(where, other->id, result, out_why);
    }
    bool whole = tasks.known == tasks.count;
    gord_tasks_fini(&tasks);
    if (!whole && group != NULL && gord_group_is_coming(group)) {
        return gord_refuse(out_why, WIRE_FAILED_PRECONDITION,
                           "%sspec.after: corr: array %" PRIu64
                           " is being imported, and not all of its tasks have come",
                           where, other->id);
    }
    return whole || gord_refuse(out_why, WIRE_FAILED_PRECONDITION,
                                "%sspec.after: corr: the tasks of array %" PRIu64
                                " are not all kept any more, so what became of each cannot be told",
                                where, other->id);
}

static bool accepts_known(struct gord_service *service, const char *where,
                          const Gor__V1__Array *ours, uint64_t id, struct gord_refusal *out_why)
{
    struct other other;
    uint64_t task_of = 0;
    int result = find_other(service, id, &other, &task_of);

    if (result != 0) {
        return refuse_lookup(where, id, result, out_why);
    }
    if (other.array == NULL) {
        fini_other(&other);
        return refuse_no_array(where, id, task_of, out_why);
    }
    bool accepted =
        has_indices(where, ours, &other, out_why) && has_tasks(service, where, &other, out_why);
    fini_other(&other);
    return accepted;
}

static bool accepts_line(const char *where, const Gor__V1__Array *ours,
                         const Gor__V1__Dependency *of, const struct gord_earlier *earlier,
                         struct gord_refusal *out_why)
{
    /* Which lines stand before it has been looked at. */
    const Gor__V1__JobSpec *spec = earlier->specs[of->line - 1];
    struct other other = {.array = spec->array};

    if (spec->array == NULL) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT,
                           "%sspec.after: corr takes an array, and line %" PRIu32
                           " is none; with ok each task waits for it",
                           where, of->line);
    }
    return has_indices(where, ours, &other, out_why);
}

bool gord_corr_accepts(struct gord_service *service, const char *where,
                       const Gor__V1__JobSpec *spec, const struct gord_earlier *earlier,
                       struct gord_refusal *out_why)
{
    bool accepted = true;

    for (size_t i = 0; spec->array != NULL && i < spec->n_after; i++) {
        for (size_t k = 0; k < spec->after[i]->n_of && accepted; k++) {
            const Gor__V1__Dependency *of = spec->after[i]->of[k];
            if (is_corr(of) && of->line != 0) {
                accepted = accepts_line(where, spec->array, of, earlier, out_why);
            } else if (is_corr(of)) {
                accepted = accepts_known(service, where, spec->array, of->id, out_why);
            }
        }
    }
    return accepted;
}

/* ------------------------------------------------------------------ its tasks */

/* One dependency that is another for each task. */
struct pairing {
    Gor__V1__Dependency *of; /* of the clauses below */
    struct gord_tasks_by_index tasks;
};

struct gord_corr {
    size_t clause_count;
    size_t pairing_count;
    struct pairing *pairings;  /* owned, as the next ones */
    Gor__V1__AnyOf *clauses;   /* those that have a CORR */
    Gor__V1__AnyOf **pointers; /* to each of them */
    Gor__V1__Dependency *of;   /* of all of them */
    Gor__V1__Dependency **of_pointers;
};

void gord_corr_free(struct gord_corr *corr)
{
    if (corr == NULL) {
        return;
    }
    for (size_t i = 0; i < corr->pairing_count; i++) {
        gord_tasks_fini(&corr->pairings[i].tasks);
    }
    free(corr->pairings);
    free(corr->clauses);
    free(corr->pointers);
    free(corr->of);
    free(corr->of_pointers);
    free(corr);
}

static struct gord_corr *alloc_corr(size_t clauses, size_t arrays, size_t each)
{
    struct gord_corr *corr = calloc(1, sizeof(*corr));

    if (corr == NULL) {
        return NULL;
    }
    corr->pairings = calloc(arrays, sizeof(*corr->pairings));
    corr->clauses = calloc(clauses, sizeof(*corr->clauses));
    corr->pointers = calloc(clauses, sizeof(*corr->pointers));
    corr->of = calloc(each, sizeof(*corr->of));
    corr->of_pointers = calloc(each, sizeof(*corr->of_pointers));
    if (corr->pairings == NULL || corr->clauses == NULL || corr->pointers == NULL ||
        corr->of == NULL || corr->of_pointers == NULL) {
        gord_corr_free(corr);
        return NULL;
    }
    return corr;
}

/* `of` is to be told by the index. */
static int pair(struct gord_service *service, struct gord_corr *corr, Gor__V1__Dependency *of)
{
    struct pairing *pairing = &corr->pairings[corr->pairing_count];
    struct other other;
    uint64_t task_of;
    int result = find_other(service, of->id, &other, &task_of);

    if (result == 0 && other.array == NULL) {
        result = -ENOENT; /* it was accepted, so this is not */
    }
    if (result == 0) {
        result = gord_tasks_find(service, of->id, other.array, &pairing->tasks);
    }
    if (result == 0) {
        pairing->of = of;
        corr->pairing_count++;
        /* All were there when it was accepted. */
        result = pairing->tasks.known == pairing->tasks.count ? 0 : -ENOENT;
    }
    fini_other(&other);
    of->condition = GOR__V1__DEPENDENCY__CONDITION__OK;
    return result;
}

/* A copy of the clause behind those there are. */
static int add_clause(struct gord_service *service, struct gord_corr *corr,
                      const Gor__V1__AnyOf *clause, size_t *used)
{
    Gor__V1__AnyOf *mine = &corr->clauses[corr->clause_count];
    int result = 0;

    gor__v1__any_of__init(mine);
    mine->n_of = clause->n_of;
    mine->of = &corr->of_pointers[*used];
    corr->pointers[corr->clause_count++] = mine;
    for (size_t k = 0; k < clause->n_of && result == 0; k++, ++*used) {
        corr->of[*used] = *clause->of[k];
        corr->of_pointers[*used] = &corr->of[*used];
        result = is_corr(clause->of[k]) ? pair(service, corr, &corr->of[*used]) : 0;
    }
    return result;
}

int gord_corr_new(struct gord_service *service, const Gor__V1__JobSpec *wire,
                  struct gord_corr **out_corr)
{
    size_t arrays, each;
    size_t used = 0;
    int result = 0;

    *out_corr = NULL;
    count(wire, &arrays, &each);
    if (arrays == 0) {
        return 0;
    }
    struct gord_corr *corr = alloc_corr(wire->n_after, arrays, each);
    if (corr == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < wire->n_after && result == 0; i++) {
        if (has_corr(wire->after[i])) {
            result = add_clause(service, corr, wire->after[i], &used);
        }
    }
    if (result != 0) {
        gord_corr_free(corr);
        return result;
    }
    *out_corr = corr;
    return 0;
}

void gord_corr_fill(struct gord_corr *corr, uint32_t index, Gor__V1__JobSpec *out_task)
{
    if (corr == NULL) {
        return;
    }
    for (size_t i = 0; i < corr->pairing_count; i++) {
        const struct pairing *pairing = &corr->pairings[i];
        pairing->of->id = gord_tasks_id(&pairing->tasks, index);
        GORD_ASSERT(pairing->of->id != 0); /* it was accepted */
    }
    out_task->n_after = corr->clause_count;
    out_task->after = corr->pointers;
}

/* ------------------------------------------------------------------ how it is told */

/* "array 7", "arrays 7, 12 and 30": those it names so, with `live` only those that have not ended; "" if
 * there are none. */
static const char *name_arrays(struct gord_service *service, const Gor__V1__JobSpec *spec,
                               bool live, char *out, size_t bytes)
{
    uint64_t ids[ARRAYS_MAX];
    size_t found = 0;
    size_t used = 0;

    for (size_t i = 0; i < spec->n_after; i++) {
        for (size_t k = 0; k < spec->after[i]->n_of && found < ARRAYS_MAX; k++) {
            const Gor__V1__Dependency *of = spec->after[i]->of[k];
            const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), of->id);
            bool lives = job != NULL && job->state != GOR__V1__JOB_STATE__TERMINATED;
            if (is_corr(of) && of->id != 0 && (lives || !live)) {
                ids[found++] = of->id;
            }
        }
    }
    out[0] = '\0';
    for (size_t i = 0; i < found && used < bytes; i++) {
        const char *before = i == 0           ? (found > 1 ? "arrays " : "array ")
                             : i == found - 1 ? " and "
                                              : ", ";
        used += (size_t)snprintf(out + used, bytes - used, "%s%" PRIu64, before, ids[i]);
    }
    return out;
}

void gord_corr_why(struct gord_service *service, const struct gord_job *group,
                   const Gor__V1__JobSpec *spec, char text[GORD_GATE_TEXT])
{
    char arrays[GORD_GATE_TEXT];
    uint32_t gated = gord_group_gated(group);
    size_t used = strlen(text);

    if (gated > 0 && name_arrays(service, spec, true, arrays, sizeof(arrays))[0] != '\0') {
        snprintf(text + used, GORD_GATE_TEXT - used, ", for %s of the same index in %s",
                 gated == 1 ? "that" : "those", arrays);
    }
}

/* How many tasks wait, and how many do in vain. */
static int count_verdicts(struct gord_service *service, const Gor__V1__Array *array,
                          struct gord_corr *corr, uint32_t counts[GORD_AFTER_NEVER + 1])
{
    static Gor__V1__GroupSpec nothing = GOR__V1__GROUP_SPEC__INIT;
    Gor__V1__JobSpec task = GOR__V1__JOB_SPEC__INIT;
    struct gord_array_walk walk = {0, 0};
    uint32_t index;
    int result = 0;

    task.kind_case = GOR__V1__JOB_SPEC__KIND_GROUP;
    task.group = &nothing;
    while (result == 0 && gord_array_next(array, &walk, &index)) {
        enum gord_after_verdict verdict;
        struct gord_spec *spec = NULL;
        gord_corr_fill(corr, index, &task);
        result = gord_spec_from_wire(&task, NULL, &spec);
        if (result == 0) {
            result = gord_runner_would_hold(service->runner, spec, &verdict);
            gord_spec_unref(spec);
        }
        if (result == 0) {
            counts[verdict]++;
        }
    }
    return result;
}

static void add_count(char text[GORD_GATE_TEXT], uint32_t number, uint32_t of, const char *what)
{
    size_t used = strlen(text);

    if (number > 0) {
        snprintf(text + used, GORD_GATE_TEXT - used, "%s%" PRIu32 " of %" PRIu32 " task%s %s",
                 used > 0 ? "; " : "", number, of, of == 1 ? "" : "s", what);
    }
}

int gord_corr_would(struct gord_service *service, const Gor__V1__JobSpec *spec,
                    char text[GORD_GATE_TEXT])
{
    uint32_t counts[GORD_AFTER_NEVER + 1] = {0};
    struct gord_corr *corr = NULL;
    int result = spec->array != NULL ? gord_corr_new(service, spec, &corr) : 0;

    if (result != 0 || corr == NULL) {
        return result;
    }
    result = count_verdicts(service, spec->array, corr, counts);
    gord_corr_free(corr);
    if (result == 0) {
        uint32_t size = gord_array_size(spec->array);
        char arrays[GORD_GATE_TEXT], what[GORD_GATE_TEXT + 48];
        name_arrays(service, spec, false, arrays, sizeof(arrays));
        snprintf(what, sizeof(what), "%s of the same index%s%s",
                 counts[GORD_AFTER_PENDING] == 1 ? "waits for that" : "wait for those",
                 arrays[0] != '\0' ? " in " : "", arrays);
        add_count(text, counts[GORD_AFTER_PENDING], size, what);
        add_count(text, counts[GORD_AFTER_NEVER], size, "would never run");
    }
    return result;
}
