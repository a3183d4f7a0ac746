/* SPDX-License-Identifier: MIT */
/* journal.c - see journal.h. */
#include "daemon/base/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

int gord_journal_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path)) {
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

/* Names of files as they are from the top of the sources on, wherever those were when it was built. */
static const char *from_top(const char *file)
{
    const char *top = strstr(file, "daemon/");

    return top != NULL ? top : file;
}

int gord_journal_send(int fd, const struct gord_journal_record *record)
{
    const struct gord_log_place *place = record->place;
    const struct gord_log_job *job = record->job;
    char head[640], id[64] = "", queue[128] = "";

    if (job->id != 0) {
        snprintf(id, sizeof(id), "GOR_JOB_ID=%" PRIu64 "\n", job->id);
    }
    if (job->queue != NULL) {
        snprintf(queue, sizeof(queue), "GOR_QUEUE=%.*s\n", gord_log_queue_length(job), job->queue);
    }
    int used =
        snprintf(head, sizeof(head),
                 "PRIORITY=%d\nSYSLOG_IDENTIFIER=gord\nCODE_FILE=%.200s\nCODE_LINE=%u\n"
                 "CODE_FUNC=%.100s\n%s%sMESSAGE=",
                 record->priority, from_top(place->file), place->line, place->function, id, queue);
    struct iovec parts[] = {{head, (size_t)used},
                            {(char *)(uintptr_t)record->text, strlen(record->text)},
                            {(char *)(uintptr_t) "\n", 1}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
