/* SPDX-License-Identifier: MIT */
/* cgroup.c - see cgroup.h. The place of the groups is found in cgroup_place.c. */
#include "daemon/runner/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* For what was killed to be gone; only a sick device takes longer. */
#define KILLED_WITHIN_MS 5000
/* The kernel shares CPU time out in periods of that length. */
#define CPU_PERIOD_US 100000

/* ------------------------------------------------------------------ files of a group */

static int write_text(int group, const char *file, const char *text)
{
    int fd = openat(group, file, O_WRONLY | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    int result = write(fd, text, strlen(text)) >= 0 ? 0 : -errno;
    close(fd);
    return result;
}

static int write_number(int group, const char *file, uint64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    return write_text(group, file, text);
}

/* The file's text in `out`, cut if it is longer; -errno. */
static int read_text(int group, const char *file, char *out, size_t bytes)
{
    int fd = openat(group, file, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    ssize_t got = read(fd, out, bytes - 1);
    int result = got >= 0 ? 0 : -errno;
    out[got > 0 ? got : 0] = '\0';
    close(fd);
    return result;
}

/* The number behind `key` in a file of "key number" lines; 0 if there is none. */
static uint64_t read_keyed(int group, const char *file, const char *key)
{
    char text[2048];
    size_t length = strlen(key);

    if (read_text(group, file, text, sizeof(text)) != 0) {
        return 0;
    }
    char *rest = text;
    char *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strncmp(line, key, length) == 0 && line[length] == ' ') {
            return strtoull(line + length + 1, NULL, 10);
        }
    }
    return 0;
}

static uint64_t read_number(int group, const char *file)
{
    char text[64];

    return read_text(group, file, text, sizeof(text)) == 0 ? strtoull(text, NULL, 10) : 0;
}

/* ------------------------------------------------------------------ a group */

static int set_memory(int group, uint64_t bytes)
{
    int result = write_number(group, "memory.max", bytes);

    /* All of the job ends, not whichever process the kernel picks. Swap is no way out; a kernel may
     * have none to limit. */
    (void)write_text(group, "memory.oom.group", "1");
    (void)write_text(group, "memory.swap.max", "0");
    return result;
}

static int set_cpu(int group, uint32_t milli)
{
    char text[64];

    snprintf(text, sizeof(text), "%" PRIu64 " %d", (uint64_t)milli * CPU_PERIOD_US / 1000,
             CPU_PERIOD_US);
    return write_text(group, "cpu.max", text);
}

/* By whichever of the kernel's two ways there is; that of BFQ has other numbers, 100 is the same. */
static int set_io_weight(int group, uint32_t weight)
{
    uint32_t bfq = weight <= 100 ? 100 - 9 * (100 - weight) / 10 : 100 + (weight - 100) * 9 / 99;
    char text[32];

    snprintf(text, sizeof(text), "default %" PRIu32, weight);
    int result = write_text(group, "io.weight", text);
    if (result == -ENOENT) {
        snprintf(text, sizeof(text), "default %" PRIu32, bfq);
        result = write_text(group, "io.bfq.weight", text);
    }
    return result;
}

static int set_limits(const struct gord_cgroups *groups, int group,
                      const struct gord_cgroup_limits *limits)
{
    int result = 0;

    if (limits->memory_bytes != 0 && (groups->can & GORD_CGROUP_MEMORY) != 0) {
        result = set_memory(group, limits->memory_bytes);
    }
    if (result == 0 && limits->cpu_milli != 0 && (groups->can & GORD_CGROUP_CPU) != 0) {
        result = set_cpu(group, limits->cpu_milli);
    }
    if (result == 0 && limits->processes != 0 && (groups->can & GORD_CGROUP_PIDS) != 0) {
        result = write_number(group, "pids.max", limits->processes);
    }
    if (result == 0 && limits->io_weight != 0 && (groups->can & GORD_CGROUP_IO) != 0) {
        result = set_io_weight(group, limits->io_weight);
    }
    if (result == 0 && limits->cpus != NULL && (groups->can & GORD_CGROUP_CPUS) != 0) {
        /* Refused where there are no such CPUs; the process sees what it has then. */
        (void)write_text(group, "cpuset.cpus", limits->cpus);
    }
    return result;
}

int gord_cgroup_make(const struct gord_cgroups *groups, uint64_t job_id,
                     const struct gord_cgroup_limits *limits)
{
    char name[32];

    snprintf(name, sizeof(name), "%" PRIu64, job_id);
    if (mkdirat(groups->jobs_fd, name, 0755) != 0 && errno != EEXIST) {
        return -errno;
    }
    int group = openat(groups->jobs_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = group >= 0 ? set_limits(groups, group, limits) : -errno;
    if (result == 0) {
        return group;
    }
    gord_cgroup_remove(groups, job_id, group);
    return result;
}

int gord_cgroup_door(int group)
{
    int fd = openat(group, "cgroup.procs", O_WRONLY | O_CLOEXEC);

    return fd >= 0 ? fd : -errno;
}

int gord_cgroup_freeze(int group, bool frozen)
{
    return write_text(group, "cgroup.freeze", frozen ? "1" : "0");
}

/* Before cgroup.kill, of Linux 5.14: one by one, until nobody new comes. On the stack of a goroutine,
 * hence not all at a time; who has been killed is not there in the next round. */
static void kill_each(int group)
{
    char text[16384] = "";

    for (int round = 0; round < 100; round++) {
        if (read_text(group, "cgroup.procs", text, sizeof(text)) != 0 || text[0] == '\0') {
            return;
        }
        char *rest = text;
        char *line;
        while ((line = strsep(&rest, "\n")) != NULL &&
               rest != NULL) { /* what is cut is another number */
            pid_t pid = (pid_t)strtol(line, NULL, 10);
            if (pid > 1) {
                kill(pid, SIGKILL);
            }
        }
    }
}

int gord_cgroup_kill(int group)
{
    int events = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);
    struct pollfd change = {.fd = events, .events = POLLPRI};
    int result = 0;

    if (write_text(group, "cgroup.kill", "1") != 0) {
        kill_each(group);
    }
    /* Each read arms the next poll. */
    while (result == 0 && events >= 0) {
        char text[128] = "";
        if (pread(events, text, sizeof(text) - 1, 0) <= 0 || strstr(text, "populated 1") == NULL) {
            break;
        }
        result = poll(&change, 1, KILLED_WITHIN_MS) > 0 ? 0 : -EBUSY;
    }
    if (events >= 0) {
        close(events);
    }
    return result;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void gord_cgroup_use(int group, struct gord_use *use)
{
    uint64_t peak = read_number(group, "memory.peak");

    use->user_ns = larger(use->user_ns, read_keyed(group, "cpu.stat", "user_usec") * 1000);
    use->system_ns = larger(use->system_ns, read_keyed(group, "cpu.stat", "system_usec") * 1000);
    use->peak_processes = read_number(group, "pids.peak");
    if (peak != 0) {
        use->peak_memory_bytes = peak;
        use->peak_is_bound = false;
    }
}

bool gord_cgroup_was_oom(int group)
{
    return read_keyed(group, "memory.events", "oom_kill") > 0;
}

void gord_cgroup_remove(const struct gord_cgroups *groups, uint64_t job_id, int group)
{
    char name[32];

    if (group >= 0) {
        close(group);
    }
    /* One that is not empty stays; the next daemon tries again. */
    snprintf(name, sizeof(name), "%" PRIu64, job_id);
    (void)unlinkat(groups->jobs_fd, name, AT_REMOVEDIR);
}
