/* SPDX-License-Identifier: MIT */
/* proc.c - owning a child process: waiting, killing, handing out its pipes, letting go. */
#include "runtime/os/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/assert.h"
#include "runtime/io/call.h"
#include "runtime/sched/sched.h"

enum { SEND_TO_GROUP = 4 }; /* PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9 */

/* ---- references */

static void free_proc(struct gor_proc *proc)
{
    for (int i = 0; i < 3; i++) {
        if (proc->pipes[i] >= 0) {
            (void)gor_close(proc->pipes[i]);
        }
    }
    if (proc->pidfd >= 0) {
        (void)gor_close(proc->pidfd);
    }
    free(proc);
}

static void unref(struct gor_proc *proc)
{
    if (__atomic_sub_fetch(&proc->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free_proc(proc);
    }
}

/* Give up the reference of the context's function, which is not the last: the caller has one. */
static void unref_for_context(struct gor_proc *proc)
{
    uint32_t left = __atomic_sub_fetch(&proc->refs, 1, __ATOMIC_ACQ_REL);
    GOR_ASSERT(left > 0);
}

/* ---- waiting */

/* Under the mutex: reap the child if it has ended and nobody has. True when it has ended. */
GOR__NEVER_INLINED static bool try_reap(struct gor_proc *proc)
{
    pid_t reaped = 0;
    if (proc->ended) {
        return true;
    }
    do {
        reaped = wait4(proc->pid, &proc->status, WNOHANG, &proc->usage);
    } while (reaped < 0 && errno == EINTR);
    if (reaped < 0) {
        proc->error = -errno;
    }
    proc->ended = reaped != 0;
    return proc->ended;
}

/* The context has no say any more. */
static void forget_context(struct gor_proc *proc, struct gor_ctx_after *after)
{
    if (after != NULL && gor_ctx_after_stop(after) == 1) {
        unref_for_context(proc);
    }
}

/* Whether it has ended, once it has. */
static bool look(struct gor_proc *proc)
{
    struct gor_ctx_after *after = NULL;
    gor_mutex_lock(&proc->lock);
    bool ended = try_reap(proc);
    if (ended) {
        after = proc->after;
        proc->after = NULL;
    }
    gor_mutex_unlock(&proc->lock);
    forget_context(proc, after);
    return ended;
}

static int wait_for_end(struct gor_proc *proc, const struct gor__limit *limit)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(proc->pidfd);
        if (look(proc)) {
            return proc->error;
        }
        int error = gor__call_wait(proc->pidfd, GOR_FD_READ, edges, limit, GOR_WAIT_PROCESS);
        if (error < 0) {
            return error;
        }
    }
}

static int wait_within(struct gor_proc *proc, int *out_status, struct rusage *out_usage,
                       const struct gor__limit *limit)
{
    int begun = gor__call_begin(proc->pidfd);
    if (begun < 0) {
        return begun;
    }
    int result = wait_for_end(proc, limit);
    gor__call_end(proc->pidfd);
    if (result < 0) {
        return result;
    }
    if (out_status != NULL) {
        *out_status = proc->status;
    }
    if (out_usage != NULL) {
        *out_usage = proc->usage;
    }
    return 0;
}

int gor_proc_wait(struct gor_proc *proc, int *out_status, struct rusage *out_usage,
                  int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return wait_within(proc, out_status, out_usage, &limit);
}

int gor_proc_wait_ctx(struct gor_proc *proc, int *out_status, struct rusage *out_usage,
                      struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return wait_within(proc, out_status, out_usage, &limit);
}

/* ---- killing */

GOR__NEVER_INLINED static int send_signal(const struct gor_proc *proc, int signal, unsigned flags)
{
    long result = syscall(SYS_pidfd_send_signal, proc->pidfd, signal, NULL, flags);
    return result == 0 ? 0 : -errno;
}

GOR__NEVER_INLINED static int send_to_number(pid_t number, int signal)
{
    return kill(number, signal) == 0 ? 0 : -errno;
}

int gor_proc_kill(struct gor_proc *proc, int signal)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    return send_signal(proc, signal, 0);
}

int gor_proc_kill_group(struct gor_proc *proc, int signal)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    if (!proc->has_group) {
        return -EINVAL;
    }
    int error = send_signal(proc, signal, SEND_TO_GROUP);
    if (error != -EINVAL || signal < 0 || signal > SIGRTMAX) {
        return error;
    }
    /* An older kernel: by number, which is the group's for sure while its leader is not reaped. */
    gor_mutex_lock(&proc->lock);
    error = proc->ended ? -ESRCH : send_to_number(-proc->pid, signal);
    gor_mutex_unlock(&proc->lock);
    return error;
}

static void kill_all_of_it(struct gor_proc *proc, int signal)
{
    (void)(proc->has_group ? gor_proc_kill_group(proc, signal) : gor_proc_kill(proc, signal));
}

/* With a reference. */
static void on_context_end(void *arg)
{
    struct gor_proc *proc = arg;
    if (proc->grace_ns > 0) {
        kill_all_of_it(proc, SIGTERM);
        if (gor_proc_wait(proc, NULL, NULL, gor_after(proc->grace_ns)) == -ETIMEDOUT) {
            kill_all_of_it(proc, SIGKILL);
        }
    } else {
        kill_all_of_it(proc, SIGKILL);
    }
    unref(proc);
}

/* ---- the rest */

pid_t gor_proc_pid(const struct gor_proc *proc)
{
    return proc->pid;
}

int gor_proc_pipe(struct gor_proc *proc, int stream)
{
    gor__only_inside();
    if (stream < 0 || stream > 2) {
        return -EINVAL;
    }
    gor_mutex_lock(&proc->lock);
    int fd = proc->pipes[stream];
    proc->pipes[stream] = -1;
    gor_mutex_unlock(&proc->lock);
    return fd >= 0 ? fd : -EBADF;
}

static void reap_later(void *arg)
{
    struct gor_proc *proc = arg;
    (void)gor_proc_wait(proc, NULL, NULL, GOR_NEVER);
    unref(proc);
}

static void close_pipes(struct gor_proc *proc)
{
    for (int i = 0; i < 3; i++) {
        int fd = gor_proc_pipe(proc, i);
        if (fd >= 0) {
            (void)gor_close(fd);
        }
    }
}

void gor_proc_free(struct gor_proc *proc)
{
    static const struct gor_go_opts named = {.name = "process reaper"};
    if (proc == NULL) {
        return;
    }
    gor__only_inside();
    close_pipes(proc);
    if (look(proc) || gor__go_own(&named, reap_later, proc) < 0) {
        unref(proc);
    }
}

/* ---- starting */

static struct gor_proc *new_proc(const struct gor_proc_opts *opts)
{
    struct gor_proc *proc = calloc(1, sizeof *proc);
    if (proc != NULL) {
        proc->refs = 1;
        proc->pidfd = -1;
        proc->has_group = opts->new_group || opts->new_session;
        proc->grace_ns = opts->grace_ns;
        for (int i = 0; i < 3; i++) {
            proc->pipes[i] = -1;
        }
    }
    return proc;
}

GOR__NEVER_INLINED static int open_pidfd(struct gor_proc *proc)
{
    int fd = (int)syscall(SYS_pidfd_open, proc->pid, 0);
    if (fd < 0) {
        return -errno;
    }
    proc->pidfd = gor__call_new_fd(fd);
    for (int i = 0; i < 3; i++) {
        (void)gor__call_new_fd(proc->pipes[i]);
    }
    return 0;
}

static int reap_on_thread(void *arg)
{
    struct gor_proc *proc = arg;
    while (waitpid(proc->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return 0;
}

/* There is a child, but we cannot own it. */
static void undo(struct gor_proc *proc)
{
    (void)send_to_number(proc->pid, SIGKILL);
    (void)gor_blocking(reap_on_thread, proc);
}

/* The function may be called at once, by a goroutine of its own. */
static int watch_context(struct gor_proc *proc, struct gor_ctx *ctx)
{
    if (ctx == NULL) {
        return 0;
    }
    __atomic_add_fetch(&proc->refs, 1, __ATOMIC_RELAXED);
    gor_mutex_lock(&proc->lock);
    int error = gor_ctx_after_func(ctx, on_context_end, proc, &proc->after);
    gor_mutex_unlock(&proc->lock);
    if (error < 0) {
        unref_for_context(proc);
    }
    return error;
}

static int check_opts(const struct gor_proc_opts *opts)
{
    if (opts->fd_count > GOR_PROC_FDS_MAX || (opts->new_group && opts->new_session)) {
        return -EINVAL;
    }
    return opts->ctx != NULL ? gor_ctx_err(opts->ctx) : 0;
}

int gor_proc_spawn(const char *file, char *const argv[], const struct gor_proc_opts *opts,
                   struct gor_proc **out_proc)
{
    static const struct gor_proc_opts defaults;
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    opts = opts != NULL ? opts : &defaults;
    int error = check_opts(opts);
    if (error < 0) {
        return error;
    }
    struct gor_proc *proc = new_proc(opts);
    if (proc == NULL) {
        return -ENOMEM;
    }
    struct gor__spawn_request request = {file, argv, opts, proc};
    error = gor_blocking(gor__spawn_child, &request);
    if (error < 0) {
        goto unref_proc;
    }
    error = open_pidfd(proc);
    if (error == 0) {
        error = watch_context(proc, opts->ctx);
    }
    if (error < 0) {
        undo(proc);
        goto unref_proc;
    }
    *out_proc = proc;
    return 0;
unref_proc:
    unref(proc);
    return error;
}
