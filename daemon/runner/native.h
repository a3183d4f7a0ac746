/* SPDX-License-Identifier: MIT */
/* native.h - functions that run as native jobs: what they are and what they are given.
 *
 * Threads     a function runs on its job's goroutine and may start more; lookup is for any thread.
 * Ownership   a call belongs to the runner and is valid until the function returns.
 */
#ifndef GORD_RUNNER_NATIVE_H
#define GORD_RUNNER_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/runner/logframe.h"
#include "runtime/gor.h"

/* What a running native function sees of its job. */
struct gord_native_call {
    const char *const *args; /* borrowed, UTF-8 */
    size_t arg_count;
    void *run; /* the runner's */
};

struct gord_native_function {
    const char *name;  /* "builtin.echo" */
    const char *usage; /* "builtin.echo [TEXT...]" */
    /* Are the arguments right? 0, or -EINVAL with a sentence in `error`. NULL: any are. */
    int (*check)(const char *const *args, size_t arg_count, char *error, size_t error_bytes);
    /* Do it; the result is the job's exit code, 0 for success. It ends early once its context is
     * cancelled; what it returns then does not matter. */
    int (*run)(struct gord_native_call *call);
};

/* The function of that name, or NULL. */
const struct gord_native_function *gord_native_find(const char *name);

/* "builtin.echo, builtin.sleep, ...": for the message about an unknown one. */
const char *gord_native_list(char *out, size_t out_bytes);

/* The job's context; made at the first call. NULL when there is no memory for it. */
struct gor_ctx *gord_call_ctx(struct gord_native_call *call);

/* Write to the job's log. */
void gord_call_print(struct gord_native_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void gord_call_write(struct gord_native_call *call, enum gord_stream stream, const void *data,
                     size_t length);

/* Set the job's detail (why it failed) and answer `code`. */
int gord_call_fail(struct gord_native_call *call, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The functions of the module "builtin", ends with a NULL name. */
extern const struct gord_native_function gord_builtin_functions[];

#endif
