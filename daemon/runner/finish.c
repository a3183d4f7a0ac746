/* SPDX-License-Identifier: MIT */
#include "daemon/runner/finish.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/assert.h"
#include "daemon/base/log.h"
#include "daemon/job/group.h"
#include "daemon/job/queues.h"
#include "daemon/runner/webhook.h"

#define SECOND_NS 1000000000LL
#define HOOK_TIMEOUT_NS (300 * SECOND_NS)
#define HOOK_RETRIES 3
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A job that has ended, with all that is told of it. */
struct ended {
    const struct gord_event *event;
    const struct gord_job *job;
    struct gord_spec *spec; /* owned reference: what it was to do; its environment may be missing */
    int64_t submitted_ns;
    uint32_t uid;
};

/* A program, and whose it is. */
struct hook {
    const char *what; /* what its job is called, with the number of the one that has ended */
    size_t n_argv;
    ProtobufCBinaryData *argv; /* borrowed, as the next two */
    size_t n_env;
    ProtobufCBinaryData *env;
    const Gor__V1__ExecSpec *like; /* whose directory and limits it has; NULL: none's */
    struct gord_env *shared;       /* borrowed: that environment, to be shared; NULL: none */
    uint32_t uid;
    const char *url; /* borrowed: of a webhook; else NULL */
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

static void fill_hook_of(const struct ended *ended, struct of_array *array, Gor__V1__HookOf *of)
{
    const struct gord_event *event = ended->event;

    of->job_id = event->job_id;
    of->outcome = (Gor__V1__Outcome)event->outcome;
    of->exit_code = event->exit_code;
    of->signal = event->signal;
    if (ended->job->kind == GORD_GROUP) {
        fill_tasks(ended->job, &array->tasks);
        of->tasks = &array->tasks;
    } else if (ended->spec->array_id != 0) {
        fill_task(ended->spec, &array->task);
        of->task = &array->task;
    }
}

/* Runs that are over, and the one that ended with the job. */
static uint32_t count_attempts(const struct gord_event *event)
{
    const struct gord_standing *standing = event->standing;
    uint32_t before = standing != NULL ? standing->attempt + standing->losses : 0;

    return before + (event->started_ns != 0);
}

/* NULL: out of memory. */
static char *document_of(const struct ended *ended, const Gor__V1__HookOf *of)
{
    Gor__V1__JobSpec *spec = gord_spec_to_wire(ended->spec, 0);
    char *document = NULL;

    if (spec != NULL) {
        struct gord_webhook_end end = {.of = of,
                                       .spec = spec,
                                       .core_dumped = ended->event->core_dumped,
                                       .cause = ended->event->text,
                                       .uid = ended->uid,
                                       .attempts = count_attempts(ended->event),
                                       .submitted_ns = ended->submitted_ns,
                                       .started_ns = ended->event->started_ns,
                                       .ended_ns = ended->event->at_ns};
        document = gord_webhook_document(&end);
    }
    gor__v1__job_spec__free_unpacked(spec, NULL);
    return document;
}

static int submit(struct gord_runner *runner, const Gor__V1__JobSpec *wire, const struct hook *hook)
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    struct gord_spec *spec = NULL;
    int result = gord_spec_from_wire(wire, hook->shared, &spec);

    if (result != 0) {
        return result;
    }
    uint64_t id = gord_job_next_id(table);
    result = gord_bus_emit(runner->bus, gord_event_submitted(id, spec, hook->uid), NULL);
    gord_spec_unref(spec);
    return result != 0 ? result : gord_runner_admit(runner, gord_job_find(table, id), NULL);
}

static int enter(struct gord_runner *runner, const struct ended *ended, const struct hook *hook)
{
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    Gor__V1__RetryPolicy retry = GOR__V1__RETRY_POLICY__INIT;
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct of_array array;
    char *document = NULL;
    char name[64];

    snprintf(name, sizeof(name), "%s of job %" PRIu64, hook->what, ended->event->job_id);
    fill_hook_of(ended, &array, &of);
    if (hook->url != NULL) {
        document = document_of(ended, &of);
        if (document == NULL) {
            return -ENOMEM;
        }
        of.url = (char *)(uintptr_t)hook->url;
        of.document = document;
        of.made_case = GOR__V1__HOOK_OF__MADE_OURS;
        of.ours = 1;
    }
    retry.retries = HOOK_RETRIES;
    exec.n_env = hook->n_env;
    exec.env = hook->env;
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
    int result = submit(runner, &wire, hook);
    free(document);
    return result;
}

/* A program; `like` is whose surroundings it has, NULL for a PATH and nothing else. */
static int enter_program(struct gord_runner *runner, const struct ended *ended,
                         const struct hook *program)
{
    ProtobufCBinaryData path = {strlen(DEFAULT_PATH), (uint8_t *)(uintptr_t)DEFAULT_PATH};
    struct hook hook = *program;

    hook.what = "hook";
    hook.n_env = hook.like != NULL ? hook.like->n_env : 1;
    hook.env = hook.like != NULL ? hook.like->env : &path;
    return enter(runner, ended, &hook);
}

/* What sends it is ours: of the job's surroundings it has what is about the way out. */
static int enter_webhook(struct gord_runner *runner, const struct ended *ended, const char *url,
                         const Gor__V1__ExecSpec *like, uint32_t uid)
{
    ProtobufCBinaryData argv[GORD_WEBHOOK_WORDS];
    ProtobufCBinaryData env[GORD_WEBHOOK_VARIABLES];
    char *path = NULL;
    int count = gord_webhook_env(like, &path, env);

    if (count < 0) {
        return count;
    }
    struct hook hook = {.what = "webhook",
                        .n_argv = gord_webhook_argv(argv),
                        .argv = argv,
                        .n_env = (size_t)count,
                        .env = env,
                        .uid = uid,
                        .url = url};
    int result = enter(runner, ended, &hook);
    free(path);
    return result;
}

/* What ran: the job, or the tasks of an array, of which one stands for all. A reference; NULL with 0:
 * nothing did that is still known. */
static int what_ran(struct gord_runner *runner, const struct ended *ended,
                    struct gord_spec **out_spec)
{
    *out_spec = NULL;
    if (ended->job->kind != GORD_GROUP) {
        *out_spec = gord_spec_ref(ended->spec);
        return 0;
    }
    int result = gord_runner_task_spec(runner, ended->event->job_id, out_spec);
    return result == -ENOENT ? 0 : result;
}

/* The job's own. */
static int enter_own(struct gord_runner *runner, const struct ended *ended)
{
    struct gord_spec *ran = NULL;
    Gor__V1__JobSpec *like = NULL;
    Gor__V1__JobSpec *wire = gord_spec_to_wire(ended->spec, 0);
    int result = wire != NULL ? what_ran(runner, ended, &ran) : -ENOMEM;

    if (result == 0 && ran != NULL && ran->kind == GORD_EXEC) {
        like = gord_spec_to_wire(ran, 1);
        result = like != NULL ? 0 : -ENOMEM;
    }
    const Gor__V1__ExecSpec *exec = like != NULL ? like->exec : NULL;
    if (result == 0 && wire->n_on_finish > 0) {
        struct hook hook = {.n_argv = wire->n_on_finish,
                            .argv = wire->on_finish,
                            .like = exec,
                            .shared = ran != NULL ? ran->env : NULL,
                            .uid = ended->uid};
        result = enter_program(runner, ended, &hook);
    }
    if (result == 0 && wire->on_finish_url[0] != '\0') {
        result = enter_webhook(runner, ended, wire->on_finish_url, exec, ended->uid);
    }
    gor__v1__job_spec__free_unpacked(like, NULL);
    gor__v1__job_spec__free_unpacked(wire, NULL);
    gord_spec_unref(ran);
    return result;
}

static int enter_everyones(struct gord_runner *runner, const struct ended *ended)
{
    int result = 0;

    if (runner->finish_hook != NULL) {
        ProtobufCBinaryData program = {strlen(runner->finish_hook),
                                       (uint8_t *)(uintptr_t)runner->finish_hook};
        struct hook hook = {.n_argv = 1, .argv = &program, .uid = (uint32_t)geteuid()};
        result = enter_program(runner, ended, &hook);
    }
    if (result == 0 && runner->finish_hook_url != NULL) {
        result = enter_webhook(runner, ended, runner->finish_hook_url, NULL, (uint32_t)geteuid());
    }
    return result;
}

/* One whose spec is not in memory is looked up; it was queued, and is on disk. */
static int find_spec(struct gord_runner *runner, struct ended *ended)
{
    struct gord_row row;

    if (ended->event->spec != NULL) {
        ended->spec = gord_spec_ref(ended->event->spec);
        ended->submitted_ns = ended->job->body->created_ns;
        ended->uid = ended->job->body->uid;
        return 0;
    }
    int result = gord_reader_job(gord_bus_reader(runner->bus), ended->event->job_id, false, &row);
    if (result == 0) {
        ended->spec = gord_spec_ref(row.spec);
        ended->submitted_ns = row.created_ns;
        ended->uid = row.uid;
        gord_row_fini(&row);
    }
    return result;
}

void gord_finish_hooks(struct gord_runner *runner, const struct gord_event *event,
                       const struct gord_job *job)
{
    struct ended ended = {.event = event, .job = job};
    bool own = event->spec != NULL && event->spec->hooked;
    bool everyones = runner->finish_hook != NULL || runner->finish_hook_url != NULL;

    if ((!own && !everyones) || strcmp(event->text, GORD_WITHDRAWN) == 0) {
        return;
    }
    int result = find_spec(runner, &ended);
    if (result == 0 && !ended.spec->is_hook) {
        result = own ? enter_own(runner, &ended) : 0;
        result = result == 0 ? enter_everyones(runner, &ended) : result;
    }
    if (result != 0) {
        gord_log_of(GORD_LOG_ERROR, event->job_id,
                    gord_queues_of(gord_bus_table(runner->bus), event->job_id),
                    "what is to run at its end was not submitted: %s", strerror(-result));
    }
    gord_spec_unref(ended.spec);
}

/* "TIMED_OUT" as "timed-out", as `gorctl` says it. */
const char *gord_finish_word(Gor__V1__Outcome outcome, char out[GORD_OUTCOME_WORD])
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&gor__v1__outcome__descriptor, (int)outcome);

    snprintf(out, GORD_OUTCOME_WORD, "%s", value != NULL ? value->name : "unknown");
    for (char *at = out; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : (char)(tolower)((unsigned char)*at);
    }
    return out;
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
    char word[GORD_OUTCOME_WORD];
    size_t count = 0;

    gord_finish_word(of->outcome, word);
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
