/* SPDX-License-Identifier: MIT */
/* follow.c - see follow.h. */
#include "client/follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/bar.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/filter.h"
#include "client/json.h"
#include "client/screen.h"
#include "client/sink.h"
#include "client/text.h"
#include "proto/decode.h"

/* One of our two outputs. */
struct outlet {
    struct gorctl_sink *sink; /* owned */
    bool terminal;
    struct gorctl_filter filters[2]; /* the job's stdout and stderr, which may share a terminal */
    bool broken;                     /* stderr only: nobody reads it, so leave it out */
};

struct follower {
    struct gorctl *ctl;
    const struct gorctl_follow *what;
    Gor__V1__LogsRequest request; /* for what comes next */
    struct outlet outlets[2];     /* our stdout, our stderr */
    struct gorctl_came came;
    bool together;    /* our stdout and stderr go to the same place */
    bool broken_pipe; /* whoever read our stdout has gone */
};

/* ---------------------------------------------------------------- output */

static void failed_write(struct follower *follower, struct outlet *outlet, int error)
{
    if (outlet == &follower->outlets[1]) {
        outlet->broken = true;
    } else if (error == -EPIPE) {
        follower->broken_pipe = true;
        gorctl_stream_stop(follower->ctl, GORCTL_EXIT_OUTPUT);
    } else {
        gorctl_say("cannot write the output: %s", strerror(-error));
        gorctl_stream_stop(follower->ctl, GORCTL_EXIT_OUTPUT);
    }
}

static void on_drained(struct gorctl_sink *sink, int error, void *user)
{
    struct follower *follower = user;
    for (int i = 0; i < 2; i++) {
        if (error != 0 && follower->outlets[i].sink == sink) {
            failed_write(follower, &follower->outlets[i], error);
        }
    }
    if (!gorctl_sink_is_full(follower->outlets[0].sink) &&
        !gorctl_sink_is_full(follower->outlets[1].sink)) {
        gorctl_stream_resume(follower->ctl);
    }
}

static void put(struct follower *follower, struct outlet *outlet, const void *bytes, size_t length)
{
    if (outlet->broken || length == 0) {
        return;
    }
    int rc = gorctl_sink_write(outlet->sink, bytes, length);
    if (rc == 0) {
        gorctl_stream_pause(follower->ctl);
    } else if (rc < 0) {
        failed_write(follower, outlet, rc);
    }
}

static void put_json(struct follower *follower, const Gor__V1__LogChunk *chunk)
{
    json_t *value = gorctl_json_message(&chunk->base);
    char *text = json_dumps(value, JSON_COMPACT);
    json_decref(value);
    if (text == NULL) {
        gorctl_out_of_memory();
    }
    char *line = gorctl_format("%s\n", text);
    put(follower, &follower->outlets[0], line, strlen(line));
    free(line);
    free(text);
}

static void put_remark(struct follower *follower, const Gor__V1__LogChunk *chunk)
{
    size_t length = chunk->data.len;
    length -= length > 0 && chunk->data.data[length - 1] == '\n' ? 1 : 0;
    bool indented = length > 0 && chunk->data.data[0] == '\t'; /* where a frame of a stack is */
    char *text = gorctl_text_escape(chunk->data.data + indented, length - indented);
    gorctl_bar_hide(follower->ctl);
    fprintf(stderr, "gord: %s%s\n", indented ? "    " : "", text);
    free(text);
}

/* Should the daemon's remark about missing bytes be shown? Those of a job that outruns us are many. */
static bool is_to_be_told(struct follower *follower, const Gor__V1__LogChunk *chunk)
{
    if (chunk->missing_bytes == 0) {
        return true;
    }
    follower->came.missing += chunk->missing_bytes;
    follower->came.places++;
    return follower->came.places == 1 || follower->together;
}

static void tell_all_missing(const struct follower *follower)
{
    if (follower->came.places > 1) {
        gorctl_say("in all %llu bytes of output are missing, in %u places",
                   (unsigned long long)follower->came.missing, follower->came.places);
    }
}

static void put_output(struct follower *follower, const Gor__V1__LogChunk *chunk)
{
    bool is_stderr = chunk->stream == GOR__V1__LOG_CHUNK__STREAM__STDERR;
    bool to_stderr = is_stderr && !follower->what->only_stderr;
    struct outlet *outlet = &follower->outlets[to_stderr ? 1 : 0];
    if (outlet->terminal) {
        gorctl_bar_hide(follower->ctl);
    }
    if (!outlet->terminal || follower->what->raw) {
        put(follower, outlet, chunk->data.data, chunk->data.len);
        return;
    }
    size_t length;
    char *text = gorctl_filter_run(&outlet->filters[is_stderr ? 1 : 0], chunk->data.data,
                                   chunk->data.len, &length);
    put(follower, outlet, text, length);
    free(text);
}

/* The bar is on a line of its own: not behind the half of one. */
static void show_bar_again(struct follower *follower, const Gor__V1__LogChunk *chunk)
{
    if (chunk->data.len > 0 && chunk->data.data[chunk->data.len - 1] == '\n') {
        gorctl_bar_show(follower->ctl);
    }
}

/* A call that is made again begins behind this one. False: it has told nothing else. */
static bool note_position(struct follower *follower, const Gor__V1__LogChunk *chunk)
{
    if (chunk->next_offset != 0) {
        follower->request.offset = chunk->next_offset;
        follower->request.tail_lines = 0;
        follower->request.since_ns = 0;
    }
    return chunk->stream != GOR__V1__LOG_CHUNK__STREAM__STREAM_UNSPECIFIED;
}

static bool on_chunk(const ProtobufCMessage *message, void *user)
{
    struct follower *follower = user;
    const Gor__V1__LogChunk *chunk = (const Gor__V1__LogChunk *)message;
    if (!note_position(follower, chunk)) {
        return true;
    }
    bool is_stdout = chunk->stream == GOR__V1__LOG_CHUNK__STREAM__STDOUT;
    bool is_stderr = chunk->stream == GOR__V1__LOG_CHUNK__STREAM__STDERR;
    bool told = is_to_be_told(follower, chunk);
    follower->came.bytes += is_stdout || is_stderr ? chunk->data.len : 0;
    if ((is_stderr && follower->what->only_stdout) || (is_stdout && follower->what->only_stderr)) {
        return true;
    }
    if (follower->ctl->json) {
        put_json(follower, chunk);
    } else if (is_stdout || is_stderr) {
        put_output(follower, chunk);
    } else if (told) {
        put_remark(follower, chunk);
    }
    show_bar_again(follower, chunk);
    return true;
}

static void put_held_back(struct follower *follower)
{
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            size_t length;
            char *text = gorctl_filter_end(&follower->outlets[i].filters[j], &length);
            put(follower, &follower->outlets[i], text, length);
            free(text);
        }
    }
}

/* --------------------------------------------------------------- streams */

static bool go_together(int a, int b)
{
    struct stat first, second;

    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

static void open_outlets(struct follower *follower)
{
    follower->together = go_together(STDOUT_FILENO, STDERR_FILENO);
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? STDOUT_FILENO : STDERR_FILENO;
        follower->outlets[i].terminal = isatty(fd) == 1;
        follower->outlets[i].sink =
            gorctl_sink_new(gorctl_loop(follower->ctl), fd, on_drained, follower);
    }
}

static void close_outlets(struct follower *follower)
{
    for (int i = 0; i < 2; i++) {
        gorctl_sink_free(follower->outlets[i].sink);
    }
}

static void make_request(const struct gorctl_follow *follow, Gor__V1__LogsRequest *out_request)
{
    gor__v1__logs_request__init(out_request);
    out_request->id = follow->id;
    out_request->offset = follow->offset;
    out_request->follow = follow->follow;
    out_request->holds = follow->holds;
    out_request->tail_lines = follow->lines;
    out_request->since_ns = follow->since_ns;
    out_request->with_position = true;
    out_request->only = follow->only_stdout   ? GOR__V1__LOG_CHUNK__STREAM__STDOUT
                        : follow->only_stderr ? GOR__V1__LOG_CHUNK__STREAM__STDERR
                                              : GOR__V1__LOG_CHUNK__STREAM__STREAM_UNSPECIFIED;
}

int gorctl_follow(struct gorctl *ctl, const struct gorctl_follow *follow)
{
    int code = gorctl_connect(ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    struct follower follower = {.ctl = ctl, .what = follow};
    make_request(follow, &follower.request);
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Logs",
                               .request = &follower.request.base,
                               .reply = &gor__v1__log_chunk__descriptor,
                               .again = true};
    (void)fflush(stdout); /* the sinks go past stdio */
    open_outlets(&follower);
    if (follow->on_begin != NULL) {
        follow->on_begin(follow->user);
    }
    if (follow->follow) {
        gorctl_bar_start(ctl, &follow->id, 1);
    }
    code = gorctl_stream(ctl, &call, on_chunk, &follower);
    gorctl_bar_stop(ctl);
    put_held_back(&follower);
    close_outlets(&follower);
    if (follow->out_came != NULL) {
        *follow->out_came = follower.came;
    } else {
        tell_all_missing(&follower);
    }
    if (follower.broken_pipe) {
        gorctl_broken_pipe();
    }
    return code;
}

/* --------------------------------------------------------------- the end */

int gorctl_await(struct gorctl *ctl, uint64_t id, Gor__V1__WaitReply **out_reply)
{
    Gor__V1__WaitRequest request = GOR__V1__WAIT_REQUEST__INIT;
    request.ids = &id;
    request.n_ids = 1;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Wait",
                               .request = &request.base,
                               .reply = &gor__v1__wait_reply__descriptor,
                               .again = true};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    Gor__V1__WaitReply *ended = (Gor__V1__WaitReply *)reply;
    if (ended->n_jobs != 1) {
        gorctl_say("the daemon did not say how job %llu ended", (unsigned long long)id);
        wire_decoded_free(reply);
        return GORCTL_EXIT_INTERNAL;
    }
    *out_reply = ended;
    return GORCTL_EXIT_OK;
}

void gorctl_say_how_it_ended(const Gor__V1__Job *job)
{
    bool plain = job->outcome == GOR__V1__OUTCOME__SUCCEEDED ||
                 (job->outcome == GOR__V1__OUTCOME__FAILED && job->detail[0] == '\0');
    if (plain) {
        return;
    }
    char status[GORCTL_WORD_ROOM];
    gorctl_status_text(job, status);
    char *detail = gorctl_text_first_line(job->detail);
    gorctl_say("job %llu: %s%s%s", (unsigned long long)job->id, status,
               detail[0] != '\0' ? ": " : "", detail);
    free(detail);
}

int gorctl_await_end(struct gorctl *ctl, uint64_t id, Gor__V1__WaitReply **out_reply)
{
    *out_reply = NULL;
    int code = gorctl_await(ctl, id, out_reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    gorctl_say_how_it_ended((*out_reply)->jobs[0]);
    return gorctl_exit_of_job((*out_reply)->jobs[0]);
}

int gorctl_await_code(struct gorctl *ctl, uint64_t id)
{
    Gor__V1__WaitReply *reply;
    int code = gorctl_await_end(ctl, id, &reply);
    if (reply != NULL) {
        wire_decoded_free(&reply->base);
    }
    return code;
}
