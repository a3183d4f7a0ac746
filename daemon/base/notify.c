/* SPDX-License-Identifier: MIT */
/* notify.c - see notify.h. */
#include "daemon/base/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/clock.h"

enum { ROOM_MS = 1000 };

/* 0 unless systemd watches this very process. */
static int64_t watchdog_of_environment(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (usec == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid())) {
        return 0;
    }
    char *end;
    errno = 0;
    long long value = strtoll(usec, &end, 10);
    return errno != 0 || *end != '\0' || value <= 0 || value > INT64_MAX / 1000 ? 0 : value * 1000;
}

/* '@' in front means the abstract name space. */
static int address_of(const char *path, struct sockaddr_un *out, socklen_t *out_length)
{
    size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof out->sun_path) {
        return -EINVAL;
    }
    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    memcpy(out->sun_path, path, length);
    if (path[0] == '@') {
        out->sun_path[0] = '\0';
    }
    *out_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/'));
    return 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address;
    socklen_t length;
    int err = address_of(path, &address, &length);
    if (err != 0) {
        return err;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)&address, length) != 0) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

int gord_notify_open(struct gord_notify *notify)
{
    notify->fd = -1;
    notify->watchdog_ns = 0;
    int err = 0;
    const char *path = getenv("NOTIFY_SOCKET");
    if (path != NULL) {
        int fd = connect_to(path);
        if (fd >= 0) {
            notify->fd = fd;
            notify->watchdog_ns = watchdog_of_environment();
        } else {
            err = fd;
        }
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return err;
}

void gord_notify_close(struct gord_notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
        notify->fd = -1;
    }
}

static int send_text(struct gord_notify *notify, const char *text)
{
    if (notify->fd < 0) {
        return 0;
    }
    return send(notify->fd, text, strlen(text), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The same for what must not get lost: waits a while for room. */
static int send_surely(struct gord_notify *notify, const char *text)
{
    int err = send_text(notify, text);
    if (err == -EAGAIN) {
        struct pollfd room = {.fd = notify->fd, .events = POLLOUT};
        (void)poll(&room, 1, ROOM_MS);
        err = send_text(notify, text);
    }
    return err;
}

/* `what`, then a STATUS= line of one line. */
static int send_with_status(struct gord_notify *notify, const char *what, const char *status)
{
    char text[1024];
    int used = snprintf(text, sizeof text, "%sSTATUS=", what);
    snprintf(text + used, sizeof text - (size_t)used, "%s", status);
    for (char *p = text + used; *p != '\0'; p++) {
        if (*p == '\n') {
            *p = ' ';
        }
    }
    return what[0] != '\0' ? send_surely(notify, text) : send_text(notify, text);
}

int gord_notify_ready(struct gord_notify *notify, const char *status)
{
    return send_with_status(notify, "READY=1\n", status);
}

int gord_notify_reloading(struct gord_notify *notify, const char *status)
{
    char what[80];
    /* So that systemd can tell this reload from one before. */
    snprintf(what, sizeof what, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n",
             gord_clock_ns(CLOCK_MONOTONIC) / 1000);
    return send_with_status(notify, what, status);
}

int gord_notify_status(struct gord_notify *notify, const char *status)
{
    return send_with_status(notify, "", status);
}

int gord_notify_stopping(struct gord_notify *notify, const char *status)
{
    return send_with_status(notify, "STOPPING=1\n", status);
}

int gord_notify_watchdog(struct gord_notify *notify)
{
    return send_text(notify, "WATCHDOG=1");
}

int gord_notify_extend(struct gord_notify *notify, int64_t ns)
{
    char text[64];
    snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%" PRId64, ns / 1000);
    return send_text(notify, text);
}

int gord_notify_progress(struct gord_notify *notify, int64_t ns, const char *status)
{
    char text[512];
    snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%" PRId64 "\nSTATUS=%s", ns / 1000, status);
    return send_text(notify, text);
}

int gord_notify_keep(struct gord_notify *notify, const char *name, int fd)
{
    char text[128];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    int length = snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%s", name);
    struct iovec part = {text, (size_t)length};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    if (notify->fd < 0) {
        return 0;
    }
    return sendmsg(notify->fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int gord_notify_drop(struct gord_notify *notify, const char *name)
{
    char text[128];
    snprintf(text, sizeof text, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    return send_text(notify, text);
}
