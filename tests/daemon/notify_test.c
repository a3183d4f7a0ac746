/* SPDX-License-Identifier: MIT */
/* Messages to systemd, against a real datagram socket. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/notify.h"
#include "tests/test.h"

/* A socket bound to `name` ('@' in front: abstract), which is put into NOTIFY_SOCKET. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_EQ(bind(fd, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
             0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static const char *receive(int fd)
{
    static char text[4096];
    ssize_t count = recv(fd, text, sizeof text - 1, 0);
    CHECK(count >= 0);
    text[count] = '\0';
    return text;
}

TEST(messages_arrive_as_systemd_reads_them)
{
    char path[128], pid[32];
    snprintf(path, sizeof path, "%s/notify", test_tmpdir());
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    int fd = listen_at(path);
    setenv("WATCHDOG_USEC", "3000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    struct gord_notify notify;
    CHECK_EQ(gord_notify_open(&notify), 0);
    CHECK_EQ(notify.watchdog_ns, 3000000000);
    CHECK(getenv("NOTIFY_SOCKET") == NULL && getenv("WATCHDOG_USEC") == NULL &&
          getenv("WATCHDOG_PID") == NULL);
    CHECK_EQ(gord_notify_ready(&notify, "up"), 0);
    CHECK_STR(receive(fd), "READY=1\nSTATUS=up");
    CHECK_EQ(gord_notify_status(&notify, "two\nlines"), 0);
    CHECK_STR(receive(fd), "STATUS=two lines");
    CHECK_EQ(gord_notify_watchdog(&notify), 0);
    CHECK_STR(receive(fd), "WATCHDOG=1");
    CHECK_EQ(gord_notify_extend(&notify, 5000000000), 0);
    CHECK_STR(receive(fd), "EXTEND_TIMEOUT_USEC=5000000");
    CHECK_EQ(gord_notify_progress(&notify, 5000000000, "7 jobs"), 0);
    CHECK_STR(receive(fd), "EXTEND_TIMEOUT_USEC=5000000\nSTATUS=7 jobs");
    CHECK_EQ(gord_notify_reloading(&notify, "again"), 0);
    const char *said = receive(fd);
    CHECK(strncmp(said, "RELOADING=1\nMONOTONIC_USEC=", 27) == 0 && said[27] >= '1');
    CHECK(strstr(said, "\nSTATUS=again") != NULL);
    CHECK_EQ(gord_notify_stopping(&notify, "down"), 0);
    CHECK_STR(receive(fd), "STOPPING=1\nSTATUS=down");
    gord_notify_close(&notify);
    gord_notify_close(&notify);
    CHECK_EQ(gord_notify_ready(&notify, "closed"), 0);
    close(fd);
}

TEST(abstract_socket_is_reached)
{
    char name[64];
    snprintf(name, sizeof name, "@gor-notify-%ld", (long)getpid());
    int fd = listen_at(name);
    struct gord_notify notify;
    CHECK_EQ(gord_notify_open(&notify), 0);
    CHECK_EQ(notify.watchdog_ns, 0);
    CHECK_EQ(gord_notify_watchdog(&notify), 0);
    CHECK_STR(receive(fd), "WATCHDOG=1");
    gord_notify_close(&notify);
    close(fd);
}

TEST(nobody_listening_is_fine_without_the_variable_and_told_with_it)
{
    struct gord_notify notify;
    unsetenv("NOTIFY_SOCKET");
    CHECK_EQ(gord_notify_open(&notify), 0);
    CHECK_EQ(gord_notify_ready(&notify, ""), 0);
    setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    CHECK_EQ(gord_notify_open(&notify), -ENOENT);
    CHECK(getenv("NOTIFY_SOCKET") == NULL);
    CHECK_EQ(gord_notify_ready(&notify, ""), 0);
    static const char *const bad[] = {"", "relative", "@", "/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        CHECK_EQ(gord_notify_open(&notify), -EINVAL);
    }
    char name[300];
    memset(name, '/', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    setenv("NOTIFY_SOCKET", name, 1);
    CHECK_EQ(gord_notify_open(&notify), -EINVAL);
}

TEST(watchdog_of_another_process_is_not_ours)
{
    static const char *const bad[][2] = {{"3000000", "1"},
                                         {"0", NULL},
                                         {"-5", NULL},
                                         {"soon", NULL},
                                         {"99999999999999999999", NULL}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char name[64];
        snprintf(name, sizeof name, "@gor-notify-%ld-%zu", (long)getpid(), i);
        int fd = listen_at(name);
        setenv("WATCHDOG_USEC", bad[i][0], 1);
        if (bad[i][1] != NULL) {
            setenv("WATCHDOG_PID", bad[i][1], 1);
        }
        struct gord_notify notify;
        CHECK_EQ(gord_notify_open(&notify), 0);
        CHECK_EQ(notify.watchdog_ns, 0);
        gord_notify_close(&notify);
        close(fd);
    }
}

static void *drain(void *arg)
{
    const int *fd = arg;
    const char *said;
    do {
        said = receive(*fd);
    } while (strncmp(said, "READY=1", 7) != 0);
    return NULL;
}

TEST(ready_waits_for_room)
{
    char name[64];
    snprintf(name, sizeof name, "@gor-notify-room-%ld", (long)getpid());
    int fd = listen_at(name);
    struct gord_notify notify;
    CHECK_EQ(gord_notify_open(&notify), 0);
    while (gord_notify_status(&notify, "again") == 0) {
    }
    pthread_t reader;
    CHECK_EQ(pthread_create(&reader, NULL, drain, &fd), 0);
    while (gord_notify_ready(&notify, "up") == -EAGAIN) { /* it may be slower than a second */
    }
    CHECK_EQ(pthread_join(reader, NULL), 0);
    gord_notify_close(&notify);
    close(fd);
}

TEST(full_socket_never_blocks)
{
    char name[64];
    snprintf(name, sizeof name, "@gor-notify-full-%ld", (long)getpid());
    int fd = listen_at(name);
    struct gord_notify notify;
    CHECK_EQ(gord_notify_open(&notify), 0);
    int err = 0;
    for (int i = 0; i < 100000 && err == 0; i++) {
        err = gord_notify_status(&notify, "again");
    }
    CHECK_EQ(err, -EAGAIN);
    gord_notify_close(&notify);
    close(fd);
}
