/* SPDX-License-Identifier: MIT */
/* notify.c - see notify.h. */
#include "daemon/base/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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
    return send_text(notify, text);
}

int gord_notify_ready(struct gord_notify *notify, const char *status)
{
    return send_with_status(notify, "READY=1\n", status);
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
