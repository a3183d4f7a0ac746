/* SPDX-License-Identifier: MIT */
/* logread.c - see logread.h. */
#include "daemon/runner/logread.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/runner/logparts.h"

struct gord_logread {
    const char *root; /* owned */
    uint64_t id;
    struct gord_logpart part;
    uint64_t offset; /* of the next frame */
    uint64_t passed; /* bytes of output between the tail's begin and `offset`; if `counts` */
    bool counts;
    uint64_t missing; /* see gord_logread_missing */
    uint8_t data[GORD_FRAME_HEADER_BYTES + GORD_FRAME_MAX];
};

/* ------------------------------------------------------------------ finding parts */

/* The part to begin with in *out: that which has the offset, or the first one behind it. */
static int open_at(const struct gord_logread *reader, struct gord_logpart *out)
{
    struct gord_logpart tails[2];
    struct gord_logpart found = {.fd = -1};
    int result = gord_logparts_open_tails(reader->root, reader->id, tails);

    if (result != 0) {
        return result;
    }
    for (int i = 1; i >= 0; i--) {
        bool before = tails[i].fd >= 0 && reader->offset < tails[i].tail.head_end;
        if (tails[i].fd >= 0 && !before && (found.fd < 0 || found.tail.first > reader->offset)) {
            gord_logpart_close(&found);
            found = tails[i];
        } else {
            gord_logpart_close(&tails[i]);
        }
    }
    if (found.fd < 0) {
        return gord_logparts_open_head(reader->root, reader->id, out);
    }
    *out = found;
    return 0;
}

/* The part behind the one that is open, if there is one: 1 with it in *out, or 0. */
static int open_next(const struct gord_logread *reader, struct gord_logpart *out)
{
    struct gord_logpart tails[2];
    bool found = false;
    int result = gord_logparts_open_tails(reader->root, reader->id, tails);

    if (result != 0) {
        return result;
    }
    for (int i = 0; i < 2; i++) {
        if (tails[i].fd >= 0 && !found && tails[i].tail.first > reader->part.tail.first) {
            *out = tails[i];
            found = true;
        } else {
            gord_logpart_close(&tails[i]);
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
        gord_logpart_close(&reader->part);
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
        struct gord_logpart next;
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
        gord_logpart_close(&reader->part);
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
