/* SPDX-License-Identifier: MIT */
/* cmd_audit.c - `gorctl audit`: who asked for which change, when, from where, and what came of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/screen.h"
#include "client/table.h"
#include "client/when.h"
#include "gor/v1/runtime.pb-c.h"
#include "gor/v1/store.pb-c.h"

enum { KEY_SINCE = 0x3000, KEY_UNTIL, KEY_UID, KEY_JOB, KEY_FAILED };
enum { LINES_MOST = 10000000 };

static const struct argp_option options[] = {
    {"since", KEY_SINCE, "TIME", 0, "From then on: 2026-03-01 [12:30], today, or 2h (ago)", 0},
    {"until", KEY_UNTIL, "TIME", 0, "Up to then", 0},
    {"uid", KEY_UID, "UID", 0, "Of that user", 0},
    {"method", 'm', "TEXT", 0, "Whose method has TEXT in its name, as cancel or Queues/", 0},
    {"job", KEY_JOB, "ID", 0, "That name this job, or have made it", 0},
    {"failed", KEY_FAILED, NULL, 0, "That were refused, or failed", 0},
    {"lines", 'n', "NUMBER", 0, "The last NUMBER of those", 0},
    {"follow", 'f', NULL, 0, "And those to come, as they are written", 0},
    {0},
};

static const char doc[] =
    "Who asked for which change, when, from where, and what came of it: a line for each call that "
    "takes more than the role of a viewer, also for those that were refused.\v"
    "With --json the lines are as gord wrote them to the file audit.log of its state directory, "
    "with "
    "all that was asked for; values of variables and what was written to jobs are never in it.\n"
    "\n"
    "Examples:\n"
    "  gorctl audit --since today\n"
    "  gorctl audit --job 17 --method cancel\n"
    "  gorctl audit -f -n 20\n"
    "  gorctl audit --json --failed | jq -r '.from + \" \" + .detail'\n";

struct arguments {
    struct gorctl *ctl;
    Gor__V1__AuditRequest request;
    int64_t until_ns; /* 0: no end */
    int64_t uid;      /* -1: anybody's */
    const char *method;
    uint64_t job; /* 0: any, or none */
    uint64_t lines;
    bool failed;
};

/* What has come, and what is to be shown of it. */
struct audit {
    struct arguments *wanted;
    char until[32];
    char *text; /* owned; a piece of a line */
    size_t text_bytes;
    char **kept; /* owned ring, with --lines: the last of them */
    uint64_t kept_count;
    struct gorctl_table *table;
    bool live; /* what there was has come; these are new */
    /* Where to go on when the daemon was away: lines are in the order of time. */
    char last[32];       /* the time of the last */
    uint64_t last_count; /* how many have come of that time */
    uint64_t skip;       /* of those that come again */
};

/* ------------------------------------------------------------------ options */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case KEY_SINCE:
        arguments->request.from_ns = gorctl_option_time(state, "--since", arg);
        return 0;
    case KEY_UNTIL:
        arguments->until_ns = gorctl_option_time(state, "--until", arg);
        return 0;
    case KEY_UID:
        arguments->uid = (int64_t)gorctl_option_number(state, "--uid", arg);
        return 0;
    case 'm':
        arguments->method = arg;
        return 0;
    case KEY_JOB:
        arguments->job = gorctl_option_number(state, "--job", arg);
        return 0;
    case 'n':
        arguments->lines = gorctl_option_number(state, "--lines", arg);
        if (arguments->lines == 0 || arguments->lines > LINES_MOST) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--lines must be from 1 to %d", LINES_MOST);
        }
        return 0;
    case KEY_FAILED:
        arguments->failed = true;
        return 0;
    case 'f':
        arguments->request.follow = true;
        return 0;
    case ARGP_KEY_END:
        if (arguments->request.follow && arguments->until_ns != 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--until and --follow exclude each other; give one of them");
        }
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "what is '%s'? The options say which lines", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ------------------------------------------------------------------ which lines */

static const char *text_of(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text != NULL ? text : "";
}

/* Is the number anywhere in it under a name that is one of a job's? */
static bool names_job(const json_t *value, const char *name, uint64_t job)
{
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_integer(value)) {
        return (uint64_t)json_integer_value(value) == job &&
               (strcmp(name, "id") == 0 || strcmp(name, "ids") == 0 ||
                strcmp(name, "parent_id") == 0 || strcmp(name, "first_id") == 0);
    }
    json_array_foreach(value, i, item)
    {
        if (names_job(item, name, job)) {
            return true;
        }
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        if (names_job(item, key, job)) {
            return true;
        }
    }
    return false;
}

/* Of many at once the first is told, and how many there are. */
static bool has_made(const json_t *reply, uint64_t job)
{
    uint64_t first = (uint64_t)json_integer_value(json_object_get(reply, "first_id"));
    uint64_t count = (uint64_t)json_integer_value(json_object_get(reply, "count"));
    return first != 0 && job >= first && job - first < count;
}

static bool is_wanted(const struct audit *audit, const json_t *line)
{
    const struct arguments *wanted = audit->wanted;
    const json_t *uid = json_object_get(line, "uid");
    if (audit->until[0] != '\0' && strcmp(text_of(line, "time"), audit->until) >= 0) {
        return false;
    }
    if (wanted->uid >= 0 && (uid == NULL || json_integer_value(uid) != wanted->uid)) {
        return false;
    }
    if (wanted->method != NULL && strcasestr(text_of(line, "method"), wanted->method) == NULL) {
        return false;
    }
    if (wanted->failed && strcmp(text_of(line, "status"), "OK") == 0) {
        return false;
    }
    if (wanted->job != 0 && has_made(json_object_get(line, "reply"), wanted->job)) {
        return true;
    }
    return wanted->job == 0 || names_job(json_object_get(line, "request"), "", wanted->job) ||
           names_job(json_object_get(line, "reply"), "", wanted->job);
}

/* ------------------------------------------------------------------ showing */

static struct gorctl_table *new_table(void)
{
    static const struct gorctl_column columns[] = {
        {"TIME", false, false},   {"UID", true, false},  {"ROLE", false, false},
        {"FROM", false, false},   {"BY", false, true},   {"METHOD", false, false},
        {"STATUS", false, false}, {"WHAT", false, true},
    };
    return gorctl_table_new(columns, sizeof columns / sizeof columns[0]);
}

/* Why it failed, else what it was about. */
static void add_what(struct gorctl_table *table, const json_t *line)
{
    const json_t *request = json_object_get(line, "request");
    char *what = NULL;
    if (text_of(line, "detail")[0] != '\0') {
        gorctl_table_text(table, text_of(line, "detail"));
        return;
    }
    if (request != NULL) {
        what = json_dumps(request, JSON_COMPACT | JSON_ENCODE_ANY);
    }
    gorctl_table_text(table, what != NULL ? what : "-");
    free(what);
}

static void add_row(struct gorctl_table *table, const json_t *line)
{
    const json_t *uid = json_object_get(line, "uid");
    const json_t *missing = json_object_get(line, "missing");
    char number[24] = "-";
    if (uid != NULL) {
        (void)snprintf(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(uid));
    }
    gorctl_table_text(table, text_of(line, "time"));
    gorctl_table_text(table, number);
    gorctl_table_text(table, text_of(line, "role"));
    gorctl_table_text(table, text_of(line, "from"));
    gorctl_table_text(table, text_of(line, "by"));
    gorctl_table_text(table, text_of(line, "method"));
    if (missing != NULL) {
        (void)snprintf(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(missing));
    }
    gorctl_table_text(table, missing != NULL ? number : text_of(line, "status"));
    add_what(table, line);
}

static void show(struct audit *audit, const char *text, const json_t *line)
{
    if (audit->wanted->ctl->json) {
        puts(text);
    } else {
        add_row(audit->table, line);
    }
}

/* False: it has come before. */
static bool note_position(struct audit *audit, const char *time)
{
    bool same = strcmp(time, audit->last) == 0;
    if (audit->skip > 0 && same) {
        audit->skip--;
        return false;
    }
    audit->skip = 0;
    audit->last_count = same ? audit->last_count + 1 : 1;
    (void)snprintf(audit->last, sizeof audit->last, "%s", time);
    return true;
}

static int64_t time_of(const char *text)
{
    struct tm parts = {0};
    const char *fraction = strptime(text, "%Y-%m-%dT%H:%M:%S.", &parts);
    return fraction == NULL
               ? 0
               : (int64_t)timegm(&parts) * 1000000000 + strtol(fraction, NULL, 10) * 1000;
}

/* The daemon was away. */
static void ask_for_the_rest(struct audit *audit)
{
    if (audit->last_count > 0) {
        audit->wanted->request.from_ns = time_of(audit->last);
    }
}

static void on_again(void *user)
{
    struct audit *audit = user;
    audit->skip = audit->last_count;
    audit->text_bytes = 0; /* of a line that comes whole now */
}

static void take_line(struct audit *audit, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    if (line == NULL) {
        return; /* cut short when the machine died */
    }
    if (note_position(audit, text_of(line, "time")) && is_wanted(audit, line)) {
        if (audit->kept != NULL) {
            char **place = &audit->kept[audit->kept_count++ % audit->wanted->lines];
            free(*place);
            *place = gorctl_strdup(text);
        } else {
            show(audit, text, line);
        }
    }
    json_decref(line);
}

static void show_kept(struct audit *audit)
{
    uint64_t most = audit->wanted->lines;
    uint64_t first = audit->kept_count > most ? audit->kept_count - most : 0;
    for (uint64_t i = first; audit->kept != NULL && i < audit->kept_count; i++) {
        json_t *line = json_loads(audit->kept[i % most], 0, NULL);
        show(audit, audit->kept[i % most], line);
        json_decref(line);
        free(audit->kept[i % most]);
    }
    free(audit->kept);
    audit->kept = NULL;
}

/* So that whoever follows sees it. False: nobody does. */
static bool show_now(struct audit *audit)
{
    if (!audit->wanted->ctl->json && gorctl_table_rows(audit->table) > 0) {
        struct gorctl_screen screen = gorctl_screen_of(STDOUT_FILENO);
        gorctl_table_print(audit->table, stdout, screen.width, screen.colour);
    }
    return fflush(stdout) == 0;
}

static bool on_piece(const ProtobufCMessage *message, void *user)
{
    struct audit *audit = user;
    const Gor__V1__InspectChunk *chunk = (const Gor__V1__InspectChunk *)message;
    audit->text = gorctl_grow(audit->text, audit->text_bytes + chunk->data.len + 1, 1);
    if (chunk->data.len > 0) {
        memcpy(audit->text + audit->text_bytes, chunk->data.data, chunk->data.len);
    }
    audit->text_bytes += chunk->data.len;
    audit->text[audit->text_bytes] = '\0';
    char *line = audit->text;
    for (char *end; (end = memchr(line, '\n', audit->text_bytes)) != NULL; line = end + 1) {
        *end = '\0';
        audit->text_bytes -= (size_t)(end + 1 - line);
        take_line(audit, line);
    }
    memmove(audit->text, line, audit->text_bytes);
    if (chunk->data.len == 0 && !audit->live) {
        audit->live = true;
        show_kept(audit);
    }
    ask_for_the_rest(audit);
    return !audit->live || show_now(audit);
}

static void set_until(struct audit *audit, int64_t until_ns)
{
    time_t at = (time_t)(until_ns / 1000000000);
    struct tm parts;
    if (until_ns > 0 && gmtime_r(&at, &parts) != NULL) {
        size_t length = strftime(audit->until, sizeof audit->until, "%Y-%m-%dT%H:%M:%S", &parts);
        (void)snprintf(audit->until + length, sizeof audit->until - length, ".%06dZ",
                       (int)(until_ns % 1000000000 / 1000));
    }
}

int gorctl_cmd_audit(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl, .request = GOR__V1__AUDIT_REQUEST__INIT, .uid = -1};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct audit audit = {.wanted = &arguments, .table = new_table()};
    set_until(&audit, arguments.until_ns);
    if (arguments.lines > 0) {
        audit.kept = gorctl_alloc(arguments.lines * sizeof *audit.kept);
    }
    struct gorctl_call call = {.path = "/gor.v1.Store/Audit",
                               .request = &arguments.request.base,
                               .again = true,
                               .on_again = on_again,
                               .reply = &gor__v1__inspect_chunk__descriptor};
    int code = gorctl_stream(ctl, &call, on_piece, &audit);
    show_kept(&audit);
    free(audit.text);
    if (ctl->json || gorctl_table_rows(audit.table) == 0) {
        gorctl_table_free(audit.table);
    } else {
        gorctl_table_show(audit.table);
    }
    return code;
}
