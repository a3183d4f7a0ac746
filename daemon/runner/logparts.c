/* SPDX-License-Identifier: MIT */
/* logparts.c - see logparts.h.
 *
 * The writer makes the newer part of the tail the older one by a rename, and then a new one. Whoever
 * looks for parts meanwhile opens the newer first: what it finds then as the older is older indeed,
 * unless it is the same file, or one that came later; so it looks again.
 */
#include "daemon/runner/logparts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/output.h"

#define LOOKS_MAX 100

void gord_logpart_close(struct gord_logpart *part)
{
    if (part->fd >= 0) {
        close(part->fd);
        part->fd = -1;
    }
}

static int open_file(const char *root, uint64_t id, enum gord_output_part part)
{
    char path[PATH_MAX];
    int result = gord_output_path(root, id, part, path, sizeof(path));
    int fd = result == 0 ? open(path, O_RDONLY | O_CLOEXEC) : result;

    return result == 0 && fd < 0 ? -errno : fd;
}

int gord_logparts_open_head(const char *root, uint64_t id, struct gord_logpart *out)
{
    char magic[GORD_LOGFILE_MAGIC_BYTES];
    int fd = open_file(root, id, GORD_OUTPUT_HEAD);

    if (fd < 0) {
        return fd;
    }
    ssize_t got = pread(fd, magic, sizeof(magic), 0);
    if (got == (ssize_t)sizeof(magic) && memcmp(magic, GORD_LOGFILE_MAGIC, sizeof(magic)) == 0) {
        *out = (struct gord_logpart){.fd = fd};
        return 0;
    }
    int result = got < 0 ? -errno : -EILSEQ;
    close(fd);
    return got >= 0 && got < (ssize_t)sizeof(magic) ? -ENOENT : result; /* nothing in it yet */
}

/* A part of the tail; it has no fd if there is none, or it is only being made. */
static int open_tail(const char *root, uint64_t id, enum gord_output_part which,
                     struct gord_logpart *out)
{
    uint8_t header[GORD_TAIL_HEADER_BYTES];
    int fd = open_file(root, id, which);

    *out = (struct gord_logpart){.fd = -1};
    if (fd < 0) {
        return fd == -ENOENT ? 0 : fd;
    }
    ssize_t got = pread(fd, header, sizeof(header), 0);
    if (got == (ssize_t)sizeof(header) && gord_tail_decode(header, &out->tail)) {
        out->fd = fd;
        return 0;
    }
    int result = got < 0 ? -errno : 0;
    close(fd);
    return got == (ssize_t)sizeof(header) ? -EILSEQ : result;
}

/* Both parts of the tail, the older first; those that are not there have no fd. */
int gord_logparts_open_tails(const char *root, uint64_t id, struct gord_logpart out[2])
{
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        int result = open_tail(root, id, GORD_OUTPUT_TAIL, &out[1]);
        if (result == 0) {
            result = open_tail(root, id, GORD_OUTPUT_TAIL_OLD, &out[0]);
        }
        if (result != 0) {
            gord_logpart_close(&out[1]);
            return result;
        }
        if (out[0].fd < 0 || out[1].fd < 0 || out[0].tail.first < out[1].tail.first) {
            return 0;
        }
        gord_logpart_close(&out[0]);
        gord_logpart_close(&out[1]);
    }
    return -EAGAIN;
}
