/* SPDX-License-Identifier: MIT */
/* output.c - run a process and keep what it prints.
 *
 * Everything is bounded by one context, made from the caller's and the deadline: its end kills the
 * process. A grandchild that still holds a pipe open then is not waited for.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "runtime/gor.h"
#include "runtime/sched/sched.h"

enum { GROWTH = 4096 };

/* What is read from one pipe; what does not fit is read too, so that the process is not held up. */
struct capture {
    int fd; /* owned; -1: nothing to be read */
    char *bytes;
    size_t length;
    size_t room;
    size_t limit;
    bool truncated;
    int error;
    struct gor_ctx *ctx; /* borrowed; its end ends the reading */
    struct gor_waitgroup *readers;
};

static int grow(struct capture *capture)
{
    if (capture->room - capture->length > GROWTH / 2 || capture->room >= capture->limit + 1) {
        return 0;
    }
    size_t room = capture->room * 2 + GROWTH;
    room = room < capture->limit + 1 ? room : capture->limit + 1;
    char *bytes = realloc(capture->bytes, room);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    capture->bytes = bytes;
    capture->room = room;
    return 0;
}

/* What was read, or 0 at the end, or an error. One byte of room is for the end of the text. */
static ssize_t read_some(struct capture *capture)
{
    char rest[GROWTH];
    size_t room = capture->room - 1 - capture->length;
    if (room > 0) {
        ssize_t got =
            gor_read_ctx(capture->fd, capture->bytes + capture->length, room, capture->ctx);
        capture->length += got > 0 ? (size_t)got : 0;
        return got;
    }
    ssize_t got = gor_read_ctx(capture->fd, rest, sizeof rest, capture->ctx);
    capture->truncated = capture->truncated || got > 0;
    return got;
}

static void read_all(void *arg)
{
    struct capture *capture = arg;
    ssize_t got = 1;
    while (got > 0) {
        int error = grow(capture);
        got = error < 0 ? error : read_some(capture);
    }
    capture->error = got < 0 ? (int)got : 0;
    if (capture->bytes != NULL) {
        capture->bytes[capture->length] = '\0';
    }
    gor_waitgroup_done(capture->readers);
}

static int start_reader(struct gor_proc *proc, int stream, struct gor_ctx *ctx,
                        struct capture *capture)
{
    static const struct gor_go_opts named = {.name = "process output"};
    capture->ctx = ctx;
    capture->fd = gor_proc_pipe(proc, stream);
    if (capture->fd < 0) {
        capture->fd = -1;
        return 0;
    }
    gor_waitgroup_add(capture->readers, 1);
    int error = gor__go_own(&named, read_all, capture);
    if (error < 0) {
        gor_waitgroup_done(capture->readers);
    }
    return error;
}

/* Nobody reads any more. */
static void close_capture(struct capture *capture)
{
    if (capture->fd >= 0) {
        (void)gor_close(capture->fd);
        capture->fd = -1;
    }
}

static int start_readers(struct gor_proc *proc, struct gor_ctx *ctx, struct capture captures[2])
{
    int error = start_reader(proc, 1, ctx, &captures[0]);
    return error == 0 ? start_reader(proc, 2, ctx, &captures[1]) : error;
}

/* A process that ended by itself just before its context did has a right to be heard. */
static int judge(int error, int status, struct gor_ctx *ctx)
{
    bool was_killed = error < 0 || WIFSIGNALED(status);
    return was_killed && gor_ctx_err(ctx) < 0 ? gor_ctx_err(ctx) : error;
}

/* Both streams to their ends, the process to its own; or all of it to the end of `ctx`. The pipes are
 * closed when nobody reads them: closed before, their numbers might be read as somebody else's. */
static int collect(struct gor_proc *proc, struct gor_ctx *ctx, struct capture captures[2],
                   int *out_status)
{
    int failed = start_readers(proc, ctx, captures);
    if (failed < 0) {
        (void)gor_proc_kill(proc, SIGKILL);
        gor_ctx_cancel(ctx, NULL);
    }
    int error = gor_proc_wait(proc, out_status, NULL, GOR_NEVER);
    gor_waitgroup_wait(captures[0].readers);
    close_capture(&captures[0]);
    close_capture(&captures[1]);
    error = error == 0 ? captures[0].error : error;
    error = error == 0 ? captures[1].error : error;
    return failed < 0 ? failed : judge(error, *out_status, ctx);
}

static int make_limit(struct gor_ctx *parent, int64_t deadline, struct gor_ctx **out_ctx)
{
    parent = parent != NULL ? parent : gor_ctx_background();
    return deadline == GOR_NEVER ? gor_ctx_with_cancel(parent, out_ctx)
                                 : gor_ctx_with_deadline(parent, deadline, out_ctx);
}

static void capture_unless_told(struct gor_proc_stream *stream)
{
    if (stream->kind == GOR_PROC_NULL) {
        stream->kind = GOR_PROC_PIPE;
    }
}

static int run(const char *file, char *const argv[], const struct gor_proc_opts *opts,
               struct capture captures[2], int *out_status)
{
    struct gor_proc_opts own = *opts;
    struct gor_proc *proc = NULL;
    capture_unless_told(&own.out);
    capture_unless_told(&own.err);
    int error = gor_proc_spawn(file, argv, &own, &proc);
    if (error < 0) {
        return error;
    }
    error = collect(proc, own.ctx, captures, out_status);
    gor_proc_free(proc);
    return error;
}

int gor_proc_output(const char *file, char *const argv[], const struct gor_proc_opts *opts,
                    size_t max_bytes, int64_t deadline, struct gor_proc_output *out_output)
{
    static const struct gor_proc_opts defaults;
    struct gor_proc_opts own = opts != NULL ? *opts : defaults;
    struct gor_waitgroup readers = {0};
    size_t limit = max_bytes < SIZE_MAX / 4 ? max_bytes : SIZE_MAX / 4;
    struct capture captures[2] = {{.fd = -1, .limit = limit, .readers = &readers},
                                  {.fd = -1, .limit = limit, .readers = &readers}};
    int status = 0;
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    int error = make_limit(own.ctx, deadline, &own.ctx);
    if (error < 0) {
        return error;
    }
    error = run(file, argv, &own, captures, &status);
    gor_ctx_unref(own.ctx);
    if (error < 0) {
        free(captures[0].bytes);
        free(captures[1].bytes);
        return error;
    }
    *out_output = (struct gor_proc_output){
        .status = status,
        .out = captures[0].bytes,
        .out_bytes = captures[0].length,
        .err = captures[1].bytes,
        .err_bytes = captures[1].length,
        .truncated = captures[0].truncated || captures[1].truncated,
    };
    return 0;
}

void gor_proc_output_free(struct gor_proc_output *output)
{
    if (output != NULL) {
        free(output->out);
        free(output->err);
        output->out = NULL;
        output->err = NULL;
    }
}
