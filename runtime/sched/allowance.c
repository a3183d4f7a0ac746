/* SPDX-License-Identifier: MIT */
/* allowance.c - see allowance.h. */
#include "runtime/sched/allowance.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAPPINGS_DEFAULT = 65530 }; /* the kernel's own */

/* The number a file begins with; UINT64_MAX: there is none ("max"), or no such file. */
static uint64_t read_number(const char *path)
{
    unsigned long long value = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return UINT64_MAX;
    }
    int fields = fscanf(file, "%llu", &value);
    (void)fclose(file);
    return fields == 1 ? value : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the files `names` of the group and of all above it allow. `path` ends in the group's name, from
 * `root` on, and is cut down to that. */
static uint64_t least_upwards(char *path, size_t root, size_t room, const char *const *names)
{
    uint64_t allowed = UINT64_MAX;
    for (;;) {
        size_t length = strlen(path);
        for (const char *const *name = names; *name != NULL; name++) {
            (void)snprintf(path + length, room - length, "/%s", *name);
            allowed = least(allowed, read_number(path));
        }
        path[length] = '\0';
        if (length <= root) {
            return allowed;
        }
        *strrchr(path, '/') = '\0';
    }
}

/* A line of /proc/self/cgroup, "ID:CONTROLLERS:/PATH". */
static uint64_t allowed_by(char *line)
{
    static const char *const unified[] = {"memory.max", "memory.high", NULL};
    static const char *const legacy[] = {"memory.limit_in_bytes", NULL};
    char path[PATH_MAX];
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL || group[1] != '/') {
        return UINT64_MAX;
    }
    *controllers++ = '\0';
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    bool one = controllers[0] == '\0';
    if (!one && strcmp(controllers, "memory") != 0) {
        return UINT64_MAX;
    }
    const char *root = one ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    /* The root group is "/", which would leave a slash at the end. */
    int length = snprintf(path, sizeof path, "%s%s", root, group[1] != '\0' ? group : "");
    if (length < 0 || (size_t)length >= sizeof path - 64) {
        return UINT64_MAX;
    }
    return least_upwards(path, strlen(root), sizeof path, one ? unified : legacy);
}

static uint64_t cgroup_bytes(void)
{
    char line[PATH_MAX + 64];
    uint64_t allowed = UINT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) {
        return allowed;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        allowed = least(allowed, allowed_by(line));
    }
    (void)fclose(file);
    return allowed;
}

static uint64_t limit_of(__rlimit_resource_t resource)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return UINT64_MAX;
    }
    return limit.rlim_cur;
}

uint64_t gor__allowance_bytes(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return least(machine, cgroup_bytes());
}

uint64_t gor__allowance_address_bytes(void)
{
    return least(limit_of(RLIMIT_AS), limit_of(RLIMIT_DATA));
}

uint64_t gor__allowance_mappings(void)
{
    uint64_t mappings = read_number("/proc/sys/vm/max_map_count");
    return mappings != UINT64_MAX ? mappings : MAPPINGS_DEFAULT;
}
