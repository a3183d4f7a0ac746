/* SPDX-License-Identifier: MIT */
#include "daemon/runner/logtail.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/runner/logparts.h"

/* Two of the largest frames, so that one begins in the first half of it. */
#define BLOCK ((size_t)2 * (GORD_FRAME_HEADER_BYTES + GORD_FRAME_MAX))
#define PARTS 3
/* What a block may have at most: frames of one byte. */
#define FRAMES_MAX (BLOCK / (GORD_FRAME_HEADER_BYTES + 1) + 1)

struct gord_logtail {
    struct gord_logtail_opts opts;
    struct gord_logpart parts[PARTS]; /* owned; the last first */
    int part;                         /* the one that is read; PARTS: there is none before */
    uint64_t first;                   /* offset of its first frame */
    uint64_t end;                     /* offset before which all in it is still to be looked at */
    bool loose;                       /* an unfinished frame may be before `end` */
    bool begun;                       /* the last frame has been found */
    bool ended;                       /* a byte of output was seen */
    uint64_t newlines;                /* still to pass */
    uint64_t offset;                  /* found so far: where to begin */
    uint32_t skip;
    size_t count;
    uint32_t starts[FRAMES_MAX]; /* of the frames in the block */
    uint8_t block[BLOCK];
};

/* Where in its file that offset is. */
static uint64_t place(const struct gord_logtail *tail, uint64_t offset)
{
    const struct gord_logpart *part = &tail->parts[tail->part];

    return part->tail.first == 0 ? offset : offset - part->tail.first + GORD_TAIL_HEADER_BYTES;
}

/* Begin with the next part that is there. 0 or -errno. */
static int enter_part(struct gord_logtail *tail)
{
    struct stat st;

    while (tail->part < PARTS && tail->parts[tail->part].fd < 0) {
        tail->part++;
    }
    if (tail->part == PARTS) {
        return 0;
    }
    const struct gord_logpart *part = &tail->parts[tail->part];
    if (fstat(part->fd, &st) != 0) {
        return -errno;
    }
    bool head = part->tail.first == 0;
    uint64_t header = head ? GORD_LOGFILE_MAGIC_BYTES : GORD_TAIL_HEADER_BYTES;
    uint64_t bytes = (uint64_t)st.st_size > header ? (uint64_t)st.st_size - header : 0;
    tail->first = head ? GORD_LOGFILE_MAGIC_BYTES : part->tail.first;
    tail->end = tail->first + bytes;
    tail->loose = true;
    if (tail->opts.limit < tail->end) {
        tail->end = tail->opts.limit > tail->first ? tail->opts.limit : tail->first;
        tail->loose = false;
    }
    return 0;
}

int gord_logtail_open(const struct gord_logtail_opts *opts, struct gord_logtail **out_tail)
{
    struct gord_logpart tails[2];
    struct gord_logtail *tail = calloc(1, sizeof(*tail));

    if (tail == NULL) {
        return -ENOMEM;
    }
    tail->opts = *opts;
    tail->newlines = opts->lines;
    for (int i = 0; i < PARTS; i++) {
        tail->parts[i].fd = -1;
    }
    int result = gord_logparts_open_tails(opts->root, opts->id, tails);
    if (result == 0) {
        tail->parts[0] = tails[1];
        tail->parts[1] = tails[0];
        result = gord_logparts_open_head(opts->root, opts->id, &tail->parts[2]);
    }
    tail->opts.root = NULL;
    result = result == 0 ? enter_part(tail) : result;
    if (result != 0) {
        gord_logtail_close(tail);
        return result;
    }
    tail->offset = tail->end;
    *out_tail = tail;
    return 0;
}

void gord_logtail_close(struct gord_logtail *tail)
{
    if (tail != NULL) {
        for (int i = 0; i < PARTS; i++) {
            gord_logpart_close(&tail->parts[i]);
        }
        free(tail);
    }
}

/* ------------------------------------------------------------------ frames in a block */

/* The frames that follow each other from `at`, into `starts`. Whether they lead to the end, or, where it
 * may be, to a frame that is not finished. */
static bool follow_frames(struct gord_logtail *tail, uint64_t begin, size_t at, size_t bytes)
{
    struct gord_frame frame;
    bool torn = false;

    tail->count = 0;
    while (at < bytes && !torn) {
        torn = bytes - at < GORD_FRAME_HEADER_BYTES;
        if (!torn && !gord_frame_decode(tail->block + at, begin + at, &frame)) {
            return false;
        }
        torn = torn || frame.length > bytes - at - GORD_FRAME_HEADER_BYTES;
        if (!torn) {
            tail->starts[tail->count++] = (uint32_t)at;
            at += GORD_FRAME_HEADER_BYTES + frame.length;
        }
    }
    return !torn || tail->loose;
}

/* The block before `end`, as frames. 0, -EILSEQ or -errno; *out_begin is the block's offset. */
static int read_block(struct gord_logtail *tail, uint64_t *out_begin)
{
    uint64_t before = tail->end - tail->first;
    size_t bytes = before < BLOCK ? (size_t)before : BLOCK;
    uint64_t begin = tail->end - bytes;
    ssize_t got = pread(tail->parts[tail->part].fd, tail->block, bytes, (off_t)place(tail, begin));

    if (got != (ssize_t)bytes) {
        return got < 0 ? -errno : -EILSEQ;
    }
    *out_begin = begin;
    /* At the part's begin there is no choice. */
    size_t last = begin == tail->first ? 0 : bytes;
    for (size_t at = 0; at <= last; at++) {
        if (follow_frames(tail, begin, at, bytes) && (tail->count > 0 || last == 0)) {
            return 0;
        }
    }
    return -EILSEQ;
}

/* ------------------------------------------------------------------ lines */

/* Go back over the output of one frame. True: the first line begins in it. */
static bool pass_lines(struct gord_logtail *tail, uint64_t offset, const uint8_t *data,
                       uint32_t length)
{
    /* The newline at the very end ends the last line; it begins none. */
    uint32_t left = tail->ended ? length : length - (data[length - 1] == '\n');

    tail->ended = true;
    while (left > 0) {
        const uint8_t *newline = memrchr(data, '\n', left);
        if (newline == NULL) {
            break;
        }
        if (--tail->newlines == 0) {
            tail->offset = offset;
            tail->skip = (uint32_t)(newline - data) + 1;
            return true;
        }
        left = (uint32_t)(newline - data);
    }
    return false;
}

/* True: what is looked for begins behind it, or in it. */
static bool pass_frame(struct gord_logtail *tail, uint64_t begin, size_t at)
{
    struct gord_frame frame;

    (void)gord_frame_decode(tail->block + at, begin + at, &frame);
    if (tail->opts.since_ns != 0 && frame.at_ns < tail->opts.since_ns) {
        return true;
    }
    bool counts =
        frame.stream != GORD_REMARK && (tail->opts.only == 0 || frame.stream == tail->opts.only);
    if (counts && tail->opts.lines > 0 &&
        pass_lines(tail, begin + at, tail->block + at + GORD_FRAME_HEADER_BYTES, frame.length)) {
        return true;
    }
    tail->offset = begin + at;
    return false;
}

int gord_logtail_step(struct gord_logtail *tail)
{
    uint64_t begin = 0;

    if (tail->part == PARTS) {
        return 1;
    }
    if (tail->end == tail->first) {
        tail->part++;
        int result = enter_part(tail);
        return result < 0 ? result : tail->part == PARTS;
    }
    int result = read_block(tail, &begin);
    if (result != 0) {
        return result;
    }
    if (!tail->begun && tail->count > 0) {
        struct gord_frame last;
        size_t at = tail->starts[tail->count - 1];
        (void)gord_frame_decode(tail->block + at, begin + at, &last);
        tail->offset = begin + at + GORD_FRAME_HEADER_BYTES + last.length;
        tail->begun = true;
    }
    for (size_t i = tail->count; i > 0; i--) {
        if (pass_frame(tail, begin, tail->starts[i - 1])) {
            tail->part = PARTS;
            return 1;
        }
    }
    tail->end = tail->count > 0 ? begin + tail->starts[0] : tail->first;
    tail->loose = false;
    return 0;
}

uint64_t gord_logtail_offset(const struct gord_logtail *tail)
{
    return tail->offset;
}

uint32_t gord_logtail_skip(const struct gord_logtail *tail)
{
    return tail->skip;
}
