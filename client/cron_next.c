/* SPDX-License-Identifier: MIT */
/* cron_next.c - `gorctl cron next`: when an entry fires, or one would. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/answer.h"
#include "client/channel.h"
#include "client/cron.h"
#include "client/exits.h"
#include "client/options.h"
#include "client/table.h"
#include "client/text.h"
#include "client/when.h"

enum { KEY_TZ = 0x3000 };

static const struct argp_option options[] = {
    {"count", 'n', "N", 0, "How many (default: 5, at most 1000)", 0},
    {"tz", KEY_TZ, "ZONE", 0, "The same as --zone, as `cron add` takes it too", 7},
    {0},
};

static const char doc[] =
    "When an entry of the calendar fires next, or one with that expression would. What has blanks "
    "or begins with '@' is an expression, the rest is a name.\v"
    "Times are shown as the clocks of the entry's zone will show them. With jitter, DUE is when "
    "the "
    "job is made.\n"
    "\n"
    "Examples:\n"
    "  gorctl cron next nightly\n"
    "  gorctl cron next '30 2 * * sun' --zone Europe/Berlin -n 40\n"
    "  gorctl cron next @weekly\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_cron_when when;
    const char *what;
    uint64_t count;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->when;
        return 0;
    case 'n':
        arguments->count = gorctl_option_number(state, "--count", arg);
        if (arguments->count == 0 || arguments->count > 1000) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--count: %s is not 1 to 1000", arg);
        }
        return 0;
    case KEY_TZ:
        arguments->when.zone = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->what != NULL) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "'%s' is not expected; an expression is one word, in quotes", arg);
        }
        arguments->what = arg;
        return 0;
    case ARGP_KEY_END:
        if (arguments->what == NULL) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "a name or an expression is needed: gorctl cron next '0 3 * * *'");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* As the clocks there show it. */
static void add_time(struct gorctl_table *table, int64_t at_ns, int64_t offset_s)
{
    time_t wall = (time_t)(at_ns / 1000000000 + offset_s);
    struct tm parts;
    char text[48] = "?";
    if (gmtime_r(&wall, &parts) != NULL) {
        strftime(text, sizeof(text), "%a %Y-%m-%d %H:%M:%S", &parts);
    }
    int64_t minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    char *whole = gorctl_format("%s %c%02d%02d", text, offset_s < 0 ? '-' : '+',
                                (int)(minutes / 60), (int)(minutes % 60));
    gorctl_table_cell(table, whole, NULL);
    free(whole);
}

static void show_times(const Gor__V1__PreviewCronReply *reply)
{
    static const struct gorctl_column columns[] = {
        {"FIRES", false, false}, {"IN", true, false}, {"DUE", false, false}};
    bool jitter = false;
    for (size_t i = 0; i < reply->n_times; i++) {
        jitter |= reply->times[i]->due_ns != reply->times[i]->at_ns;
    }
    struct gorctl_table *table = gorctl_table_new(columns, jitter ? 3 : 2);
    int64_t now = gorctl_now();
    for (size_t i = 0; i < reply->n_times; i++) {
        const Gor__V1__CronTime *time = reply->times[i];
        char in[GORCTL_WHEN_ROOM];
        gorctl_duration_text((time->at_ns - now) / 1000000000 * 1000000000, in);
        add_time(table, time->at_ns, time->offset_s);
        gorctl_table_cell(table, in, NULL);
        if (jitter) {
            add_time(table, time->due_ns, time->offset_s);
        }
    }
    gorctl_table_show(table);
}

static void show(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__PreviewCronReply *reply = (const Gor__V1__PreviewCronReply *)message;
    (void)arg;
    if (reply->n_times > 0) {
        show_times(reply);
    } else {
        gorctl_say("it does not fire any more");
    }
}

static int preview(struct gorctl *ctl, Gor__V1__PreviewCronRequest *request)
{
    struct gorctl_call call = {.path = "/gor.v1.Crons/Preview",
                               .request = &request->base,
                               .reply = &gor__v1__preview_cron_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, show, NULL);
}

int gorctl_cron_next(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                                 {&gorctl_format_argp, 0, NULL, 10},
                                                 {&gorctl_cron_when_argp, 0, NULL, 1},
                                                 {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "NAME|EXPRESSION",
                                     .doc = doc,
                                     .children = children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    Gor__V1__PreviewCronRequest request = GOR__V1__PREVIEW_CRON_REQUEST__INIT;
    Gor__V1__CronSpec spec = GOR__V1__CRON_SPEC__INIT;
    char *zone = NULL;
    int code = GORCTL_EXIT_OK;
    request.count = (uint32_t)arguments.count;
    if (arguments.what[0] == '@' || strpbrk(arguments.what, " \t") != NULL) {
        request.what_case = GOR__V1__PREVIEW_CRON_REQUEST__WHAT_SPEC;
        request.spec = &spec;
        spec.expr = (char *)(uintptr_t)arguments.what;
        code = gorctl_cron_when_fill(&arguments.when, &spec, &zone);
    } else {
        request.what_case = GOR__V1__PREVIEW_CRON_REQUEST__WHAT_NAME;
        request.name = (char *)(uintptr_t)arguments.what;
    }
    if (code == GORCTL_EXIT_OK) {
        code = preview(ctl, &request);
    }
    free(zone);
    return code;
}
