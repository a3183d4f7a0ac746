/* SPDX-License-Identifier: MIT */
/* cmd_pause.c - `gorctl pause` and `gorctl resume`: whether queued jobs are started, and whether
 * running ones go on. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/answer.h"
#include "client/channel.h"
#include "client/control.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/selector.h"
#include "client/when.h"
#include "gor/v1/jobs.pb-c.h"
#include "gor/v1/queues.pb-c.h"

enum { KEY_CAUSE = 0x3000, KEY_FOR, KEY_UNTIL };

struct arguments {
    struct gorctl *ctl;
    struct gorctl_selector selector;
    const char *cause;
    int64_t until_ns; /* 0: not given, as the next */
    int64_t for_ns;
};

static error_t parse_end(struct argp_state *state)
{
    const struct arguments *arguments = state->input;
    bool queue = gorctl_selector_is_queue(&arguments->selector);
    bool jobs = !queue && !gorctl_selector_is_empty(&arguments->selector);
    if (arguments->cause != NULL && !jobs) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--cause goes with jobs; say which");
    }
    if ((arguments->until_ns != 0 || arguments->for_ns != 0) && !queue) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "--for and --pause-until are about a queue; say which with -q, and no jobs");
    }
    if (arguments->until_ns != 0 && arguments->for_ns != 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "--for and --pause-until exclude each other; give one of them");
    }
    return 0;
}

static int64_t parse_for(struct argp_state *state, const char *text)
{
    int64_t ns = gorctl_option_duration(state, "--for", text);
    if (ns == 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "--for: '%s' is no time; `gorctl resume` ends a pause", text);
    }
    return ns;
}

/* What has passed, as "2h" has, two hours ago, would be no pause. */
static int64_t parse_until(struct argp_state *state, const char *text)
{
    int64_t ns = gorctl_option_time(state, "--pause-until", text);
    if (ns <= gorctl_now()) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "--pause-until: '%s' is in the past; --for says how long from now on", text);
    }
    return ns;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
        return 0;
    case KEY_CAUSE:
        arguments->cause = gorctl_option_cause(state, arg);
        return 0;
    case KEY_FOR:
        arguments->for_ns = parse_for(state, arg);
        return 0;
    case KEY_UNTIL:
        arguments->until_ns = parse_until(state, arg);
        return 0;
    case ARGP_KEY_END:
        return parse_end(state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void show_queue(const Gor__V1__Queue *queue, const char *how)
{
    printf("queue %s %s; %" PRIu64 " queued\n", queue->name, how, queue->queued);
}

static void show_paused(const ProtobufCMessage *reply, void *arg)
{
    (void)arg;
    const Gor__V1__Queue *queue = (const Gor__V1__Queue *)reply;
    show_queue(queue, queue->paused ? "paused" : "not paused: the time for that is over");
}

static void show_resumed(const ProtobufCMessage *reply, void *arg)
{
    (void)arg;
    show_queue((const Gor__V1__Queue *)reply, "resumed");
}

/* When the pause ends as far as we can tell, for a gord that knows no `for_ns`: it would have no end there. */
static int64_t end_of(const struct arguments *arguments)
{
    int64_t now_ns = gorctl_now();

    if (arguments->for_ns == 0) {
        return arguments->until_ns;
    }
    return arguments->for_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + arguments->for_ns;
}

static int call_queue(const struct arguments *arguments, bool pause)
{
    Gor__V1__PauseQueueRequest pausing = GOR__V1__PAUSE_QUEUE_REQUEST__INIT;
    Gor__V1__ResumeQueueRequest resuming = GOR__V1__RESUME_QUEUE_REQUEST__INIT;
    pausing.name = resuming.name = (char *)(uintptr_t)arguments->selector.queue;
    pausing.until_ns = end_of(arguments);
    pausing.for_ns = arguments->for_ns; /* from when it is taken, however long that takes */
    struct gorctl_call call = {.path = pause ? "/gor.v1.Queues/PauseQueue"
                                             : "/gor.v1.Queues/ResumeQueue",
                               .request = pause ? &pausing.base : &resuming.base,
                               .reply = &gor__v1__queue__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(arguments->ctl, &call, pause ? show_paused : show_resumed, NULL);
}

static void show_stopped(const ProtobufCMessage *reply, void *arg)
{
    (void)arg;
    printf("paused: no queued job will start; %" PRIu64 " queued\n",
           ((const Gor__V1__PauseReply *)reply)->queued);
}

static void show_started(const ProtobufCMessage *reply, void *arg)
{
    (void)arg;
    printf("resumed: queued jobs start; %" PRIu64 " queued\n",
           ((const Gor__V1__ResumeReply *)reply)->queued);
}

static int pause_starting(struct gorctl *ctl)
{
    Gor__V1__PauseRequest request = GOR__V1__PAUSE_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Pause",
                               .request = &request.base,
                               .reply = &gor__v1__pause_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, show_stopped, NULL);
}

static int resume_starting(struct gorctl *ctl)
{
    Gor__V1__ResumeRequest request = GOR__V1__RESUME_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Resume",
                               .request = &request.base,
                               .reply = &gor__v1__resume_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, show_started, NULL);
}

static int pause_jobs(const struct arguments *arguments)
{
    Gor__V1__PauseJobsRequest request = GOR__V1__PAUSE_JOBS_REQUEST__INIT;
    struct gorctl_selection selection = gorctl_selector_select(&arguments->selector, false);
    request.ids = selection.ids;
    request.n_ids = selection.count;
    request.selector = selection.message;
    if (arguments->cause != NULL) {
        request.cause = (char *)arguments->cause;
    }
    struct gorctl_control control = {.path = "/gor.v1.Jobs/PauseJobs",
                                     .request = &request.base,
                                     .done = "paused",
                                     .unchanged = "was paused already"};
    int code = gorctl_control(arguments->ctl, &control);
    gorctl_selection_fini(&selection);
    return code;
}

static int resume_jobs(const struct arguments *arguments)
{
    Gor__V1__ResumeJobsRequest request = GOR__V1__RESUME_JOBS_REQUEST__INIT;
    struct gorctl_selection selection = gorctl_selector_select(&arguments->selector, false);
    request.ids = selection.ids;
    request.n_ids = selection.count;
    request.selector = selection.message;
    struct gorctl_control control = {.path = "/gor.v1.Jobs/ResumeJobs",
                                     .request = &request.base,
                                     .done = "resumed",
                                     .unchanged = "was not paused"};
    int code = gorctl_control(arguments->ctl, &control);
    gorctl_selection_fini(&selection);
    return code;
}

int gorctl_cmd_pause(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"cause", KEY_CAUSE, "TEXT", 0, "Why the jobs are paused; it is kept in the history", 0},
        {"for", KEY_FOR, "DURATION", 0, "A queue: for so long (30m, 2h)", 0},
        {"pause-until", KEY_UNTIL, "TIME", 0, "A queue: until then (2026-03-01 08:00)", 0},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "\n-q QUEUE\nID...",
        .doc =
            "Without jobs: start no more queued ones; with -q QUEUE alone, of that queue. Those "
            "that run go on, and jobs can still be handed in. It holds over a restart of the "
            "daemon, until `gorctl resume`.\n"
            "With jobs: stop their processes where they are, until `gorctl resume ID`. A paused "
            "job keeps its slot and its memory; its timeout runs on unless it was handed in with "
            "--timeout-skips-pauses.\v"
            "Examples:\n"
            "  gorctl pause -q nightly --for 2h\n"
            "  gorctl pause 12 --cause 'the disk is slow'\n"
            "  gorctl pause -q nightly --state running\n",
        .children = gorctl_selector_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code;
    if (gorctl_selector_is_empty(&arguments.selector)) {
        code = pause_starting(ctl);
    } else if (gorctl_selector_is_queue(&arguments.selector)) {
        code = call_queue(&arguments, true);
    } else {
        code = pause_jobs(&arguments);
    }
    gorctl_selector_fini(&arguments.selector);
    return code;
}

int gorctl_cmd_resume(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "\n-q QUEUE\nID...",
        .doc = "Without jobs: start queued ones again after `gorctl pause`; with -q QUEUE alone, "
               "those of that queue.\n"
               "With jobs: let their processes go on after `gorctl pause ID`.",
        .children = gorctl_selector_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code;
    if (gorctl_selector_is_empty(&arguments.selector)) {
        code = resume_starting(ctl);
    } else if (gorctl_selector_is_queue(&arguments.selector)) {
        code = call_queue(&arguments, false);
    } else {
        code = resume_jobs(&arguments);
    }
    gorctl_selector_fini(&arguments.selector);
    return code;
}
