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
