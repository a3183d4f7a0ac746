/* SPDX-License-Identifier: MIT */
/* exec_pipes.c - what a process reads, and what it writes, on its way to the log. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/runner/exec.h"
#include "daemon/runner/text.h"
#include "daemon/runner/user.h"

#define READ_BYTES (32 * 1024)

int gord_exec_open_pipes(struct gord_exec *exec)
{
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) {
            return -errno;
        }
        exec->pipes[i] = (struct gord_exec_pipe){exec, i == 0 ? GORD_STDOUT : GORD_STDERR, ends[0]};
        exec->child_fds[i] = ends[1];
    }
    return gord_exec_report_open(&exec->report, exec->run);
}

/* Opening may take any time (a FIFO, a file far away), but no longer than the job is wanted. */
static int open_file(struct gord_exec *exec, struct gor_ctx *ctx)
{
    const ProtobufCBinaryData *bytes = &exec->spec->stdin_path;
    struct gord_run *run = exec->run;
    char path[PATH_MAX] = "";
    char clean[256];

    if (bytes->len >= sizeof(path)) {
        return -ENAMETOOLONG;
    }
    memcpy(path, bytes->data, bytes->len);
    int fd = gor_open_ctx(path, O_RDONLY | O_NOCTTY, 0, ctx);
    if (fd < 0) {
        snprintf(run->detail, sizeof(run->detail), "cannot open '%s' for its standard input: %s",
                 gord_text_clean(path, strlen(path), clean, sizeof(clean)), strerror(-fd));
        return fd;
    }
    exec->stdin_fd = fd;
    return 0;
}

int gord_exec_open_input(struct gord_exec *exec)
{
    struct gord_run *run = exec->run;
    int ends[2] = {-1, -1};
    int result = pipe2(ends, O_CLOEXEC) == 0 ? 0 : -errno;

    if (result == 0) {
        exec->stdin_fd = ends[0];
        result = gord_input_open(&run->input, ends[1]);
        if (result != 0) {
            close(ends[1]);
        }
    }
    if (result != 0) {
        snprintf(run->detail, sizeof(run->detail), "cannot make a pipe for its standard input: %s",
                 strerror(-result));
    }
    return result;
}

int gord_exec_open_stdin(struct gord_exec *exec, struct gor_ctx *ctx)
{
    if (exec->webhook != NULL) {
        return gord_exec_open_webhook(exec);
    }
    if (exec->spec->stdin_path.len > 0 && gord_user_differs(exec->run->uid)) {
        snprintf(exec->run->detail, sizeof(exec->run->detail),
                 "its standard input would be a file that the daemon opens as root, and the job is "
                 "user %u's: let the program open it, or send it (--stdin)",
                 exec->run->uid);
        return -EPERM;
    }
    return exec->spec->stdin_path.len > 0 ? open_file(exec, ctx) : 0;
}

void gord_exec_close_child_ends(struct gord_exec *exec)
{
    if (exec->stdin_fd >= 0) {
        close(exec->stdin_fd);
        exec->stdin_fd = -1;
    }
    for (int i = 0; i < 2; i++) {
        if (exec->child_fds[i] >= 0) {
            close(exec->child_fds[i]);
            exec->child_fds[i] = -1;
        }
    }
    gord_exec_report_close_child(&exec->report);
}

void gord_exec_close_pipes(struct gord_exec *exec)
{
    for (int i = 0; i < 2; i++) {
        if (exec->pipes[i].fd >= 0) {
            gor_close(exec->pipes[i].fd);
            exec->pipes[i].fd = -1;
        }
    }
}

/* The pipe is closed after this has ended: its number must not become another file's while somebody
 * here still goes by it. */
static void read_pipe(void *arg)
{
    struct gord_exec_pipe *pipe = arg;
    struct gord_run *run = pipe->exec->run;
    char *buffer = malloc(READ_BYTES);
    ssize_t got = 1;

    while (buffer != NULL && got > 0) {
        size_t most = gord_hold_wait(run, READ_BYTES, pipe->exec->over);
        got = most > 0 ? gor_read_ctx(pipe->fd, buffer, most, pipe->exec->over) : 0;
        if (got > 0) {
            gord_logfile_append(&run->log, pipe->stream, buffer, (size_t)got);
            if (pipe->stream == GORD_STDERR && pipe->exec->webhook != NULL) {
                gord_webhook_heard(&pipe->exec->last_line, buffer, (size_t)got);
            }
        }
    }
    free(buffer);
    gor_waitgroup_done(&pipe->exec->readers);
}

static void wait_exit(void *arg)
{
    struct gord_exec *exec = arg;

    if (gor_fd_wait_ctx(exec->pidfd, GOR_FD_READ, exec->over) >= 0) {
        gor_chan_close(exec->exited);
    }
    gor_waitgroup_done(&exec->readers);
}

int gord_exec_start_readers(struct gord_exec *exec)
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
