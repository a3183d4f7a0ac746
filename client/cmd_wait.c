/* SPDX-License-Identifier: MIT */
/* cmd_wait.c - `gorctl wait`: until jobs have ended, or come to a state, and with their exit code. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bar.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/screen.h"
#include "client/selector.h"
#include "client/text.h"
#include "client/when.h"
#include "proto/decode.h"

enum { KEY_ANY = 0x3000, KEY_TIMEOUT, KEY_QUIET, KEY_FOR, STATES_MOST = 5 };

/* As many as the daemon lets one watch. */
enum { WATCHED_MOST = 10000 };

static const struct argp_option options[] = {
    {"for", KEY_FOR, "LIST", 0,
     "Until they are in one of these states, or have ended: created, runnable, running, waiting",
     0},
    {"any", KEY_ANY, NULL, 0, "Until the first of them has ended, or come to that state", 0},
    {"timeout", KEY_TIMEOUT, "DURATION", 0, "Give up after this long, with exit code 124", 0},
    {"quiet", KEY_QUIET, NULL, 0, "Print nothing; the exit code tells", 0},
    {0},
};

static const char doc[] =
    "Wait until jobs have ended, and end with their exit code.\v"
    "With several jobs the exit code is that of the first in your order that did\n"
    "not succeed; with --any it is that of the job that ended first. Jobs that are not\n"
    "named but described are those that have not ended when it is asked, newest first;\n"
    "if there are none it ends at once with 0, whatever became of those that had ended. With\n"
    "--for a job that came to the state counts as 0. (--state selects jobs, as ever.)\n"
    "\n"
    "Examples:\n"
    "  gorctl wait 12\n"
    "  gorctl wait 12-20 --timeout 1h && echo all went well\n"
    "  gorctl wait --any 12 13\n"
    "  gorctl wait --for running --timeout 10s 12\n"
    "  gorctl wait -l team=x\n"
    "  gorctl wait -q nightly                 # until nothing of it is left\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_selector selector;
    struct gorctl_ids ids; /* that are meant */
    int64_t timeout_ns;
    Gor__V1__JobState states[STATES_MOST];
    size_t state_count;
    bool any, quiet;
};

/* Words with commas between them. */
static void add_states(struct argp_state *state, struct arguments *arguments, char *words)
{
    char *rest;
    for (char *word = strtok_r(words, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        if (arguments->state_count == STATES_MOST ||
            !gorctl_state_parse(word, &arguments->states[arguments->state_count])) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--for: '%s' is no state, or one too many; they are created, runnable, "
                         "running, waiting, terminated",
                         word);
        }
        arguments->state_count++;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
        return 0;
    case KEY_FOR:
        add_states(state, arguments, arg);
        return 0;
    case KEY_ANY:
        arguments->any = true;
        return 0;
    case KEY_TIMEOUT:
        arguments->timeout_ns = gorctl_option_duration(state, "--timeout", arg);
        if (arguments->timeout_ns == 0) {
            arguments->timeout_ns = 1; /* 0 would be no limit; look once */
        }
        return 0;
    case KEY_QUIET:
        arguments->quiet = true;
        return 0;
    case ARGP_KEY_END:
        if (gorctl_selector_is_empty(&arguments->selector)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "for which jobs? `gorctl ls` lists them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void show_job(const Gor__V1__Job *job)
{
    char status[GORCTL_WORD_ROOM];
    char took[GORCTL_WHEN_ROOM];
    gorctl_status_text(job, status);
    gorctl_duration_text(gorctl_job_took(job, job->finished_ns), took);
    char *detail = gorctl_text_first_line(job->detail);
    printf("%" PRIu64 "  %s  %s%s%s\n", job->id, status, took, detail[0] != '\0' ? "  " : "",
           detail);
    free(detail);
}

static const Gor__V1__Job *find_job(const Gor__V1__WaitReply *reply, uint64_t id)
{
    for (size_t i = 0; i < reply->n_jobs; i++) {
        if (reply->jobs[i]->id == id) {
            return reply->jobs[i];
        }
    }
    return NULL;
}

/* With --for one that is in its state is as good as a success. */
static int code_of(const Gor__V1__Job *job)
{
    return job->state == GOR__V1__JOB_STATE__TERMINATED ? gorctl_exit_of_job(job) : GORCTL_EXIT_OK;
}

static int code_of_first(const Gor__V1__WaitReply *reply)
{
    const Gor__V1__Job *first = NULL;
    for (size_t i = 0; i < reply->n_jobs; i++) {
        if (reply->jobs[i]->state != GOR__V1__JOB_STATE__TERMINATED) {
            return GORCTL_EXIT_OK;
        }
        if (first == NULL || reply->jobs[i]->finished_ns < first->finished_ns) {
            first = reply->jobs[i];
        }
    }
    return first != NULL ? gorctl_exit_of_job(first) : GORCTL_EXIT_INTERNAL;
}

/* In the order the user gave, so that the answer does not depend on who was faster. The reply has
 * the ids in its order mostly; looking each up would take a second for 100,000 of them. */
static int code_of_all(const struct gorctl_ids *ids, const Gor__V1__WaitReply *reply)
{
    for (size_t i = 0; i < ids->count; i++) {
        const Gor__V1__Job *job = i < reply->n_jobs && reply->jobs[i]->id == ids->ids[i]
                                      ? reply->jobs[i]
                                      : find_job(reply, ids->ids[i]);
        int code = job != NULL ? code_of(job) : GORCTL_EXIT_INTERNAL;
        if (code != GORCTL_EXIT_OK) {
            return code;
        }
    }
    return GORCTL_EXIT_OK;
}

static void show_reply(const struct arguments *arguments, const Gor__V1__WaitReply *reply)
{
    if (arguments->ctl->json) {
        gorctl_json_show(&reply->base);
        return;
    }
    for (size_t i = 0; i < reply->n_jobs && !arguments->quiet; i++) {
        show_job(reply->jobs[i]);
    }
}

/* Whatever was described has ended: there is nothing to wait for, which is what was waited for. */
static int nothing_left(const struct arguments *arguments)
{
    static const Gor__V1__WaitReply none = GOR__V1__WAIT_REPLY__INIT;
    if (arguments->ctl->json) {
        gorctl_json_show(&none.base);
    } else if (!arguments->quiet) {
        gorctl_say("nothing to wait for: of the jobs that have not ended, none is meant");
    }
    return GORCTL_EXIT_OK;
}

static int wait_for(const struct arguments *arguments)
{
    Gor__V1__WaitRequest request = GOR__V1__WAIT_REQUEST__INIT;
    request.ids = arguments->ids.ids;
    request.n_ids = arguments->ids.count;
    request.any = arguments->any;
    request.states = (Gor__V1__JobState *)(uintptr_t)arguments->states;
    request.n_states = arguments->state_count;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Wait",
                               .request = &request.base,
                               .reply = &gor__v1__wait_reply__descriptor,
                               .timeout_ns = arguments->timeout_ns,
                               .quiet_timeout = arguments->timeout_ns != 0,
                               .again = true};
    ProtobufCMessage *message;
    int code = gorctl_connect(arguments->ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (!arguments->quiet && request.n_ids <= WATCHED_MOST) {
        gorctl_bar_start(arguments->ctl, request.ids, request.n_ids);
    }
    code = gorctl_call(arguments->ctl, &call, NULL, &message);
    gorctl_bar_stop(arguments->ctl);
    if (code == GORCTL_EXIT_TIMED_OUT && !arguments->quiet) {
        gorctl_say("time is up, and %s %s",
                   arguments->any       ? "none of the jobs has"
                   : request.n_ids == 1 ? "the job has not"
                                        : "not all of the jobs have",
                   arguments->state_count == 0 ? "ended" : "come to that state, or ended");
    }
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__WaitReply *reply = (const Gor__V1__WaitReply *)message;
    show_reply(arguments, reply);
    code = arguments->any ? code_of_first(reply) : code_of_all(&arguments->ids, reply);
    wire_decoded_free(message);
    return code;
}

int gorctl_cmd_wait(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "ID...",
                                     .doc = doc,
                                     .children = gorctl_selector_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = gorctl_selector_find(ctl, &arguments.selector, true, &arguments.ids);
    if (code == GORCTL_EXIT_OK) {
        code = arguments.ids.count > 0 ? wait_for(&arguments) : nothing_left(&arguments);
    }
    gorctl_ids_fini(&arguments.ids);
    gorctl_selector_fini(&arguments.selector);
    return code;
}
