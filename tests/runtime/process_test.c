/* SPDX-License-Identifier: MIT */
/* process_test.c - children by gor_proc: streams, descriptors, waiting, killing, contexts. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"
#include "tests/runtime/host.h"

static struct gor_proc *start(const char *script, const struct gor_proc_opts *opts)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, NULL};
    struct gor_proc *proc = NULL;
    CHECK_EQ(gor_proc_spawn("sh", argv, opts, &proc), 0);
    CHECK(proc != NULL);
    CHECK_INT(gor_proc_pid(proc), >, 0);
    return proc;
}

static int wait_for(struct gor_proc *proc)
{
    int status = -1;
    CHECK_EQ(gor_proc_wait(proc, &status, NULL, GOR_NEVER), 0);
    return status;
}

/* Read `fd` to its end and close it. */
static const char *read_text(int fd)
{
    static char text[65536];
    size_t length = 0;
    ssize_t n = 0;
    CHECK_INT(fd, >=, 0);
    while ((n = gor_read(fd, text + length, sizeof text - 1 - length, GOR_NEVER)) > 0) {
        length += (size_t)n;
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(gor_close(fd), 0);
    text[length] = '\0';
    return text;
}

/* What a shell prints that runs `script` as `opts` say, and ends well. */
static const char *text_of(const char *script, struct gor_proc_opts opts)
{
    opts.out.kind = GOR_PROC_PIPE;
    struct gor_proc *proc = start(script, &opts);
    const char *text = read_text(gor_proc_pipe(proc, 1));
    CHECK_EQ(wait_for(proc), 0);
    gor_proc_free(proc);
    return text;
}

GO_TEST(process_end_is_told_to_all_who_ask_and_again)
{
    struct rusage usage = {.ru_maxrss = -1};
    int status = -1;
    struct gor_proc *proc = start("exit 7", NULL);
    CHECK_EQ(gor_proc_wait(proc, &status, &usage, GOR_NEVER), 0);
    CHECK_EQ(WEXITSTATUS(status), 7);
    CHECK_INT(usage.ru_maxrss, >, 0);
    usage.ru_maxrss = -1;
    CHECK_EQ(gor_proc_wait(proc, NULL, &usage, 0), 0);
    CHECK_INT(usage.ru_maxrss, >, 0);
    CHECK_EQ(wait_for(proc), status);
    CHECK_EQ(gor_proc_kill(proc, SIGTERM), -ESRCH);
    CHECK_EQ(gor_proc_pipe(proc, 1), -EBADF);
    gor_proc_free(proc);
    gor_proc_free(NULL);
}

GO_TEST(process_that_runs_on_outlasts_a_deadline)
{
    struct gor_proc_opts opts = {.in.kind = GOR_PROC_PIPE};
    int status = 5;
    struct gor_proc *proc = start("cat; exit 3", &opts);
    int64_t deadline = gor_after(2 * GOR_MILLISECOND);
    CHECK_EQ(gor_proc_wait(proc, &status, NULL, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_proc_wait(proc, &status, NULL, 0), -ETIMEDOUT);
    CHECK_EQ(status, 5);
    CHECK_EQ(gor_close(gor_proc_pipe(proc, 0)), 0);
    CHECK_EQ(WEXITSTATUS(wait_for(proc)), 3);
    gor_proc_free(proc);
}

GO_TEST(process_streams_go_where_they_are_told)
{
    char bytes[32];
    struct gor_proc_opts opts = {
        .in.kind = GOR_PROC_PIPE, .out.kind = GOR_PROC_PIPE, .err.kind = GOR_PROC_PIPE};
    struct gor_proc *proc = start("read a; echo out-$a; read b; echo err-$b >&2", &opts);
    int in = gor_proc_pipe(proc, 0);
    int out = gor_proc_pipe(proc, 1);
    CHECK(fcntl(in, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(gor_proc_pipe(proc, 0), -EBADF);
    CHECK_EQ(gor_proc_pipe(proc, 3), -EINVAL);
    CHECK_EQ(gor_proc_pipe(proc, -1), -EINVAL);
    CHECK_EQ(gor_write_all(in, "x\n", 2, GOR_NEVER, NULL), 0);
    CHECK_EQ(gor_read(out, bytes, sizeof bytes, GOR_NEVER), 6);
    CHECK_EQ(memcmp(bytes, "out-x\n", 6), 0);
    CHECK_EQ(gor_write_all(in, "y\n", 2, GOR_NEVER, NULL), 0);
    CHECK_STR(read_text(gor_proc_pipe(proc, 2)), "err-y\n");
    CHECK_EQ(wait_for(proc), 0);
    CHECK_EQ(gor_close(in), 0);
    CHECK_EQ(gor_close(out), 0);
    gor_proc_free(proc);

    opts = (struct gor_proc_opts){.err.kind = GOR_PROC_STDOUT};
    CHECK_STR(text_of("echo one; echo two >&2; cat", opts), "one\ntwo\n");
}

GO_TEST(process_gets_the_descriptors_it_is_given_and_no_other)
{
    char path[256];
    int fds[2];
    snprintf(path, sizeof path, "%s/shared", test_tmpdir());
    int shared = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600); /* not close-on-exec */
    CHECK_INT(shared, >=, 0);
    CHECK_EQ(gor_pipe(fds), 0);
    CHECK_STR(text_of("echo /proc/self/fd/*", (struct gor_proc_opts){0}),
              "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n");
    /* Crossed over: what is to be 3 has the number 4 here, or the other way round. */
    const int extra[] = {fds[1], shared, fds[1]};
    struct gor_proc_opts opts = {.fds = extra, .fd_count = 3, .out = {GOR_PROC_FD, shared}};
    struct gor_proc *proc = start("echo three >&3; echo four >&4; echo out; echo five >&5", &opts);
    CHECK_EQ(wait_for(proc), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
    CHECK_STR(read_text(fds[0]), "three\nfive\n");
    CHECK_EQ(lseek(shared, 0, SEEK_SET), 0);
    CHECK_STR(read_text(shared), "four\nout\n");
    gor_proc_free(proc);
}

GO_TEST(process_environment_folder_and_signals_are_as_asked)
{
    char *env[] = {"ANSWER=42", "PATH=/usr/bin:/bin", NULL};
    struct gor_proc_opts opts = {.env = env, .dir = "/"};
    CHECK_STR(text_of("echo $ANSWER $HOME; pwd", opts), "42\n/\n");
    /* Nothing is blocked, though all is on our thread; a closed pipe ends it as it should. */
    CHECK_EQ(signal(SIGPIPE, SIG_IGN) == SIG_ERR, 0);
    const char *text =
        text_of("grep -E 'SigBlk|SigIgn' /proc/self/status", (struct gor_proc_opts){0});
    CHECK_EQ(signal(SIGPIPE, SIG_DFL) == SIG_ERR, 0);
    CHECK(strstr(text, "SigBlk:\t0000000000000000\n") != NULL);
    const char *ignored = strstr(text, "SigIgn:\t");
    CHECK(ignored != NULL);
    CHECK_EQ(strtoull(ignored + 8, NULL, 16) >> (SIGPIPE - 1) & 1, 0);
}

GO_TEST(process_that_cannot_be_started_is_an_error_and_nothing_more)
{
    char *argv[] = {"x", NULL};
    struct gor_proc *proc = NULL;
    char path[256];
    struct gor_proc_opts opts = {.dir = path};
    if (!spawn_tells_errors()) {
        test_skip("a child's failure to start a program is not told to its parent here");
        return;
    }
    CHECK_EQ(gor_proc_spawn("gor-no-such-program", argv, NULL, &proc), -ENOENT);
    snprintf(path, sizeof path, "%s/none/program", test_tmpdir());
    CHECK_EQ(gor_proc_spawn(path, argv, NULL, &proc), -ENOENT);
    CHECK_EQ(gor_proc_spawn("sh", argv, &opts, &proc), -ENOENT);
    snprintf(path, sizeof path, "%s/plain", test_tmpdir());
    int plain = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK_EQ(close(plain), 0);
    CHECK_EQ(gor_proc_spawn(path, argv, NULL, &proc), -EACCES);
    const int bad[] = {-1};
    opts = (struct gor_proc_opts){.fds = bad, .fd_count = 1};
    CHECK_EQ(gor_proc_spawn("true", argv, &opts, &proc), -EBADF);
    opts = (struct gor_proc_opts){.fd_count = GOR_PROC_FDS_MAX + 1};
    CHECK_EQ(gor_proc_spawn("true", argv, &opts, &proc), -EINVAL);
    opts = (struct gor_proc_opts){.new_group = true, .new_session = true};
    CHECK_EQ(gor_proc_spawn("true", argv, &opts, &proc), -EINVAL);
    opts = (struct gor_proc_opts){.out.kind = GOR_PROC_STDOUT};
    CHECK_EQ(gor_proc_spawn("true", argv, &opts, &proc), -EINVAL);
    opts = (struct gor_proc_opts){.in = {GOR_PROC_FD, -1}};
    CHECK_EQ(gor_proc_spawn("true", argv, &opts, &proc), -EBADF);
    opts = (struct gor_proc_opts){.in.kind = (enum gor_proc_stream_kind)77};
    CHECK_EQ(gor_proc_spawn("true", argv, &opts, &proc), -EINVAL);
    CHECK(proc == NULL);
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
}

/* ---- killing */

GO_TEST(process_is_killed_by_signal)
{
    struct gor_proc *proc = start("exec sleep 1000", NULL);
    CHECK_EQ(gor_proc_kill(proc, 0), 0);
    CHECK_EQ(gor_proc_kill(proc, 9999), -EINVAL);
    CHECK_EQ(gor_proc_kill(proc, -1), -EINVAL);
    CHECK_EQ(gor_proc_kill_group(proc, SIGTERM), -EINVAL);
    CHECK_EQ(gor_proc_kill(proc, SIGTERM), 0);
    CHECK_EQ(WTERMSIG(wait_for(proc)), SIGTERM);
    CHECK_EQ(gor_proc_kill(proc, SIGTERM), -ESRCH);
    gor_proc_free(proc);
}

/* The pipe ends only when the grandchild is gone, too. */
GO_TEST(process_group_is_killed_with_all_that_is_in_it)
{
    for (int i = 0; i < 2; i++) {
        char line[8];
        struct gor_proc_opts opts = {
            .out.kind = GOR_PROC_PIPE, .new_group = i == 0, .new_session = i == 1};
        struct gor_proc *proc = start("sleep 1000 & echo ready; wait", &opts);
        int out = gor_proc_pipe(proc, 1);
        CHECK_EQ(gor_read(out, line, sizeof line, GOR_NEVER), 6);
        CHECK_EQ(getpgid(gor_proc_pid(proc)), gor_proc_pid(proc));
        CHECK_EQ(gor_proc_kill_group(proc, SIGTERM), 0);
        CHECK_EQ(gor_read(out, line, sizeof line, GOR_NEVER), 0);
        CHECK_EQ(WTERMSIG(wait_for(proc)), SIGTERM);
        CHECK_EQ(gor_close(out), 0);
        /* Of the group nothing is left but, maybe, what nobody has reaped. */
        int error = gor_proc_kill_group(proc, SIGTERM);
        CHECK(error == -ESRCH || error == 0);
        gor_proc_free(proc);
    }
}

GO_TEST(process_let_go_is_reaped_at_its_end)
{
    struct gor_proc_opts opts = {.in.kind = GOR_PROC_PIPE};
    struct gor_proc *proc = start("read a", &opts);
    pid_t pid = gor_proc_pid(proc);
    int in = gor_proc_pipe(proc, 0);
    gor_proc_free(proc);
    CHECK_EQ(kill(pid, 0), 0);
    CHECK_EQ(gor_close(in), 0);
    YIELD_UNTIL(kill(pid, 0) == -1 && errno == ESRCH)
}

GO_TEST(process_reaped_by_others_is_an_error)
{
    int status = 5;
    struct gor_proc *proc = start("exit 0", NULL);
    while (waitpid(gor_proc_pid(proc), NULL, WNOHANG) == 0) {
        gor_yield();
    }
    CHECK_EQ(gor_proc_wait(proc, &status, NULL, GOR_NEVER), -ECHILD);
    CHECK_EQ(gor_proc_wait(proc, &status, NULL, 0), -ECHILD);
    CHECK_EQ(status, 5);
    gor_proc_free(proc);
}

/* ---- contexts */

static struct gor_ctx *new_ctx(void)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    return ctx;
}

GO_TEST(process_is_killed_by_the_end_of_its_context)
{
    char *argv[] = {"true", NULL};
    struct gor_proc_opts opts = {.ctx = new_ctx()};
    struct gor_proc *proc = start("exec sleep 1000", &opts);
    gor_ctx_cancel(opts.ctx, NULL);
    CHECK_EQ(WTERMSIG(wait_for(proc)), SIGKILL);
    gor_proc_free(proc);
    CHECK_EQ(gor_proc_spawn("true", argv, &opts, &proc), -ECANCELED);
    gor_ctx_unref(opts.ctx);
}

GO_TEST(process_has_its_grace_to_end_by_itself)
{
    char line[8];
    struct gor_proc_opts opts = {
        .ctx = new_ctx(), .grace_ns = 1000 * GOR_SECOND, .out.kind = GOR_PROC_PIPE};
    struct gor_proc *proc =
        start("trap 'exit 4' TERM; echo up; while :; do sleep 0.01; done", &opts);
    CHECK_EQ(gor_read(gor_proc_pipe(proc, 1), line, sizeof line, GOR_NEVER), 3);
    gor_ctx_cancel(opts.ctx, NULL);
    CHECK_EQ(WEXITSTATUS(wait_for(proc)), 4);
    gor_proc_free(proc);
    gor_ctx_unref(opts.ctx);

    opts = (struct gor_proc_opts){.ctx = new_ctx(),
                                  .grace_ns = 5 * GOR_MILLISECOND,
                                  .out.kind = GOR_PROC_PIPE,
                                  .new_group = true};
    proc = start("trap '' TERM; echo up; while :; do sleep 0.01; done", &opts);
    int out = gor_proc_pipe(proc, 1);
    CHECK_EQ(gor_read(out, line, sizeof line, GOR_NEVER), 3);
    gor_ctx_cancel(opts.ctx, NULL);
    CHECK_EQ(WTERMSIG(wait_for(proc)), SIGKILL);
    CHECK_STR(read_text(out), "");
    gor_proc_free(proc);
    gor_ctx_unref(opts.ctx);
}

GO_TEST(process_that_has_ended_leaves_its_context_alone)
{
    struct gor_proc_opts opts = {.ctx = new_ctx()};
    for (int i = 0; i < 20; i++) {
        struct gor_proc *proc = start("exit 0", &opts);
        CHECK_EQ(wait_for(proc), 0);
        gor_proc_free(proc);
    }
    /* One is let go before its end, and killed by the context all the same. */
    struct gor_proc *proc = start("exec sleep 1000", &opts);
    pid_t pid = gor_proc_pid(proc);
    gor_proc_free(proc);
    gor_ctx_cancel(opts.ctx, NULL);
    gor_ctx_unref(opts.ctx);
    YIELD_UNTIL(kill(pid, 0) == -1 && errno == ESRCH)
}

/* ---- many */

struct watcher {
    struct gor_proc *proc;
    int code;
    struct gor_waitgroup *wg;
};

static void watch(void *arg)
{
    struct watcher *w = arg;
    int status = -1;
    CHECK_EQ(gor_proc_wait(w->proc, &status, NULL, GOR_NEVER), 0);
    CHECK_EQ(WEXITSTATUS(status), w->code);
    gor_waitgroup_done(w->wg);
}

GO_TEST(processes_by_the_dozen_each_with_several_waiters)
{
    enum { CHILDREN = SCALED(40, 20, 12), WAITERS = 3 };
    struct gor_waitgroup wg = {0};
    struct watcher watchers[CHILDREN];
    char script[32];
    for (int i = 0; i < CHILDREN; i++) {
        snprintf(script, sizeof script, "exit %d", i);
        watchers[i] = (struct watcher){start(script, NULL), i, &wg};
        gor_waitgroup_add(&wg, WAITERS);
        for (int k = 0; k < WAITERS; k++) {
            spawn(watch, &watchers[i]);
        }
    }
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < CHILDREN; i++) {
        gor_proc_free(watchers[i].proc);
    }
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
}

TEST(process_calls_outside_a_goroutine_are_refused)
{
    char *argv[] = {"true", NULL};
    struct gor_proc *proc = NULL;
    CHECK_EQ(gor_proc_spawn("true", argv, NULL, &proc), -EPERM);
}
