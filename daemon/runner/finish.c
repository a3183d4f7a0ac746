/* SPDX-License-Identifier: MIT */
#include "daemon/runner/finish.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/assert.h"
#include "daemon/base/log.h"
#include "daemon/job/group.h"

#define SECOND_NS 1000000000LL
#define HOOK_TIMEOUT_NS (300 * SECOND_NS)
#define HOOK_RETRIES 3
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A program, and whose it is. */
struct hook {
    size_t n_argv;
    ProtobufCBinaryData *argv;     /* borrowed, as the next */
    const Gor__V1__ExecSpec *like; /* whose environment and directory it has; NULL: none's */
    struct gord_env *env;          /* borrowed: that environment, to be shared; NULL: none */
    uint32_t uid;
};

/* Which task of which array has ended, or what has become of all of them. */
struct of_array {
    Gor__V1__ArrayTask task;
    Gor__V1__TasksEnded tasks;
};

static void fill_task(const struct gord_spec *spec, Gor__V1__ArrayTask *task)
{
    gor__v1__array_task__init(task);
    task->array_id = spec->array_id;
    task->index = spec->array_index;
    task->count = spec->array_count;
}

/* Those that live still end with their array. */
static void fill_tasks(const struct gord_job *group, Gor__V1__TasksEnded *tasks)
{
    const uint32_t *ended = group->body->tasks->ended;

    gor__v1__tasks_ended__init(tasks);
    tasks->count = group->body->tasks->count;
    tasks->succeeded = ended[GOR__V1__OUTCOME__SUCCEEDED];
    tasks->failed = gord_group_failed(group);
    tasks->cancelled = ended[GOR__V1__OUTCOME__CANCELLED] + gord_group_live(group);
    tasks->never_ran = gord_group_never_ran(group);
}

static void fill_hook_of(const struct gord_event *ended, const struct gord_job *job,
                         struct of_array *array, Gor__V1__HookOf *of)
{
    of->job_id = ended->job_id;
    of->outcome = (Gor__V1__Outcome)ended->outcome;
    of->exit_code = ended->exit_code;
    of->signal = ended->signal;
    if (job->kind == GORD_GROUP) {
        fill_tasks(job, &array->tasks);
        of->tasks = &array->tasks;
    } else if (ended->spec != NULL && ended->spec->array_id != 0) {
        fill_task(ended->spec, &array->task);
        of->task = &array->task;
    }
}

static int enter(struct gord_runner *runner, const struct gord_event *ended,
                 const struct gord_job *job, const struct hook *hook)
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    ProtobufCBinaryData path = {strlen(DEFAULT_PATH), (uint8_t *)(uintptr_t)DEFAULT_PATH};
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    Gor__V1__RetryPolicy retry = GOR__V1__RETRY_POLICY__INIT;
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct of_array array;
    struct gord_spec *spec = NULL;
    char name[64];

    snprintf(name, sizeof(name), "hook of job %" PRIu64, ended->job_id);
    fill_hook_of(ended, job, &array, &of);
    retry.retries = HOOK_RETRIES;
    exec.n_env = hook->like != NULL ? hook->like->n_env : 1;
    exec.env = hook->like != NULL ? hook->like->env : &path;
    if (hook->like != NULL) {
        exec.cwd = hook->like->cwd;
        exec.umask_plus_1 = hook->like->umask_plus_1;
        exec.n_rlimits = hook->like->n_rlimits;
        exec.rlimits = hook->like->rlimits;
    }
    exec.n_argv = hook->n_argv;
    exec.argv = hook->argv;
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    wire.exec = &exec;
    wire.name = name;
    wire.timeout_ns = HOOK_TIMEOUT_NS;
    wire.retry = &retry;
    wire.hook_of = &of;
    int result = gord_spec_from_wire(&wire, hook->env, &spec);
    if (result != 0) {
        return result;
    }
    uint64_t id = gord_job_next_id(table);
    result = gord_bus_emit(runner->bus, gord_event_submitted(id, spec, hook->uid), NULL);
    gord_spec_unref(spec);
    return result != 0 ? result : gord_runner_admit(runner, gord_job_find(table, id), NULL);
}

/* What ran: the job, or the tasks of an array, of which one stands for all. A reference; NULL with 0:
 * nothing did that is still known. */
static int what_ran(struct gord_runner *runner, const struct gord_event *ended,
                    const struct gord_job *job, struct gord_spec **out_spec)
{
    *out_spec = NULL;
    if (job->kind != GORD_GROUP) {
        *out_spec = gord_spec_ref(ended->spec);
        return 0;
    }
    int result = gord_runner_task_spec(runner, ended->job_id, out_spec);
    return result == -ENOENT ? 0 : result;
}

/* The job's own. */
static int enter_own(struct gord_runner *runner, const struct gord_event *ended,
                     const struct gord_job *job)
{
    struct gord_spec *ran = NULL;
    Gor__V1__JobSpec *like = NULL;
    Gor__V1__JobSpec *wire = gord_spec_to_wire(ended->spec, 0);
    int result = wire != NULL ? what_ran(runner, ended, job, &ran) : -ENOMEM;

    if (result == 0 && ran != NULL && ran->kind == GORD_EXEC) {
        like = gord_spec_to_wire(ran, 1);
        result = like != NULL ? 0 : -ENOMEM;
    }
    if (result == 0) {
        struct hook hook = {.n_argv = wire->n_on_finish,
                            .argv = wire->on_finish,
                            .like = like != NULL ? like->exec : NULL,
                            .env = ran != NULL ? ran->env : NULL,
                            .uid = job->body->uid};
        result = enter(runner, ended, job, &hook);
    }
    gor__v1__job_spec__free_unpacked(like, NULL);
    gor__v1__job_spec__free_unpacked(wire, NULL);
    gord_spec_unref(ran);
    return result;
}

static int enter_everyones(struct gord_runner *runner, const struct gord_event *ended,
                           const struct gord_job *job)
{
    ProtobufCBinaryData program = {strlen(runner->finish_hook),
                                   (uint8_t *)(uintptr_t)runner->finish_hook};
    struct hook hook = {.n_argv = 1, .argv = &program, .uid = (uint32_t)geteuid()};

    return enter(runner, ended, job, &hook);
}

/* Is it a hook itself? One whose spec is not in memory is looked up; it was queued, and is on disk. */
static bool is_hook(struct gord_runner *runner, const struct gord_event *ended)
{
    struct gord_row row;

    if (ended->spec != NULL) {
        return ended->spec->is_hook;
    }
    if (gord_reader_job(gord_bus_reader(runner->bus), ended->job_id, false, &row) != 0) {
        return true; /* rather none than hooks without end */
    }
    bool hook = row.spec->is_hook;
    gord_row_fini(&row);
    return hook;
}

void gord_finish_hooks(struct gord_runner *runner, const struct gord_event *ended,
                       const struct gord_job *job)
{
    bool own = ended->spec != NULL && ended->spec->hooked;
    int result = 0;

    if ((!own && runner->finish_hook == NULL) || is_hook(runner, ended) ||
        strcmp(ended->text, GORD_WITHDRAWN) == 0) {
        return;
    }
    if (own) {
        result = enter_own(runner, ended, job);
    }
    if (result == 0 && runner->finish_hook != NULL) {
        result = enter_everyones(runner, ended, job);
    }
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, ended->job_id, "what is to run at its end was not submitted: %s",
                 strerror(-result));
    }
}

/* "TIMED_OUT" as "timed-out", as `gorctl` says it. */
static void outcome_word(Gor__V1__Outcome outcome, char *out, size_t bytes)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&gor__v1__outcome__descriptor, (int)outcome);

    snprintf(out, bytes, "%s", value != NULL ? value->name : "unknown");
    for (char *at = out; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : (char)(tolower)((unsigned char)*at);
    }
}

/* "NAME=value" behind those there are. */
static void add(char out[GORD_HOOK_VARIABLES][GORD_HOOK_TEXT], size_t *count, const char *format,
                ...) __attribute__((format(printf, 3, 4)));

static void add(char out[GORD_HOOK_VARIABLES][GORD_HOOK_TEXT], size_t *count, const char *format,
                ...)
{
    va_list args;

    GORD_ASSERT(*count < GORD_HOOK_VARIABLES);
    va_start(args, format);
    (void)vsnprintf(out[(*count)++], GORD_HOOK_TEXT, format, args);
    va_end(args);
}

size_t gord_finish_variables(const struct gord_hook_of *of,
                             char out[GORD_HOOK_VARIABLES][GORD_HOOK_TEXT])
{
    char word[32];
    size_t count = 0;

    outcome_word(of->outcome, word, sizeof(word));
    add(out, &count, "GOR_HOOK_JOB=%" PRIu64, of->job_id);
    add(out, &count, "GOR_HOOK_OUTCOME=%s", word);
    add(out, &count, "GOR_HOOK_EXIT_CODE=%d", of->exit_code);
    add(out, &count, "GOR_HOOK_SIGNAL=%d", of->signal);
    if (of->array_id != 0) {
        add(out, &count, "GOR_ARRAY_ID=%" PRIu64, of->array_id);
        add(out, &count, "GOR_ARRAY_COUNT=%" PRIu32, of->array_count);
    }
    if (of->array_id != 0 && of->is_task) {
        add(out, &count, "GOR_ARRAY_INDEX=%" PRIu32, of->array_index);
    } else if (of->array_id != 0) {
        add(out, &count, "GOR_HOOK_TASKS_SUCCEEDED=%" PRIu32, of->succeeded);
        add(out, &count, "GOR_HOOK_TASKS_FAILED=%" PRIu32, of->failed);
        add(out, &count, "GOR_HOOK_TASKS_CANCELLED=%" PRIu32, of->cancelled);
        add(out, &count, "GOR_HOOK_TASKS_NEVER_RAN=%" PRIu32, of->never_ran);
    }
    return count;
}
