/* SPDX-License-Identifier: MIT */
/* gor_job.h - functions for gord, the job daemon, in a shared object: native jobs of one's own.
 *
 * A plug-in defines `gor_job_module`. gord loads it from its --plugin-dir and runs each job that names
 * MODULE.FUNCTION as a goroutine, which may use all of gor.h. Nothing is linked: the functions of both
 * headers are found in gord.
 *
 *     cc -shared -fPIC -o hello.so hello.c $(pkg-config --cflags gor)
 *
 * Errors      as in gor.h: 0, or a negative errno.
 * Threads     unless a function says [any thread], a goroutine of the job's calls it.
 * Stacks      what does not only look something up wants 24 KiB; where less is left, the goroutine overflows its
 *             stack there (gor_stack_need).
 * Ownership   a job is good until the last goroutine that its function started, and those they started,
 *             have ended; what is said of it after its function has returned is dropped (-ESRCH).
 * See also    gor_job(3), docs/plugins.md
 */
#ifndef GOR_JOB_H
#define GOR_JOB_H

#include <gor.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. gord takes plug-ins built for it and for those before it. */
#define GOR_JOB_ABI 1

/* One job, as its function sees it. */
struct gor_job;

/* ---------------------------------------------------------------- the plug-in */

struct gor_job_function {
    const char *name;  /* "greet": small letters, digits and _, at most 63 */
    const char *usage; /* of the arguments: "NAME [COUNT]"; NULL: takes none worth telling */
    const char *about; /* in a few words; NULL: nothing */
    /* Are the arguments right? 0, or anything else with a sentence in `error`, which is shown to whoever
     * submits. NULL: any are. Called by the daemon's loop, not by a goroutine: it must be quick, and may
     * call only what is marked [any thread]. */
    int (*check)(const char *const *args, size_t arg_count, char *error, size_t error_bytes);
    /* Do it; the result is the job's exit code, 0 for success. It should end soon after its context has
     * ended, and have waited for the goroutines it started. */
    int (*run)(struct gor_job *job);
};

enum {
    /* Never unload it: for code with threads, timers or thread-locals of its own that outlive a job. */
    GOR_JOB_RESIDENT = 1,
};

struct gor_job_module {
    uint32_t abi;                             /* GOR_JOB_ABI */
    uint32_t flags;                           /* GOR_JOB_RESIDENT, or 0 */
    const char *name;                         /* as that of a function, at most 31; not "builtin" */
    const char *version;                      /* for people; NULL: none */
    const struct gor_job_function *functions; /* ends with a NULL name */
    /* Called once it is loaded; not 0: it is not taken, and `error` says why. NULL: nothing to do.
     * No goroutine calls these two. */
    int (*load)(char *error, size_t error_bytes);
    /* Called before it is unloaded, when no job of its runs. NULL: nothing to do. */
    void (*unload)(void);
};

/* Defined by the plug-in. */
extern GOR_API const struct gor_job_module gor_job_module;

/* ---------------------------------------------------------------- what is asked of the job */

GOR_API uint64_t gor_job_id(const struct gor_job *job); /* [any thread] */

/* Which task of its array it is, and how many there are; answers the array's id. 0: it is none, and
 * nothing is written. Either pointer may be NULL. [any thread] */
GOR_API uint64_t gor_job_array(const struct gor_job *job, uint32_t *out_index, uint32_t *out_count);

/* Arguments: UTF-8, borrowed. NULL beyond the last. [any thread] */
GOR_API size_t gor_job_arg_count(const struct gor_job *job);
GOR_API const char *gor_job_arg(const struct gor_job *job, size_t index);

/* The bytes it was given as its input, borrowed; never NULL. [any thread] */
GOR_API const void *gor_job_input(const struct gor_job *job, size_t *out_bytes);

/* Ends when the job is cancelled, its timeout passes, or a job above it ends. Borrowed. NULL: out of
 * memory. */
GOR_API struct gor_ctx *gor_job_ctx(struct gor_job *job);

/* ---------------------------------------------------------------- what it answers */

enum gor_job_stream { GOR_JOB_STDOUT = 1, GOR_JOB_STDERR = 2 };

/* Write to its output, which `gorctl logs` shows; waits for the disk, and for a `gorctl run` that shows it,
 * unless the job or its context has ended, or the daemon is to stop. -ESRCH. */
GOR_API int gor_job_write(struct gor_job *job, enum gor_job_stream stream, const void *bytes,
                          size_t length);
/* -ENOMEM, too. */
GOR_API int gor_job_print(struct gor_job *job, enum gor_job_stream stream, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How far it is: `done` of `total` (0: not known), and a text of at most 200 bytes, which may be NULL. As
 * often as it likes: the newest counts. -ENOMEM; -ESRCH. [any thread] */
GOR_API int gor_job_progress(struct gor_job *job, uint64_t done, uint64_t total, const char *text);

/* A sign of life, and nothing else, for a job that was submitted with --heartbeat; progress is one, too.
 * -ESRCH. [any thread] */
GOR_API int gor_job_alive(struct gor_job *job);

/* What came out of it, at most 64 KiB, in place of what was said before. -EMSGSIZE; -ENOMEM; -ESRCH.
 * [any thread] */
GOR_API int gor_job_result(struct gor_job *job, const void *bytes, size_t length);

/* Say why it fails; answers `code`, to be returned by its function. */
GOR_API int gor_job_fail(struct gor_job *job, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory, zeroed, as long as the job is good; NULL: there is none. [any thread] */
GOR_API void *gor_job_alloc(struct gor_job *job, size_t bytes);

/* ---------------------------------------------------------------- jobs below it */

/* A native function or a program. Zero every field you do not set. */
struct gor_job_spec {
    const char *function;    /* "module.function" */
    const char *const *args; /* its arguments */
    size_t arg_count;
    const void *input; /* bytes for it */
    size_t input_bytes;
    const char *const *argv; /* a program instead: its arguments, ended by NULL */
    const char *const *env;  /* its environment, "NAME=value", ended by NULL; NULL: empty */
    const char *cwd;         /* its folder; NULL: "/" */
    const char *name;        /* for people */
    int64_t timeout_ns;      /* 0: none but ours */
};

/* Hand in a job below this one: it is cancelled with it, and ends with it. Parks until it is on disk.
 * -EINVAL: it was refused, and `error` (which may be NULL) says why; -ECANCELED: the daemon stops; the error
 * of this job's context once that has ended: the job may be there all the same; what the store answered;
 * -ENOMEM; -ESRCH. */
GOR_API int gor_job_submit(struct gor_job *job, const struct gor_job_spec *spec, uint64_t *out_id,
                           char *error, size_t error_bytes);

/* How a job ended. The numbers are those of the wire's Outcome. */
enum gor_job_outcome {
    GOR_JOB_SUCCEEDED = 1,
    GOR_JOB_FAILED = 2,
    GOR_JOB_SIGNALED = 3,
    GOR_JOB_TIMED_OUT = 4,
    GOR_JOB_CANCELLED = 5,
    GOR_JOB_LOST = 6,
    GOR_JOB_SPAWN_ERROR = 7,
    GOR_JOB_PANICKED = 8,
};

struct gor_job_end {
    int outcome; /* enum gor_job_outcome, or one that came later */
    int exit_code;
    int signal;
    const char *detail; /* "" if there is none; the job's memory, as the next */
    const void *result; /* NULL: it left none */
    size_t result_bytes;
};

/* Park until job `id` has ended; it need not be one below. The error of this job's context once that has
 * ended; -ENOENT: there is no such job; -EDEADLK: it is this one; -ENOMEM; -ESRCH. */
GOR_API int gor_job_wait(struct gor_job *job, uint64_t id, struct gor_job_end *out_end);

#ifdef __cplusplus
}
#endif

#endif
