/* SPDX-License-Identifier: MIT */
#include "client/lines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/source.h"

struct gorctl_lines {
    struct gorctl_lines_opts opts;
    struct gorctl_source *source; /* owned */
    char *text;                   /* owned; what came of a line, or of several that have to wait */
    size_t length, room;
    uint64_t count;
    bool ended; /* nothing more can be read */
    bool told;  /* so */
    int code;
};

/* Hand out the whole lines there are, and at the end the last one without its newline. */
static void hand_out(struct gorctl_lines *lines)
{
    size_t at = 0;
    while (at < lines->length && lines->opts.has_room(lines->opts.user)) {
        const char *begin = lines->text + at;
        const char *newline = memchr(begin, '\n', lines->length - at);
        if (newline == NULL && !lines->ended) {
            break;
        }
        size_t length = newline != NULL ? (size_t)(newline - begin) : lines->length - at;
        lines->opts.on_line(begin, length, ++lines->count, lines->opts.user);
        at += length + (newline != NULL);
    }
    if (at > 0) {
        memmove(lines->text, lines->text + at, lines->length - at);
        lines->length -= at;
    }
}

void gorctl_lines_go_on(struct gorctl_lines *lines)
{
    hand_out(lines);
    if (!lines->ended || lines->length > 0) {
        gorctl_source_want(lines->source, !lines->ended && lines->opts.has_room(lines->opts.user));
    } else if (!lines->told) {
        lines->told = true;
        lines->opts.on_end(lines->code, lines->opts.user);
    }
}

static void on_bytes(const char *bytes, ssize_t length, void *user)
{
    struct gorctl_lines *lines = user;
    if (length < 0) {
        gorctl_say("cannot read %s: %s", lines->opts.name, strerror((int)-length));
        lines->code = GORCTL_EXIT_NOT_FOUND;
    }
    lines->ended = length <= 0;
    if (length > 0) {
        size_t more = (size_t)length;
        if (lines->length + more > lines->room) {
            lines->room = lines->length + more + lines->room;
            lines->text = gorctl_grow(lines->text, lines->room, 1);
        }
        memcpy(lines->text + lines->length, bytes, more);
        lines->length += more;
    }
    if (lines->length > lines->opts.most_bytes &&
        memchr(lines->text, '\n', lines->length) == NULL) {
        gorctl_say("%s, line %" PRIu64 ": longer than %zu bytes; nothing behind it was read",
                   lines->opts.name, lines->count + 1, lines->opts.most_bytes);
        lines->code = GORCTL_EXIT_USAGE;
        lines->ended = true;
        lines->length = 0;
    }
    gorctl_lines_go_on(lines);
}

struct gorctl_lines *gorctl_lines_new(struct gorctl *ctl, const struct gorctl_lines_opts *opts)
{
    struct gorctl_lines *lines = gorctl_alloc(sizeof(*lines));
    lines->opts = *opts;
    lines->source = gorctl_source_new(gorctl_loop(ctl), opts->fd, on_bytes, lines);
    gorctl_source_want(lines->source, true);
    return lines;
}

uint64_t gorctl_lines_count(const struct gorctl_lines *lines)
{
    return lines->count;
}

void gorctl_lines_free(struct gorctl_lines *lines)
{
    if (lines != NULL) {
        gorctl_source_free(lines->source);
        free(lines->text);
        free(lines);
    }
}
