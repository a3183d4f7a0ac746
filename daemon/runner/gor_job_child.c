/* SPDX-License-Identifier: MIT */
/* What plug-ins call for jobs below theirs: see plugin/gor_job.h. Exported by gord. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/runner/job_ask.h"
#include "daemon/runner/native.h"

static size_t count_texts(const char *const *texts)
{
    size_t count = 0;

    while (texts != NULL && texts[count] != NULL) {
        count++;
    }
    return count;
}

/* Borrowed as bytes; the vector is the job's. NULL: no memory. */
static ProtobufCBinaryData *to_bytes(struct gor_job *job, const char *const *texts, size_t count)
{
    ProtobufCBinaryData *bytes = gord_native_alloc(job, (count + 1) * sizeof(*bytes));

    for (size_t i = 0; bytes != NULL && i < count; i++) {
        bytes[i].data = (uint8_t *)(uintptr_t)texts[i];
        bytes[i].len = strlen(texts[i]);
    }
    return bytes;
}

static int fill_exec(struct gor_job *job, const struct gor_job_spec *spec, Gor__V1__ExecSpec *exec)
{
    gor__v1__exec_spec__init(exec);
    exec->n_argv = count_texts(spec->argv);
    exec->argv = to_bytes(job, spec->argv, exec->n_argv);
    exec->n_env = count_texts(spec->env);
    exec->env = to_bytes(job, spec->env, exec->n_env);
    exec->cwd.data = (uint8_t *)(uintptr_t)spec->cwd;
    exec->cwd.len = spec->cwd != NULL ? strlen(spec->cwd) : 0;
    return exec->argv != NULL && exec->env != NULL ? 0 : -ENOMEM;
}

static void fill_native(const struct gor_job_spec *spec, Gor__V1__NativeSpec *native)
{
    gor__v1__native_spec__init(native);
    native->function = (char *)(uintptr_t)spec->function;
    native->n_args = spec->arg_count;
    native->args = (char **)(uintptr_t)spec->args;
    native->input.data = (uint8_t *)(uintptr_t)spec->input;
    native->input.len = spec->input_bytes;
}

static int submit(struct gor_job *job, const struct gor_job_spec *spec,
                  struct gord_job_answer *answer)
{
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__ExecSpec exec;
    Gor__V1__NativeSpec native;

    if (spec->argv != NULL) {
        wire.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
        wire.exec = &exec;
        if (fill_exec(job, spec, &exec) != 0) {
            return -ENOMEM;
        }
    } else {
        wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
        wire.native = &native;
        fill_native(spec, &native);
    }
    wire.name = (char *)(uintptr_t)(spec->name != NULL ? spec->name : "");
    wire.timeout_ns = spec->timeout_ns;
    int result = gord_job_ask_submit(job->run, false, &wire, answer);
    return result != 0 ? result : answer->error;
}

int gor_job_submit(struct gor_job *job, const struct gor_job_spec *spec, uint64_t *out_id,
                   char *error, size_t error_bytes)
{
    struct gord_job_answer answer = {0};
    int result = -ESRCH;
    bool goes_on = gord_native_enter(job);

    if (goes_on && (spec->function != NULL) == (spec->argv != NULL)) {
        snprintf(answer.text, sizeof(answer.text), "it needs a function or an argv, and not both");
        result = -EINVAL;
    } else if (goes_on) {
        result = submit(job, spec, &answer);
    }
    if (result == 0) {
        *out_id = answer.id;
    }
    if (error != NULL && error_bytes > 0) {
        snprintf(error, error_bytes, "%s",
                 answer.text[0] != '\0' || result == 0 ? answer.text : strerror(-result));
    }
    return result;
}

/* Into memory of the job's. */
static int hand_over(struct gor_job *job, const struct gord_job_answer *from,
                     struct gor_job_end *out_end)
{
    size_t detail_bytes = strlen(from->detail) + 1;
    const struct gord_report *report = from->report;
    bool has_result = report != NULL && report->has_result;
    size_t result_bytes = has_result ? report->result_bytes : 0;
    char *detail = gord_native_alloc(job, detail_bytes + result_bytes);

    if (detail == NULL) {
        return -ENOMEM;
    }
    memcpy(detail, from->detail, detail_bytes);
    *out_end = (struct gor_job_end){.outcome = (int)from->outcome,
                                    .exit_code = from->exit_code,
                                    .signal = from->signal,
                                    .detail = detail};
    if (has_result) {
        out_end->result = memcpy(detail + detail_bytes, report->result, result_bytes);
        out_end->result_bytes = result_bytes;
    }
    return 0;
}

int gor_job_wait(struct gor_job *job, uint64_t id, struct gor_job_end *out_end)
{
    struct gord_job_answer answer = {0};

    if (!gord_native_enter(job)) {
        return -ESRCH;
    }
    if (id == job->run->id) {
        return -EDEADLK;
    }
    int result = gord_job_ask_wait(job->run, false, id, GOR_NEVER, &answer);
    if (result == 0) {
        result = answer.error;
    }
    if (result == 0) {
        result = hand_over(job, &answer, out_end);
    }
    gord_job_answer_fini(&answer);
    return result;
}
