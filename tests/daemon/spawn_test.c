/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/runner/children.h"
#include "daemon/runner/proc.h"
#include "daemon/runner/spawn.h"
#include "daemon/runner/text.h"
#include "runtime/gor.h"
#include "tests/test.h"

static char *plain_env[] = {"PATH=/usr/bin:/bin", NULL};

/* Run it to its end; what it wrote to stdout is in `out`. Answers the wait status, or -errno. */
static int run(struct gord_spawn *spec, char *out, size_t out_bytes, char *error)
{
    pid_t pid = 0;
    int pidfd = -1;
    int ends[2];
    int status = 0;
    size_t at = 0;

    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    spec->stdout_fd = ends[1];
    spec->stderr_fd = ends[1];
    int result = gord_spawn_start(spec, &pid, &pidfd, error, 512);
    close(ends[1]);
    if (result == 0) {
        for (ssize_t n; (n = read(ends[0], out + at, out_bytes - at - 1)) > 0;) {
            at += (size_t)n;
        }
        struct pollfd ended = {.fd = pidfd, .events = POLLIN};
        CHECK_EQ(poll(&ended, 1, 60000), 1);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        close(pidfd);
        result = status;
    }
    out[at] = '\0';
    close(ends[0]);
    return result;
}

static int run_shell(const char *script, char *out, size_t out_bytes)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, NULL};
    struct gord_spawn spec = {.argv = argv, .env = plain_env, .has_umask = true, .umask = 026};
    char error[512] = "";
    int status = run(&spec, out, out_bytes, error);

    CHECK_STR(error, "");
    return status;
}

TEST(spawn_keeps_from_gaining_rights_only_who_is_to_be)
{
    char out[64];
    char error[512] = "";
    char *argv[] = {"sh", "-c", "sh -c 'grep NoNewPrivs /proc/self/status'", NULL};
    int ours = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

    for (int forbidden = 0; forbidden <= 1; forbidden++) {
        struct gord_spawn spec = {.argv = argv, .env = plain_env, .no_new_privs = forbidden};
        CHECK_EQ(run(&spec, out, sizeof(out), error), 0);
        CHECK_STR(out, forbidden || ours ? "NoNewPrivs:\t1\n" : "NoNewPrivs:\t0\n");
    }
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), ours);
}

TEST(spawn_places_it_or_says_why_it_is_not)
{
    char out[64];
    char error[512] = "";
    char *argv[] = {
        "sh", "-c",
        "nice; grep -c . /proc/self/status >/dev/null; grep Cpus_allowed_list /proc/self/status",
        NULL};
    struct gord_placement placement = {.has_cpus = true, .nice = 7};
    struct gord_spawn spec = {.argv = argv, .env = plain_env, .placement = &placement};
    cpu_set_t ours;
    size_t first = 0;
    char expected[64];

    CHECK_EQ(sched_getaffinity(0, sizeof(ours), &ours), 0);
    while (!CPU_ISSET(first, &ours)) {
        first++;
    }
    CPU_ZERO(&placement.cpus);
    CPU_SET(first, &placement.cpus);
    placement.strict = true;
    CHECK_EQ(run(&spec, out, sizeof(out), error), 0);
    snprintf(expected, sizeof(expected), "7\nCpus_allowed_list:\t%zu\n", first);
    CHECK_STR(out, expected);
    CPU_SET(CPU_SETSIZE - 1, &placement.cpus); /* one that is there, and one that is not */
    CHECK_EQ(run(&spec, out, sizeof(out), error), -EINVAL);
    CHECK_STR(error,
              "cannot start 'sh': cpus cannot be set as asked (it is strict): Invalid argument");
    placement.strict = false;
    CHECK_EQ(run(&spec, out, sizeof(out), error), 0);
    CHECK_STR(out, expected);
    placement = (struct gord_placement){.strict = true, .ioprio = 7 << 13};
    CHECK_EQ(run(&spec, out, sizeof(out), error), -EINVAL);
    CHECK_STR(error,
              "cannot start 'sh': ionice cannot be set as asked (it is strict): Invalid argument");
}

TEST(spawn_gives_group_umask_folder_and_no_descriptors)
{
    char out[512];
    int held = open("/dev/null", O_RDONLY); /* not close-on-exec on purpose */

    CHECK_EQ(run_shell("umask; pwd; readlink /proc/self/fd/0; ls /proc/self/fd | tr '\\n' ' '", out,
                       sizeof(out)),
             0);
    CHECK_STR(out, "0026\n/\n/dev/null\n0 1 2 3 ");
    close(held);
}

TEST(spawn_leads_a_process_group)
{
    char out[512];

    CHECK_EQ(run_shell("set -- $(cat /proc/$$/stat); [ $5 = $$ ] && echo leader", out, sizeof(out)),
             0);
    CHECK_STR(out, "leader\n");
}

TEST(spawn_resets_signals)
{
    char out[512];
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_EQ(run_shell("grep -E 'Sig(Blk|Ign)' /proc/self/status | grep -c 0000000000000000", out,
                       sizeof(out)),
             0);
    CHECK_STR(out, "2\n");
    CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
}

TEST(spawn_reports_exit_and_signal)
{
    char out[64];

    int status = run_shell("exit 42", out, sizeof(out));
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 42);
    status = run_shell("kill -9 $$", out, sizeof(out));
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGKILL);
}

static void expect_failure(char *program, char **env, const char *cwd, int want_errno,
                           const char *want_text)
{
    char *argv[] = {program, NULL};
    struct gord_spawn spec = {.argv = argv, .env = env, .cwd = cwd};
    char out[64];
    char error[512] = "";

    CHECK_EQ(run(&spec, out, sizeof(out), error), -want_errno);
    CHECK_STR(error, want_text);
}

TEST(spawn_says_what_failed)
{
    char *odd_env[] = {"PATH=/no/where:/usr/\x01", NULL};

    expect_failure("nosuch", plain_env, "", ENOENT,
                   "cannot start 'nosuch': not found in PATH (/usr/bin:/bin)");
    expect_failure("no\nsuch", odd_env, "", ENOENT,
                   "cannot start 'no\\x0asuch': not found in PATH (/no/where:/usr/\\x01)");
    char long_path[400] = "PATH=";
    memset(long_path + 5, '/', sizeof(long_path) - 6);
    char *long_env[] = {long_path, NULL};
    char text[512];
    snprintf(text, sizeof(text), "cannot start 'nosuch': not found in PATH (%.159s ...)",
             long_path + 5);
    expect_failure("nosuch", long_env, "", ENOENT, text);
    expect_failure("/no/such", plain_env, "", ENOENT,
                   "cannot start '/no/such': No such file or directory");
    expect_failure("/etc/passwd", plain_env, "", EACCES,
                   "cannot start '/etc/passwd': Permission denied");
    expect_failure("true", plain_env, "/no/folder", ENOENT,
                   "cannot start 'true': cannot enter folder '/no/folder': No such file or "
                   "directory");
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD); /* the failed children are reaped */
}

TEST(spawn_searches_the_path_of_the_job)
{
    char path_env[512];
    char program[512];
    char *env[] = {path_env, NULL};
    char *argv[] = {"mine", NULL};
    struct gord_spawn spec = {.argv = argv, .env = env, .cwd = test_tmpdir()};
    char out[64];
    char error[512] = "";

    snprintf(program, sizeof(program), "%s/mine", test_tmpdir());
    FILE *file = fopen(program, "w");
    CHECK(file != NULL);
    fputs("#!/bin/sh\necho mine\n", file);
    fclose(file);
    snprintf(path_env, sizeof(path_env), "PATH=/nowhere:/etc/passwd:%s", test_tmpdir());
    /* There, but not allowed, is another answer than not there. */
    CHECK_EQ(chmod(program, 0600), 0);
    CHECK_EQ(run(&spec, out, sizeof(out), error), -EACCES);
    CHECK_EQ(chmod(program, 0700), 0);
    CHECK_EQ(run(&spec, out, sizeof(out), error), 0);
    CHECK_STR(out, "mine\n");
    /* An empty entry is the folder it starts in. */
    snprintf(path_env, sizeof(path_env), "PATH=:/nowhere");
    CHECK_EQ(run(&spec, out, sizeof(out), error), 0);
    CHECK_STR(out, "mine\n");
}

TEST(proc_reads_this_process)
{
    struct gord_proc proc;
    struct gord_proc again;
    char value[64];

    CHECK_EQ(gord_proc_read(getpid(), &proc), 0);
    CHECK_EQ(proc.parent, getppid());
    CHECK_EQ(proc.group, getpgrp());
    CHECK(proc.start_ticks > 0);
    CHECK_EQ(gord_proc_read(getpid(), &again), 0);
    CHECK_EQ(proc.start_ticks, again.start_ticks);
    CHECK_EQ(gord_proc_read(0x7ffffff0, &proc), -ESRCH);
    CHECK_EQ(gord_proc_env(getpid(), "GOR_NO_SUCH_VARIABLE", value, sizeof(value)), -ENOENT);
    CHECK_EQ(gord_proc_env(getpid(), "PATH", value, sizeof(value)), 0);
}

static pid_t fork_and_exit(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    siginfo_t info;
    CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    return pid;
}

TEST(children_reaps_orphans_and_never_a_job)
{
    struct gord_children children;

    gord_children_init(&children);
    pid_t orphan = fork_and_exit();
    gord_children_begin(&children);
    pid_t job = fork_and_exit();
    CHECK_EQ(gord_children_end(&children, job), 0);
    CHECK_EQ(gord_children_reap(&children), 0);
    CHECK_EQ(waitpid(orphan, NULL, WNOHANG), -1);
    CHECK_EQ(waitpid(job, NULL, WNOHANG), job);
    struct gord_use use = {0};
    gord_children_forget(&children, job, &use);
    CHECK_EQ(use.peak_memory_bytes, 0); /* the orphan was not in the job's group */
    gord_children_fini(&children);
}

TEST(children_leaves_alone_what_a_spawn_under_way_may_claim)
{
    struct gord_children children;

    gord_children_init(&children);
    gord_children_begin(&children);
    pid_t unborn = fork_and_exit(); /* a job whose spawn has not come back yet */
    CHECK_EQ(gord_children_reap(&children), 1);
    CHECK_EQ(gord_children_reap(&children), 1);
    CHECK_EQ(gord_children_reap(&children), 1);
    CHECK_EQ(gord_children_end(&children, unborn), 0);
    CHECK_EQ(gord_children_reap(&children), 0);
    CHECK_EQ(waitpid(unborn, NULL, WNOHANG), unborn);
    gord_children_fini(&children);
}

TEST(text_clean_and_utf8)
{
    static const struct {
        const char *in;
        const char *out;
        bool valid;
    } rows[] = {
        {"plain", "plain", true},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true},
        {"a\nb\x7f", "a\\x0ab\\x7f", true},
        {"\xff", "\\xff", false},
        {"\xc3", "\\xc3", false},
        {"\xc0\x80", "\\xc0\\x80", false},                   /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", false},          /* a surrogate */
        {"\xe0\x80\x80", "\\xe0\\x80\\x80", false},          /* overlong */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", false}, /* beyond the last code point */
    };
    char out[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_STR(gord_text_clean(rows[i].in, strlen(rows[i].in), out, sizeof(out)), rows[i].out);
        CHECK_EQ(gord_text_is_utf8(rows[i].in, strlen(rows[i].in)), rows[i].valid);
    }
    /* Cut only between characters. */
    CHECK_STR(gord_text_clean("ab\xe2\x82\xac", 5, out, 5), "ab");
    CHECK_STR(gord_text_clean("ab\n", 3, out, 6), "ab");
    CHECK_STR(gord_text_clean("x", 1, out, 1), "");
}
