/* SPDX-License-Identifier: MIT */
/* spawn.c - starting a child process.
 *
 * By posix_spawn: the child shares our memory until its exec, so that a large program starts one as
 * fast as a small one, and no code of ours runs in it. It gets the descriptors it is given, and no
 * other; no signal is blocked in it, and none ignored for our sake.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include "runtime/io/lend.h"
#include "runtime/os/proc.h"

enum { STREAMS = 3 };

/* The child's descriptors, and where they come from. */
struct plan {
    int targets;       /* 0, 1, 2, and the extra ones */
    int ours[STREAMS]; /* owned ends of pipes; -1: none */
    int theirs[STREAMS];
};

static void close_all(int fds[STREAMS])
{
    for (int i = 0; i < STREAMS; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
}

/* A duplicate above all targets, so that giving the child one does not take another away. */
static int lift(const struct plan *plan, int fd)
{
    int lifted = fcntl(fd, F_DUPFD_CLOEXEC, plan->targets);
    return lifted >= 0 ? lifted : -errno;
}

static int lift_and_close(const struct plan *plan, int fd)
{
    int lifted = lift(plan, fd);
    close(fd);
    return lifted;
}

static int open_null(const struct plan *plan)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd >= 0 ? lift_and_close(plan, fd) : -errno;
}

/* The child's end; ours goes to plan->ours. */
static int make_pipe(struct plan *plan, int stream)
{
    int fds[2];
    int our_side = stream == STDIN_FILENO ? 1 : 0;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return -errno;
    }
    plan->ours[stream] = fds[our_side];
    return lift_and_close(plan, fds[1 - our_side]);
}

static int plan_stream(struct plan *plan, int stream, const struct gor_proc_stream *wanted)
{
    switch (wanted->kind) {
    case GOR_PROC_NULL:
        return open_null(plan);
    case GOR_PROC_INHERIT:
        return lift(plan, stream);
    case GOR_PROC_PIPE:
        return make_pipe(plan, stream);
    case GOR_PROC_FD:
        return lift(plan, wanted->fd);
    case GOR_PROC_STDOUT:
        return stream == STDERR_FILENO ? lift(plan, plan->theirs[STDOUT_FILENO]) : -EINVAL;
    }
    return -EINVAL;
}

static int plan_streams(struct plan *plan, const struct gor_proc_opts *opts)
{
    const struct gor_proc_stream *wanted[STREAMS] = {&opts->in, &opts->out, &opts->err};
    for (int i = 0; i < STREAMS; i++) {
        int fd = plan_stream(plan, i, wanted[i]);
        if (fd < 0) {
            return fd;
        }
        plan->theirs[i] = fd;
    }
    return 0;
}

/* ---- the orders for posix_spawn; positive errors, as its own */

static int add_fds(posix_spawn_file_actions_t *actions, const struct plan *plan, const int *extra)
{
    int error = 0;
    for (int i = 0; i < STREAMS && error == 0; i++) {
        error = posix_spawn_file_actions_adddup2(actions, plan->theirs[i], i);
    }
    for (int i = STREAMS; i < plan->targets && error == 0; i++) {
        error = posix_spawn_file_actions_adddup2(actions, extra[i - STREAMS], i);
    }
    return error != 0 ? error : posix_spawn_file_actions_addclosefrom_np(actions, plan->targets);
}

static int set_attributes(posix_spawnattr_t *attributes, const struct gor_proc_opts *opts)
{
    sigset_t none;
    sigset_t restored;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigemptyset(&none);
    sigemptyset(&restored);
    sigaddset(&restored, SIGPIPE);
    if (opts->new_session) {
        flags |= POSIX_SPAWN_SETSID;
    } else if (opts->new_group) {
        flags |= POSIX_SPAWN_SETPGROUP;
    }
    (void)posix_spawnattr_setsigmask(attributes, &none);
    (void)posix_spawnattr_setsigdefault(attributes, &restored);
    (void)posix_spawnattr_setpgroup(attributes, 0);
    return posix_spawnattr_setflags(attributes, flags);
}

/* The kernel reads all of it by itself. */
static int spawn_lent(const struct gor__spawn_request *request, char *const *env,
                      const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes)
{
    bool file_lent = gor__lend(request->file);
    bool argv_lent = gor__lend_strings(request->argv);
    bool env_lent = gor__lend_strings(env);
    int error =
        posix_spawnp(&request->proc->pid, request->file, actions, attributes, request->argv, env);
    gor__take_back_strings(env, env_lent);
    gor__take_back_strings(request->argv, argv_lent);
    gor__take_back(request->file, file_lent);
    return error;
}

static int spawn(const struct gor__spawn_request *request, const struct plan *plan,
                 const int *extra)
{
    const struct gor_proc_opts *opts = request->opts;
    char *const *env = opts->env != NULL ? opts->env : environ;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        goto destroy_actions;
    }
    error = set_attributes(&attributes, opts);
    if (error == 0) {
        error = add_fds(&actions, plan, extra);
    }
    if (error == 0 && opts->dir != NULL) {
        error = posix_spawn_file_actions_addchdir_np(&actions, opts->dir);
    }
    if (error == 0) {
        error = spawn_lent(request, env, &actions, &attributes);
    }
    posix_spawnattr_destroy(&attributes);
destroy_actions:
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* The extra descriptors, above all targets as well. How many there are now; negative errno. */
static int lift_extra(const struct plan *plan, const struct gor_proc_opts *opts, int *extra)
{
    for (size_t i = 0; i < opts->fd_count; i++) {
        int fd = lift(plan, opts->fds[i]);
        if (fd < 0) {
            while (i > 0) {
                close(extra[--i]);
            }
            return fd;
        }
        extra[i] = fd;
    }
    return (int)opts->fd_count;
}

int gor__spawn_child(void *arg)
{
    const struct gor__spawn_request *request = arg;
    const struct gor_proc_opts *opts = request->opts;
    struct plan plan = {STREAMS + (int)opts->fd_count, {-1, -1, -1}, {-1, -1, -1}};
    int extra[GOR_PROC_FDS_MAX];
    int extra_count = 0;
    int error = plan_streams(&plan, opts);
    if (error < 0) {
        goto close_streams;
    }
    extra_count = lift_extra(&plan, opts, extra);
    if (extra_count < 0) {
        error = extra_count;
        goto close_streams;
    }
    error = -spawn(request, &plan, extra);
    for (int i = 0; i < extra_count; i++) {
        close(extra[i]);
    }
    if (error == 0) {
        for (int i = 0; i < STREAMS; i++) {
            request->proc->pipes[i] = plan.ours[i];
            plan.ours[i] = -1;
        }
    }
close_streams:
    close_all(plan.theirs);
    close_all(plan.ours);
    return error;
}
