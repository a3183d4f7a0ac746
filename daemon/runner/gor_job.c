/* SPDX-License-Identifier: MIT */
/* What plug-ins call: plugin/gor_job.h, but for jobs below (child.c). Exported by gord. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/native.h"
#include "daemon/runner/text.h"

/* ------------------------------------------------------------------ what is asked */

uint64_t gor_job_id(const struct gor_job *job)
{
    return job->run->id;
}

uint64_t gor_job_array(const struct gor_job *job, uint32_t *out_index, uint32_t *out_count)
{
    const struct gord_spec *spec = job->run->spec;

    if (spec->array_id != 0 && out_index != NULL) {
        *out_index = spec->array_index;
    }
    if (spec->array_id != 0 && out_count != NULL) {
        *out_count = spec->array_count;
    }
    return spec->array_id;
}

size_t gor_job_arg_count(const struct gor_job *job)
{
    return job->spec->native->n_args;
}

const char *gor_job_arg(const struct gor_job *job, size_t index)
{
    const Gor__V1__NativeSpec *native = job->spec->native;

    return index < native->n_args ? native->args[index] : NULL;
}

const void *gor_job_input(const struct gor_job *job, size_t *out_bytes)
{
    const ProtobufCBinaryData *input = &job->spec->native->input;

    *out_bytes = input->len;
    return input->len > 0 ? (const void *)input->data : "";
}

struct gor_ctx *gor_job_ctx(struct gor_job *job)
{
    (void)gord_native_enter(job);
    return gord_run_ctx(job->run);
}

/* ------------------------------------------------------------------ what is answered */

static int write_to(struct gor_job *job, enum gor_job_stream stream, const void *bytes,
                    size_t length)
{
    enum gord_stream to = stream == GOR_JOB_STDERR ? GORD_STDERR : GORD_STDOUT;

    return gord_hold_write(job->run, to, bytes, length);
}

int gor_job_write(struct gor_job *job, enum gor_job_stream stream, const void *bytes, size_t length)
{
    return gord_native_enter(job) ? write_to(job, stream, bytes, length) : -ESRCH;
}

int gor_job_print(struct gor_job *job, enum gor_job_stream stream, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    if (!gord_native_enter(job)) {
        return -ESRCH;
    }
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        return -ENOMEM;
    }
    int result = write_to(job, stream, text, (size_t)length);
    free(text);
    return result;
}

int gor_job_progress(struct gor_job *job, uint64_t done, uint64_t total, const char *text)
{
    char clean[4 * GORD_PROGRESS_TEXT_BYTES + 1];
    const char *fit = text != NULL ? text : "";

    if (!gord_native_enter(job)) {
        return -ESRCH;
    }
    size_t length = strnlen(fit, GORD_PROGRESS_TEXT_BYTES);
    return gord_run_tell(job->run, done, total, gord_text_clean(fit, length, clean, sizeof(clean)));
}

int gor_job_alive(struct gor_job *job)
{
    if (!gord_native_enter(job)) {
        return -ESRCH;
    }
    gord_run_sign(job->run);
    return 0;
}

int gor_job_result(struct gor_job *job, const void *bytes, size_t length)
{
    return gord_native_enter(job) ? gord_run_set_result(job->run, bytes, length) : -ESRCH;
}

int gor_job_fail(struct gor_job *job, int code, const char *format, ...)
{
    struct gord_run *run = job->run;
    va_list args;

    if (gord_native_enter(job)) {
        va_start(args, format);
        vsnprintf(run->detail, sizeof(run->detail), format, args);
        va_end(args);
    }
    return code;
}

void *gor_job_alloc(struct gor_job *job, size_t bytes)
{
    (void)gord_native_enter(job);
    return gord_native_alloc(job, bytes);
}
