/* SPDX-License-Identifier: MIT */
/* cmd_watch.c - `gorctl watch`: every step of every job as it happens. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/progress.h"
#include "client/screen.h"
#include "client/selector.h"
#include "client/template.h"
#include "client/text.h"
#include "client/told.h"
#include "client/when.h"

enum { KEY_FROM_SEQ = 0x3000, KEY_PROGRESS };

static const struct argp_option options[] = {
    {"from-seq", KEY_FROM_SEQ, "N", 0,
     "Begin with event N, so that nothing is missed since; 1 is the first there is", 0},
    {"progress", KEY_PROGRESS, NULL, 0, "How far jobs are as well, as they tell it", 0},
    {0},
};

static const char doc[] =
    "Print every change of every job, or of those that are meant, from now on. With jobs named or "
    "described it ends when all of them have ended; else it goes on until ctrl-C. Jobs that are "
    "described are those that have not ended when it begins (with --from-seq, all there are).\v"
    "Each event has a number, without gaps over all jobs: note the last one you have seen and go "
    "on from the next with --from-seq.\n"
    "\n"
    "Examples:\n"
    "  gorctl watch\n"
    "  gorctl watch 12 13\n"
    "  gorctl watch -q nightly\n"
    "  gorctl watch --format '{job_id} {kind}\\n'\n"
    "  gorctl watch --from-seq 4711 --json | jq .\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_selector selector;
    struct gorctl_template_option format;
    uint64_t from_seq; /* 0: from now */
    bool progress;
    struct gorctl_screen screen;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
        state->child_inputs[3] = &arguments->format;
        return 0;
    case KEY_FROM_SEQ:
        arguments->from_seq = gorctl_option_number(state, "--from-seq", arg);
        if (arguments->from_seq == 0) {
            arguments->from_seq = 1;
        }
        return 0;
    case KEY_PROGRESS:
        arguments->progress = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void show_event(const Gor__V1__Event *event, bool colour)
{
    char at[GORCTL_WHEN_ROOM];
    char status[GORCTL_WORD_ROOM];
    gorctl_time_text(event->at_ns, gorctl_now(), at);
    gorctl_event_text(event, status);
    const char *style = colour ? gorctl_status_style(event->state, event->outcome) : NULL;
    char *name = gorctl_text_escape(event->name, strlen(event->name));
    const char *why = event->detail[0] != '\0' ? event->detail : event->reason;
    char *clean = gorctl_text_first_line(why);
    printf("%s  #%" PRIu64 "  job %" PRIu64 "%s%s%s  %s%s%s%s%s\n", at, event->seq, event->job_id,
           name[0] != '\0' ? " (" : "", name, name[0] != '\0' ? ")" : "",
           style != NULL ? style : "", status, style != NULL ? "\x1b[0m" : "",
           clean[0] != '\0' ? "  " : "", clean);
    free(clean);
    free(name);
}

/* No step of its life, so it has no number. */
static void show_progress(const Gor__V1__Event *event)
{
    char at[GORCTL_WHEN_ROOM];
    gorctl_time_text(event->at_ns, gorctl_now(), at);
    char *text = gorctl_progress_text(event->progress);
    printf("%s  job %" PRIu64 "  progress  %s\n", at, event->job_id, text);
    free(text);
}

/* The stream, as it is now. */
struct watching {
    const struct arguments *arguments;
    Gor__V1__WatchRequest request; /* for what comes next */
    struct gorctl_told told;       /* of progress, which has no number */
    struct gorctl_back back;
};

static void begin_again(void *user)
{
    gorctl_told_again(&((struct watching *)user)->told);
}

/* A call that is made again begins behind this one. False: there is nothing to show. */
static bool note_event(struct watching *watching, const Gor__V1__Event *event)
{
    if (event->progress != NULL) {
        return gorctl_told_is_new(&watching->told, event);
    }
    watching->request.from_now = false;
    watching->request.after_seq = event->seq;
    if (event->state == GOR__V1__JOB_STATE__TERMINATED) {
        gorctl_told_forget(&watching->told, event->job_id);
    }
    return event->job_id != 0;
}

static bool on_event(const ProtobufCMessage *message, void *user)
{
    struct watching *watching = user;
    const struct arguments *arguments = watching->arguments;
    const Gor__V1__Event *event = (const Gor__V1__Event *)message;
    if (!note_event(watching, event)) {
        return true;
    }
    if (arguments->ctl->json) {
        gorctl_json_print(stdout, gorctl_json_message(message), false);
    } else if (arguments->format.chosen != NULL) {
        gorctl_template_print(arguments->format.chosen, message, stdout);
    } else if (event->progress != NULL) {
        show_progress(event);
    } else {
        show_event(event, arguments->screen.colour);
    }
    return fflush(stdout) == 0; /* a reader that has gone ends the stream */
}

static int watch(const struct arguments *arguments, const struct gorctl_ids *ids)
{
    struct watching watching = {.arguments = arguments};
    Gor__V1__WatchRequest *request = &watching.request;
    int code = gorctl_connect(arguments->ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    gor__v1__watch_request__init(request);
    request->ids = ids->ids;
    request->n_ids = ids->count;
    request->from_now = arguments->from_seq == 0;
    request->after_seq = arguments->from_seq > 0 ? arguments->from_seq - 1 : 0;
    request->until_terminated = request->n_ids > 0;
    request->with_progress = arguments->progress;
    request->with_position = true;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Watch",
                               .request = &request->base,
                               .reply = &gor__v1__event__descriptor,
                               .again = true};
    watching.back = (struct gorctl_back){.is_back = begin_again, .user = &watching};
    gorctl_back_add(arguments->ctl, &watching.back);
    code = gorctl_stream(arguments->ctl, &call, on_event, &watching);
    gorctl_back_remove(arguments->ctl, &watching.back);
    gorctl_told_fini(&watching.told);
    return code;
}

int gorctl_cmd_watch(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                                 {&gorctl_format_argp, 0, NULL, 0},
                                                 {&gorctl_selector_argp, 0, "Which jobs:", 1},
                                                 {&gorctl_template_argp, 0, NULL, 0},
                                                 {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "[ID...]",
                                     .doc = doc,
                                     .children = children};
    struct arguments arguments = {.ctl = ctl,
                                  .screen = gorctl_screen_of(STDOUT_FILENO),
                                  .format = {ctl, &gor__v1__event__descriptor, NULL}};
    struct gorctl_ids ids = {0};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    const struct gorctl_selector *selector = &arguments.selector;
    bool every = gorctl_selector_is_empty(selector) || gorctl_selector_is_all(selector);
    /* From an event of the past on, those that have ended since had something to tell as well. */
    int code = every ? GORCTL_EXIT_OK
                     : gorctl_selector_resolve(ctl, selector, arguments.from_seq == 0, &ids);
    if (code == GORCTL_EXIT_OK) {
        code = watch(&arguments, &ids);
    }
    gorctl_ids_fini(&ids);
    gorctl_selector_fini(&arguments.selector);
    gorctl_template_free(arguments.format.chosen);
    return code;
}
