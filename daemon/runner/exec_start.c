/* SPDX-License-Identifier: MIT */
/* exec_start.c - from what a job says to a process: arguments, environment, limits, control group. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/runner/exec.h"
#include "daemon/runner/limits.h"
#include "daemon/runner/spawn.h"

/* ------------------------------------------------------------------ arguments */

static char *to_text(const ProtobufCBinaryData *bytes)
{
    char *text = malloc(bytes->len + 1);

    if (text != NULL && bytes->len > 0) {
        memcpy(text, bytes->data, bytes->len);
    }
    if (text != NULL) {
        text[bytes->len] = '\0';
    }
    return text;
}

/* Does `text` set the variable that one of ours sets? Only our own word on those counts. */
static bool is_ours(const char *text, const char *const *ours)
{
    for (; *ours != NULL; ours++) {
        if (strncmp(text, *ours, strcspn(*ours, "=") + 1) == 0) {
            return true;
        }
    }
    return false;
}

/* `ours` are put behind them; ends with NULL. */
static char **to_vector(const ProtobufCBinaryData *items, size_t count, const char *const *ours)
{
    size_t at = 0;
    size_t more = 0;

    while (ours[more] != NULL) {
        more++;
    }
    char **vector = calloc(count + more + 1, sizeof(*vector));

    for (size_t i = 0; vector != NULL && i < count; i++) {
        char *text = to_text(&items[i]);
        if (text == NULL) {
            goto free_vector;
        }
        if (is_ours(text, ours)) {
            free(text);
            continue;
        }
        vector[at++] = text;
    }
    for (size_t i = 0; vector != NULL && i < more; i++) {
        vector[at] = strdup(ours[i]);
        if (vector[at++] == NULL) {
            goto free_vector;
        }
    }
    return vector;
free_vector:
    for (size_t i = 0; i < at; i++) {
        free(vector[i]);
    }
    free(vector);
    return NULL;
}

static void free_vector(char **vector)
{
    for (char **p = vector; vector != NULL && *p != NULL; p++) {
        free(*p);
    }
    free(vector);
}

/* ------------------------------------------------------------------ start */

/* The most memory we ever had. A process that is started shares ours until its exec, and that counts
 * for it. The kernel adds its pages up roughly, so a little more is as good as equal. */
static uint64_t own_peak(void)
{
    struct rusage rusage;
    uint64_t peak = 0;

    if (getrusage(RUSAGE_SELF, &rusage) == 0) {
        peak = (uint64_t)rusage.ru_maxrss * 1024;
    }
    return peak + peak / 16;
}

/* The control group it asks for, and the door to it in *out_door; both -1 without. */
static int make_group(struct gord_exec *exec, int *out_door)
{
    const struct gord_cgroups *groups = &exec->run->env->cgroups;
    const Gor__V1__Limits *limits = exec->spec->limits;

    *out_door = -1;
    if (limits == NULL || !gord_limits_want_group(limits) || groups->jobs_fd < 0) {
        return 0;
    }
    struct gord_cgroup_limits held = {limits->memory_bytes, limits->cpu_milli, limits->processes};
    int group = gord_cgroup_make(groups, exec->run->id, &held);
    if (group < 0) {
        return group;
    }
    exec->tree.group = group;
    int door = gord_cgroup_door(group);
    if (door < 0) {
        return door;
    }
    *out_door = door;
    return 0;
}

static int spawn(struct gord_exec *exec, struct gord_spawn *what)
{
    struct gord_run *run = exec->run;

    gord_children_begin(&run->env->children);
    int result =
        gord_spawn_start(what, &exec->tree.leader, &exec->pidfd, run->detail, sizeof(run->detail));
    gord_children_end(&run->env->children, result == 0 ? exec->tree.leader : 0);
    exec->floor_bytes = own_peak(); /* no less than at its exec, which is over */
    return result;
}

/* With its limits, for which `rlimits` has room, and in its group. */
static int spawn_limited(struct gord_exec *exec, struct gord_spawn *what,
                         struct gord_rlimits *rlimits)
{
    struct gord_run *run = exec->run;
    const struct gord_cgroups *groups = &run->env->cgroups;
    const Gor__V1__Limits *limits = exec->spec->limits;
    char why[sizeof(groups->why) + 64];
    int door = -1;

    if (limits != NULL && limits->strict &&
        !gord_limits_can_hold(limits, groups, why, sizeof(why))) {
        snprintf(run->detail, sizeof(run->detail), "not started, for its limits are strict: %.400s",
                 why);
        return -EOPNOTSUPP;
    }
    int result = make_group(exec, &door);
    if (result != 0) {
        snprintf(run->detail, sizeof(run->detail), "cannot make its control group: %s",
                 strerror(-result));
        return result;
    }
    gord_rlimits_fill(rlimits, &run->env->rlimits, exec->spec,
                      gord_limits_address_space(limits, groups));
    what->rlimits = rlimits;
    what->has_cgroup = door >= 0;
    what->cgroup_fd = door;
    result = spawn(exec, what);
    if (door >= 0) {
        close(door);
    }
    return result;
}

int gord_exec_start(struct gord_exec *exec)
{
    struct gord_run *run = exec->run;
    const Gor__V1__ExecSpec *spec = exec->spec;
    char id_text[48];
    char *cwd = to_text(&spec->cwd);
    int result = -ENOMEM;

    snprintf(id_text, sizeof(id_text), "GOR_JOB_ID=%" PRIu64, run->id);
    snprintf(run->detail, sizeof(run->detail), "out of memory");
    const char *const ours[] = {id_text, GORD_PROGRESS_FD_VARIABLE, GORD_RESULT_FD_VARIABLE, NULL};
    char **argv = to_vector(spec->argv, spec->n_argv, &ours[3]);
    char **env = to_vector(spec->env, spec->n_env, ours);
    if (cwd != NULL && argv != NULL && env != NULL && argv[0] != NULL) {
        struct gord_spawn what = {.argv = argv,
                                  .env = env,
                                  .cwd = cwd,
                                  .has_umask = spec->umask_plus_1 != 0,
                                  .umask = (mode_t)(spec->umask_plus_1 - 1),
                                  .has_stdin = exec->stdin_fd >= 0,
                                  .stdin_fd = exec->stdin_fd,
                                  .stdout_fd = exec->child_fds[0],
                                  .stderr_fd = exec->child_fds[1],
                                  .report_fds = exec->report.child_fds};
        struct gord_rlimits rlimits;
        result = spawn_limited(exec, &what, &rlimits);
    }
    if (result == 0) {
        run->detail[0] = '\0';
    }
    free_vector(argv);
    free_vector(env);
    free(cwd);
    return result;
}
