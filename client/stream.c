/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h. Only so many jobs are on their way at once; then nothing more is read.
 *
 * Each has a request id, and is kept until it is answered: when the daemon was away all of those are
 * sent again, and none of them is made a second time.
 */
#include "client/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/json.h"
#include "client/lines.h"
#include "client/request.h"
#include "client/text.h"

enum { IN_FLIGHT = 200, LINE_MOST = 16 * 1024 * 1024 };

/* One that is not answered. */
struct sent {
    Gor__V1__JobSpec *spec; /* owned */
    struct gorctl_request id;
    uint64_t line;
};

struct submitting {
    struct gorctl *ctl;
    const char *name;
    struct gorctl_lines *lines;
    struct sent ring[IN_FLIGHT];
    uint64_t sent, answered;
    bool ended; /* there are no more lines */
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

static bool has_room(void *user)
{
    const struct submitting *s = user;
    return s->sent - s->answered < IN_FLIGHT;
}

static void send_one(struct submitting *s, struct sent *sent)
{
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    request.spec = sent->spec;
    if (sent->id.set) {
        request.request_id = (ProtobufCBinaryData){sizeof(sent->id.bytes), sent->id.bytes};
    }
    gorctl_stream_send(s->ctl, &request.base);
}

/* The daemon is back. */
static void on_again(void *user)
{
    struct submitting *s = user;
    for (uint64_t i = s->answered; i < s->sent; i++) {
        send_one(s, &s->ring[i % IN_FLIGHT]);
    }
    if (s->ended) {
        gorctl_stream_half_close(s->ctl);
    }
}

static void on_line(const char *line, size_t length, uint64_t number, void *user)
{
    struct submitting *s = user;
    char why[GORCTL_BATCH_WHY];
    Gor__V1__JobSpec *spec;
    if (gorctl_batch_is_blank(line, length)) {
        return;
    }
    if (gorctl_batch_line(line, length, why, &spec) != 0) {
        say_refused(s, number, why);
        note_failure(s, GORCTL_EXIT_USAGE);
        return;
    }
    struct sent *sent = &s->ring[s->sent++ % IN_FLIGHT];
    *sent = (struct sent){.spec = spec, .line = number};
    gorctl_request_make(&sent->id);
    send_one(s, sent);
}

static void on_end(int code, void *user)
{
    struct submitting *s = user;
    note_failure(s, code);
    s->ended = true;
    gorctl_stream_half_close(s->ctl);
}

static bool on_result(const ProtobufCMessage *message, void *user)
{
    struct submitting *s = user;
    Gor__V1__SubmitResult result = *(const Gor__V1__SubmitResult *)message;
    if (s->answered == s->sent) {
        return true; /* of nothing that was asked */
    }
    result.index = s->answered; /* not of this call alone */
    struct sent *sent = &s->ring[s->answered++ % IN_FLIGHT];
    gor__v1__job_spec__free_unpacked(sent->spec, NULL);
    if (s->ctl->json) {
        gorctl_json_print(stdout, gorctl_json_message(&result.base), false);
    } else if (result.id != 0) {
        printf("%" PRIu64 "\n", result.id);
    } else {
        say_refused(s, sent->line, result.message);
    }
    if (result.id == 0) {
        note_failure(s, gorctl_exit_of_status((enum wire_status)result.code));
    }
    bool written = !has_room(s) || s->sent > s->answered || fflush(stdout) == 0;
    gorctl_lines_go_on(s->lines);
    return written;
}

/* The end came before their answers. */
static void drop_unanswered(struct submitting *s, int code)
{
    if (code != GORCTL_EXIT_OK && s->sent > s->answered) {
        bool one = s->sent - s->answered == 1;
        gorctl_say("%" PRIu64 " job%s, from line %" PRIu64
                   " on, %s sent and not answered; `gorctl ls -a` shows %s taken",
                   s->sent - s->answered, one ? "" : "s", s->ring[s->answered % IN_FLIGHT].line,
                   one ? "was" : "were", one ? "whether it was" : "which were");
    }
    for (; s->answered < s->sent; s->answered++) {
        gor__v1__job_spec__free_unpacked(s->ring[s->answered % IN_FLIGHT].spec, NULL);
    }
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
                               .again = true,
                               .on_again = on_again,
                               .reply = &gor__v1__submit_result__descriptor};
    struct gorctl_lines_opts opts = {.fd = fd,
                                     .name = name,
                                     .most_bytes = LINE_MOST,
                                     .on_line = on_line,
                                     .has_room = has_room,
                                     .on_end = on_end,
                                     .user = &s};
    s.lines = gorctl_lines_new(ctl, &opts);
    code = gorctl_stream(ctl, &call, on_result, &s);
    gorctl_lines_free(s.lines);
    drop_unanswered(&s, code);
    return code != GORCTL_EXIT_OK ? code : s.code;
}
