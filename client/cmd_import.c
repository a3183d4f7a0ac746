/* SPDX-License-Identifier: MIT */
/* cmd_import.c - `gorctl import`: jobs that `gorctl export` wrote, into this daemon.
 *
 * Lines are sent as they are read, so many at a time as are not answered; answers come in any order. When
 * the daemon went, what it has not answered is sent again when it is back, to an import that knows what the
 * ones before it took, and has their request id, by which the daemon knows those of it that it took. The
 * first message is answered before another is sent: by that answer the daemon is one that knows so.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/batch.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/interrupt.h"
#include "client/json.h"
#include "client/json_read.h"
#include "client/known.h"
#include "client/lines.h"
#include "client/options.h"
#include "client/request.h"
#include "client/sink.h"
#include "client/text.h"
#include "client/unanswered.h"
#include "gor/v1/store.pb-c.h"

enum {
    KEY_LIVE = 0x3000,
    KEY_RESUME,
    KEY_REQUEST_ID,
    IN_FLIGHT = 200,
    LINE_MOST = 64 * 1024 * 1024
};
static const struct argp_option options[] = {
    {"live", KEY_LIVE, "HOW", 0,
     "Jobs that had not ended are taken as new ones that are held (hold, the default), that may "
     "start "
     "(submit), or not (skip); entries of the calendar paused, as they were, or not",
     0},
    {"dry-run", 'n', NULL, 0, "Check every line and say what would be taken; take nothing", 0},
    {"resume", KEY_RESUME, "FILE", 0,
     "Leave out what an earlier import took, whose output FILE has, and let others refer to it", 0},
    {"request-id", KEY_REQUEST_ID, "HEX", 0,
     "32 hex digits that name this import: within a day no job is taken twice by imports of that "
     "name",
     0},
    {0},
};

static const char doc[] =
    "Take jobs that another daemon exported (`gorctl export`): those that had ended with their "
    "history, as if they had ended here; the others as new jobs. With them come queues, pools, "
    "rates "
    "and "
    "entries of the calendar. FILE may be - for standard input. Each job is printed as two ids: "
    "there, "
    "and here.\v"
    "A job keeps its id if that is above all ids here, as in an empty daemon; else it gets a new "
    "one, "
    "and jobs after it that refer to it (parent, --after, rerun) refer to that. A job that is here "
    "already, with the same id and time, is left out; one that had not ended is a new job here, "
    "and is taken once more with each import without --resume or --request-id. A line that cannot "
    "be taken is told with its number, and the others go on.\n"
    "\n"
    "An entry of the calendar keeps all that it has come to; what was due meanwhile is not made up "
    "for. "
    "It is left out if it is here already, as is a queue, pool or rate with the same settings; "
    "another "
    "one of that name stays, and the line is refused.\n"
    "\n"
    "Each job is taken as a whole or not at all. What was printed is taken, whatever happens then. "
    "When the daemon is replaced or restarted, or killed and started again, an import goes on by "
    "itself and takes nothing twice. One that ends before its time, by a signal too, tells the "
    "--request-id with which the same command goes on.\n"
    "\n"
    "Examples:\n"
    "  gorctl import --dry-run jobs.ndjson\n"
    "  gorctl import jobs.ndjson > taken\n"
    "  gorctl import --resume taken jobs.ndjson >> taken\n"
    "  ssh root@old gorctl export --reveal | gorctl import --live=submit -\n";

struct importing {
    struct gorctl *ctl;
    const char *name;
    const char *resume;
    Gor__V1__ImportOptions options;
    struct gorctl_request request; /* borrowed by those */
    struct gorctl_known known;     /* its first portion borrowed likewise */
    struct gorctl_call call;
    struct gorctl_lines *lines;
    struct gorctl_sink *sink; /* for stdout */
    struct gorctl_unanswered sent;
    uint64_t taken, renumbered, there, removed, skipped, refused;
    uint64_t things_taken, things_there, things_skipped; /* no jobs */
    bool took_cron;
    bool opened;   /* the options are answered: now the rest may be sent */
    bool forgets;  /* the daemon is of before request ids */
    bool stopping; /* the daemon takes no more for now */
    bool closed;
    bool orphaned;    /* the job that output is of could not be read */
    bool reader_gone; /* of stdout */
    int code;
};

/* --------------------------------------------------------------- options */

static error_t parse_live(struct importing *s, struct argp_state *state, const char *word)
{
    static const char *const words[] = {"hold", "submit", "skip"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(word, words[i]) == 0) {
            s->options.live = (Gor__V1__ImportOptions__Live)i;
            return 0;
        }
    }
    argp_failure(state, GORCTL_EXIT_USAGE, 0, "--live '%s' is not one of hold, submit, skip", word);
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct importing *s = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, s->ctl, 2);
        return 0;
    case KEY_LIVE:
        return parse_live(s, state, arg);
    case 'n':
        s->options.dry_run = true;
        return 0;
    case KEY_RESUME:
        s->resume = arg;
        return 0;
    case KEY_REQUEST_ID:
        if (gorctl_request_parse(arg, &s->request) != 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--request-id: '%s' is not 32 hex digits",
                         arg);
        }
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "one file at a time");
        }
        s->name = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "which file? It is what `gorctl export` wrote; - is standard input");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --------------------------------------------------------------- sending */

static void note_failure(struct importing *s, int code)
{
    s->code = s->code == GORCTL_EXIT_OK ? code : s->code;
}

static void say_of_line(const struct importing *s, uint64_t line, const char *why)
{
    char *clean = gorctl_text_escape(why, strlen(why));
    if (line != 0) {
        gorctl_say("%s, line %" PRIu64 ": %s", s->name, line, clean);
    } else {
        gorctl_say("%s", clean);
    }
    free(clean);
}

static bool has_room(void *user)
{
    const struct importing *s = user;
    return s->stopping || (s->opened && s->sent.open < IN_FLIGHT);
}

static void on_line(const char *line, size_t length, uint64_t number, void *user)
{
    struct importing *s = user;
    char why[GORCTL_JSON_WHY];
    json_error_t error;
    ProtobufCMessage *request;
    if (s->stopping || gorctl_batch_is_blank(line, length)) {
        return;
    }
    json_t *value = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    int rc = value != NULL
                 ? gorctl_json_read(value, &gor__v1__import_request__descriptor, why, &request)
                 : -EINVAL;
    if (value == NULL) {
        snprintf(why, sizeof(why), "not JSON: %.150s", error.text);
    }
    json_decref(value);
    if (rc != 0) {
        say_of_line(s, number, why);
        s->orphaned = true;
        s->refused++;
        note_failure(s, GORCTL_EXIT_USAGE);
        return;
    }
    Gor__V1__ImportRequest *message = (Gor__V1__ImportRequest *)request;
    s->orphaned = s->orphaned && message->job == NULL;
    if (s->orphaned && message->output != NULL) {
        protobuf_c_message_free_unpacked(request, NULL);
        return;
    }
    gorctl_unanswered_add(&s->sent, message, number);
    gorctl_stream_send(s->ctl, &message->base);
}

/* What comes before the first job: the options, and those that are known, as far as they fit in beside. */
static void set_known(struct importing *s)
{
    size_t at = 0;
    s->options.n_known = gorctl_known_portion(&s->known, &at, &s->options.known);
}

/* The rest of those; how many messages. */
static uint64_t send_more_known(struct importing *s)
{
    Gor__V1__ImportRequest message = GOR__V1__IMPORT_REQUEST__INIT;
    size_t at = s->options.n_known;
    uint64_t count = 0;
    while ((message.n_known = gorctl_known_portion(&s->known, &at, &message.known)) > 0) {
        gorctl_stream_send(s->ctl, &message.base);
        count++;
    }
    return count;
}

/* The daemon is back; its options have been sent. */
static void on_again(void *user)
{
    struct importing *s = user;
    s->opened = false;
}

static void close_once(struct importing *s)
{
    s->closed = true;
    if (s->opened) {
        gorctl_stream_half_close(s->ctl);
    }
}

/* The daemon has its options: all that it has not answered, which is nothing yet or was sent to the one before
 * it, and then what else there is. */
static void begin(struct importing *s)
{
    gorctl_unanswered_again(&s->sent, 1 + send_more_known(s));
    for (size_t i = 0; i < s->sent.count && !s->stopping; i++) {
        gorctl_stream_send(s->ctl, &s->sent.ones[i].message->base);
    }
    s->opened = true;
    if (s->closed) {
        gorctl_stream_half_close(s->ctl);
    } else {
        gorctl_lines_go_on(s->lines);
    }
}

static void on_end(int code, void *user)
{
    struct importing *s = user;
    note_failure(s, code);
    close_once(s);
}

/* --------------------------------------------------------------- answers */

static void count_thing(struct importing *s, const Gor__V1__ImportResult *result)
{
    bool is_taken = result->status == GOR__V1__IMPORT_RESULT__STATUS__TAKEN;
    s->things_taken += is_taken;
    s->things_there += result->status == GOR__V1__IMPORT_RESULT__STATUS__EXISTS;
    s->things_skipped += result->status == GOR__V1__IMPORT_RESULT__STATUS__SKIPPED;
    s->refused += result->status == GOR__V1__IMPORT_RESULT__STATUS__REFUSED;
    s->took_cron = s->took_cron || (is_taken && strncmp(result->what, "cron ", 5) == 0);
}

static void count(struct importing *s, const Gor__V1__ImportResult *result)
{
    if (result->what[0] != '\0') {
        count_thing(s, result);
        return;
    }
    switch (result->status) {
    case GOR__V1__IMPORT_RESULT__STATUS__TAKEN:
        s->taken++;
        s->renumbered += result->id != result->old_id;
        break;
    case GOR__V1__IMPORT_RESULT__STATUS__EXISTS:
        s->there++;
        break;
    case GOR__V1__IMPORT_RESULT__STATUS__REMOVED:
        s->removed++;
        break;
    case GOR__V1__IMPORT_RESULT__STATUS__SKIPPED:
        s->skipped++;
        break;
    case GOR__V1__IMPORT_RESULT__STATUS__REFUSED:
        s->refused++;
        break;
    default:
        break;
    }
}

static void cannot_write(struct importing *s, int error)
{
    s->reader_gone = error == -EPIPE;
    if (!s->reader_gone) {
        gorctl_say("cannot write the output: %s", strerror(-error));
    }
    gorctl_stream_stop(s->ctl, GORCTL_EXIT_OUTPUT);
}

static void on_drained(struct gorctl_sink *sink, int error, void *user)
{
    struct importing *s = user;
    (void)sink;
    if (error != 0) {
        cannot_write(s, error);
    }
    gorctl_stream_resume(s->ctl);
}

/* At once, so that it is known what was taken, whatever comes. */
static void print(struct importing *s, const Gor__V1__ImportResult *result)
{
    char *text;
    size_t length;
    FILE *out = gorctl_memory_stream(&text, &length);
    if (s->ctl->json) {
        gorctl_json_print(out, gorctl_json_message(&result->base), false);
    } else if (result->id != 0 && result->status != GOR__V1__IMPORT_RESULT__STATUS__REMOVED) {
        fprintf(out, "%" PRIu64 " %" PRIu64 "\n", result->old_id, result->id);
    }
    (void)fclose(out);
    int written = length > 0 ? gorctl_sink_write(s->sink, text, length) : 1;
    free(text);
    if (written == 0) {
        gorctl_stream_pause(s->ctl);
    } else if (written < 0) {
        cannot_write(s, written);
    }
}

/* What it says of itself. One that does not know request ids cannot tell which jobs it has taken already. */
static void on_options(struct importing *s, const Gor__V1__ImportResult *result)
{
    s->forgets = !result->once;
    s->call.again = s->call.again && result->once;
    if (result->status == GOR__V1__IMPORT_RESULT__STATUS__REFUSED) {
        gorctl_say("%s", result->message);
        gorctl_stream_stop(s->ctl, gorctl_exit_of_status((enum wire_status)result->code));
    } else if (s->forgets && s->sent.count > 0) {
        gorctl_say("the daemon that is back is older than the one that went");
        gorctl_stream_stop(s->ctl, GORCTL_EXIT_REFUSED);
    } else if (s->forgets && s->known.count > s->options.n_known) {
        gorctl_say("%s: more than the %zu ids that this daemon, which is older, takes at a time; "
                   "nothing was taken",
                   s->resume, s->options.n_known);
        gorctl_stream_stop(s->ctl, GORCTL_EXIT_USAGE);
    } else {
        begin(s);
    }
}

static void note_result(struct importing *s, const Gor__V1__ImportResult *result)
{
    uint64_t line = gorctl_unanswered_answer(&s->sent, result->index);
    count(s, result);
    if (result->id != 0 && result->old_id != 0) {
        gorctl_known_add(&s->known, result->old_id, result->id);
        set_known(s);
    }
    if (result->message[0] != '\0') {
        say_of_line(s, line, result->message);
    }
    if (result->status == GOR__V1__IMPORT_RESULT__STATUS__REFUSED) {
        int code = gorctl_exit_of_status((enum wire_status)result->code);
        note_failure(s, code);
        s->stopping = s->stopping || code == GORCTL_EXIT_REFUSED;
    }
    if (result->status != GOR__V1__IMPORT_RESULT__STATUS__STATUS_UNSPECIFIED) {
        print(s, result);
    }
}

static bool on_result(const ProtobufCMessage *message, void *user)
{
    struct importing *s = user;
    const Gor__V1__ImportResult *result = (const Gor__V1__ImportResult *)message;
    if (!s->opened) {
        on_options(s, result);
        return true;
    }
    note_result(s, result);
    if (!s->stopping) {
        gorctl_lines_go_on(s->lines);
    } else if (!s->closed) {
        close_once(s);
    }
    return true;
}

/* ------------------------------------------------------------------- all */

static void say_how_to_go_on(const struct importing *s)
{
    char text[GORCTL_REQUEST_ROOM];
    if (s->request.set && !s->forgets) {
        gorctl_request_text(&s->request, text);
        gorctl_say("not all of it was taken; the same command with --request-id=%s goes on, and "
                   "within a day takes nothing twice",
                   text);
        return;
    }
    gorctl_say("not all of it was taken; what was printed was: put that into a file and go on with "
               "--resume=FILE");
    if (s->sent.open > 0) {
        fprintf(stderr,
                "  From line %" PRIu64 " on, %zu line%s sent and not answered, and may be taken as "
                "well;\n  %s. `gorctl ls -a` shows what is here.\n",
                s->sent.ones[0].line, s->sent.open, s->sent.open == 1 ? " was" : "s were",
                s->forgets ? "this daemon, which is older, cannot tell"
                           : "without random numbers there was no request id to tell by");
    }
}

static void sum_up(const struct importing *s, int code)
{
    const char *verb = s->options.dry_run ? "would be taken" : "taken";
    gorctl_say(
        "%" PRIu64 " job%s %s, %" PRIu64 " of them with new ids; %" PRIu64
        " are here already; %" PRIu64 " that had not ended were left out; %" PRIu64 " refused",
        s->taken, s->taken == 1 ? "" : "s", verb, s->renumbered, s->there, s->skipped, s->refused);
    if (s->removed > 0) {
        gorctl_say("%" PRIu64 " %s taken before and removed since, and %s not come back",
                   s->removed, s->removed == 1 ? "was" : "were", s->removed == 1 ? "does" : "do");
    }
    if (s->things_taken + s->things_there + s->things_skipped > 0) {
        bool paused = s->took_cron && s->options.live == GOR__V1__IMPORT_OPTIONS__LIVE__HOLD;
        gorctl_say("%" PRIu64 " queues, pools, rates and entries of the calendar %s; %" PRIu64
                   " are here already; %" PRIu64 " %s left out%s",
                   s->things_taken, verb, s->things_there, s->things_skipped,
                   s->things_skipped == 1 ? "entry was" : "entries were",
                   paused ? "; the entries are paused: `gorctl cron resume`" : "");
    }
    if ((code != GORCTL_EXIT_OK || s->stopping) && !s->options.dry_run) {
        say_how_to_go_on(s);
    }
}

/* Without one, as where the system has no random numbers yet, it does not go on by itself. */
static void set_request(struct importing *s)
{
    if (!s->options.dry_run) {
        gorctl_request_make(&s->request);
    }
    if (s->request.set) {
        s->options.request_id = (ProtobufCBinaryData){sizeof(s->request.bytes), s->request.bytes};
    }
}

static void on_signal(int number, void *user)
{
    struct importing *s = user;
    gorctl_stream_stop(s->ctl, GORCTL_EXIT_SIGNAL + number);
}

static void on_reader_gone(void *user)
{
    cannot_write(user, -EPIPE);
}

/* Until it ends by itself, by a signal, or with whoever reads what it prints. */
static int run(struct importing *s, int fd)
{
    static const int signals[] = {GORCTL_ENDING_SIGNALS, 0};
    struct gorctl_lines_opts lines = {.fd = fd,
                                      .name = s->name,
                                      .most_bytes = LINE_MOST,
                                      .on_line = on_line,
                                      .has_room = has_room,
                                      .on_end = on_end,
                                      .user = s};
    struct gorctl_interrupt *interrupt = gorctl_interrupt_start(s->ctl, signals, on_signal, s);
    s->sink = gorctl_sink_new(gorctl_loop(s->ctl), STDOUT_FILENO, on_drained, s);
    s->lines = gorctl_lines_new(s->ctl, &lines);
    int code = gorctl_stream(s->ctl, &s->call, on_result, s);
    gorctl_lines_free(s->lines);
    gorctl_sink_free(s->sink);
    sum_up(s, code);
    gorctl_interrupt_stop(interrupt);
    return code;
}

static int import(struct importing *s, int fd)
{
    set_request(s);
    set_known(s);
    Gor__V1__ImportRequest first = GOR__V1__IMPORT_REQUEST__INIT;
    first.options = &s->options;
    s->call = (struct gorctl_call){.path = "/gor.v1.Store/Import",
                                   .keep_open = true,
                                   .again = !s->options.dry_run && s->request.set,
                                   .on_again = on_again,
                                   .on_reader_gone = on_reader_gone,
                                   .request = &first.base,
                                   .reply = &gor__v1__import_result__descriptor};
    int code = gorctl_connect(s->ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    code = run(s, fd);
    gorctl_unanswered_fini(&s->sent);
    if (s->reader_gone) {
        gorctl_broken_pipe();
    }
    return code != GORCTL_EXIT_OK ? code : s->code;
}

static int import_file(struct importing *s)
{
    bool standard = strcmp(s->name, "-") == 0;
    FILE *in = standard ? stdin : fopen(s->name, "re");
    if (in == NULL) {
        gorctl_say("cannot read '%s': %s", s->name, strerror(errno));
        return GORCTL_EXIT_NOT_FOUND;
    }
    s->name = standard ? "standard input" : s->name;
    int code = import(s, fileno(in));
    if (!standard) {
        (void)fclose(in);
    }
    return code;
}

int gorctl_cmd_import(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "FILE",
                                     .doc = doc,
                                     .children = gorctl_read_children};
    struct importing s = {.ctl = ctl, .options = GOR__V1__IMPORT_OPTIONS__INIT};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &s);
    int code = s.resume != NULL ? gorctl_known_read(&s.known, s.resume) : GORCTL_EXIT_OK;
    if (code == GORCTL_EXIT_OK) {
        code = import_file(&s);
    }
    gorctl_known_fini(&s.known);
    return code;
}
