/* SPDX-License-Identifier: MIT */
/* spec.c - see spec.h. */
#include "daemon/event/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "daemon/base/assert.h"
#include "daemon/event/array.h"
#include "daemon/event/ask.h"
#include "daemon/event/clock.h"

/* ------------------------------------------------------------------ env */

/* It only finds candidates, whose bytes are then compared. */
static uint64_t hash_bytes(const uint8_t *bytes, size_t count)
{
    return hash_fnv1a64(HASH_FNV1A64_BASIS, bytes, count);
}

static struct gord_env *env_alloc(size_t bytes)
{
    struct gord_env *env = malloc(sizeof *env + bytes);
    if (env != NULL) {
        atomic_init(&env->refs, 1);
        env->bytes = bytes;
    }
    return env;
}

struct gord_env *gord_env_new(const void *packed, size_t bytes)
{
    struct gord_env *env = env_alloc(bytes);
    if (env != NULL) {
        memcpy(env->packed, packed, bytes);
        env->hash = hash_bytes(env->packed, bytes);
    }
    return env;
}

struct gord_env *gord_env_ref(struct gord_env *env)
{
    /* Relaxed: the caller has a reference, so nobody frees it meanwhile. */
    atomic_fetch_add_explicit(&env->refs, 1, memory_order_relaxed);
    return env;
}

void gord_env_unref(struct gord_env *env)
{
    /* Release and acquire: every user's last look comes before the free. */
    if (env != NULL && atomic_fetch_sub_explicit(&env->refs, 1, memory_order_acq_rel) == 1) {
        free(env);
    }
}

/* The env of `exec` in *out: `shared` again if it is equal, NULL if it is empty. */
static int env_from_wire(const Gor__V1__ExecSpec *exec, struct gord_env *shared,
                         struct gord_env **out)
{
    *out = NULL;
    if (exec->n_env == 0 && exec->n_rlimits == 0) {
        return 0;
    }
    Gor__V1__ExecSpec only = GOR__V1__EXEC_SPEC__INIT;
    only.n_env = exec->n_env;
    only.env = exec->env;
    only.n_rlimits = exec->n_rlimits;
    only.rlimits = exec->rlimits;
    struct gord_env *env = env_alloc(gor__v1__exec_spec__get_packed_size(&only));
    if (env == NULL) {
        return -ENOMEM;
    }
    gor__v1__exec_spec__pack(&only, env->packed);
    if (shared != NULL && shared->bytes == env->bytes &&
        memcmp(shared->packed, env->packed, env->bytes) == 0) {
        gord_env_unref(env);
        *out = gord_env_ref(shared);
        return 0;
    }
    env->hash = hash_bytes(env->packed, env->bytes);
    *out = env;
    return 0;
}

int gord_env_from_wire(const Gor__V1__JobSpec *wire, struct gord_env *shared,
                       struct gord_env **out_env)
{
    *out_env = NULL;
    return wire->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC
               ? env_from_wire(wire->exec, shared, out_env)
               : 0;
}

/* ----------------------------------------------------------------- spec */

static bool is_builtin(const char *function)
{
    return strncmp(function, GORD_BUILTIN_PREFIX, strlen(GORD_BUILTIN_PREFIX)) == 0;
}

static enum gord_job_kind kind_of(const Gor__V1__JobSpec *wire)
{
    switch (wire->kind_case) {
    case GOR__V1__JOB_SPEC__KIND_EXEC:
        return GORD_EXEC;
    case GOR__V1__JOB_SPEC__KIND_LUA:
        return GORD_LUA;
    case GOR__V1__JOB_SPEC__KIND_GROUP:
        return GORD_GROUP;
    default:
        return GORD_NATIVE;
    }
}

static bool requeues(const Gor__V1__RetryPolicy *retry)
{
    return retry->requeue == GOR__V1__RETRY_POLICY__REQUEUE__ALWAYS ||
           (retry->requeue == GOR__V1__RETRY_POLICY__REQUEUE__WITH_RETRIES && retry->retries > 0);
}

static uint32_t count_after(const Gor__V1__JobSpec *wire)
{
    size_t count = 0;
    for (size_t i = 0; i < wire->n_after; i++) {
        count += wire->after[i]->n_of;
    }
    return (uint32_t)count;
}

/* What it asks for; almost all jobs ask for nothing, and pay nothing. */
static const char *lane_of(const Gor__V1__JobSpec *wire, char *out)
{
    struct gord_ask ask;
    if (wire->queue[0] == '\0' && wire->priority == 0 && wire->slots <= 1 && wire->n_tokens == 0 &&
        wire->n_rates == 0 && wire->share[0] == '\0' &&
        (wire->task == NULL || wire->task->at_once == 0)) {
        return "";
    }
    gord_ask_from_wire(wire, &ask);
    return gord_ask_text(&ask, out);
}

static bool has_hook(const Gor__V1__JobSpec *wire)
{
    return wire->n_on_finish != 0 || wire->on_finish_url[0] != '\0';
}

/* A spec with room for the texts, its numbers taken from `wire`. */
static struct gord_spec *spec_alloc(const Gor__V1__JobSpec *wire, size_t packed_bytes,
                                    const char *name)
{
    char lane_text[GORD_ASK_BYTES];
    const char *lane = lane_of(wire, lane_text);
    size_t name_bytes = strlen(name) + 1, unique_bytes = strlen(wire->unique_key) + 1;
    size_t lane_bytes = strlen(lane) + 1;
    struct gord_spec *spec =
        malloc(sizeof *spec + packed_bytes + name_bytes + unique_bytes + lane_bytes);
    if (spec == NULL) {
        return NULL;
    }
    atomic_init(&spec->refs, 1);
    spec->kind = kind_of(wire);
    spec->is_plugin =
        wire->kind_case == GOR__V1__JOB_SPEC__KIND_NATIVE && !is_builtin(wire->native->function);
    spec->parent_id = wire->parent_id;
    spec->timeout_ns = wire->timeout_ns;
    spec->grace_ns = wire->grace_ns;
    bool is_exec = wire->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC;
    spec->takes_input = is_exec && wire->exec->stdin_pipe;
    spec->skips_pauses = is_exec && wire->exec->timeout_skips_pauses;
    spec->output_max = wire->output_max_bytes;
    spec->retries = wire->retry != NULL ? wire->retry->retries : 0;
    spec->after_count = count_after(wire);
    spec->requeues = wire->retry != NULL && requeues(wire->retry);
    spec->on_stop = (uint8_t)wire->on_stop;
    spec->on_stuck = (uint8_t)wire->on_stuck;
    spec->heartbeat_ns = wire->heartbeat_ns;
    spec->gated = wire->held || wire->not_before_ns != 0 || wire->delay_ns != 0 ||
                  wire->start_before_ns != 0 || wire->deadline_ns != 0 || wire->n_after != 0 ||
                  wire->unique_key[0] != '\0' || has_hook(wire);
    spec->coming = false;
    spec->hooked = has_hook(wire);
    spec->is_hook = wire->hook_of != NULL;
    spec->array_count = gord_array_count(wire);
    spec->array_index = wire->task != NULL ? wire->task->index : 0;
    spec->array_id = wire->task != NULL ? wire->task->array_id : 0;
    spec->env = NULL;
    spec->labelled = wire->n_labels > 0;
    spec->packed_bytes = packed_bytes;
    spec->name = memcpy(spec->packed + packed_bytes, name, name_bytes);
    spec->unique = memcpy(spec->packed + packed_bytes + name_bytes, wire->unique_key, unique_bytes);
    spec->lane = memcpy(spec->packed + packed_bytes + name_bytes + unique_bytes, lane, lane_bytes);
    return spec;
}

int gord_spec_from_wire(const Gor__V1__JobSpec *wire, struct gord_env *shared,
                        struct gord_spec **out_spec)
{
    Gor__V1__JobSpec bare = *wire;
    Gor__V1__ExecSpec exec;
    struct gord_env *env = NULL;
    bare.name = (char *)"";
    switch (wire->kind_case) {
    case GOR__V1__JOB_SPEC__KIND_EXEC: {
        int err = env_from_wire(wire->exec, shared, &env);
        if (err != 0) {
            return err;
        }
        exec = *wire->exec;
        exec.n_env = 0;
        exec.env = NULL;
        exec.n_rlimits = 0;
        exec.rlimits = NULL;
        bare.exec = &exec;
        break;
    }
    case GOR__V1__JOB_SPEC__KIND_NATIVE:
    case GOR__V1__JOB_SPEC__KIND_LUA:
    case GOR__V1__JOB_SPEC__KIND_GROUP:
        break;
    default:
        return -EINVAL;
    }
    struct gord_spec *spec =
        spec_alloc(wire, gor__v1__job_spec__get_packed_size(&bare), wire->name);
    if (spec == NULL) {
        gord_env_unref(env);
        return -ENOMEM;
    }
    gor__v1__job_spec__pack(&bare, spec->packed);
    spec->env = env;
    *out_spec = spec;
    return 0;
}

int gord_spec_from_packed(const void *packed, size_t packed_bytes, const char *name,
                          struct gord_env *env, struct gord_spec **out_spec)
{
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, packed_bytes, packed);
    if (wire == NULL) {
        return -EBADMSG;
    }
    int err = 0;
    struct gord_spec *spec = NULL;
    if (wire->kind_case == GOR__V1__JOB_SPEC__KIND__NOT_SET) {
        err = -EBADMSG;
    } else if ((spec = spec_alloc(wire, packed_bytes, name)) == NULL) {
        err = -ENOMEM;
    }
    gor__v1__job_spec__free_unpacked(wire, NULL);
    if (err != 0) {
        return err;
    }
    memcpy(spec->packed, packed, packed_bytes);
    spec->env = env != NULL ? gord_env_ref(env) : NULL;
    *out_spec = spec;
    return 0;
}

/* Move what the env holds into the job's ExecSpec. -1: out of memory, or not an ExecSpec. */
static int add_env(Gor__V1__JobSpec *wire, const struct gord_env *env)
{
    Gor__V1__ExecSpec *only = gor__v1__exec_spec__unpack(NULL, env->bytes, env->packed);
    if (only == NULL) {
        return -1;
    }
    GORD_ASSERT(wire->exec->n_env == 0 && wire->exec->n_rlimits == 0);
    wire->exec->n_env = only->n_env;
    wire->exec->env = only->env;
    only->n_env = 0;
    only->env = NULL;
    wire->exec->n_rlimits = only->n_rlimits;
    wire->exec->rlimits = only->rlimits;
    only->n_rlimits = 0;
    only->rlimits = NULL;
    gor__v1__exec_spec__free_unpacked(only, NULL);
    return 0;
}

Gor__V1__JobSpec *gord_spec_to_wire(const struct gord_spec *spec, int with_env)
{
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, spec->packed_bytes, spec->packed);
    if (wire == NULL) {
        return NULL;
    }
    if (spec->name[0] != '\0' && (wire->name = strdup(spec->name)) == NULL) {
        wire->name = (char *)protobuf_c_empty_string;
        goto free_wire;
    }
    if (with_env && spec->env != NULL && spec->kind == GORD_EXEC && add_env(wire, spec->env) != 0) {
        goto free_wire;
    }
    if (!with_env && spec->kind == GORD_LUA) {
        free(wire->lua->script.data);
        wire->lua->script = (ProtobufCBinaryData){0, NULL};
    }
    return wire;
free_wire:
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return NULL;
}

int gord_spec_standing(const struct gord_spec *spec, struct gord_standing **out_standing)
{
    if (!spec->gated && !spec->coming) {
        *out_standing = NULL;
        return 0;
    }
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, spec->packed_bytes, spec->packed);
    struct gord_standing *standing = wire != NULL ? gord_standing_copy(NULL) : NULL;
    if (standing != NULL) {
        standing->held = wire->held;
        standing->coming = spec->coming;
        standing->due_ns = wire->not_before_ns;
        standing->expires_ns = wire->start_before_ns;
        standing->deadline_ns = wire->deadline_ns;
        if (wire->delay_ns != 0) {
            gord_clock_delay(standing, wire->delay_ns);
        }
        *out_standing = standing;
    }
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return standing != NULL ? 0 : -ENOMEM;
}

int gord_spec_hook_of(const struct gord_spec *spec, struct gord_hook_of *out_of)
{
    if (!spec->is_hook) {
        return -ENOENT;
    }
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, spec->packed_bytes, spec->packed);
    if (wire == NULL) {
        return -ENOMEM;
    }
    const Gor__V1__HookOf *of = wire->hook_of;
    *out_of = (struct gord_hook_of){.job_id = of->job_id,
                                    .outcome = of->outcome,
                                    .exit_code = of->exit_code,
                                    .signal = of->signal,
                                    .is_task = of->task != NULL};
    if (of->task != NULL) {
        out_of->array_id = of->task->array_id;
        out_of->array_count = of->task->count;
        out_of->array_index = of->task->index;
    } else if (of->tasks != NULL) {
        out_of->array_id = of->job_id;
        out_of->array_count = of->tasks->count;
        out_of->succeeded = of->tasks->succeeded;
        out_of->failed = of->tasks->failed;
        out_of->cancelled = of->tasks->cancelled;
        out_of->never_ran = of->tasks->never_ran;
    }
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return 0;
}

struct gord_spec *gord_spec_ref(struct gord_spec *spec)
{
    atomic_fetch_add_explicit(&spec->refs, 1, memory_order_relaxed); /* as gord_env_ref */
    return spec;
}

void gord_spec_unref(struct gord_spec *spec)
{
    /* As gord_env_unref. */
    if (spec != NULL && atomic_fetch_sub_explicit(&spec->refs, 1, memory_order_acq_rel) == 1) {
        gord_env_unref(spec->env);
        free(spec);
    }
}

size_t gord_spec_footprint(const struct gord_spec *spec)
{
    return sizeof *spec + spec->packed_bytes + strlen(spec->name) + strlen(spec->unique) +
           strlen(spec->lane) + 3;
}
