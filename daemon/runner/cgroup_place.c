/* SPDX-License-Identifier: MIT */
/* cgroup_place.c - where the control groups of jobs may lie, and making it ready. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/runner/cgroup.h"
#include "daemon/runner/handover.h"

#define CGROUP2_MAGIC 0x63677270

static int none(struct gord_cgroups *groups, int result, const char *why)
{
    groups->jobs_fd = -1;
    groups->can = 0;
    snprintf(groups->why, sizeof(groups->why), "%s", why);
    return result;
}

/* ------------------------------------------------------------------ our own group */

/* Where version 2 is mounted; the mount's own root must be the tree's. */
static bool find_mount(char *out, size_t bytes)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    while (file != NULL && !found && getline(&line, &room, file) > 0) {
        char root[256];
        char point[PATH_MAX];
        const char *type = strstr(line, " - ");
        found = type != NULL && strncmp(type, " - cgroup2 ", 11) == 0 &&
                sscanf(line, "%*s %*s %*s %255s %4095s", root, point) == 2 &&
                strcmp(root, "/") == 0 && snprintf(out, bytes, "%s", point) < (int)bytes;
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* Our path in the tree, "/" for its root. */
static bool find_own(char *out, size_t bytes)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    while (file != NULL && !found && getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, "0::", 3) == 0 && snprintf(out, bytes, "%s", line + 3) < (int)bytes;
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* As systemd marks what it hands over. */
static bool is_delegated(const char *path)
{
    char value[8];

    return (getxattr(path, "user.delegate", value, sizeof(value)) == 1 && value[0] == '1') ||
           (getxattr(path, "trusted.delegate", value, sizeof(value)) == 1 && value[0] == '1');
}

/* ------------------------------------------------------------------ making it ready */

static bool write_file(int folder, const char *file, const char *text)
{
    int fd = openat(folder, file, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) >= 0;

    if (fd >= 0) {
        close(fd);
    }
    return written;
}

/* Out of the way, into a leaf. */
static bool move_ourselves(int place)
{
    char pid[32];

    if (mkdirat(place, "gord", 0755) != 0 && errno != EEXIST) {
        return false;
    }
    snprintf(pid, sizeof(pid), "%d", getpid());
    return write_file(place, "gord/cgroup.procs", pid);
}

static unsigned enable_limits(int place, int jobs)
{
    static const struct {
        const char *word;
        unsigned bit;
    } all[] = {
        {"+memory", GORD_CGROUP_MEMORY}, {"+cpu", GORD_CGROUP_CPU}, {"+pids", GORD_CGROUP_PIDS},
        {"+cpuset", GORD_CGROUP_CPUS},   {"+io", GORD_CGROUP_IO},
    };
    unsigned can = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (write_file(place, "cgroup.subtree_control", all[i].word) &&
            write_file(jobs, "cgroup.subtree_control", all[i].word)) {
            can |= all[i].bit;
        }
    }
    /* Weights need a scheduler of the kernel's that heeds them. */
    if (faccessat(jobs, "io.weight", F_OK, 0) != 0 &&
        faccessat(jobs, "io.bfq.weight", F_OK, 0) != 0) {
        can &= ~(unsigned)GORD_CGROUP_IO;
    }
    return can;
}

/* What a daemon before us has left. */
static void clear(const struct gord_cgroups *groups, const struct gord_handed *handed)
{
    int copy = openat(groups->jobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char *end;
        uint64_t id = strtoull(entry->d_name, &end, 10);
        if (end == entry->d_name || *end != '\0' || gord_handed_has(handed, id)) {
            continue;
        }
        int group = openat(groups->jobs_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (group >= 0) {
            (void)gord_cgroup_kill(group);
            gord_cgroup_remove(groups, id, group);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static int open_place(struct gord_cgroups *groups, const char *path, bool is_own,
                      const struct gord_handed *handed)
{
    char why[PATH_MAX + 100];
    struct statfs fs;
    int jobs = -1;
    int place = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = place >= 0 ? 0 : errno;

    if (error == 0 && (fstatfs(place, &fs) != 0 || fs.f_type != CGROUP2_MAGIC)) {
        error = ENOTSUP;
    }
    if (error == 0 && is_own && !move_ourselves(place)) {
        error = errno;
    }
    if (error == 0 && mkdirat(place, "jobs", 0755) != 0 && errno != EEXIST) {
        error = errno;
    }
    if (error == 0 && (jobs = openat(place, "jobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        error = errno;
    }
    if (error == 0) {
        groups->jobs_fd = jobs;
        groups->can = enable_limits(place, jobs);
        clear(groups, handed);
        snprintf(groups->why, sizeof(groups->why), "the control group %s has no controller for it",
                 path);
    } else {
        snprintf(why, sizeof(why), "the control group %s cannot be used: %s", path,
                 error == ENOTSUP ? "it is none of version 2" : strerror(error));
        none(groups, 0, why);
    }
    if (place >= 0) {
        close(place);
    }
    return -error;
}

int gord_cgroups_open(struct gord_cgroups *groups, const char *where,
                      const struct gord_handed *handed)
{
    char mount[PATH_MAX];
    char own[PATH_MAX];
    char path[2 * PATH_MAX];

    if (strcmp(where, "off") == 0) {
        return none(groups, 0, "control groups are off (--cgroup=off)");
    }
    if (strcmp(where, "auto") != 0) {
        return open_place(groups, where, false, handed);
    }
    if (!find_mount(mount, sizeof(mount)) || !find_own(own, sizeof(own))) {
        return none(groups, 0, "there are no control groups of version 2");
    }
    size_t length = strlen(own);
    if (handed != NULL && length > 5 && strcmp(own + length - 5, "/gord") == 0) {
        own[length - 5] = '\0'; /* the daemon that we were moved there */
    }
    snprintf(path, sizeof(path), "%s%s", mount, own);
    if (strcmp(own, "/") == 0 || !is_delegated(path)) {
        return none(groups, 0,
                    "the daemon has no control group of its own (systemd: Delegate=yes; else "
                    "--cgroup=PATH)");
    }
    (void)open_place(groups, path, true, handed); /* `why` tells what is wrong with it */
    return 0;
}

void gord_cgroups_close(struct gord_cgroups *groups)
{
    if (groups->jobs_fd >= 0) {
        close(groups->jobs_fd);
        groups->jobs_fd = -1;
    }
}
