/* SPDX-License-Identifier: MIT */
/* Runtime.Surroundings: what the daemon finds around it, for those who look for what is wrong. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/event/event.h"
#include "daemon/runner/cgroup.h"
#include "daemon/runner/plugins.h"
#include "daemon/runner/webhook.h"
#include "daemon/service/state.h"

static void add_disk(const char *folder, Gor__V1__SurroundingsReply *reply)
{
    struct statvfs disk;

    if (statvfs(folder, &disk) == 0) {
        reply->disk_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
        reply->disk_free_bytes =
            (uint64_t)(geteuid() == 0 ? disk.f_bfree : disk.f_bavail) * disk.f_frsize;
    }
}

static void add_files(Gor__V1__SurroundingsReply *reply)
{
    struct rlimit limit;
    DIR *folder = opendir("/proc/self/fd");

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        reply->files_limit = limit.rlim_cur;
    }
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        reply->files_open += entry->d_name[0] != '.';
    }
    if (folder != NULL) {
        closedir(folder);
        reply->files_open--; /* the folder itself */
    }
}

/* 0: the file has no number, such as "max", or there is none. */
static uint64_t read_number(const char *folder, const char *name)
{
    char path[1024];
    uint64_t number = 0;

    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%" SCNu64, &number) != 1) {
            number = 0;
        }
        fclose(file);
    }
    return number;
}

/* The daemon's own group may be a part of the one that was made for the service. */
static void cut_last(char *path)
{
    char *slash = strrchr(path, '/');

    *(slash != NULL ? slash : path) = '\0';
}

/* Of the nearest control group that has a limit; else the user's. */
static void add_tasks(Gor__V1__SurroundingsReply *reply)
{
    char line[512] = "";
    struct rlimit limit;
    FILE *file = fopen("/proc/self/cgroup", "re");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL &&
           strncmp(line, "0::", 3) != 0) {
        line[0] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
    line[strcspn(line, "\n")] = '\0';
    for (char *group = line + (line[0] != '\0' ? 3 : 0); group[0] != '\0'; cut_last(group)) {
        reply->tasks_limit = read_number(group, "pids.max");
        reply->tasks = read_number(group, "pids.current");
        if (reply->tasks_limit != 0) {
            return;
        }
    }
    reply->tasks = 0;
    if (geteuid() != 0 && getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        reply->tasks_limit = limit.rlim_cur;
    }
}

static void add_groups(const struct gord_cgroups *groups, Gor__V1__SurroundingsReply *reply)
{
    static const unsigned all = GORD_CGROUP_MEMORY | GORD_CGROUP_CPU | GORD_CGROUP_PIDS;

    reply->groups = groups->jobs_fd >= 0;
    if (!reply->groups || (groups->can & all) != all) {
        reply->groups_problem = (char *)(uintptr_t)groups->why;
    }
}

GORD_METHOD(gord_runtime_surroundings)
{
    struct gord_service *service = user;
    Gor__V1__SurroundingsReply reply = GOR__V1__SURROUNDINGS_REPLY__INIT;

    (void)message;
    add_disk(service->state_dir, &reply);
    add_files(&reply);
    add_tasks(&reply);
    add_groups(gord_runner_cgroups(service->runner), &reply);
    reply.refused_plugins = (char **)(uintptr_t)gord_plugins_refused(
        gord_runner_plugins(service->runner), &reply.n_refused_plugins);
    reply.now_ns = gord_event_clock();
    const char *problem = gord_webhook_problem();
    reply.webhook_problem = (char *)(uintptr_t)(problem != NULL ? problem : "");
    rpc_call_reply(call, &reply.base);
}
