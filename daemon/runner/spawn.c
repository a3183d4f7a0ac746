/* SPDX-License-Identifier: MIT */
#include "daemon/runner/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/runner/children.h"
#include "daemon/runner/text.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define IOPRIO_WHO_PROCESS 1 /* linux/ioprio.h */
#define CHILD_STACK_BYTES ((size_t)64 * 1024)

/* The child runs on the parent's memory: a sanitizer's bookkeeping of it would outlive it. */
#define IN_CHILD __attribute__((no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))

enum step {
    STEP_NONE,
    STEP_CGROUP,
    STEP_CWD,
    STEP_STDIO,
    STEP_LIMIT,
    STEP_USER,
    STEP_PLACE,
    STEP_PRIVS,
    STEP_EXEC
};

/* clone() under the name that TSan does not put its own in front of: that one takes the child for a
 * fork with memory of its own, and stops looking at the parent. */
/* NOLINTNEXTLINE(readability-identifier-naming) */
extern int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

/* What parent and child share. */
struct child {
    const struct gord_spawn *spec;
    char **candidates; /* owned: the paths to try, in order, ends with NULL */
    volatile enum step failed_step;
    volatile int failed_errno;
    volatile int failed_resource;      /* with STEP_LIMIT */
    const char *volatile failed_place; /* with STEP_PLACE: what could not be had */
};

/* In the child every call is the bare system call: libc's wrappers keep books (and sanitizers', on
 * top of them, their own), which are the parent's. Answers 0 or more, else -1 with errno set, which
 * is the parent's too and not looked at there. */
#define CALL(...) syscall(__VA_ARGS__)

/* The kernel's own struct sigaction and the size of its mask. */
#define KERNEL_MASK_BYTES 8
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned char mask[KERNEL_MASK_BYTES];
};

IN_CHILD static void child_fail(struct child *c, enum step step, int error)
{
    c->failed_step = step;
    c->failed_errno = error;
    CALL(SYS_exit_group, 127);
}

IN_CHILD static void child_reset_signals(void)
{
    struct kernel_sigaction action = {NULL, 0, NULL, {0}}; /* SIG_DFL */

    for (int sig = 1; sig < KERNEL_MASK_BYTES * 8 + 1; sig++) {
        /* Refused for KILL and STOP. */
        CALL(SYS_rt_sigaction, sig, &action, NULL, KERNEL_MASK_BYTES);
    }
}

IN_CHILD static void child_set_up_stdio(struct child *c)
{
    long in_fd = c->spec->has_stdin
                     ? c->spec->stdin_fd
                     : CALL(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);

    if (in_fd < 0 || CALL(SYS_dup3, in_fd, 0, 0) < 0 ||
        CALL(SYS_dup3, c->spec->stdout_fd, 1, 0) < 0 ||
        CALL(SYS_dup3, c->spec->stderr_fd, 2, 0) < 0) {
        child_fail(c, STEP_STDIO, errno);
    }
    unsigned first_other = 3;
    for (; c->spec->report_fds != NULL && first_other < 5; first_other++) {
        if (CALL(SYS_dup3, c->spec->report_fds[first_other - 3], first_other, 0) < 0) {
            child_fail(c, STEP_STDIO, errno);
        }
    }
    /* Everything of ours is close-on-exec; this is against what we were started with. */
    CALL(SYS_close_range, first_other, ~0U, 0);
}

/* Only a privileged process may raise a hard limit; others get as near as they may. */
IN_CHILD static void child_set_limits(struct child *c, const struct gord_rlimits *limits)
{
    for (size_t i = 0; i < limits->count; i++) {
        const struct gord_rlimit *item = &limits->items[i];
        struct rlimit now;
        if (CALL(SYS_prlimit64, 0, item->resource, &item->value, NULL) == 0) {
            continue;
        }
        if (item->strict) {
            c->failed_resource = item->resource;
            child_fail(c, STEP_LIMIT, errno);
        }
        if (CALL(SYS_prlimit64, 0, item->resource, NULL, &now) == 0) {
            now.rlim_cur =
                item->value.rlim_cur < now.rlim_max ? item->value.rlim_cur : now.rlim_max;
            CALL(SYS_prlimit64, 0, item->resource, &now, NULL);
        }
    }
}

/* The bare calls change this process only. Groups first: without root's rights that cannot be done. */
IN_CHILD static void child_become(struct child *c, const struct gord_user *user)
{
    if (CALL(SYS_setgroups, user->group_count, user->groups) != 0 ||
        CALL(SYS_setresgid, user->gid, user->gid, user->gid) != 0 ||
        CALL(SYS_setresuid, user->uid, user->uid, user->uid) != 0) {
        child_fail(c, STEP_USER, errno);
    }
}

/* What was asked for and cannot be had. */
IN_CHILD static void child_lacks(struct child *c, const char *what, int error)
{
    if (c->spec->placement->strict) {
        c->failed_place = what;
        child_fail(c, STEP_PLACE, error);
    }
}

/* With a cpuset the kernel takes of the CPUs asked for those that are in it. */
IN_CHILD static bool child_is_on(const cpu_set_t *cpus)
{
    cpu_set_t now;
    const unsigned char *one = (const unsigned char *)cpus;
    const unsigned char *other = (const unsigned char *)&now;
    bool same = true;

    for (size_t i = 0; i < sizeof(now) / sizeof(long); i++) {
        ((volatile long *)&now)[i] = 0;
    }
    CALL(SYS_sched_getaffinity, 0, sizeof(now), &now);
    for (size_t i = 0; i < sizeof(now); i++) {
        same = same && one[i] == other[i];
    }
    return same;
}

/* By the rights of whom it runs as. */
IN_CHILD static void child_place(struct child *c, const struct gord_placement *placement)
{
    if (placement->has_cpus) {
        if (CALL(SYS_sched_setaffinity, 0, sizeof(placement->cpus), &placement->cpus) != 0) {
            child_lacks(c, "cpus", errno);
        } else if (!child_is_on(&placement->cpus)) {
            child_lacks(c, "cpus", EINVAL);
        }
    }
    if (placement->nice != 0 && CALL(SYS_setpriority, PRIO_PROCESS, 0, placement->nice) != 0) {
        child_lacks(c, "nice", errno);
    }
    if (placement->ioprio != 0 &&
        CALL(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, placement->ioprio) != 0) {
        child_lacks(c, "ionice", errno);
    }
}

/* As execvp: go on to the next folder while the file is missing there, remember that one was there
 * but not allowed. */
IN_CHILD static void child_exec(struct child *c)
{
    int worst = ENOENT;

    for (char **path = c->candidates; *path != NULL; path++) {
        CALL(SYS_execve, *path, c->spec->argv, c->spec->env);
        if (errno == EACCES) {
            worst = EACCES;
        } else if (errno != ENOENT && errno != ENOTDIR) {
            child_fail(c, STEP_EXEC, errno);
        }
    }
    child_fail(c, STEP_EXEC, worst);
}

IN_CHILD static int child_main(void *arg)
{
    struct child *c = arg;
    const struct gord_spawn *spec = c->spec;
    const char *cwd = spec->cwd != NULL && spec->cwd[0] != '\0' ? spec->cwd : "/";
    unsigned char none[KERNEL_MASK_BYTES] = {0};

    child_reset_signals();
    CALL(SYS_setpgid, 0, 0);
    if (spec->has_umask) {
        CALL(SYS_umask, spec->umask);
    }
    /* First, so that everything it does counts there. */
    if (spec->has_cgroup && CALL(SYS_write, spec->cgroup_fd, "0", 1) != 1) {
        child_fail(c, STEP_CGROUP, errno);
    }
    child_set_up_stdio(c);
    if (spec->rlimits != NULL) {
        child_set_limits(c, spec->rlimits);
    }
    if (spec->user != NULL) {
        child_become(c, spec->user);
    }
    if (spec->placement != NULL) {
        child_place(c, spec->placement);
    }
    /* As that user, who may not enter every folder. */
    if (CALL(SYS_chdir, cwd) != 0) {
        child_fail(c, STEP_CWD, errno);
    }
    /* Last but for the exec: it holds for that. */
    if (spec->no_new_privs && CALL(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        child_fail(c, STEP_PRIVS, errno);
    }
    CALL(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, KERNEL_MASK_BYTES);
    child_exec(c);
    return 127;
}

static const char *path_of(char *const *env)
{
    for (; *env != NULL; env++) {
        if (strncmp(*env, "PATH=", 5) == 0) {
            return *env + 5;
        }
    }
    return DEFAULT_PATH;
}

static void free_candidates(char **list)
{
    for (char **p = list; list != NULL && *p != NULL; p++) {
        free(*p);
    }
    free(list);
}

/* "dir/name"; an empty entry of PATH means the current folder. */
static char *join_path(const char *dir, size_t dir_bytes, const char *name)
{
    char *path = NULL;

    if (asprintf(&path, "%.*s%s%s", (int)dir_bytes, dir, dir_bytes > 0 ? "/" : "./", name) < 0) {
        return NULL;
    }
    return path;
}

static bool fill_from_path(char **list, const char *program, const char *path)
{
    for (size_t at = 0;; at++) {
        const char *end = strchrnul(path, ':');
        list[at] = join_path(path, (size_t)(end - path), program);
        if (list[at] == NULL) {
            return false;
        }
        if (*end == '\0') {
            return true;
        }
        path = end + 1;
    }
}

/* A name with a slash is taken as it is, as the shell does. */
static char **list_candidates(const char *program, const char *path)
{
    bool search = strchr(program, '/') == NULL;
    size_t count = 1;

    for (const char *p = path; search && *p != '\0'; p++) {
        count += *p == ':';
    }
    char **list = calloc(count + 1, sizeof(*list));
    if (list == NULL) {
        return NULL;
    }
    if (search ? fill_from_path(list, program, path) : (list[0] = strdup(program)) != NULL) {
        return list;
    }
    free_candidates(list);
    return NULL;
}

/* The sentence for people. */
static void describe(const struct gord_spawn *spec, const struct child *c, char *out, size_t bytes)
{
    char program[128];
    char extra[160];
    const char *path = path_of(spec->env);

    gord_text_clean(spec->argv[0], strlen(spec->argv[0]), program, sizeof(program));
    if (c->failed_step == STEP_CWD) {
        gord_text_clean(spec->cwd, strlen(spec->cwd), extra, sizeof(extra));
        snprintf(out, bytes, "cannot start '%s': cannot enter folder '%s': %s", program, extra,
                 strerror(c->failed_errno));
    } else if (c->failed_step == STEP_CGROUP) {
        snprintf(out, bytes, "cannot start '%s': cannot enter its control group: %s", program,
                 strerror(c->failed_errno));
    } else if (c->failed_step == STEP_LIMIT) {
        snprintf(out, bytes,
                 "cannot start '%s': the limit '%s' cannot be set as asked (it is strict): %s",
                 program, gord_rlimit_name(c->failed_resource), strerror(c->failed_errno));
    } else if (c->failed_step == STEP_PLACE) {
        snprintf(out, bytes, "cannot start '%s': %s cannot be set as asked (it is strict): %s",
                 program, c->failed_place, strerror(c->failed_errno));
    } else if (c->failed_step == STEP_USER) {
        snprintf(out, bytes, "cannot start '%s': cannot become user %u: %s", program,
                 spec->user->uid, strerror(c->failed_errno));
    } else if (c->failed_step == STEP_PRIVS) {
        snprintf(out, bytes, "cannot start '%s': cannot keep it from gaining rights: %s", program,
                 strerror(c->failed_errno));
    } else if (c->failed_step == STEP_STDIO) {
        snprintf(out, bytes, "cannot start '%s': cannot set up its standard files: %s", program,
                 strerror(c->failed_errno));
    } else if (c->failed_errno == ENOENT && strchr(spec->argv[0], '/') == NULL) {
        gord_text_clean(path, strlen(path), extra, sizeof(extra));
        snprintf(out, bytes, "cannot start '%s': not found in PATH (%s%s)", program, extra,
                 strlen(path) >= sizeof(extra) ? " ..." : "");
    } else if (c->failed_errno == ENOEXEC) {
        snprintf(out, bytes, "cannot start '%s': not a program (a script needs a #! line)",
                 program);
    } else {
        snprintf(out, bytes, "cannot start '%s': %s", program, strerror(c->failed_errno));
    }
}

/* Clone with every signal blocked, so that no handler runs in the child on our memory. */
static pid_t clone_child(struct child *c, int *out_pidfd)
{
    char *stack = malloc(CHILD_STACK_BYTES);
    sigset_t all;
    sigset_t old;

    if (stack == NULL) {
        errno = ENOMEM;
        return -1;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int dumpable = prctl(PR_GET_DUMPABLE);
    pid_t pid = __clone(child_main, stack + CHILD_STACK_BYTES,
                        CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, c, out_pidfd);
    int saved = errno;
    if (c->spec->user != NULL && dumpable == 1) {
        (void)prctl(PR_SET_DUMPABLE, 1); /* it is of the memory, which the child had with us */
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    free(stack);
    errno = saved;
    return pid;
}

int gord_spawn_start(const struct gord_spawn *spec, pid_t *out_pid, int *out_pidfd, char *error,
                     size_t error_bytes)
{
    struct child c = {.spec = spec, .failed_step = STEP_NONE};
    int pidfd = -1;
    int result = 0;

    c.candidates = list_candidates(spec->argv[0], path_of(spec->env));
    if (c.candidates == NULL) {
        snprintf(error, error_bytes, "cannot start a program: out of memory");
        return -ENOMEM;
    }
    pid_t pid = clone_child(&c, &pidfd);
    if (pid < 0) {
        result = -errno;
        c.failed_errno = errno;
        c.failed_step = STEP_EXEC;
        describe(spec, &c, error, error_bytes);
    } else if (c.failed_step != STEP_NONE) {
        (void)gord_children_wait(pid, NULL, 0, NULL);
        close(pidfd);
        result = -c.failed_errno;
        describe(spec, &c, error, error_bytes);
    } else {
        *out_pid = pid;
        *out_pidfd = pidfd;
    }
    free_candidates(c.candidates);
    return result;
}
