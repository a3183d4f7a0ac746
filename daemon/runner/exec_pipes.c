/* SPDX-License-Identifier: MIT */
/* exec_pipes.c - what a process writes, on its way to the log. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/runner/exec.h"

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
    return 0;
}

void gord_exec_close_child_ends(struct gord_exec *exec)
{
    for (int i = 0; i < 2; i++) {
        if (exec->child_fds[i] >= 0) {
            close(exec->child_fds[i]);
            exec->child_fds[i] = -1;
        }
    }
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

static void read_pipe(void *arg)
{
    struct gord_exec_pipe *pipe = arg;
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
    struct gord_exec *exec = arg;

    gor_fd_wait(exec->pidfd, GOR_FD_READ, GOR_NEVER);
    gor_chan_close(exec->exited);
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
