/* SPDX-License-Identifier: MIT */
/* context_file.c - see context_file.h. */
#include "client/context_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/address.h"
#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"

enum { FILE_MOST = 1024 * 1024 };

char *gorctl_context_file_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    if (config != NULL && config[0] == '/') {
        return gorctl_format("%s/gor/contexts", config);
    }
    return gorctl_format("%s/.config/gor/contexts", gorctl_home_directory());
}

static int fail(const char *path, const char *verb, int error)
{
    gorctl_say("cannot %s the contexts in '%s': %s", verb, path, strerror(error));
    return error == EACCES || error == EPERM || error == EROFS ? GORCTL_EXIT_DENIED
                                                               : GORCTL_EXIT_OUTPUT;
}

/* Whoever may write to it could send our jobs, and a token, to a daemon of theirs. */
static int check_owner(const char *path, const struct stat *found)
{
    if (!S_ISREG(found->st_mode)) {
        gorctl_say("'%s' is no regular file; move it away, `gorctl context add` makes one", path);
        return GORCTL_EXIT_USAGE;
    }
    if ((found->st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
        (found->st_uid != geteuid() && found->st_uid != 0)) {
        gorctl_say("others may write to '%s', which says whom gorctl talks to", path);
        fprintf(stderr, "  Look at what it says, then type: chown %u '%s' && chmod 600 '%s'\n",
                (unsigned)geteuid(), path, path);
        return GORCTL_EXIT_DENIED;
    }
    if (found->st_size > FILE_MOST) {
        gorctl_say("'%s' is too large for a file of contexts (1 MiB at most)", path);
        return GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}

static int read_open(FILE *file, const char *path, struct gorctl_contexts *out_contexts)
{
    struct stat found;
    if (fstat(fileno(file), &found) != 0) {
        return fail(path, "read", errno);
    }
    int code = check_owner(path, &found);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    char *text = gorctl_alloc(FILE_MOST);
    size_t length = fread(text, 1, FILE_MOST, file);
    char why[GORCTL_CONTEXTS_WHY];
    if (ferror(file)) {
        code = fail(path, "read", errno);
    } else if (gorctl_contexts_parse(text, length, out_contexts, why) != 0) {
        gorctl_say("'%s' cannot be understood: %s", path, why);
        fputs("  Nothing was changed. Correct that line, or move the file away to begin anew.\n",
              stderr);
        code = GORCTL_EXIT_USAGE;
    }
    free(text);
    return code;
}

static int read_path(const char *path, struct gorctl_contexts *out_contexts)
{
    FILE *file = fopen(path, "re");
    if (file == NULL && (errno == ENOENT || errno == ENOTDIR)) {
        *out_contexts = (struct gorctl_contexts){0};
        return GORCTL_EXIT_OK;
    }
    if (file == NULL) {
        return fail(path, "read", errno);
    }
    int code = read_open(file, path, out_contexts);
    fclose(file);
    return code;
}

int gorctl_context_file_read(struct gorctl_contexts *out_contexts)
{
    char *path = gorctl_context_file_path();
    int code = read_path(path, out_contexts);
    free(path);
    return code;
}

/* -------------------------------------------------------------- writing */

/* 0 or an errno. */
static int make_folders(const char *folder)
{
    char *part = gorctl_strdup(folder);
    int error = 0;
    for (char *at = part + 1; error == 0; at++) {
        if (*at == '/' || *at == '\0') {
            char kept = *at;
            *at = '\0';
            error = mkdir(part, 0700) == 0 || errno == EEXIST ? 0 : errno;
            *at = kept;
            if (kept == '\0') {
                break;
            }
        }
    }
    free(part);
    return error;
}

/* 0 or an errno. The name appears with all that the file is to hold, on disk. */
static int write_beside(const char *text, int folder, const char *path)
{
    char *fresh = gorctl_format("%s.new", path);
    size_t length = strlen(text);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = fd < 0 ? errno : 0;
    for (size_t at = 0; error == 0 && at < length;) {
        ssize_t put = write(fd, text + at, length - at);
        error = put < 0 ? errno : 0;
        at += put > 0 ? (size_t)put : 0;
    }
    if (error == 0 && (fchmod(fd, 0600) != 0 || fsync(fd) != 0)) {
        error = errno;
    }
    if (fd >= 0 && close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && rename(fresh, path) != 0) {
        error = errno;
    }
    if (error != 0 && fd >= 0) {
        (void)unlink(fresh);
    }
    (void)fsync(folder); /* some file systems cannot; the rename is done all the same */
    free(fresh);
    return error;
}

static int change_locked(int folder, const char *path, gorctl_context_change *change, void *user)
{
    struct gorctl_contexts contexts;
    int code = read_path(path, &contexts);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    code = change(&contexts, user);
    if (code == GORCTL_EXIT_OK) {
        char *text = gorctl_contexts_text(&contexts);
        int error = write_beside(text, folder, path);
        code = error != 0 ? fail(path, "write", error) : GORCTL_EXIT_OK;
        free(text);
    }
    gorctl_contexts_fini(&contexts);
    return code;
}

int gorctl_context_file_change(gorctl_context_change *change, void *user)
{
    char *path = gorctl_context_file_path();
    char *real = realpath(path, NULL); /* a link to it stays one */
    if (real != NULL) {
        free(path);
        path = real;
    }
    char *copy = gorctl_strdup(path);
    const char *folder_path = dirname(copy);
    int error = make_folders(folder_path);
    int folder = error == 0 ? open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (error == 0 && (folder < 0 || flock(folder, LOCK_EX) != 0)) {
        error = errno;
    }
    int code = error != 0 ? fail(path, "write", error) : change_locked(folder, path, change, user);
    if (folder >= 0) {
        close(folder); /* unlocks it */
    }
    free(copy);
    free(path);
    return code;
}
