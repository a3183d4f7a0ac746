/* SPDX-License-Identifier: MIT */
/* exec_start.c - from what a job says to a process: arguments, environment, limits, control group. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/assert.h"
#include "daemon/runner/exec.h"
#include "daemon/runner/finish.h"
#include "daemon/runner/limits.h"
#include "daemon/runner/privs.h"
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
    struct gord_cgroup_limits held = {.memory_bytes = limits->memory_bytes,
                                      .cpu_milli = limits->cpu_milli,
                                      .processes = limits->processes,
                                      .cpus = limits->cpus[0] != '\0' ? limits->cpus : NULL,
                                      .io_weight = limits->io_weight};
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

/* What it is to have, for as long as `what` speaks of it. */
struct share {
    struct gord_rlimits rlimits;
    struct gord_placement placement;
};

/* With its limits, for which `share` has room, and in its group. */
static int spawn_limited(struct gord_exec *exec, struct gord_spawn *what, struct share *share)
{
    struct gord_run *run = exec->run;
    const struct gord_cgroups *groups = &run->env->cgroups;
    const Gor__V1__Limits *limits = exec->spec->limits;
    char why[sizeof(groups->why) + 64];
    int door = -1;

    int policy = atomic_load_explicit(&run->env->new_privs, memory_order_relaxed);
    if (!gord_privs_can_have((enum gord_new_privs)policy, exec->spec->new_privs, why,
                             sizeof(why))) {
        snprintf(run->detail, sizeof(run->detail), "not started: %.400s", why);
        return -EPERM;
    }
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
    gord_rlimits_fill(&share->rlimits, &run->env->rlimits, exec->spec,
                      gord_limits_address_space(limits, groups));
    what->rlimits = &share->rlimits;
    what->placement = gord_placement_fill(exec->spec, &share->placement) ? &share->placement : NULL;
    what->no_new_privs =
        gord_privs_are_forbidden((enum gord_new_privs)policy, exec->spec->new_privs);
    what->has_cgroup = door >= 0;
    what->cgroup_fd = door;
    result = spawn(exec, what);
    if (door >= 0) {
        close(door);
    }
    return result;
}

enum { OURS_MAX = 20, OURS_ROOM = 160 };

/* Variables of ours in its environment. */
struct ours {
    char texts[OURS_MAX][OURS_ROOM];
    const char *list[OURS_MAX + 1]; /* ends with NULL */
    size_t count;
};

static void add(struct ours *ours, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct ours *ours, const char *format, ...)
{
    va_list args;

    GORD_ASSERT(ours->count < OURS_MAX);
    va_start(args, format);
    (void)vsnprintf(ours->texts[ours->count], OURS_ROOM, format, args);
    va_end(args);
    ours->list[ours->count] = ours->texts[ours->count];
    ours->count++;
}

/* Which entry of the calendar made its job. */
static void add_cron(struct ours *ours, const Gor__V1__CronFire *cron)
{
    time_t at = (time_t)(cron->at_ns / 1000000000);
    struct tm parts;
    char time[48];

    if (gmtime_r(&at, &parts) != NULL &&
        strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &parts) != 0) {
        add(ours, "GOR_CRON=%s", cron->name);
        add(ours, "GOR_CRON_TIME=%s", time);
    }
}

/* Which task of its array it is. */
static void add_array(struct ours *ours, const struct gord_spec *spec)
{
    add(ours, "GOR_ARRAY_ID=%" PRIu64, spec->array_id);
    add(ours, "GOR_ARRAY_INDEX=%" PRIu32, spec->array_index);
    add(ours, "GOR_ARRAY_COUNT=%" PRIu32, spec->array_count);
}

/* The end of which job it is for. -ENOMEM. */
static int add_hook(struct ours *ours, const struct gord_spec *spec)
{
    char texts[GORD_HOOK_VARIABLES][GORD_HOOK_TEXT];
    struct gord_hook_of of;
    int result = gord_spec_hook_of(spec, &of);

    if (result != 0) {
        return result;
    }
    size_t count = gord_finish_variables(&of, texts);
    for (size_t i = 0; i < count; i++) {
        add(ours, "%s", texts[i]);
    }
    return 0;
}

/* At home as whom. The texts are those of `user`, which has to live as long. */
static void add_user(struct ours *ours, const struct gord_user *user)
{
    const char *const texts[] = {user->home, user->user, user->logname};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        GORD_ASSERT(ours->count < OURS_MAX);
        ours->list[ours->count++] = texts[i];
    }
}

/* All of them; `user` is NULL where the process is ours. -ENOMEM. */
static int add_all(struct ours *ours, const struct gord_exec *exec, const struct gord_user *user)
{
    const struct gord_spec *spec = exec->run->spec;

    add(ours, "GOR_JOB_ID=%" PRIu64, exec->run->id);
    add(ours, "%s", GORD_PROGRESS_FD_VARIABLE);
    add(ours, "%s", GORD_RESULT_FD_VARIABLE);
    if (user != NULL) {
        add_user(ours, user);
    }
    if (exec->cron != NULL) {
        add_cron(ours, exec->cron);
    }
    if (spec->array_id != 0) {
        add_array(ours, spec);
    }
    return spec->is_hook ? add_hook(ours, spec) : 0;
}

/* Whose process it will be; *out_user is NULL where that is ours. 0, or -errno with a detail. */
static int find_user(struct gord_exec *exec, struct gord_user *user, struct gord_user **out_user)
{
    struct gord_run *run = exec->run;

    *out_user = NULL;
    if (!gord_user_differs(run->uid)) {
        return 0;
    }
    int result = gord_user_find(run->uid, user);
    if (result != 0) {
        snprintf(run->detail, sizeof(run->detail), "cannot run it as user %u, whose it is: %s",
                 run->uid,
                 result == -ENOENT ? "there is no such user on this machine" : strerror(-result));
        return result;
    }
    *out_user = user;
    return 0;
}

static int start_as(struct gord_exec *exec, const struct gord_user *user)
{
    static const char *const nothing[] = {NULL};
    struct gord_run *run = exec->run;
    const Gor__V1__ExecSpec *spec = exec->spec;
    struct ours ours = {.count = 0};
    char *cwd = to_text(&spec->cwd);
    int result = -ENOMEM;

    snprintf(run->detail, sizeof(run->detail), "out of memory");
    char **argv = to_vector(spec->argv, spec->n_argv, nothing);
    char **env =
        add_all(&ours, exec, user) == 0 ? to_vector(spec->env, spec->n_env, ours.list) : NULL;
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
                                  .report_fds = exec->report.child_fds,
                                  .user = user};
        struct share share;
        result = spawn_limited(exec, &what, &share);
    }
    if (result == -ENOENT && exec->webhook != NULL) {
        size_t used = strlen(run->detail);
        snprintf(run->detail + used, sizeof(run->detail) - used,
                 "; webhooks need Debian's package curl");
    }
    if (result == 0) {
        run->detail[0] = '\0';
    }
    free_vector(argv);
    free_vector(env);
    free(cwd);
    return result;
}

int gord_exec_start(struct gord_exec *exec)
{
    struct gord_user user;
    struct gord_user *as = NULL;
    int result = find_user(exec, &user, &as);

    return result == 0 ? start_as(exec, as) : result;
}
