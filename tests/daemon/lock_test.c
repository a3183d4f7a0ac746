/* SPDX-License-Identifier: MIT */
/* One daemon per state directory. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "daemon/store/lock.h"
#include "tests/daemon/stores.h"

TEST(second_daemon_is_told_who_was_first)
{
    const char *dir = fresh_dir();
    char text[512], pid[32];
    int fd = -1, other = -1;
    CHECK_EQ(gord_lock_open(dir, text, sizeof text, &fd), 0);
    CHECK_EQ(gord_lock_open(dir, text, sizeof text, &other), -EBUSY);
    snprintf(pid, sizeof pid, "(pid %ld)", (long)getpid());
    CHECK(strstr(text, pid) != NULL && strstr(text, dir) != NULL);
    CHECK_EQ(other, -1);
    gord_lock_close(fd);
    CHECK_EQ(gord_lock_open(dir, text, sizeof text, &fd), 0);
    gord_lock_close(fd);
    gord_lock_close(-1);
}

TEST(lock_dies_with_its_holder_and_no_pid_is_trusted)
{
    const char *dir = fresh_dir();
    char text[512];
    int fd, ready[2];
    CHECK_EQ(pipe(ready), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK_EQ(gord_lock_open(dir, text, sizeof text, &fd), 0);
        CHECK_EQ(write(ready[1], "x", 1), 1);
        for (;;) {
            pause();
        }
    }
    CHECK_EQ(read(ready[0], text, 1), 1);
    CHECK_EQ(gord_lock_open(dir, text, sizeof text, &fd), -EBUSY);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    /* A living stranger's pid in the file means nothing. */
    char path[256];
    snprintf(path, sizeof path, "%s/lock", dir);
    FILE *file = fopen(path, "w");
    fputs("1\n", file);
    fclose(file);
    CHECK_EQ(gord_lock_open(dir, text, sizeof text, &fd), 0);
    gord_lock_close(fd);
    close(ready[0]);
    close(ready[1]);
}

TEST(directory_that_is_not_there_is_named)
{
    char text[512];
    int fd = -1;
    CHECK_EQ(gord_lock_open("/nowhere", text, sizeof text, &fd), -ENOENT);
    CHECK(strstr(text, "/nowhere/lock") != NULL);
    CHECK_EQ(fd, -1);
}
