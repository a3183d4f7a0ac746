/* SPDX-License-Identifier: MIT */
/* native.h - a native job from the daemon's side: what a struct gor_job is (plugin/gor_job.h).
 *
 * A job of the module "builtin" is made by its goroutine, on its stack. That of a plug-in is made by
 * the loop, and outlives its function for as long as goroutines are left that it started: they count
 * in a quota of the job's, and the code they run must not be unloaded, nor their job be freed.
 *
 * Where a goroutine's stack ends its function may be anywhere; but not amid our code, whose locks nobody
 * would unlock then. So what is called on it, by the function or for its end, begins with gord_native_enter
 * or gor_stack_need.
 *
 * Threads     as each field says.
 * Ownership   see plugins.h for those of plug-ins.
 */
#ifndef GORD_RUNNER_NATIVE_H
#define GORD_RUNNER_NATIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/runner/run.h"
#include "plugin/gor_job.h"

struct gord_plugin;

/* What is called on a job's goroutine takes at most so much of its stack: in a function, for a warning that
 * the log cannot be written (gord_log_at); at its end, for the place of a panic (gor_panic_dump).
 * tests/daemon/native_stack_test.c measures it. */
#define GORD_NATIVE_STACK_BYTES ((size_t)24 * 1024)
#define GORD_NATIVE_END_STACK_BYTES ((size_t)32 * 1024)

/* One piece of gor_job_alloc; its bytes follow. */
struct gord_scratch {
    struct gord_scratch *next;
    max_align_t bytes[];
};

struct gor_job {
    struct gord_run *run;                    /* a plug-in's: owned reference; else borrowed */
    Gor__V1__JobSpec *spec;                  /* owned: arguments and input lie there */
    const struct gor_job_function *function; /* borrowed */
    _Atomic(struct gord_scratch *) scratch;  /* owned list */
    atomic_bool over;                        /* its function has returned, or left otherwise */
    struct gord_plugin *plugin;              /* pinned; NULL: a builtin function. Loop only */
    struct gor_quota *quota;                 /* owned reference; of a plug-in's job. Immutable */
    struct gor_defer leave;                  /* goroutine only */
    struct gor_job *next;                    /* list link of those that have ended. Loop only */
};

/* The module that is always there. */
extern const struct gor_job_module gord_builtin_module;

/* The function of that name within a module, without "module."; NULL: it has none. */
const struct gor_job_function *gord_native_function(const struct gor_job_module *module,
                                                    const char *name);

/* The same by the whole name, if it is builtin's; else NULL. */
const struct gor_job_function *gord_native_builtin(const char *name);

/* A function calls us: it overflows its stack now, or not until we return. False: its end is on record, and
 * nothing may be added. Relaxed: whoever is this close to it may come in. [any thread] */
bool gord_native_enter(const struct gor_job *job);

/* For whoever has entered: gor_job_alloc. */
void *gord_native_alloc(struct gor_job *job, size_t bytes);

/* Free what the job owns, but not its memory. */
void gord_native_fini(struct gor_job *job);

/* Its goroutine has ended. If nobody has told how, it panicked with a handler of its own, which lets no
 * other know. NULL is fine. Loop. */
void gord_plugin_job_lost(struct gor_job *job);

/* The body of a plug-in's job; gives up the goroutine's reference of its run. [goroutine] */
void gord_plugin_job_main(struct gor_job *job);

#endif
