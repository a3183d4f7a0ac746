/* SPDX-License-Identifier: MIT */
/* cmd_run.c - `gorctl run`: hand in a job, follow its output, end as it ends. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "client/bar.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/feed.h"
#include "client/follow.h"
#include "client/gorctl.h"
#include "client/leave.h"
#include "client/options.h"
#include "client/submit.h"
#include "proto/decode.h"

enum { KEY_RAW = 0x3000 };

static const struct argp_option options[] = {
    {"raw", KEY_RAW, NULL, 0, "Do not make the output safe for a terminal", 0},
    {0},
};

static const char doc[] =
    "Hand in a job and follow it: its output comes out here, stdout on stdout and stderr on "
    "stderr, and gorctl ends with its exit code.\v"
    "Ctrl-C once leaves the job running and says how to come back; twice cancels\n"
    "it.\n"
    "The job blocks while nobody reads its output, so none is lost. This ends when gorctl\n"
    "goes, the job is being ended, its log is removed, or gord stops; then output beyond\n"
    "--output-max (64M if nobody says) may lose its middle. If so, the last line on stderr\n"
    "says how much, and the exit code of a job that succeeded is 74.\n"
    "\n"
    "Examples:\n"
    "  gorctl run make test\n"
    "  gorctl run --timeout 10s -- curl -s https://example.org\n"
    "  gorctl run --shell 'echo $1 | rev' word\n"
    "  gorctl run --native builtin.pingpong 100000\n"
    "  gorctl run --lua report.lua 2026-11\n"
    "  tar c . | gorctl run --stdin - -- sh -c 'cat > /tmp/all.tar'\n"
    "\n"
    "A job that did not end by an exit code: 124 timed out, 128+N signal N,\n"
    "79 cancelled, 80 lost with the daemon, 81 could not be started, 82 panicked.\n"
    "`gorctl help` has the rest.\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_spec spec;
    bool raw;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 1);
        state->child_inputs[1] = &arguments->spec;
        return 0;
    case KEY_RAW:
        arguments->raw = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool ignore(const ProtobufCMessage *message, void *user)
{
    (void)message;
    (void)user;
    return true;
}

/* An array writes nothing itself, and its tasks' output all at once would be no use: a stream of its
 * events is what ctrl-C can leave. */
static int watch_to_the_end(struct gorctl *ctl, uint64_t id)
{
    Gor__V1__WatchRequest request = GOR__V1__WATCH_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Watch",
                               .request = &request.base,
                               .reply = &gor__v1__event__descriptor,
                               .again = true};
    int code = gorctl_connect(ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    request.ids = &id;
    request.n_ids = 1;
    request.from_now = true;
    request.until_terminated = true;
    gorctl_bar_start(ctl, &id, 1);
    code = gorctl_stream(ctl, &call, ignore, NULL);
    gorctl_bar_stop(ctl);
    return code;
}

/* Bytes of its output that did not come here. Exactly, however they were lost, if it ran but once; what
 * runs before the last one wrote is not told with the job. */
static uint64_t count_missing(const Gor__V1__Job *job, const struct gorctl_came *came)
{
    uint64_t written = job->stdout_bytes + job->stderr_bytes;

    if (job->attempt > 0 || job->losses > 0) {
        return came->missing;
    }
    return written > came->bytes ? written - came->bytes : 0;
}

static void tell_missing(uint64_t id, uint64_t missing, const struct gorctl_came *came)
{
    if (came->missing > 0) {
        gorctl_say(
            "job %" PRIu64 ": %" PRIu64 " bytes of its output are missing: what is beyond its "
            "cap (--output-max, else the daemon's --log-cap) was dropped before we could read "
            "it; give a greater --output-max, or have the job write to a file",
            id, missing);
    } else {
        gorctl_say(
            "job %" PRIu64 ": %" PRIu64 " bytes of its output are missing: the daemon could "
            "not keep them, or could not read them again; its log says why. Is the disk full? "
            "`gorctl doctor`",
            id, missing);
    }
}

/* Its exit code; who takes its output for all that it wrote must not be told of a success if it is not. */
static int end_of_job(struct gorctl *ctl, uint64_t id, const struct gorctl_came *came)
{
    Gor__V1__WaitReply *reply;
    int code = gorctl_await_end(ctl, id, &reply);
    if (reply == NULL) {
        return code;
    }
    uint64_t missing = count_missing(reply->jobs[0], came);
    wire_decoded_free(&reply->base);
    if (missing > 0) {
        tell_missing(id, missing, came);
        code = code != GORCTL_EXIT_OK ? code : GORCTL_EXIT_OUTPUT;
    }
    return code;
}

static int follow_to_the_end(struct gorctl *ctl, uint64_t id, const struct gorctl_spec *spec,
                             bool raw)
{
    struct gorctl_came came = {0};
    struct gorctl_follow follow = {
        .id = id, .follow = true, .holds = true, .raw = raw, .out_came = &came};
    bool is_array = spec->ask.array != NULL, feeds = gorctl_spec_takes_input(spec);
    struct gorctl_leave *leave = gorctl_leave_start(ctl, id);
    struct gorctl_feed *feed = feeds ? gorctl_feed_start(ctl, id, STDIN_FILENO) : NULL;
    int code = is_array ? watch_to_the_end(ctl, id) : gorctl_follow(ctl, &follow);
    gorctl_feed_stop(feed);
    gorctl_leave_stop(leave);
    /* An output that cannot be shown has been told; how the job ends is asked for all the same. */
    if (code == GORCTL_EXIT_OK || code == GORCTL_EXIT_INTERNAL) {
        return is_array ? gorctl_await_code(ctl, id) : end_of_job(ctl, id, &came);
    }
    if (code != GORCTL_EXIT_DETACHED) {
        gorctl_say("job %" PRIu64 " was handed in; `gorctl wait %" PRIu64 "` tells how it ends", id,
                   id);
    }
    return code;
}

static int run_job(struct gorctl *ctl, const struct gorctl_spec *spec, bool raw)
{
    Gor__V1__SubmitReply *reply;
    int code = gorctl_submit(
        ctl, spec, spec->ask.array != NULL ? GORCTL_SUBMIT : GORCTL_SUBMIT_FOLLOWS, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    uint64_t id = reply->id;
    wire_decoded_free(&reply->base);
    if (isatty(STDERR_FILENO) == 1) {
        gorctl_say("job %" PRIu64, id);
    }
    return follow_to_the_end(ctl, id, spec, raw);
}

int gorctl_cmd_run(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&gorctl_connection_argp, 0, "Connection:", 10}, {&gorctl_spec_argp, 0, NULL, 1}, {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "[--] COMMAND [ARGUMENT...]\n"
                                                 "--shell TEXT [ARGUMENT...]\n"
                                                 "--native FUNCTION [ARGUMENT...]\n"
                                                 "--lua FILE [ARGUMENT...]",
                                     .doc = doc,
                                     .children = children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments);
    int code = run_job(ctl, &arguments.spec, arguments.raw);
    gorctl_spec_fini(&arguments.spec);
    return code;
}
