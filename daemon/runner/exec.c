/* SPDX-License-Identifier: MIT */
/* exec.c - an exec job's goroutine: starts the process and sees it to its end; see exec.h. */
#include "daemon/runner/exec.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/runner/proc.h"
#include "daemon/runner/spawn.h"
#include "daemon/runner/text.h"

/* ------------------------------------------------------------------ arguments */

static char *to_text(const ProtobufCBinaryData *bytes)
{
    char *text = malloc(bytes->len + 1);

    if (text != NULL && bytes->len > 0) {
        memcpy(text, bytes->data, bytes->len);
    }
    if (text != NULL) {
        text[bytes->len] = '\0';
    }
    return text;
}

static char **to_vector(const ProtobufCBinaryData *items, size_t count, const char *extra)
{
    char **vector = calloc(count + 2, sizeof(*vector));
    size_t at = 0;

    for (size_t i = 0; vector != NULL && i < count; i++) {
        char *text = to_text(&items[i]);
        if (text == NULL) {
            goto free_vector;
        }
        /* Only our own word on the job's id counts. */
        if (extra != NULL && strncmp(text, "GOR_JOB_ID=", 11) == 0) {
            free(text);
            continue;
        }
        vector[at++] = text;
    }
    if (vector == NULL || extra == NULL || (vector[at] = strdup(extra)) != NULL) {
        return vector;
    }
free_vector:
    for (size_t i = 0; i < at; i++) {
        free(vector[i]);
    }
    free(vector);
    return NULL;
}

static void free_vector(char **vector)
{
    for (char **p = vector; vector != NULL && *p != NULL; p++) {
        free(*p);
    }
    free(vector);
}

/* ------------------------------------------------------------------ start */

/* The most memory we ever had. A process that is started shares ours until its exec, and that counts
 * for it. */
static uint64_t own_peak(void)
{
    struct rusage rusage;

    return getrusage(RUSAGE_SELF, &rusage) == 0 ? (uint64_t)rusage.ru_maxrss * 1024 : 0;
}

static int spawn(struct gord_exec *exec)
{
    const Gor__V1__ExecSpec *spec = exec->spec;
    struct gord_run *run = exec->run;
    char id_text[48];
    char *cwd = to_text(&spec->cwd);
    int result = -ENOMEM;

    snprintf(id_text, sizeof(id_text), "GOR_JOB_ID=%" PRIu64, run->id);
    snprintf(run->detail, sizeof(run->detail), "out of memory");
    char **argv = to_vector(spec->argv, spec->n_argv, NULL);
    char **env = to_vector(spec->env, spec->n_env, id_text);
    if (cwd != NULL && argv != NULL && env != NULL && argv[0] != NULL) {
        struct gord_spawn what = {.argv = argv,
                                  .env = env,
                                  .cwd = cwd,
                                  .has_umask = spec->umask_plus_1 != 0,
                                  .umask = (mode_t)(spec->umask_plus_1 - 1),
                                  .stdout_fd = exec->child_fds[0],
                                  .stderr_fd = exec->child_fds[1],
                                  .nofile = &run->env->nofile};
        exec->floor_bytes = own_peak();
        gord_children_begin(&run->env->children);
        result = gord_spawn_start(&what, &exec->tree.leader, &exec->pidfd, run->detail,
                                  sizeof(run->detail));
        gord_children_end(&run->env->children, result == 0 ? exec->tree.leader : 0);
    }
    if (result == 0) {
        run->detail[0] = '\0';
    }
    free_vector(argv);
    free_vector(env);
    free(cwd);
    return result;
}

/* The start is on record already; this adds which process it became. */
static void post_process(struct gord_exec *exec)
{
    struct gord_proc proc = {0};

    gord_proc_read(exec->tree.leader, &proc);
    gord_bus_post(exec->run->env->bus, gord_event_started(exec->run->id, exec->run->goroutine,
                                                          exec->tree.leader, proc.start_ticks));
}

/* ------------------------------------------------------------------ the whole */

/* The process runs: to its end. */
static void live(struct gord_exec *exec, struct gor_ctx *ctx, struct gord_result *out_result)
{
    gord_process_begin(&exec->run->process, &exec->tree);
    post_process(exec);
    int result = gord_exec_start_readers(exec);

    if (result == 0) {
        gord_exec_wait_or_end(exec, ctx);
    } else {
        /* Without somebody to read its pipes and to see it end it cannot run. */
        snprintf(exec->run->detail, sizeof(exec->run->detail), "cannot watch the process: %s",
                 strerror(-result));
        exec->stopped = GOR__V1__OUTCOME__SPAWN_ERROR;
        gord_tree_signal(&exec->tree, SIGKILL);
    }
    gord_exec_end_leftovers(exec);
    gor_close(exec->pidfd);
    gord_exec_reap(exec, out_result);
}

static int prepare(struct gord_exec *exec, struct gor_ctx **out_ctx)
{
    int result;

    *out_ctx = gord_run_ctx(exec->run);
    exec->exited = gor_chan_new(0, 0);
    result = *out_ctx != NULL && exec->exited != NULL ? gord_exec_open_pipes(exec) : -ENOMEM;
    if (result != 0) {
        snprintf(exec->run->detail, sizeof(exec->run->detail), "cannot start a process: %s",
                 strerror(-result));
    }
    return result;
}

void gord_exec_run(struct gord_run *run, struct gord_result *out_result)
{
    struct gord_exec exec = {.run = run, .child_fds = {-1, -1}, .pipes = {{.fd = -1}, {.fd = -1}}};
    Gor__V1__JobSpec *spec = gord_spec_to_wire(run->spec, 1);
    struct gor_ctx *ctx = NULL;

    exec.tree = (struct gord_tree){.children = &run->env->children, .job_id = run->id};
    out_result->outcome = GOR__V1__OUTCOME__SPAWN_ERROR;
    if (spec == NULL || spec->kind_case != GOR__V1__JOB_SPEC__KIND_EXEC) {
        snprintf(run->detail, sizeof(run->detail), "out of memory");
        goto free_spec;
    }
    exec.spec = spec->exec;
    if (prepare(&exec, &ctx) != 0) {
        goto close_all;
    }
    Gor__V1__Outcome stopped = gord_run_stopped(run);
    if (stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        out_result->outcome = stopped; /* cancelled between its turn and now */
        goto close_all;
    }
    if (spawn(&exec) == 0) {
        gord_exec_close_child_ends(&exec);
        live(&exec, ctx, out_result);
    }
close_all:
    gord_exec_close_child_ends(&exec);
    gord_exec_close_pipes(&exec);
    gor_chan_unref(exec.exited);
free_spec:
    if (spec != NULL) {
        gor__v1__job_spec__free_unpacked(spec, NULL);
    }
}
