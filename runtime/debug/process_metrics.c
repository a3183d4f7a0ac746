/* SPDX-License-Identifier: MIT */
/* process_metrics.c - see process_metrics.h. Fields of /proc are those of proc(5). */
#include "runtime/debug/process_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/debug/exposition.h"

enum {
    STAT_BYTES = 4096,
    /* Words of /proc/self/stat behind the name, which begin with the third field, the state. */
    STAT_UTIME = 14 - 3,
    STAT_STIME = 15 - 3,
    STAT_START = 22 - 3,
    STAT_VIRTUAL = 23 - 3,
    STAT_RESIDENT = 24 - 3,
    STAT_WORDS,
};

static bool read_file(const char *path, char *out, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    size_t used = 0;
    ssize_t got = 0;
    while (used < room - 1 && (got = read(fd, out + used, room - 1 - used)) > 0) {
        used += (size_t)got;
    }
    close(fd);
    out[used] = '\0';
    return got >= 0 && used > 0;
}

/* The name stands in parentheses, and may have some itself. */
static bool read_stat(uint64_t words[STAT_WORDS])
{
    char bytes[STAT_BYTES];
    char *at = read_file("/proc/self/stat", bytes, sizeof bytes) ? strrchr(bytes, ')') : NULL;
    if (at == NULL) {
        return false;
    }
    char *save = NULL;
    const char *word = strtok_r(at + 1, " ", &save);
    for (int i = 0; i < STAT_WORDS; i++) {
        if (word == NULL) {
            return false;
        }
        words[i] = strtoull(word, NULL, 10);
        word = strtok_r(NULL, " ", &save);
    }
    return true;
}

/* When the system started, in seconds since 1970. */
static bool read_boot_time(uint64_t *out_seconds)
{
    /* The line comes after one for each processor, so the file may be long. */
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL) {
        return false;
    }
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    while (!found && getline(&line, &room, file) > 0) {
        if (strncmp(line, "btime ", 6) == 0) {
            *out_seconds = strtoull(line + 6, NULL, 10);
            found = true;
        }
    }
    free(line);
    fclose(file);
    return found;
}

/* Without the one it takes to count them; -1: cannot be counted. */
static int64_t count_open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t count = 0;
    if (dir == NULL) {
        return -1;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count - 1;
}

static void write_stat(struct gor__text *text)
{
    uint64_t words[STAT_WORDS];
    uint64_t boot = 0;
    int64_t tick_ns = GOR_SECOND / sysconf(_SC_CLK_TCK);
    if (!read_stat(words)) {
        return;
    }
    gor__metric_head(text, "process_cpu_seconds_total", "counter",
                     "CPU time of the process, in user mode and in the kernel.");
    gor__metric_seconds(text, "process_cpu_seconds_total",
                        (int64_t)(words[STAT_UTIME] + words[STAT_STIME]) * tick_ns);
    gor__metric_head(text, "process_virtual_memory_bytes", "gauge",
                     "Address space. That of stacks is reserved ahead of its use.");
    gor__metric_count(text, "process_virtual_memory_bytes", words[STAT_VIRTUAL]);
    gor__metric_head(text, "process_resident_memory_bytes", "gauge", "Memory in use.");
    gor__metric_count(text, "process_resident_memory_bytes",
                      words[STAT_RESIDENT] * (uint64_t)sysconf(_SC_PAGESIZE));
    if (read_boot_time(&boot)) {
        gor__metric_head(text, "process_start_time_seconds", "gauge",
                         "When the process started, since the beginning of 1970.");
        gor__metric_seconds(text, "process_start_time_seconds",
                            (int64_t)boot * GOR_SECOND + (int64_t)words[STAT_START] * tick_ns);
    }
}

static void write_limit(struct gor__text *text, const char *name, const char *help, int resource)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0) {
        return;
    }
    gor__metric_head(text, name, "gauge", help);
    if (limit.rlim_cur == RLIM_INFINITY) {
        gor__text_format(text, "%s +Inf\n", name);
    } else {
        gor__metric_count(text, name, limit.rlim_cur);
    }
}

void gor__process_metrics_write(struct gor__text *text)
{
    write_stat(text);
    write_limit(text, "process_virtual_memory_max_bytes", "The most address space it may have.",
                RLIMIT_AS);
    int64_t files = count_open_files();
    if (files >= 0) {
        gor__metric_head(text, "process_open_fds", "gauge", "Open file descriptors.");
        gor__metric_count(text, "process_open_fds", (uint64_t)files);
    }
    write_limit(text, "process_max_fds", "The most file descriptors it may have.", RLIMIT_NOFILE);
}
