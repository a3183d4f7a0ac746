/* SPDX-License-Identifier: MIT */
/* An exec job's goroutine: starts the process, has its pipes read, ends it when asked, reaps it.
 *
 * The process stays a zombie until everything about it is over: as long as it does, its pid and its
 * group cannot be taken by others, so that a signal can never hit a stranger.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/crashpoint.h"
#include "daemon/runner/proc.h"
#include "daemon/runner/run.h"
#include "daemon/runner/spawn.h"
#include "daemon/runner/text.h"

#define READ_BYTES (32 * 1024)
/* After a process that we ended: how long what it left behind may still write. */
#define STOPPED_LINGER_NS (100 * GOR_MILLISECOND)

/* One of the two pipes. */
struct pipe_reader {
    struct exec *exec;
    enum gord_stream stream;
    int fd; /* owned by the goroutine of the job */
};

struct exec {
    struct gord_run *run;
    pid_t pid;
    int pidfd;
    struct gor_chan *exited; /* closed when the process has ended */
    struct gor_waitgroup readers;
    struct pipe_reader pipes[2];
    int child_fds[2];         /* -1 once the child has them */
    Gor__V1__Outcome stopped; /* why we ended it; 0: we did not */
};

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

/* ------------------------------------------------------------------ pipes */

static int open_pipes(struct exec *exec)
{
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) {
            return -errno;
        }
        exec->pipes[i] = (struct pipe_reader){exec, i == 0 ? GORD_STDOUT : GORD_STDERR, ends[0]};
        exec->child_fds[i] = ends[1];
    }
    return 0;
}

static void close_child_ends(struct exec *exec)
{
    for (int i = 0; i < 2; i++) {
        if (exec->child_fds[i] >= 0) {
            close(exec->child_fds[i]);
            exec->child_fds[i] = -1;
        }
    }
}

static void close_pipes(struct exec *exec)
{
    for (int i = 0; i < 2; i++) {
        if (exec->pipes[i].fd >= 0) {
            gor_close(exec->pipes[i].fd);
            exec->pipes[i].fd = -1;
        }
    }
}

static void read_pipe(void *arg)
{
    struct pipe_reader *pipe = arg;
    char *buffer = malloc(READ_BYTES);
    ssize_t got = 1;
    int fd = pipe->fd;

    while (buffer != NULL && got > 0) {
        got = gor_read(fd, buffer, READ_BYTES, GOR_NEVER);
        if (got > 0) {
            gord_logfile_append(&pipe->exec->run->log, pipe->stream, buffer, (size_t)got);
        }
    }
    free(buffer);
    gor_waitgroup_done(&pipe->exec->readers);
}

static void wait_exit(void *arg)
{
    struct exec *exec = arg;

    gor_fd_wait(exec->pidfd, GOR_FD_READ, GOR_NEVER);
    gor_chan_close(exec->exited);
    gor_waitgroup_done(&exec->readers);
}

static int start_readers(struct exec *exec)
{
    void (*const bodies[3])(void *) = {read_pipe, read_pipe, wait_exit};
    void *const args[3] = {&exec->pipes[0], &exec->pipes[1], exec};
    int result = 0;

    for (int i = 0; i < 3 && result == 0; i++) {
        /* The job has its place, and could not be told to wait with its process running. */
        struct gor_go_opts opts = {.name = exec->run->name,
                                   .at_ceiling = GOR_CEILING_EXEMPT,
                                   .hibernation = GOR_HIBERNATE_MAY};
        gor_waitgroup_add(&exec->readers, 1);
        result = gor_go_with(&opts, bodies[i], args[i]);
        if (result != 0) {
            gor_waitgroup_done(&exec->readers);
        }
    }
    return result;
}

/* ------------------------------------------------------------------ start */

static int spawn(struct exec *exec, const Gor__V1__ExecSpec *spec)
{
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
        gord_children_begin(&run->env->children);
        result =
            gord_spawn_start(&what, &exec->pid, &exec->pidfd, run->detail, sizeof(run->detail));
        gord_children_end(&run->env->children, result == 0 ? exec->pid : 0);
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
static void post_process(struct exec *exec)
{
    struct gord_proc proc = {0};

    gord_proc_read(exec->pid, &proc);
    gord_bus_post(exec->run->env->bus, gord_event_started(exec->run->id, exec->run->goroutine,
                                                          exec->pid, proc.start_ticks));
}

/* ------------------------------------------------------------------ end */

static void signal_group(const struct exec *exec, int sig)
{
    kill(-exec->pid, sig);
}

static int64_t grace_of(const struct gord_run *run)
{
    return run->spec->grace_ns > 0 ? run->spec->grace_ns : run->env->grace_ns;
}

/* TERM, grace (unless the daemon is in a hurry, or the job is forced), KILL. */
static void end_process(struct exec *exec)
{
    struct gord_run *run = exec->run;
    struct gor_ctx *force = gord_run_force_ctx(run);
    struct gor_case cases[3] = {{.chan = exec->exited, .op = GOR_RECV},
                                {.chan = gor_ctx_done(run->env->hurry), .op = GOR_RECV}};

    if (force != NULL) {
        cases[2] = (struct gor_case){.chan = gor_ctx_done(force), .op = GOR_RECV};
        signal_group(exec, SIGTERM);
        signal_group(exec, SIGCONT); /* a stopped process would not hear of it */
    }
    if (force == NULL || gor_select_until(cases, 3, gor_after(grace_of(run))) != 0) {
        signal_group(exec, SIGKILL);
        gor_chan_recv(exec->exited, NULL);
    }
}

/* Until the process has ended, by itself or by us. */
static void wait_or_end(struct exec *exec, struct gor_ctx *ctx)
{
    struct gor_case cases[2] = {{.chan = exec->exited, .op = GOR_RECV},
                                {.chan = gor_ctx_done(ctx), .op = GOR_RECV}};

    if (gor_select(cases, 2) == 1) {
        exec->stopped = gord_run_stopped(exec->run);
        end_process(exec);
    }
}

/* What the process left behind gets a moment to write its last words if it holds the pipes; then
 * the group ends with its job, and whoever left the group loses the pipes. */
static void end_leftovers(struct exec *exec)
{
    struct gord_run *run = exec->run;
    bool stopped = exec->stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED;
    int64_t linger = stopped ? STOPPED_LINGER_NS : grace_of(run);

    if (gor_waitgroup_wait_until(&exec->readers, gor_after(linger)) != 0) {
        gord_logfile_remark(&run->log, "processes that the job left behind hold its output; "
                                       "what they write from here on is not kept\n");
    }
    signal_group(exec, SIGKILL);
    close_pipes(exec);
    gor_waitgroup_wait(&exec->readers);
}

static void reap(struct exec *exec, struct gord_result *out_result)
{
    struct gord_run *run = exec->run;
    int status = 0;
    pid_t got;

    do {
        got = waitpid(exec->pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    gord_children_forget(&run->env->children, exec->pid);
    if (got < 0) {
        snprintf(run->detail, sizeof(run->detail), "cannot learn how process %d ended: %s",
                 exec->pid, strerror(errno));
        out_result->outcome = GOR__V1__OUTCOME__LOST;
    } else if (WIFSIGNALED(status)) {
        out_result->outcome = GOR__V1__OUTCOME__SIGNALED;
        out_result->signal = WTERMSIG(status);
        if (WCOREDUMP(status) && run->detail[0] == '\0') {
            snprintf(run->detail, sizeof(run->detail), "core dumped");
        }
    } else {
        out_result->exit_code = WEXITSTATUS(status);
        out_result->outcome =
            out_result->exit_code == 0 ? GOR__V1__OUTCOME__SUCCEEDED : GOR__V1__OUTCOME__FAILED;
    }
    if (exec->stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        out_result->outcome = exec->stopped;
    }
}

/* ------------------------------------------------------------------ the whole */

/* The process runs: to its end. */
static void live(struct exec *exec, struct gor_ctx *ctx, struct gord_result *out_result)
{
    int result = start_readers(exec);

    if (result == 0) {
        wait_or_end(exec, ctx);
    } else {
        /* Without somebody to read its pipes and to see it end it cannot run. */
        snprintf(exec->run->detail, sizeof(exec->run->detail), "cannot watch the process: %s",
                 strerror(-result));
        exec->stopped = GOR__V1__OUTCOME__SPAWN_ERROR;
        signal_group(exec, SIGKILL);
    }
    end_leftovers(exec);
    gor_close(exec->pidfd);
    GORD_CRASHPOINT(EXIT_SEEN);
    reap(exec, out_result);
    GORD_CRASHPOINT(EXIT_REAPED);
}

static int prepare(struct exec *exec, struct gor_ctx **out_ctx)
{
    int result;

    *out_ctx = gord_run_ctx(exec->run);
    exec->exited = gor_chan_new(0, 0);
    result = *out_ctx != NULL && exec->exited != NULL ? open_pipes(exec) : -ENOMEM;
    if (result != 0) {
        snprintf(exec->run->detail, sizeof(exec->run->detail), "cannot start a process: %s",
                 strerror(-result));
    }
    return result;
}

void gord_exec_run(struct gord_run *run, struct gord_result *out_result)
{
    struct exec exec = {.run = run, .child_fds = {-1, -1}, .pipes = {{.fd = -1}, {.fd = -1}}};
    Gor__V1__JobSpec *spec = gord_spec_to_wire(run->spec, 1);
    struct gor_ctx *ctx = NULL;

    out_result->outcome = GOR__V1__OUTCOME__SPAWN_ERROR;
    if (spec == NULL || spec->kind_case != GOR__V1__JOB_SPEC__KIND_EXEC) {
        snprintf(run->detail, sizeof(run->detail), "out of memory");
        goto free_spec;
    }
    if (prepare(&exec, &ctx) != 0) {
        goto close_all;
    }
    Gor__V1__Outcome stopped = gord_run_stopped(run);
    if (stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        out_result->outcome = stopped; /* cancelled between its turn and now */
        goto close_all;
    }
    GORD_CRASHPOINT(SPAWN_BEFORE);
    if (spawn(&exec, spec->exec) == 0) {
        close_child_ends(&exec);
        GORD_CRASHPOINT(SPAWN_AFTER);
        post_process(&exec);
        GORD_CRASHPOINT(SPAWN_POSTED);
        live(&exec, ctx, out_result);
    }
close_all:
    close_child_ends(&exec);
    close_pipes(&exec);
    gor_chan_unref(exec.exited);
free_spec:
    if (spec != NULL) {
        gor__v1__job_spec__free_unpacked(spec, NULL);
    }
}
