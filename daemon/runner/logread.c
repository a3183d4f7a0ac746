/* SPDX-License-Identifier: MIT */
/* logread.c - see logread.h.
 *
 * The writer makes the newer part of the tail the older one by a rename, and then a new one. Whoever
 * looks for parts meanwhile opens the newer first: what it finds then as the older is older indeed,
 * unless it is the same file, or one that came later; so it looks again.
 */
#include "daemon/runner/logread.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/output.h"

#define LOOKS_MAX 100

/* A part that is open, or could be. */
struct part {
    int fd;                /* -1: none */
    struct gord_tail tail; /* first is 0: the head */
};

struct gord_logread {
    const char *root; /* owned */
    uint64_t id;
    struct part part;
    uint64_t offset; /* of the next frame */
    uint64_t passed; /* bytes of output between the tail's begin and `offset`; if `counts` */
    bool counts;
    uint64_t missing; /* see gord_logread_missing */
    uint8_t data[GORD_FRAME_HEADER_BYTES + GORD_FRAME_MAX];
};

static void close_part(struct part *part)
{
    if (part->fd >= 0) {
        close(part->fd);
        part->fd = -1;
    }
}

/* ------------------------------------------------------------------ finding parts */

static int open_file(const struct gord_logread *reader, enum gord_output_part part)
{
    char path[PATH_MAX];
    int result = gord_output_path(reader->root, reader->id, part, path, sizeof(path));
    int fd = result == 0 ? open(path, O_RDONLY | O_CLOEXEC) : result;

    return result == 0 && fd < 0 ? -errno : fd;
}

static int open_head(const struct gord_logread *reader, struct part *out)
{
    char magic[GORD_LOGFILE_MAGIC_BYTES];
    int fd = open_file(reader, GORD_OUTPUT_HEAD);

    if (fd < 0) {
        return fd;
    }
    ssize_t got = pread(fd, magic, sizeof(magic), 0);
    if (got == (ssize_t)sizeof(magic) && memcmp(magic, GORD_LOGFILE_MAGIC, sizeof(magic)) == 0) {
        *out = (struct part){.fd = fd};
        return 0;
    }
    int result = got < 0 ? -errno : -EILSEQ;
    close(fd);
    return got >= 0 && got < (ssize_t)sizeof(magic) ? -ENOENT : result; /* nothing in it yet */
}

/* A part of the tail; it has no fd if there is none, or it is only being made. */
static int open_tail(const struct gord_logread *reader, enum gord_output_part which,
                     struct part *out)
{
    uint8_t header[GORD_TAIL_HEADER_BYTES];
    int fd = open_file(reader, which);

    *out = (struct part){.fd = -1};
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
static int open_tails(const struct gord_logread *reader, struct part out[2])
{
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
        int result = open_tail(reader, GORD_OUTPUT_TAIL, &out[1]);
        if (result == 0) {
            result = open_tail(reader, GORD_OUTPUT_TAIL_OLD, &out[0]);
        }
        if (result != 0) {
            close_part(&out[1]);
            return result;
        }
        if (out[0].fd < 0 || out[1].fd < 0 || out[0].tail.first < out[1].tail.first) {
            return 0;
        }
        close_part(&out[0]);
        close_part(&out[1]);
    }
    return -EAGAIN;
}

/* The part to begin with in *out: that which has the offset, or the first one behind it. */
static int open_at(const struct gord_logread *reader, struct part *out)
{
    struct part tails[2];
    struct part found = {.fd = -1};
    int result = open_tails(reader, tails);

    if (result != 0) {
        return result;
    }
    for (int i = 1; i >= 0; i--) {
        bool before = tails[i].fd >= 0 && reader->offset < tails[i].tail.head_end;
        if (tails[i].fd >= 0 && !before && (found.fd < 0 || found.tail.first > reader->offset)) {
            close_part(&found);
            found = tails[i];
        } else {
            close_part(&tails[i]);
        }
    }
    if (found.fd < 0) {
        return open_head(reader, out);
    }
    *out = found;
    return 0;
}

/* The part behind the one that is open, if there is one: 1 with it in *out, or 0. */
static int open_next(const struct gord_logread *reader, struct part *out)
{
    struct part tails[2];
    bool found = false;
    int result = open_tails(reader, tails);

    if (result != 0) {
        return result;
    }
    for (int i = 0; i < 2; i++) {
        if (tails[i].fd >= 0 && !found && tails[i].tail.first > reader->part.tail.first) {
            *out = tails[i];
            found = true;
        } else {
            close_part(&tails[i]);
        }
    }
    return found;
}

/* ------------------------------------------------------------------ open and close */

int gord_logread_open(const char *root, uint64_t id, uint64_t offset,
                      struct gord_logread **out_reader)
{
    struct gord_logread *reader = calloc(1, sizeof(*reader));

    if (reader == NULL) {
        return -ENOMEM;
    }
    reader->part.fd = -1;
    reader->root = strdup(root);
    reader->id = id;
    reader->offset = offset > GORD_LOGFILE_MAGIC_BYTES ? offset : GORD_LOGFILE_MAGIC_BYTES;
    int result = reader->root != NULL ? open_at(reader, &reader->part) : -ENOMEM;
    if (result != 0) {
        gord_logread_close(reader);
        return result;
    }
    reader->counts = reader->part.tail.first == 0;
    *out_reader = reader;
    return 0;
}

void gord_logread_close(struct gord_logread *reader)
{
    if (reader != NULL) {
        close_part(&reader->part);
        free((void *)(uintptr_t)reader->root);
        free(reader);
    }
}

/* ------------------------------------------------------------------ reading */

/* Where in its file the next frame is. */
static uint64_t place(const struct gord_logread *reader)
{
    const struct gord_tail *tail = &reader->part.tail;

    return tail->first == 0 ? reader->offset
                            : reader->offset - tail->first + GORD_TAIL_HEADER_BYTES;
}

/* The next frame of the part that is open: 1, 0: no whole one below `limit`, or an error. */
static int read_frame(struct gord_logread *reader, uint64_t limit, struct gord_frame *out_frame)
{
    struct gord_frame frame;

    if (reader->offset > INT64_MAX - sizeof(reader->data)) {
        return 0;
    }
    ssize_t got = pread(reader->part.fd, reader->data, sizeof(reader->data), (off_t)place(reader));
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
    bool in_tail = reader->part.tail.first != 0;
    reader->passed += in_tail && frame.stream != GORD_REMARK ? frame.length : 0;
    *out_frame = frame;
    return 1;
}

/* The part that is open begins behind the offset: go there, with a remark about it. */
static void skip_gap(struct gord_logread *reader, struct gord_frame *out_frame)
{
    const struct gord_tail *tail = &reader->part.tail;
    char *text = (char *)reader->data + GORD_FRAME_HEADER_BYTES;
    bool counts = reader->counts || reader->offset == tail->head_end;

    reader->missing = counts ? tail->before - reader->passed : tail->first - reader->offset;
    int length = snprintf(text, 128,
                          "%s%" PRIu64 " bytes of output are missing here: of so much only the "
                          "beginning and the end are kept\n",
                          counts ? "" : "up to ", reader->missing);
    *out_frame = (struct gord_frame){GORD_REMARK, (uint32_t)length, tail->at_ns};
    reader->offset = tail->first;
    reader->passed = tail->before;
    reader->counts = true;
}

int gord_logread_next(struct gord_logread *reader, uint64_t limit, struct gord_frame *out_frame,
                      const uint8_t **out_data)
{
    reader->missing = 0;
    *out_data = reader->data + GORD_FRAME_HEADER_BYTES;
    while (limit > reader->offset && limit - reader->offset >= GORD_FRAME_HEADER_BYTES) {
        struct part next;
        if (reader->part.tail.first > reader->offset) {
            skip_gap(reader, out_frame);
            return 1;
        }
        int result = read_frame(reader, limit, out_frame);
        if (result != 0) {
            return result;
        }
        result = open_next(reader, &next);
        if (result <= 0) {
            return result;
        }
        close_part(&reader->part);
        reader->part = next;
    }
    return 0;
}

uint64_t gord_logread_offset(const struct gord_logread *reader)
{
    return reader->offset;
}

uint64_t gord_logread_missing(const struct gord_logread *reader)
{
    return reader->missing;
}
