/* SPDX-License-Identifier: MIT */
/* plugin.h - one generation of a plug-in: a shared object as it was when it was loaded.
 *
 * Threads     load: any but a goroutine, for code of the plug-in's runs (constructors, its load
 *             function). The rest: loop thread.
 * Ownership   load/unload.
 */
#ifndef GORD_RUNNER_PLUGIN_H
#define GORD_RUNNER_PLUGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/runner/plugin_file.h"
#include "plugin/gor_job.h"

struct gord_plugin {
    char *path; /* owned: of the file, as it was found */
    char *copy; /* owned: of what is loaded */
    struct gord_plugin_stamp stamp;
    void *handle;                        /* of dlopen */
    const struct gor_job_module *module; /* in it */
    uint64_t generation;                 /* of the module, from 1 */
    int64_t loaded_ns;                   /* since 1970 */
    uint64_t jobs;                       /* that run its code, or left goroutines behind that do */
    uint64_t left_behind;                /* of those, the ones that have ended */
    bool retired;                        /* there is a newer one, or the file is gone */
    struct gord_plugin *next;            /* list link */
};

/* Load what is at `path` by a copy, whose name must be new. Errors as of plugin_file.h; -ENOEXEC also: the
 * dynamic loader does not take it, or it is no plug-in of ours. */
int gord_plugin_load(const char *path, const char *copy, char *error,
                     struct gord_plugin **out_plugin);

/* None of its code runs, nor will. NULL is fine. */
void gord_plugin_unload(struct gord_plugin *plugin);

#endif
