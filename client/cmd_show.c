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
#include "client/limits.h"
#include "client/options.h"
#include "client/policies.h"
#include "client/progress.h"
#include "client/rest.h"
#include "client/screen.h"
#include "client/selector.h"
#include "client/stops.h"
#include "client/table.h"
#include "client/template.h"
#include "client/text.h"
#include "client/when.h"
#include "proto/decode.h"

enum { KEY_ENV = 0x3000, KEY_REVEAL };

static const struct argp_option options[] = {
    {"env", KEY_ENV, NULL, 0, "Its environment as well; values of secrets are hidden", 0},
    {"reveal", KEY_REVEAL, NULL, 0,
     "With --env: those too, and all of its URLs; for the job's own user and root", 0},
    {0},
};

static const char doc[] =
    "Everything about jobs: what each is, how it stands or how it ended, and its life step by "
    "step. With --json one of them is a document, several are one a line.\v"
    "Examples:\n"
    "  gorctl show 12\n"
    "  gorctl show -q nightly --outcome failed --ended-since today\n"
    "  gorctl show 12 --format '{outcome} {detail}\\n'\n"
    "  gorctl show 12 --json | jq .job.outcome\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_selector selector;
    struct gorctl_template_option format;
    bool env, reveal;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
        state->child_inputs[3] = &arguments->format;
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
        if (gorctl_selector_is_empty(&arguments->selector)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "which job? `gorctl ls -a` lists them");
        }
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

static void show_script(const Gor__V1__LuaSpec *lua)
{
    line_bytes("Script", lua->script.len);
    line_number("Max steps", lua->max_steps);
    if (lua->max_memory_bytes != 0) {
        line_bytes("Max memory", lua->max_memory_bytes);
    }
}

/* What is run at its end, in the form of a program's command. */
static void show_hook(const Gor__V1__JobSpec *spec)
{
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    Gor__V1__JobSpec hook = GOR__V1__JOB_SPEC__INIT;
    if (spec->n_on_finish > 0) {
        exec.argv = spec->on_finish;
        exec.n_argv = spec->n_on_finish;
        hook.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
        hook.exec = &exec;
        char *words = gorctl_command_text(&hook);
        line("On finish", words);
        free(words);
    }
}

/* What keeps it from starting, and what if it fails. */
static void show_gates(const Gor__V1__JobSpec *spec)
{
    line_time("Not before", spec->not_before_ns);
    line_clean("Zone", spec->zone, strlen(spec->zone));
    line_duration("Delay", spec->delay_ns);
    char *after = gorctl_after_text(spec);
    line_clean("After", after, strlen(after));
    free(after);
    line_number("Retries", spec->retry != NULL ? spec->retry->retries : 0);
    line_clean("Unique", spec->unique_key, strlen(spec->unique_key));
    line_number("Rerun of", spec->rerun_of);
    if (spec->cron != NULL) {
        line_clean("Cron", spec->cron->name, strlen(spec->cron->name));
        line_time(spec->cron->by_hand ? "By hand" : "Cron time", spec->cron->at_ns);
    }
    if (spec->hook_of != NULL) {
        line_number("Hook of", spec->hook_of->job_id);
        line_clean("Sent to", spec->hook_of->url, strlen(spec->hook_of->url));
        line_clean("Document", spec->hook_of->document, strlen(spec->hook_of->document));
    }
    show_hook(spec);
    if (spec->on_finish_url[0] != '\0') {
        char *url = gorctl_text_escape(spec->on_finish_url, strlen(spec->on_finish_url));
        printf("%-10s  POST %s\n", "On finish", url);
        free(url);
    }
    line_time("Expires", spec->start_before_ns);
}

/* What only programs have. */
static void show_exec(const Gor__V1__ExecSpec *exec, bool with_env)
{
    line_clean("Directory", exec->cwd.data, exec->cwd.len);
    if (exec->umask_plus_1 != 0) {
        printf("%-10s  %04o\n", "Umask", (unsigned)exec->umask_plus_1 - 1);
    }
    line_clean("Stdin", exec->stdin_path.data, exec->stdin_path.len);
    if (exec->stdin_pipe) {
        line("Stdin", "what is sent to it");
    }
    if (exec->limits != NULL) {
        char *limits = gorctl_limits_text(exec->limits);
        line("Limits", limits);
        free(limits);
    }
    if (exec->nice != 0) {
        printf("%-10s  %d\n", "Nice", exec->nice);
    }
    if (exec->io_class != GOR__V1__IO_CLASS__IO_CLASS_DEFAULT) {
        bool idle = exec->io_class == GOR__V1__IO_CLASS__IO_CLASS_IDLE;
        printf(idle ? "%-10s  %s\n" : "%-10s  %s:%u\n", "Ionice",
               gorctl_ionice_name(exec->io_class), (unsigned)exec->io_level);
    }
    if (exec->new_privs != GOR__V1__NEW_PRIVS__NEW_PRIVS_DEFAULT) {
        line("New rights",
             exec->new_privs == GOR__V1__NEW_PRIVS__NEW_PRIVS_ALLOW ? "allowed" : "forbidden");
    }
    if (with_env && exec->n_rlimits > 0) {
        char *limits = gorctl_rlimits_text(exec->rlimits, exec->n_rlimits);
        line("Caller's", limits);
        free(limits);
    }
    if (exec->n_stop_signals > 0) {
        char *stops = gorctl_stops_text(exec);
        line("Ended by", stops);
        free(stops);
    }
    for (size_t i = 0; with_env && i < exec->n_env; i++) {
        line_clean(i == 0 ? "Environ" : "", exec->env[i].data, exec->env[i].len);
    }
}

static const char *what_it_is(const Gor__V1__JobSpec *spec)
{
    switch (spec->kind_case) {
    case GOR__V1__JOB_SPEC__KIND_NATIVE:
        return "Call";
    case GOR__V1__JOB_SPEC__KIND_GROUP:
        return "Tasks";
    default:
        return "Command";
    }
}

static void show_spec(const Gor__V1__JobSpec *spec, bool with_env)
{
    line_clean("Name", spec->name, strlen(spec->name));
    char *command = gorctl_command_text(spec);
    line(what_it_is(spec), command);
    free(command);
    if (spec->kind_case == GOR__V1__JOB_SPEC__KIND_LUA && spec->lua != NULL) {
        show_script(spec->lua);
    }
    if (spec->task != NULL) {
        printf("%-10s  index %" PRIu32 " of array %" PRIu64 ", which has %" PRIu32 "\n", "Task",
               spec->task->index, spec->task->array_id, spec->task->count);
    }
    line_duration("Timeout", spec->timeout_ns);
    line_duration("Grace", spec->grace_ns);
    if (spec->on_stop != GOR__V1__ON_STOP__ON_STOP_DEFAULT) {
        line("On stop", gorctl_on_stop_name(spec->on_stop));
    }
    line_duration("Heartbeat", spec->heartbeat_ns);
    if (spec->heartbeat_ns != 0) {
        line("On stuck", gorctl_on_stuck_name(spec->on_stuck));
    }
    line_number("Parent", spec->parent_id);
    if (spec->output_max_bytes != 0) {
        line_bytes("Output kept", spec->output_max_bytes);
    }
    show_gates(spec);
    for (size_t i = 0; i < spec->n_labels; i++) {
        char *label = gorctl_text_words(
            (struct gorctl_word[]){{spec->labels[i]->key, strlen(spec->labels[i]->key)},
                                   {spec->labels[i]->value, strlen(spec->labels[i]->value)}},
            2);
        line(i == 0 ? "Labels" : "", label);
        free(label);
    }
    if (spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC && spec->exec != NULL) {
        show_exec(spec->exec, with_env);
    }
}

/* What a program used, a fact a line. */
static void show_use(const Gor__V1__ResourceUse *use)
{
    char user[GORCTL_WHEN_ROOM];
    char system[GORCTL_WHEN_ROOM];
    char peak[GORCTL_WHEN_ROOM];
    gorctl_duration_text(use->user_ns, user);
    gorctl_duration_text(use->system_ns, system);
    gorctl_bytes_text(use->peak_memory_bytes, peak);
    printf("%-10s  %s user, %s system\n", "CPU time", user, system);
    printf("%-10s  %s%s\n", "Peak mem.", use->peak_is_bound ? "below " : "", peak);
    printf("%-10s  %" PRIu64 ", %" PRIu64 " waited for the disk\n", "Faults",
           use->minor_faults + use->major_faults, use->major_faults);
    printf("%-10s  %" PRIu64 " to wait, %" PRIu64 " for others\n", "Switches",
           use->voluntary_switches, use->involuntary_switches);
    if (use->blocks_in + use->blocks_out != 0) {
        char in[GORCTL_WHEN_ROOM];
        char out[GORCTL_WHEN_ROOM];
        gorctl_bytes_text(use->blocks_in * 512, in);
        gorctl_bytes_text(use->blocks_out * 512, out);
        printf("%-10s  %s read, %s written\n", "Disk", in, out);
    }
    line_number("Processes", use->peak_processes);
    line_number("Left", use->left_processes);
}

/* While it lives that which counts, after that the one it was given. */
static void show_deadline(const Gor__V1__Job *job)
{
    char text[GORCTL_WHEN_ROOM];
    int64_t given = job->spec != NULL ? job->spec->deadline_ns : 0;
    if (job->deadline_of == 0) {
        line_time("Deadline", job->deadline_ns != 0 ? job->deadline_ns : given);
        return;
    }
    gorctl_time_exact(job->deadline_ns, text);
    printf("%-10s  %s, of job %" PRIu64 "\n", "Deadline", text, job->deadline_of);
}

static void show_state(const Gor__V1__Job *job, bool colour)
{
    char status[GORCTL_WORD_ROOM];
    gorctl_status_text(job, status);
    const char *style = colour ? gorctl_status_style(job->state, job->outcome) : NULL;
    printf("%-10s  %s%s%s\n", "State", style != NULL ? style : "", status,
           style != NULL ? "\x1b[0m" : "");
    line_clean("Why", job->reason, strlen(job->reason));
    line_clean("Detail", job->detail, strcspn(job->detail, "\n"));
    line_time("Submitted", job->created_ns);
    line_time("Started", job->started_ns);
    line_time("Ended", job->finished_ns);
    line_duration("Took", gorctl_job_took(job, gorctl_now()));
    show_deadline(job);
    if (job->progress != NULL) {
        char *progress = gorctl_progress_text(job->progress);
        line("Progress", progress);
        free(progress);
    }
    line_bytes("Stdout", job->stdout_bytes);
    line_bytes("Stderr", job->stderr_bytes);
    if (job->has_result) {
        line_bytes("Result", job->result_bytes);
    }
    line_number("Process", (uint64_t)(job->pid > 0 ? job->pid : 0));
    line_number("Goroutine", job->goroutine);
    line_number("Failed", job->attempt);
    line_number("Version", job->version);
    line_number("Losses", job->losses);
    printf("%-10s  %" PRIu32 "\n", "User", job->uid);
    if (job->use != NULL) {
        show_use(job->use);
    }
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
    char *clean = gorctl_text_first_line(why);
    gorctl_table_cell(table, clean, NULL);
    free(clean);
}

static void show_life(Gor__V1__Event *const *events, size_t count)
{
    static const struct gorctl_column columns[] = {{"AT", false, false},
                                                   {"AFTER", true, false},
                                                   {"STATE", false, false},
                                                   {"WHY", false, true}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < count; i++) {
        add_event(table, events[i], events[0]->at_ns);
    }
    putchar('\n');
    gorctl_table_show(table);
}

/* Where it was stuck last, if it still is or that ended it. */
static void show_stuck(Gor__V1__Event *const *events, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        if (events[i]->kind == GOR__V1__EVENT__KIND__STUCK) {
            gorctl_rest_print(events[i]->reason);
            return;
        }
    }
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
    gorctl_rest_print(job->detail);
    show_stuck(reply->events, reply->n_events);
}

/* With --json or --format. Environments hold secrets: they are shown to those who ask for them. */
static void show_fields(const struct arguments *arguments, Gor__V1__GetReply *reply, bool indent)
{
    Gor__V1__JobSpec *spec = reply->job->spec;
    bool is_exec = spec != NULL && spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC;
    size_t count = is_exec ? spec->exec->n_env : 0;
    if (is_exec && !arguments->env) {
        spec->exec->n_env = 0;
    }
    if (arguments->format.chosen != NULL) {
        gorctl_template_print(arguments->format.chosen, &reply->job->base, stdout);
    } else {
        gorctl_json_print(stdout, gorctl_json_message(&reply->base), indent);
    }
    if (is_exec) {
        spec->exec->n_env = count; /* for whoever frees it */
    }
}

static int show_job(const struct arguments *arguments, uint64_t id, bool one_of_many)
{
    struct gorctl *ctl = arguments->ctl;
    const struct gorctl_template *format = arguments->format.chosen;
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    request.id = id;
    request.with_events = format == NULL;
    request.reveal = arguments->reveal;
    request.with_result = ctl->json || (format != NULL && gorctl_template_has(format, "result"));
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Get",
                               .request = &request.base,
                               .reply = &gor__v1__get_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (ctl->json || format != NULL) {
        show_fields(arguments, (Gor__V1__GetReply *)reply, !one_of_many);
    } else {
        show((const Gor__V1__GetReply *)reply, arguments->env);
    }
    wire_decoded_free(reply);
    return GORCTL_EXIT_OK;
}

/* The code of the first failure. */
static int show_jobs(const void *arg, const struct gorctl_ids *ids)
{
    const struct arguments *arguments = arg;
    int code = GORCTL_EXIT_OK;
    for (size_t i = 0; i < ids->count && !ferror(stdout); i++) {
        if (i > 0 && !arguments->ctl->json && arguments->format.chosen == NULL) {
            putchar('\n');
        }
        int result = show_job(arguments, ids->ids[i], ids->count > 1);
        code = code == GORCTL_EXIT_OK ? result : code;
    }
    return code;
}

int gorctl_cmd_show(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                                 {&gorctl_format_argp, 0, NULL, 0},
                                                 {&gorctl_selector_argp, 0, "Which jobs:", 1},
                                                 {&gorctl_template_argp, 0, NULL, 0},
                                                 {0}};
    static const struct argp argp = {
        .options = options, .parser = parse, .args_doc = "ID...", .doc = doc, .children = children};
    struct arguments arguments = {.ctl = ctl, .format = {ctl, &gor__v1__job__descriptor, NULL}};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = gorctl_selector_run(ctl, &arguments.selector, show_jobs, &arguments);
    gorctl_template_free(arguments.format.chosen);
    return code;
}
