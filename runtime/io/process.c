/* SPDX-License-Identifier: MIT */
/* process.c - waiting for a child, through a descriptor that becomes readable when it ends. Nothing
 * here needs SIGCHLD, and children of the host program that nobody asked about are left alone. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/io/call.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"

/* 1: reaped; 0: still running. Never inlined: a compiler keeps the address of errno, and after a
 * wait the goroutine may be on another thread. */
__attribute__((noinline)) static int try_reap(pid_t pid, int *out_status, struct rusage *out_usage)
{
    int status = 0;
    struct rusage usage;
    pid_t reaped = 0;
    do {
        reaped = wait4(pid, &status, WNOHANG, &usage);
    } while (reaped < 0 && errno == EINTR);
    if (reaped <= 0) {
        return reaped < 0 ? -errno : 0;
    }
    if (out_status != NULL) {
        *out_status = status;
    }
    if (out_usage != NULL) {
        *out_usage = usage;
    }
    return 1;
}

__attribute__((noinline)) static int open_pidfd(pid_t pid)
{
    /* The number, since the wrapper is younger than Debian 12's C library. It is close-on-exec. */
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return errno == ESRCH ? -ECHILD : -errno;
    }
    gor__enter();
    gor__netpoll_forget(fd);
    int result = gor__netpoll_open(fd, false);
    gor__leave();
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

static int wait_and_reap(int fd, pid_t pid, const struct gor__limit *limit, int *out_status,
                         struct rusage *out_usage)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        int result = try_reap(pid, out_status, out_usage);
        if (result == 0) {
            result = gor__call_wait(fd, GOR_FD_READ, edges, limit, GOR_WAIT_PROCESS);
        }
        if (result != 0) {
            return result;
        }
    }
}

static int wait_within(pid_t pid, int *out_status, struct rusage *out_usage,
                       const struct gor__limit *limit)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    if (pid <= 0) {
        return -ECHILD;
    }
    int result = try_reap(pid, out_status, out_usage);
    if (result == 0) {
        int fd = open_pidfd(pid);
        if (fd < 0) {
            return fd;
        }
        result = wait_and_reap(fd, pid, limit, out_status, out_usage);
        (void)gor_close(fd);
    }
    return result < 0 ? result : 0;
}

int gor_wait_pid(pid_t pid, int *out_status, struct rusage *out_usage, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return wait_within(pid, out_status, out_usage, &limit);
}

int gor_wait_pid_ctx(pid_t pid, int *out_status, struct rusage *out_usage, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return wait_within(pid, out_status, out_usage, &limit);
}
