/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h. Only so many jobs are on their way at once; then nothing more is read. */
#include "client/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/batch.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/json.h"
#include "client/source.h"
#include "client/text.h"

enum { IN_FLIGHT = 200, LINE_MOST = 16 * 1024 * 1024 };

struct submitting {
    struct gorctl *ctl;
    const char *name;
    struct gorctl_source *source;
    char *line; /* owned; what came of a line, or of several that have to wait */
    size_t length, room;
    uint64_t line_number;           /* of the next one */
    uint64_t sent_lines[IN_FLIGHT]; /* the numbers of those on their way, a ring */
    uint64_t sent, answered;
    bool ended; /* nothing more can be read */
    int code;
};

static void note_failure(struct submitting *s, int code)
{
    s->code = s->code == GORCTL_EXIT_OK ? code : s->code;
}

static void say_refused(struct submitting *s, uint64_t number, const char *why)
{
    char *clean = gorctl_text_escape(why, strlen(why));
    (void)fflush(stdout);
    gorctl_say("%s, line %" PRIu64 ": %s", s->name, number, clean);
    free(clean);
}

static bool has_room(const struct submitting *s)
{
    return s->sent - s->answered < IN_FLIGHT;
}

static void send_line(struct submitting *s, const char *line, size_t length)
{
    char why[GORCTL_BATCH_WHY];
    Gor__V1__JobSpec *spec;
    uint64_t number = ++s->line_number;
    if (gorctl_batch_is_blank(line, length)) {
        return;
    }
    if (gorctl_batch_line(line, length, why, &spec) != 0) {
        say_refused(s, number, why);
        note_failure(s, GORCTL_EXIT_USAGE);
        return;
    }
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    request.spec = spec;
    s->sent_lines[s->sent++ % IN_FLIGHT] = number;
    gorctl_stream_send(s->ctl, &request.base);
    gor__v1__job_spec__free_unpacked(spec, NULL);
}

/* Send the whole lines there are, and at the end the last one without its newline. */
static void send_lines(struct submitting *s)
{
    size_t at = 0;
    while (has_room(s) && at < s->length) {
        const char *begin = s->line + at;
        const char *newline = memchr(begin, '\n', s->length - at);
        if (newline == NULL && !s->ended) {
            break;
        }
        size_t length = newline != NULL ? (size_t)(newline - begin) : s->length - at;
        send_line(s, begin, length);
        at += length + (newline != NULL);
    }
    if (at > 0) {
        memmove(s->line, s->line + at, s->length - at);
        s->length -= at;
    }
}

static void go_on(struct submitting *s)
{
    send_lines(s);
    if (s->ended && s->length == 0) {
        gorctl_stream_half_close(s->ctl);
        return;
    }
    gorctl_source_want(s->source, has_room(s));
}

static void on_bytes(const char *bytes, ssize_t length, void *user)
{
    struct submitting *s = user;
    if (length < 0) {
        gorctl_say("cannot read %s: %s", s->name, strerror((int)-length));
        note_failure(s, GORCTL_EXIT_NOT_FOUND);
    }
    s->ended = length <= 0;
    if (length > 0) {
        size_t more = (size_t)length;
        if (s->length + more > s->room) {
            s->room = s->length + more + s->room;
            s->line = gorctl_grow(s->line, s->room, 1);
        }
        memcpy(s->line + s->length, bytes, more);
        s->length += more;
    }
    if (s->length > LINE_MOST && memchr(s->line, '\n', s->length) == NULL) {
        gorctl_say("%s, line %" PRIu64 ": longer than %d bytes; nothing behind it was read",
                   s->name, s->line_number + 1, LINE_MOST);
        note_failure(s, GORCTL_EXIT_USAGE);
        s->ended = true;
        s->length = 0;
    }
    go_on(s);
}

static bool on_result(const ProtobufCMessage *message, void *user)
{
    struct submitting *s = user;
    const Gor__V1__SubmitResult *result = (const Gor__V1__SubmitResult *)message;
    uint64_t number = s->sent_lines[s->answered++ % IN_FLIGHT];
    if (s->ctl->json) {
        gorctl_json_print(stdout, gorctl_json_message(message), false);
    } else if (result->id != 0) {
        printf("%" PRIu64 "\n", result->id);
    } else {
        say_refused(s, number, result->message);
    }
    if (result->id == 0) {
        note_failure(s, gorctl_exit_of_status((enum wire_status)result->code));
    }
    bool written = !has_room(s) || s->sent > s->answered || fflush(stdout) == 0;
    go_on(s);
    return written;
}

int gorctl_submit_stream(struct gorctl *ctl, int fd, const char *name)
{
    int code = gorctl_connect(ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    struct submitting s = {.ctl = ctl, .name = name};
    struct gorctl_call call = {.path = "/gor.v1.Jobs/SubmitStream",
                               .keep_open = true,
                               .reply = &gor__v1__submit_result__descriptor};
    s.source = gorctl_source_new(gorctl_loop(ctl), fd, on_bytes, &s);
    gorctl_source_want(s.source, true);
    code = gorctl_stream(ctl, &call, on_result, &s);
    gorctl_source_free(s.source);
    if (code != GORCTL_EXIT_OK && s.sent > s.answered) {
        gorctl_say("%" PRIu64
                   " jobs were sent and not answered; `gorctl ls -a` shows which were taken",
                   s.sent - s.answered);
    }
    free(s.line);
    return code != GORCTL_EXIT_OK ? code : s.code;
}
