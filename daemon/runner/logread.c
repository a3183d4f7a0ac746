/* SPDX-License-Identifier: MIT */
#include "daemon/runner/logread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/runner/logfile.h"

struct gord_logread {
    int fd;          /* owned */
    uint64_t offset; /* of the next frame */
    uint8_t data[GORD_FRAME_HEADER_BYTES + GORD_FRAME_MAX];
};

static int check_magic(int fd)
{
    char magic[GORD_LOGFILE_MAGIC_BYTES];
    ssize_t got = pread(fd, magic, sizeof(magic), 0);

    if (got < 0) {
        return -errno;
    }
    if (got != (ssize_t)sizeof(magic)) {
        return -ENOENT; /* made, but nothing in it yet */
    }
    return memcmp(magic, GORD_LOGFILE_MAGIC, sizeof(magic)) == 0 ? 0 : -EILSEQ;
}

int gord_logread_open(const char *root, uint64_t id, uint64_t offset,
                      struct gord_logread **out_reader)
{
    char path[PATH_MAX];
    int result = gord_logfile_path(root, id, path, sizeof(path));

    if (result != 0) {
        return result;
    }
    struct gord_logread *reader = malloc(sizeof(*reader));
    if (reader == NULL) {
        return -ENOMEM;
    }
    reader->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0) {
        result = -errno;
        free(reader);
        return result;
    }
    result = check_magic(reader->fd);
    if (result != 0) {
        gord_logread_close(reader);
        return result;
    }
    reader->offset = offset > GORD_LOGFILE_MAGIC_BYTES ? offset : GORD_LOGFILE_MAGIC_BYTES;
    *out_reader = reader;
    return 0;
}

void gord_logread_close(struct gord_logread *reader)
{
    if (reader != NULL) {
        close(reader->fd);
        free(reader);
    }
}

int gord_logread_next(struct gord_logread *reader, uint64_t limit, struct gord_frame *out_frame,
                      const uint8_t **out_data)
{
    struct gord_frame frame;

    if (limit <= reader->offset || limit - reader->offset < GORD_FRAME_HEADER_BYTES ||
        reader->offset > INT64_MAX - sizeof(reader->data)) {
        return 0;
    }
    ssize_t got = pread(reader->fd, reader->data, sizeof(reader->data), (off_t)reader->offset);
    if (got < GORD_FRAME_HEADER_BYTES) {
        return got < 0 ? -errno : 0;
    }
    if (!gord_frame_decode(reader->data, reader->offset, &frame)) {
        return -EILSEQ;
    }
    uint64_t bytes = GORD_FRAME_HEADER_BYTES + (uint64_t)frame.length;
    if (bytes > (uint64_t)got || bytes > limit - reader->offset) {
        return 0;
    }
    reader->offset += bytes;
    *out_frame = frame;
    *out_data = reader->data + GORD_FRAME_HEADER_BYTES;
    return 1;
}

uint64_t gord_logread_offset(const struct gord_logread *reader)
{
    return reader->offset;
}
