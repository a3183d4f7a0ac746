/* SPDX-License-Identifier: MIT */
#include "daemon/runner/logtake.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/store/output.h"

#define FOLDER_TRIES 10

void gord_logtake_init(struct gord_logtake *take)
{
    *take = (struct gord_logtake){.fd = -1};
}

static int write_all(int fd, struct iovec parts[2])
{
    size_t length = parts[0].iov_len + parts[1].iov_len;

    errno = 0;
    ssize_t done = writev(fd, parts, 2);
    if (done == (ssize_t)length) {
        return 0;
    }
    return done < 0 ? -errno : -ENOSPC; /* a short write of a file is a full disk */
}

static int begin(struct gord_logtake *take, const char *root, uint64_t number)
{
    struct iovec magic[2] = {{(void *)(uintptr_t)GORD_LOGFILE_MAGIC, GORD_LOGFILE_MAGIC_BYTES}};

    if (asprintf(&take->path, "%s/incoming-%" PRIu64, root, number) < 0) {
        take->path = NULL;
        return -ENOMEM;
    }
    /* What a daemon that died left there is overwritten. */
    take->fd = open(take->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    take->offset = GORD_LOGFILE_MAGIC_BYTES;
    return take->fd >= 0 ? write_all(take->fd, magic) : -errno;
}

int gord_logtake_append(struct gord_logtake *take, const char *root, uint64_t number,
                        const struct gord_frame *frame, const uint8_t *data)
{
    uint8_t header[GORD_FRAME_HEADER_BYTES];
    struct iovec parts[2] = {{header, sizeof(header)}, {(void *)(uintptr_t)data, frame->length}};

    if (frame->stream < GORD_STDOUT || frame->stream > GORD_REMARK || frame->length == 0 ||
        frame->length > GORD_FRAME_MAX) {
        return -EINVAL;
    }
    int result = take->fd < 0 ? begin(take, root, number) : 0;
    if (result == 0) {
        gord_frame_encode(frame, take->offset, header);
        result = write_all(take->fd, parts);
    }
    if (result == 0) {
        take->offset += sizeof(header) + frame->length;
    }
    return result;
}

/* Into its folder, which is made if it is the first there. */
static int rename_into(const char *from, char *path)
{
    int result = rename(from, path) != 0 ? -errno : 0;

    /* More than once: a folder is removed when its last log is, which may be just now. */
    for (int tries = 0; result == -ENOENT && tries < FOLDER_TRIES; tries++) {
        char *slash = strrchr(path, '/');
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return -errno;
        }
        *slash = '/';
        result = rename(from, path) != 0 ? -errno : 0;
    }
    return result;
}

int gord_logtake_keep(struct gord_logtake *take, const char *root, uint64_t id)
{
    char path[PATH_MAX];

    if (take->fd < 0) {
        return 0;
    }
    int result = gord_output_remove(root, id);
    if (result == 0) {
        result = gord_output_path(root, id, GORD_OUTPUT_HEAD, path, sizeof(path));
    }
    if (result == 0) {
        result = rename_into(take->path, path);
    }
    if (result == 0) {
        close(take->fd);
        free(take->path);
        gord_logtake_init(take);
    }
    return result;
}

void gord_logtake_drop(struct gord_logtake *take)
{
    if (take->fd >= 0) {
        close(take->fd);
        (void)unlink(take->path);
    }
    free(take->path);
    gord_logtake_init(take);
}
