/* SPDX-License-Identifier: MIT */
/* plugins.h - the plug-ins there are, the jobs that run their code, and how they are exchanged.
 *
 * A module has one current generation, which new jobs get. Older ones stay until nothing runs their code
 * any more: the function of no job, and no goroutine that one left behind. The latter count in a quota
 * that each job of a plug-in has.
 *
 * Loading runs code of others and waits for the disk, so reload does it on a thread of its own.
 *
 * Threads     loop thread.
 * Ownership   open/close/free; jobs from begin until nothing of them runs.
 */
#ifndef GORD_RUNNER_PLUGINS_H
#define GORD_RUNNER_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/runner/native.h"
#include "daemon/runner/plugin.h"

struct gord_plugins;

struct gord_plugins_opts {
    uv_loop_t *loop;
    const char *folder; /* borrowed; NULL: there are none */
    const char
        *copies; /* borrowed: where copies are kept; made, and emptied, if there is a folder */
};

/* Load what there is; what cannot be loaded is logged. -ENOMEM; the errno of the folder for copies. */
int gord_plugins_open(const struct gord_plugins_opts *opts, struct gord_plugins **out_plugins);

/* Waits for a reload under way. The loop must run once more before free, and then nothing of a plug-in may
 * run any more. NULL is fine. */
void gord_plugins_close(struct gord_plugins *plugins);
void gord_plugins_free(struct gord_plugins *plugins);

/* ------------------------------------------------------------------ functions */

/* A function by its whole name, builtin's too; NULL: there is none. NULL `plugins`: builtin's only. */
const struct gor_job_function *gord_plugins_find(const struct gord_plugins *plugins,
                                                 const char *name);

/* "builtin.echo, builtin.sleep, ...": for the message about an unknown one. Those of its module, if there is
 * such a one, else all, as far as there is room. NULL `plugins` is fine. */
const char *gord_plugins_list(const struct gord_plugins *plugins, const char *unknown, char *out,
                              size_t out_bytes);

/* ------------------------------------------------------------------ jobs */

/* Give run->job to the run of a plug-in's function, with a quota below `above` (may be NULL). It stays NULL
 * where there is no such function. -ENOMEM. */
int gord_plugins_begin(struct gord_plugins *plugins, struct gord_run *run, struct gor_quota *above);

/* No goroutine was started for it. NULL is fine. */
void gord_plugins_withdraw(struct gord_plugins *plugins, struct gor_job *job);

/* Its end was entered: it goes as soon as nothing of it runs. NULL is fine. */
void gord_plugins_end(struct gord_plugins *plugins, struct gor_job *job);

/* ------------------------------------------------------------------ looking, exchanging */

/* Generations, the current ones and those that still run; the newest first. */
const struct gord_plugin *gord_plugins_first(const struct gord_plugins *plugins);

const char *gord_plugins_folder(const struct gord_plugins *plugins); /* NULL: none */

/* Why files were refused when the folder was looked at last: `*out_count` texts, that last until it is
 * looked at again. */
char *const *gord_plugins_refused(const struct gord_plugins *plugins, size_t *out_count);

enum gord_plugin_change_kind {
    GORD_PLUGIN_UNCHANGED,
    GORD_PLUGIN_LOADED,
    GORD_PLUGIN_RELOADED,
    GORD_PLUGIN_REMOVED, /* its file is gone */
    GORD_PLUGIN_FAILED,  /* `error` says why; what was there goes on */
};

struct gord_plugin_change {
    enum gord_plugin_change_kind kind;
    const char *path;
    const char *module;  /* "" if it could not be loaded */
    uint64_t generation; /* 0 if it could not be loaded */
    const char *error;   /* "" but for FAILED */
};

/* Look at the folder again; done(arg, error, changes, count) is called once, on the loop. `error` is 0, or a
 * negative errno with one change that says why. -ENOENT: there is no folder; -EALREADY: it is being done;
 * -EAGAIN, -ENOMEM. */
typedef void gord_plugins_done_fn(void *arg, int error, const struct gord_plugin_change *changes,
                                  size_t count);
int gord_plugins_reload(struct gord_plugins *plugins, gord_plugins_done_fn *done, void *arg);

#endif
