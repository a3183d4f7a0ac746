/* SPDX-License-Identifier: MIT */
#include "daemon/runner/native.h"

#include <stdlib.h>
#include <string.h>

const struct gor_job_function *gord_native_function(const struct gor_job_module *module,
                                                    const char *name)
{
    for (const struct gor_job_function *f = module->functions; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

const struct gor_job_function *gord_native_builtin(const char *name)
{
    return strncmp(name, GORD_BUILTIN_PREFIX, strlen(GORD_BUILTIN_PREFIX)) == 0
               ? gord_native_function(&gord_builtin_module, name + strlen(GORD_BUILTIN_PREFIX))
               : NULL;
}

bool gord_native_enter(const struct gor_job *job)
{
    gor_stack_need(GORD_NATIVE_STACK_BYTES);
    return !atomic_load_explicit(&job->over, memory_order_relaxed);
}

void *gord_native_alloc(struct gor_job *job, size_t bytes)
{
    struct gord_scratch *piece =
        bytes <= SIZE_MAX - sizeof(*piece) ? calloc(1, sizeof(*piece) + bytes) : NULL;

    if (piece == NULL) {
        return NULL;
    }
    piece->next = atomic_load_explicit(&job->scratch, memory_order_relaxed);
    /* Release: whoever frees the list sees the links of others. */
    while (!atomic_compare_exchange_weak_explicit(&job->scratch, &piece->next, piece,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    return piece->bytes;
}

void gord_native_fini(struct gor_job *job)
{
    struct gord_scratch *piece = atomic_load(&job->scratch);

    while (piece != NULL) {
        struct gord_scratch *next = piece->next;
        free(piece);
        piece = next;
    }
    if (job->spec != NULL) {
        gor__v1__job_spec__free_unpacked(job->spec, NULL);
    }
}
