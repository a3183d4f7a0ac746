/* SPDX-License-Identifier: MIT */
/* A native job's goroutine: calls the function, turns its end into an outcome. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/runner/native.h"
#include "daemon/runner/run.h"

struct gor_ctx *gord_call_ctx(struct gord_native_call *call)
{
    return gord_run_ctx(call->run);
}

void gord_call_write(struct gord_native_call *call, enum gord_stream stream, const void *data,
                     size_t length)
{
    struct gord_run *run = call->run;

    gord_logfile_append(&run->log, stream, data, length);
}

void gord_call_print(struct gord_native_call *call, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > 0) {
        gord_call_write(call, GORD_STDOUT, text,
                        (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
    }
}

int gord_call_fail(struct gord_native_call *call, int code, const char *format, ...)
{
    struct gord_run *run = call->run;
    va_list args;

    va_start(args, format);
    vsnprintf(run->detail, sizeof(run->detail), format, args);
    va_end(args);
    return code;
}

static void decide(struct gord_run *run, int code, struct gord_result *out_result)
{
    Gor__V1__Outcome stopped = gord_run_stopped(run);

    out_result->exit_code = code;
    if (atomic_load(&run->panicked)) {
        out_result->outcome = GOR__V1__OUTCOME__PANICKED;
    } else if (stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        out_result->outcome = stopped;
    } else {
        out_result->outcome = code == 0 ? GOR__V1__OUTCOME__SUCCEEDED : GOR__V1__OUTCOME__FAILED;
    }
}

static void free_spec(void *arg)
{
    gor__v1__job_spec__free_unpacked(arg, NULL);
}

void gord_native_run(struct gord_run *run, struct gord_result *out_result)
{
    Gor__V1__JobSpec *spec = gord_spec_to_wire(run->spec, 0);

    if (spec == NULL || spec->kind_case != GOR__V1__JOB_SPEC__KIND_NATIVE) {
        snprintf(run->detail, sizeof(run->detail), "out of memory");
        out_result->outcome = GOR__V1__OUTCOME__FAILED;
        out_result->exit_code = 1;
        return;
    }
    struct gor_defer free_later; /* a panic leaves by another door */
    gor_defer(&free_later, free_spec, spec);
    const struct gord_native_function *function = gord_native_find(spec->native->function);
    if (function == NULL) {
        /* Accepted by an earlier version that had it. */
        snprintf(run->detail, sizeof(run->detail), "there is no native function '%.200s' any more",
                 spec->native->function);
        out_result->outcome = GOR__V1__OUTCOME__SPAWN_ERROR;
    } else {
        struct gord_native_call call = {.args = (const char *const *)spec->native->args,
                                        .arg_count = spec->native->n_args,
                                        .run = run};
        decide(run, function->run(&call), out_result);
    }
    gor_undefer(&free_later, true);
}
