/* SPDX-License-Identifier: MIT */
/* process_output_test.c - what a process prints, within bounds of size and time. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"
#include "tests/runtime/host.h"

static int output_of(const char *script, const struct gor_proc_opts *opts, size_t max_bytes,
                     int64_t deadline, struct gor_proc_output *out)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, NULL};
    return gor_proc_output("sh", argv, opts, max_bytes, deadline, out);
}

GO_TEST(output_of_both_streams_is_kept_apart)
{
    struct gor_proc_output out;
    CHECK_EQ(output_of("echo one; echo two >&2; exit 3", NULL, 1000, GOR_NEVER, &out), 0);
    CHECK_EQ(WEXITSTATUS(out.status), 3);
    CHECK_STR(out.out, "one\n");
    CHECK_EQ(out.out_bytes, 4);
    CHECK_STR(out.err, "two\n");
    CHECK_EQ(out.err_bytes, 4);
    CHECK(!out.truncated);
    gor_proc_output_free(&out);
    gor_proc_output_free(&out);
    gor_proc_output_free(NULL);
}

GO_TEST(output_that_goes_elsewhere_is_not_kept)
{
    struct gor_proc_output out;
    char path[256];
    snprintf(path, sizeof path, "%s/elsewhere", test_tmpdir());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct gor_proc_opts opts = {.out = {GOR_PROC_FD, fd}};
    CHECK_EQ(output_of("echo one; echo two >&2", &opts, 1000, GOR_NEVER, &out), 0);
    CHECK(out.out == NULL);
    CHECK_STR(out.err, "two\n");
    gor_proc_output_free(&out);
    opts = (struct gor_proc_opts){.err.kind = GOR_PROC_STDOUT};
    CHECK_EQ(output_of("echo one; echo two >&2", &opts, 1000, GOR_NEVER, &out), 0);
    CHECK_STR(out.out, "one\ntwo\n");
    CHECK(out.err == NULL);
    gor_proc_output_free(&out);
    CHECK_EQ(gor_close(fd), 0);
}

GO_TEST(output_beyond_the_bound_is_dropped_but_holds_up_nobody)
{
    struct gor_proc_output out;
    const char *const script = "head -c 300000 /dev/zero; head -c 1000 /dev/zero >&2; exit 1";
    CHECK_EQ(output_of(script, NULL, 5000, GOR_NEVER, &out), 0);
    CHECK_EQ(WEXITSTATUS(out.status), 1);
    CHECK_EQ(out.out_bytes, 5000);
    CHECK_EQ(out.err_bytes, 1000);
    CHECK(out.truncated);
    gor_proc_output_free(&out);
    CHECK_EQ(output_of(script, NULL, 300000, GOR_NEVER, &out), 0);
    CHECK_EQ(out.out_bytes, 300000);
    CHECK(!out.truncated);
    gor_proc_output_free(&out);
    CHECK_EQ(output_of("echo x", NULL, 0, GOR_NEVER, &out), 0);
    CHECK_STR(out.out, "");
    CHECK_EQ(out.out_bytes, 0);
    CHECK(out.truncated);
    gor_proc_output_free(&out);
    CHECK_EQ(output_of("echo x", NULL, SIZE_MAX, GOR_NEVER, &out), 0);
    CHECK_EQ(out.out_bytes, 2);
    gor_proc_output_free(&out);
}

/* Killed, though a grandchild holds the pipe open and is not. */
GO_TEST(output_ends_at_the_deadline_whoever_holds_the_pipe)
{
    struct gor_proc_output out = {.status = 77};
    char path[256];
    char script[512];
    char line[32] = "";
    snprintf(path, sizeof path, "%s/grandchild", test_tmpdir());
    snprintf(script, sizeof script, "sleep 1000 & echo $! >%s; wait", path);
    int64_t deadline = gor_after(300 * GOR_MILLISECOND);
    CHECK_EQ(output_of(script, NULL, 1000, deadline, &out), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(out.status, 77);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, line, sizeof line - 1) > 0) {
        CHECK_EQ(kill(atoi(line), SIGKILL), 0);
    }
    close(fd);
    /* The process ends at once, the grandchild stays: it is not waited for either. */
    snprintf(script, sizeof script, "sleep 1000 & echo $! >%s", path);
    CHECK_EQ(output_of(script, NULL, 1000, gor_after(300 * GOR_MILLISECOND), &out), -ETIMEDOUT);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    memset(line, 0, sizeof line);
    CHECK_INT(read(fd, line, sizeof line - 1), >, 0);
    CHECK_EQ(kill(atoi(line), SIGKILL), 0);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(output_of("echo x", NULL, 1000, 0, &out), -ETIMEDOUT);
}

struct canceller {
    struct gor_ctx *ctx;
    int fifo;
};

static void cancel_once_it_runs(void *arg)
{
    struct canceller *c = arg;
    char byte;
    CHECK_EQ(gor_read(c->fifo, &byte, 1, GOR_NEVER), 1);
    gor_ctx_cancel(c->ctx, "enough");
}

GO_TEST(output_ends_with_its_context)
{
    struct gor_proc_output out;
    int fds[2];
    struct canceller c;
    CHECK_EQ(gor_pipe(fds), 0);
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &c.ctx), 0);
    c.fifo = fds[0];
    gor_id_t id = spawn_id(cancel_once_it_runs, &c);
    struct gor_proc_opts opts = {.ctx = c.ctx, .fds = &fds[1], .fd_count = 1};
    CHECK_EQ(output_of("echo x >&3; exec sleep 1000", &opts, 1000, GOR_NEVER, &out), -ECANCELED);
    await_end(id);
    CHECK_EQ(output_of("echo x", &opts, 1000, GOR_NEVER, &out), -ECANCELED);
    gor_ctx_unref(c.ctx);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}

GO_TEST(output_of_what_cannot_be_started_is_an_error)
{
    char *argv[] = {"x", NULL};
    struct gor_proc_output out = {.status = 77};
    if (!spawn_tells_errors()) {
        test_skip("a child's failure to start a program is not told to its parent here");
        return;
    }
    CHECK_EQ(gor_proc_output("gor-no-such-program", argv, NULL, 1, GOR_NEVER, &out), -ENOENT);
    CHECK_EQ(out.status, 77);
}

TEST(output_outside_a_goroutine_is_refused)
{
    char *argv[] = {"true", NULL};
    struct gor_proc_output out;
    CHECK_EQ(gor_proc_output("true", argv, NULL, 1, GOR_NEVER, &out), -EPERM);
}
