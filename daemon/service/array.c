/* SPDX-License-Identifier: MIT */
/* array.c - see array.h. */
#include "daemon/service/array.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/crashpoint.h"
#include "daemon/event/array.h"
#include "daemon/service/corr.h"
#include "daemon/service/share.h"

/* What "[999999999]" adds to a name. */
enum { INDEX_BYTES = 11 };

/* Each task has all of what it is to do, but for the environment: scripts and inputs are not shared. */
#define TASKS_BYTES_MAX ((uint64_t)256 << 20)

static int check_size(const Gor__V1__JobSpec *spec, char *error, size_t error_bytes)
{
    Gor__V1__JobSpec bare = *spec;
    Gor__V1__ExecSpec exec;

    if (spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC) {
        exec = *spec->exec;
        exec.n_env = 0;
        exec.n_rlimits = 0;
        bare.exec = &exec;
    }
    bare.array = NULL;
    uint64_t each = gor__v1__job_spec__get_packed_size(&bare);
    uint32_t count = gord_array_size(spec->array);
    if (each * count > TASKS_BYTES_MAX) {
        return gord_check_refuse(
            error, error_bytes,
            "spec.array: %" PRIu32 " task%s of %" PRIu64 " bytes each are more than the %" PRIu64
            " MiB that one array may take; have them read what is large from a file, or make "
            "several arrays",
            count, count == 1 ? "" : "s", each, TASKS_BYTES_MAX >> 20);
    }
    return 0;
}

int gord_array_check_spec(const Gor__V1__JobSpec *spec, char *error, size_t error_bytes)
{
    if (spec->task != NULL) {
        return gord_check_refuse(error, error_bytes, "spec.task is set by gord, not by Submit");
    }
    if (spec->array == NULL) {
        return 0;
    }
    if (strlen(spec->name) > GORD_NAME_MAX - INDEX_BYTES) {
        return gord_check_refuse(
            error, error_bytes,
            "spec.name has %zu bytes; that of an array has at most %d, for its tasks are called "
            "NAME[INDEX]",
            strlen(spec->name), GORD_NAME_MAX - INDEX_BYTES);
    }
    if (spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC && spec->exec->stdin_pipe) {
        return gord_check_refuse(error, error_bytes,
                                 "spec.exec.stdin_pipe does not go with spec.array: which of its "
                                 "tasks should read it? Use stdin_path, or send to a task");
    }
    int result = gord_array_check(spec->array, error, error_bytes);
    return result == 0 ? check_size(spec, error, error_bytes) : result;
}

uint64_t gord_array_tasks(const Gor__V1__JobSpec *spec)
{
    return spec->array != NULL ? gord_array_size(spec->array) : 1;
}

/* It has the name, the labels, the gates, and the unique key. */
void gord_array_group(const Gor__V1__JobSpec *wire, Gor__V1__JobSpec *out_group)
{
    static Gor__V1__GroupSpec nothing = GOR__V1__GROUP_SPEC__INIT;

    *out_group = *wire;
    out_group->kind_case = GOR__V1__JOB_SPEC__KIND_GROUP;
    out_group->group = &nothing;
    out_group->timeout_ns = 0;
    out_group->grace_ns = 0;
    out_group->heartbeat_ns = 0;
    out_group->on_stuck = 0;
    out_group->slots = 0;
    out_group->n_tokens = 0;
    out_group->n_rates = 0;
    out_group->retry = NULL;
    out_group->start_before_ns = 0;
    out_group->output_max_bytes = 0;
}

/* A task has the rest; name and index are set one by one. What environment they have is set apart, so
 * that it is packed and compared once, not for each. */
static void make_task(const Gor__V1__JobSpec *wire, uint64_t group_id, Gor__V1__ArrayTask *task,
                      Gor__V1__JobSpec *out_task)
{
    gor__v1__array_task__init(task);
    task->array_id = group_id;
    task->count = gord_array_size(wire->array);
    task->at_once = wire->array->at_once < task->count ? wire->array->at_once : 0;
    *out_task = *wire;
    out_task->array = NULL;
    out_task->task = task;
    out_task->parent_id = group_id;
    out_task->held = false;
    out_task->not_before_ns = 0;
    out_task->delay_ns = 0;
    out_task->zone = (char *)(uintptr_t)protobuf_c_empty_string;
    out_task->n_after = 0;
    out_task->unique_key = out_task->zone;
    out_task->on_conflict = 0;
    out_task->rerun_of = 0;
}

static int enter_task(struct gord_service *service, const Gor__V1__JobSpec *wire,
                      struct gord_env *env, uint32_t uid, uint64_t id, uint64_t *out_seq)
{
    struct gord_spec *spec = NULL;
    int result = gord_spec_from_wire(wire, NULL, &spec);

    if (result == 0) {
        spec->env = env != NULL ? gord_env_ref(env) : NULL; /* nobody else has the spec yet */
        result = gord_submit_enter_spec(service, id, spec, uid, NULL, out_seq);
        gord_spec_unref(spec);
    }
    return result;
}

int gord_array_enter_tasks(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                           uint64_t group_id, uint64_t *out_seq)
{
    Gor__V1__JobSpec spec;
    Gor__V1__ArrayTask task;
    Gor__V1__ExecSpec bare;
    struct gord_array_walk walk = {0, 0};
    struct gord_corr *corr = NULL;
    struct gord_env *env = NULL;
    char name[GORD_NAME_MAX + INDEX_BYTES + 1];
    char share[GORD_WORD_MAX + 1];

    make_task(wire, group_id, &task, &spec);
    spec.name = name;
    spec.share = gord_share_of(service, wire, uid, share);
    int result = gord_env_from_wire(wire, service->last_env, &env);
    result = result == 0 ? gord_corr_new(service, wire, &corr) : result;
    if (wire->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC) {
        bare = *wire->exec;
        bare.n_env = 0;
        bare.n_rlimits = 0;
        spec.exec = &bare;
    }
    uint64_t id = gord_submit_reserve(service, task.count);
    while (result == 0 && gord_array_next(wire->array, &walk, &task.index)) {
        snprintf(name, sizeof(name), "%s[%" PRIu32 "]", wire->name, task.index);
        gord_corr_fill(corr, task.index, &spec);
        result = enter_task(service, &spec, env, uid, id++, out_seq);
        GORD_CRASHPOINT(TASK_ENTERED);
    }
    if (result == 0) {
        gord_runner_tasks_entered(service->runner, group_id);
    }
    gord_env_unref(env);
    gord_corr_free(corr);
    return result;
}

int gord_array_is_group(struct gord_service *service, uint64_t id, uint64_t *out_first_task)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    struct gord_reader *reader = gord_bus_reader(service->bus);
    struct gord_row row;
    uint64_t first = 0;
    int result = gord_reader_first_task(reader, id, &first);

    if (result != 0 && result != -ENOENT) {
        return result;
    }
    int kind = job != NULL ? (int)job->kind : -1;
    if (job == NULL && first != 0) {
        result = gord_reader_job(reader, id, false, &row);
        if (result != 0) {
            return result;
        }
        kind = row.kind;
        gord_row_fini(&row);
    }
    *out_first_task = first;
    return kind == GORD_GROUP;
}

/* Swap what the group has into its first task's spec, which has what to do. What that waited for is the
 * task's own. */
static void merge(Gor__V1__JobSpec *group, Gor__V1__JobSpec *task)
{
    char *name = task->name;
    char *key = task->unique_key;

    task->name = group->name;
    group->name = name;
    task->unique_key = group->unique_key;
    group->unique_key = key;
    size_t n_after = task->n_after;
    Gor__V1__AnyOf **after = task->after;

    task->n_after = group->n_after;
    task->after = group->after;
    group->n_after = n_after;
    group->after = after;
    task->on_conflict = group->on_conflict;
    task->array = group->array;
    group->array = NULL;
    gor__v1__array_task__free_unpacked(task->task, NULL);
    task->task = NULL;
}

int gord_array_restore(struct gord_service *service, uint64_t group_id, Gor__V1__JobSpec *group,
                       Gor__V1__JobSpec **out_wire)
{
    struct gord_row row;
    Gor__V1__JobSpec *task = NULL;
    uint64_t id = 0;
    int result = gord_reader_first_task(gord_bus_reader(service->bus), group_id, &id);

    if (result == 0) {
        result = gord_reader_job(gord_bus_reader(service->bus), id, true, &row);
    }
    if (result == 0) {
        task = gord_spec_to_wire(row.spec, 1);
        gord_row_fini(&row);
        result = task != NULL ? 0 : -ENOMEM;
    }
    if (result == 0) {
        merge(group, task);
        *out_wire = task;
    }
    gor__v1__job_spec__free_unpacked(group, NULL);
    return result;
}
