/* SPDX-License-Identifier: MIT */
#include "daemon/runner/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/gor.h"

#define EXEC_LOOK_NS GOR_MILLISECOND
/* Looks at one that has arguments and no environment, until that is believed. */
enum { BELIEVED_AFTER = 3 };

static ssize_t read_file(const char *path, char *out, size_t bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    got = read(fd, out, bytes);
    if (got < 0) {
        got = -errno;
    }
    close(fd);
    return got;
}

int gord_proc_read(pid_t pid, struct gord_proc *out_proc)
{
    char path[64];
    char text[1024];
    struct gord_proc proc;
    unsigned long long ticks;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    ssize_t got = read_file(path, text, sizeof(text) - 1);
    if (got < 0) {
        return (int)got;
    }
    text[got] = '\0';
    /* The name in brackets may hold anything, brackets and newlines too: count from its end. */
    const char *rest = strrchr(text, ')');
    if (rest == NULL ||
        sscanf(rest + 1,
               " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &proc.state, &proc.parent, &proc.group, &proc.session, &ticks) != 5) {
        return -EIO;
    }
    proc.start_ticks = ticks;
    *out_proc = proc;
    return 0;
}

int gord_proc_each(int (*visit)(void *arg, pid_t pid), void *arg)
{
    DIR *dir = opendir("/proc");
    int result = 0;

    if (dir == NULL) {
        return -errno;
    }
    for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (pid > 0 && *end == '\0') {
            result = visit(arg, (pid_t)pid);
        }
    }
    closedir(dir);
    return result;
}

int gord_proc_each_listed(int fd, int (*visit)(void *arg, pid_t pid), void *arg)
{
    char text[4096];
    off_t at = 0;
    int result = 0;

    while (result == 0) {
        ssize_t got = pread(fd, text, sizeof(text) - 1, at);
        if (got <= 0) {
            break;
        }
        text[got] = '\0';
        char *end = strrchr(text, ' '); /* the last number may be cut */
        if (end == NULL) {
            break;
        }
        *end = '\0';
        at += end + 1 - text;
        char *rest = text;
        char *word;
        while (result == 0 && (word = strsep(&rest, " ")) != NULL) {
            result = visit(arg, (pid_t)strtol(word, NULL, 10));
        }
    }
    return result;
}

int gord_proc_each_child(pid_t pid, int (*visit)(void *arg, pid_t pid), void *arg)
{
    char path[320];
    int result = 0;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return 0;
    }
    for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
        snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid, entry->d_name);
        int fd = entry->d_name[0] != '.' ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd >= 0) {
            result = gord_proc_each_listed(fd, visit, arg);
            close(fd);
        }
    }
    closedir(dir);
    return result;
}

/* 0; else as gord_proc_env, -ENOENT for another id too. */
static int look_for_id(pid_t pid, uint64_t id)
{
    char want[32];
    char have[32];
    int result = gord_proc_env(pid, "GOR_JOB_ID", have, sizeof(have));

    snprintf(want, sizeof(want), "%" PRIu64, id);
    return result == 0 && strcmp(want, have) != 0 ? -ENOENT : result;
}

/* Whether it has no arguments: it becomes another program at this moment, or is a zombie. */
static bool is_bare(pid_t pid)
{
    char path[64];
    char byte[2];

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    return read_file(path, byte, sizeof(byte)) == 0;
}

static bool lives(pid_t pid)
{
    struct gord_proc proc;

    return gord_proc_read(pid, &proc) == 0 && proc.state != 'Z';
}

static int sleep_thread(int64_t ns)
{
    struct timespec time = {.tv_nsec = (long)ns};

    return nanosleep(&time, NULL);
}

/* Nothing tells when it can be told, so it is looked at again. */
bool gord_proc_carries_id(pid_t pid, uint64_t id, int64_t within_ns, int (*rest)(int64_t ns))
{
    int64_t deadline = gor_after(within_ns);
    int result = look_for_id(pid, id);
    int believed = 0;

    while (result == -ENODATA && believed < BELIEVED_AFTER && gor_now() < deadline && lives(pid)) {
        believed = is_bare(pid) ? 0 : believed + 1;
        (void)(rest != NULL ? rest : sleep_thread)(EXEC_LOOK_NS);
        result = look_for_id(pid, id);
    }
    return result == 0;
}

int gord_proc_env(pid_t pid, const char *name, char *out, size_t out_bytes)
{
    char path[64];
    size_t name_bytes = strlen(name);
    char *line = NULL;
    size_t room = 0;
    int result = -ENODATA;

    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    while (getdelim(&line, &room, '\0', file) > 0) {
        result = -ENOENT;
        if (strncmp(line, name, name_bytes) == 0 && line[name_bytes] == '=') {
            snprintf(out, out_bytes, "%s", line + name_bytes + 1);
            result = 0;
            break;
        }
    }
    free(line);
    fclose(file);
    return result;
}
