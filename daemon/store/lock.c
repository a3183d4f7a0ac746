/* SPDX-License-Identifier: MIT */
/* lock.c - see lock.h. */
#include "daemon/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Say who has the lock, as far as the file tells. */
static void name_holder(int fd, const char *dir, char *text, size_t text_bytes)
{
    char pid[32];
    ssize_t count = pread(fd, pid, sizeof pid - 1, 0);
    pid[count > 0 ? count : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    snprintf(text, text_bytes,
             "another gord (pid %s) has the state directory %s; stop it, or give this one another "
             "--state-dir",
             pid[0] != '\0' ? pid : "unknown", dir);
}

int gord_lock_open(const char *dir, char *text, size_t text_bytes, int *out_fd)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
    if (fd < 0) {
        int err = -errno;
        snprintf(text, text_bytes, "%s: cannot be opened: %s; gord must be able to write there",
                 path, strerror(-err));
        return err;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int err = errno == EWOULDBLOCK ? -EBUSY : -errno;
        if (err == -EBUSY) {
            name_holder(fd, dir, text, text_bytes);
        } else {
            snprintf(text, text_bytes, "%s: cannot be locked: %s; the file system must know flock",
                     path, strerror(-err));
        }
        close(fd);
        return err;
    }
    char pid[32];
    int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* For people only: that it could not be written is no reason not to run. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)length, 0) != length) {
        (void)ftruncate(fd, 0);
    }
    *out_fd = fd;
    return 0;
}

void gord_lock_close(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}
