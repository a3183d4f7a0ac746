/* SPDX-License-Identifier: MIT */
/* cmd_show.c - `gorctl show`: everything about one job, and its life step by step. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/after.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/screen.h"
#include "client/table.h"
#include "client/text.h"
#include "client/when.h"
#include "proto/decode.h"

enum { KEY_ENV = 0x3000, KEY_REVEAL };

static const struct argp_option options[] = {
    {"env", KEY_ENV, NULL, 0, "Its environment as well; values of secrets are hidden", 0},
    {"reveal", KEY_REVEAL, NULL, 0, "With --env: those too; for the job's own user and root", 0},
    {0},
};

static const char doc[] =
    "Everything about a job: what it is, how it stands or how it ended, and its life step by "
    "step.\v"
    "Examples:\n"
    "  gorctl show 12\n"
    "  gorctl show 12 --json | jq .job.outcome\n";

struct arguments {
    struct gorctl *ctl;
    uint64_t id;
    bool env, reveal;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case KEY_ENV:
        arguments->env = true;
        return 0;
    case KEY_REVEAL:
        arguments->reveal = true;
        return 0;
    case ARGP_KEY_END:
        if (arguments->reveal && !arguments->env) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--reveal is about the environment; it needs --env");
        }
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "one job at a time");
        }
        arguments->id = gorctl_option_number(state, "ID", arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "which job? `gorctl ls -a` lists them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void line(const char *title, const char *text)
{
    printf("%-10s  %s\n", title, text);
}

static void line_clean(const char *title, const void *bytes, size_t length)
{
    if (length > 0) {
        char *text = gorctl_text_escape(bytes, length);
        line(title, text);
        free(text);
    }
}

static void line_time(const char *title, int64_t ns)
{
    char text[GORCTL_WHEN_ROOM];
    if (ns != 0) {
        gorctl_time_exact(ns, text);
        line(title, text);
    }
}

static void line_duration(const char *title, int64_t ns)
{
    char text[GORCTL_WHEN_ROOM];
    if (ns != 0) {
        gorctl_duration_text(ns, text);
        line(title, text);
    }
}

static void line_number(const char *title, uint64_t number)
{
    if (number != 0) {
        printf("%-10s  %" PRIu64 "\n", title, number);
    }
}

static void line_bytes(const char *title, uint64_t bytes)
{
    char text[GORCTL_WHEN_ROOM];
    gorctl_bytes_text(bytes, text);
    line(title, text);
}

static void show_spec(const Gor__V1__JobSpec *spec, bool with_env)
{
    line_clean("Name", spec->name, strlen(spec->name));
    char *command = gorctl_command_text(spec);
    line(spec->kind_case == GOR__V1__JOB_SPEC__KIND_NATIVE ? "Call" : "Command", command);
    free(command);
    line_duration("Timeout", spec->timeout_ns);
    line_duration("Grace", spec->grace_ns);
    line_number("Parent", spec->parent_id);
    if (spec->output_max_bytes != 0) {
        line_bytes("Output kept", spec->output_max_bytes);
    }
    line_time("Not before", spec->not_before_ns);
    line_clean("Zone", spec->zone, strlen(spec->zone));
    line_duration("Delay", spec->delay_ns);
    char *after = gorctl_after_text(spec);
    line_clean("After", after, strlen(after));
    free(after);
    line_number("Retries", spec->retry != NULL ? spec->retry->retries : 0);
    line_clean("Unique", spec->unique_key, strlen(spec->unique_key));
    line_number("Rerun of", spec->rerun_of);
    line_time("Expires", spec->start_before_ns);
    for (size_t i = 0; i < spec->n_labels; i++) {
        char *label = gorctl_text_words(
            (struct gorctl_word[]){{spec->labels[i]->key, strlen(spec->labels[i]->key)},
                                   {spec->labels[i]->value, strlen(spec->labels[i]->value)}},
            2);
        line(i == 0 ? "Labels" : "", label);
        free(label);
    }
    if (spec->kind_case != GOR__V1__JOB_SPEC__KIND_EXEC || spec->exec == NULL) {
        return;
    }
    const Gor__V1__ExecSpec *exec = spec->exec;
    line_clean("Directory", exec->cwd.data, exec->cwd.len);
    if (exec->umask_plus_1 != 0) {
        printf("%-10s  %04o\n", "Umask", (unsigned)exec->umask_plus_1 - 1);
    }
    for (size_t i = 0; with_env && i < exec->n_env; i++) {
        line_clean(i == 0 ? "Environ" : "", exec->env[i].data, exec->env[i].len);
    }
}

static void show_state(const Gor__V1__Job *job, bool colour)
{
    char status[GORCTL_WORD_ROOM];
    gorctl_status_text(job, status);
    const char *style = colour ? gorctl_status_style(job->state, job->outcome) : NULL;
    printf("%-10s  %s%s%s\n", "State", style != NULL ? style : "", status,
           style != NULL ? "\x1b[0m" : "");
    line_clean("Why", job->reason, strlen(job->reason));
    line_clean("Detail", job->detail, strlen(job->detail));
    line_time("Submitted", job->created_ns);
    line_time("Started", job->started_ns);
    line_time("Ended", job->finished_ns);
    line_duration("Took", gorctl_job_took(job, gorctl_now()));
    line_bytes("Stdout", job->stdout_bytes);
    line_bytes("Stderr", job->stderr_bytes);
    line_number("Process", (uint64_t)(job->pid > 0 ? job->pid : 0));
    line_number("Goroutine", job->goroutine);
    line_number("Failed", job->attempt);
    line_number("Losses", job->losses);
    printf("%-10s  %" PRIu32 "\n", "User", job->uid);
}

static void add_event(struct gorctl_table *table, const Gor__V1__Event *event, int64_t begin_ns)
{
    char text[GORCTL_WHEN_ROOM];
    char after[GORCTL_WHEN_ROOM];
    char status[GORCTL_WORD_ROOM];
    gorctl_time_exact(event->at_ns, text);
    gorctl_table_cell(table, text, NULL);
    gorctl_duration_text(event->at_ns - begin_ns, after);
    snprintf(text, sizeof(text), "+%.30s", after);
    gorctl_table_cell(table, text, NULL);
    gorctl_event_text(event, status);
    gorctl_table_cell(table, status, gorctl_status_style(event->state, event->outcome));
    const char *why = event->detail[0] != '\0' ? event->detail : event->reason;
    char *clean = gorctl_text_escape(why, strlen(why));
    gorctl_table_cell(table, clean, NULL);
    free(clean);
}

static void show_life(Gor__V1__Event *const *events, size_t count)
{
    static const struct gorctl_column columns[] = {{"AT", false, false},
                                                   {"AFTER", true, false},
                                                   {"STATE", false, false},
                                                   {"WHY", false, true}};
    struct gorctl_screen screen = gorctl_screen_of(STDOUT_FILENO);
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < count; i++) {
        add_event(table, events[i], events[0]->at_ns);
    }
    putchar('\n');
    gorctl_table_print(table, stdout, screen.width, screen.colour);
    gorctl_table_free(table);
}

static void show(const Gor__V1__GetReply *reply, bool with_env)
{
    const Gor__V1__Job *job = reply->job;
    printf("%-10s  %" PRIu64 "\n", "Job", job->id);
    if (job->spec != NULL) {
        show_spec(job->spec, with_env);
    }
    show_state(job, gorctl_screen_of(STDOUT_FILENO).colour);
    if (reply->n_events > 0) {
        show_life(reply->events, reply->n_events);
    }
}

/* Environments hold secrets: they are shown to those who ask for them. */
static void show_json(Gor__V1__GetReply *reply, bool with_env)
{
    Gor__V1__JobSpec *spec = reply->job->spec;
    bool is_exec = spec != NULL && spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC;
    size_t count = is_exec ? spec->exec->n_env : 0;
    if (is_exec && !with_env) {
        spec->exec->n_env = 0;
    }
    gorctl_json_show(&reply->base);
    if (is_exec) {
        spec->exec->n_env = count; /* for whoever frees it */
    }
}

int gorctl_cmd_show(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "ID",
                                     .doc = doc,
                                     .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    request.id = arguments.id;
    request.with_events = 1;
    request.reveal = arguments.reveal;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Get",
                               .request = &request.base,
                               .reply = &gor__v1__get_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (ctl->json) {
        show_json((Gor__V1__GetReply *)reply, arguments.env);
    } else {
        show((const Gor__V1__GetReply *)reply, arguments.env);
    }
    wire_decoded_free(reply);
    return GORCTL_EXIT_OK;
}
