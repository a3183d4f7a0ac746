/* SPDX-License-Identifier: MIT */
/* cmd_top.c - `gorctl top`: what the daemon is doing, on a whole terminal, again and again.
 *
 * A picture is put together in memory and written at once, so that nothing flickers. The terminal is
 * in raw mode meanwhile, on its other screen, and is put back whatever ends the command. While the daemon
 * is away the last picture stays, with a word on that, and keys are heard.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/away.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/interrupt.h"
#include "client/options.h"
#include "client/row.h"
#include "client/screen.h"
#include "client/table.h"
#include "client/text.h"
#include "client/when.h"
#include "gor/v1/runtime.pb-c.h"
#include "proto/decode.h"

#define AWAY_TRY_NS 200000000   /* one try to connect */
#define AWAY_PAUSE_NS 100000000 /* until the next */

enum { HEAD_LINES = 6, ROWS_ONCE = 50, ROWS_MOST = 500, LINE_ROOM = 256 };

static const struct argp_option options[] = {
    {"delay", 'd', "DURATION", 0, "Look again after this long (default: 1s; at least 100ms)", 0},
    {"once", '1', NULL, 0, "Print one picture and end; so it is without a terminal, too", 0},
    {0},
};

static const char doc[] =
    "What the daemon does, on the whole terminal: jobs, those that run first; goroutines, threads, "
    "store. q ends it, space looks again at once.\v"
    "Examples:\n"
    "  gorctl top\n"
    "  gorctl -H tls://build7:7070 top -d 5s\n"
    "  gorctl top --once\n";

struct arguments {
    struct gorctl *ctl;
    int64_t delay_ns;
    bool once;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 1);
        return 0;
    case 'd':
        arguments->delay_ns = gorctl_option_duration(state, "--delay", arg);
        if (arguments->delay_ns < 100000000) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--delay: '%s' is less than 100ms", arg);
        }
        return 0;
    case '1':
        arguments->once = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "'%s' is not expected here; `gorctl show ID` tells about one job", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --------------------------------------------------------------- picture */

struct top {
    struct gorctl *ctl;
    struct gorctl_screen screen;
    bool on_terminal;
    unsigned rows;  /* of jobs there is room for */
    uint64_t ended; /* at the last look, for the rate */
    int64_t looked_ns;
    FILE *out;               /* the picture being made */
    enum wire_status status; /* of the last call */
    char *picture;           /* owned; the last */
    int64_t away_ns;         /* since when the daemon is away; 0: it is not */
};

static int ask(struct top *top, const char *path, const ProtobufCMessage *request,
               const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **out_reply)
{
    const struct gorctl_call call = {.path = path,
                                     .request = request,
                                     .reply = descriptor,
                                     .timeout_ns = GORCTL_CALL_NS,
                                     .quiet_away = top->on_terminal};
    top->status = WIRE_OK;
    return gorctl_call(top->ctl, &call, &top->status, out_reply);
}

/* A line, cut to the terminal. */
static void put_line(struct top *top, const char *title, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put_line(struct top *top, const char *title, const char *format, ...)
{
    char line[LINE_ROOM];
    va_list args;
    int used = snprintf(line, sizeof(line), "%-11s", title);
    va_start(args, format);
    vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
    va_end(args);
    char *clean = gorctl_text_escape(line, strlen(line));
    char *fitting = gorctl_text_fit(clean, top->screen.width > 0 ? top->screen.width : UINT32_MAX);
    fprintf(top->out, "%s\n", fitting);
    free(fitting);
    free(clean);
}

static void put_jobs_line(struct top *top, const Gor__V1__StatsReply *stats)
{
    char rate[GORCTL_WHEN_ROOM] = "";
    char ended[GORCTL_WHEN_ROOM];
    int64_t now = gorctl_now();
    if (top->looked_ns != 0 && now > top->looked_ns && stats->jobs_terminated >= top->ended) {
        snprintf(rate, sizeof(rate), ", %.0f/s",
                 (double)(stats->jobs_terminated - top->ended) * 1e9 /
                     (double)(now - top->looked_ns));
    }
    top->ended = stats->jobs_terminated;
    top->looked_ns = now;
    gorctl_count_text(stats->jobs_terminated, ended);
    put_line(top, "Jobs",
             "%" PRIu64 " running, %" PRIu64 " waiting, %" PRIu64 " runnable, %" PRIu64
             " created; %s ended%s%s",
             stats->jobs_running, stats->jobs_waiting, stats->jobs_runnable, stats->jobs_created,
             ended, rate, stats->paused ? "; PAUSED: none is started" : "");
}

static void put_head(struct top *top, const Gor__V1__StatsReply *stats)
{
    char up[GORCTL_WHEN_ROOM];
    char at[GORCTL_WHEN_ROOM];
    char memory[GORCTL_WHEN_ROOM];
    char commit[GORCTL_WHEN_ROOM];
    int64_t now = gorctl_now();
    gorctl_duration_text(stats->uptime_ns, up);
    gorctl_time_text(now, now, at);
    gorctl_bytes_text(stats->resident_bytes, memory);
    gorctl_duration_text(stats->last_commit_ns, commit);
    put_line(top, "gord", "%s at %s, up %s, pid %" PRIu32 ", %s resident, %s", stats->version,
             gorctl_address(top->ctl), up, stats->pid, memory, at);
    put_jobs_line(top, stats);
    put_line(top, "Goroutines",
             "%" PRIu64 ": %" PRIu64 " running, %" PRIu64 " runnable, %" PRIu64 " waiting",
             stats->num_goroutine, stats->goroutines_running, stats->goroutines_runnable,
             stats->goroutines_waiting);
    put_line(top, "Scheduler",
             "GOMAXPROCS %" PRIu32 " on %" PRIu32 " CPUs, %" PRIu32 " idle, %" PRIu32 " threads",
             stats->gomaxprocs, stats->num_cpu, stats->idle_procs, stats->threads);
    put_line(top, "Store", "%s, %" PRIu64 " commits, the last in %s%s%s", stats->durability,
             stats->commits, commit, stats->store_error[0] != '\0' ? "; REFUSES: " : "",
             stats->store_error);
}

/* Jobs in these states, as far as there is room; how many were added in *out_count. */
static int add_jobs(struct top *top, struct gorctl_table *table, Gor__V1__JobState *states,
                    size_t state_count, unsigned room, unsigned *out_count)
{
    Gor__V1__ListRequest request = GOR__V1__LIST_REQUEST__INIT;
    ProtobufCMessage *message;
    request.states = states;
    request.n_states = state_count;
    request.limit = room;
    request.without_env = true;
    int code =
        ask(top, "/gor.v1.Jobs/List", &request.base, &gor__v1__list_reply__descriptor, &message);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__ListReply *reply = (const Gor__V1__ListReply *)message;
    for (size_t i = 0; i < reply->n_jobs; i++) {
        gorctl_row_id(table, reply->jobs[i]);
        gorctl_row_status(table, reply->jobs[i]);
        gorctl_row_took(table, reply->jobs[i], gorctl_now());
        gorctl_row_what(table, reply->jobs[i]);
    }
    *out_count += (unsigned)reply->n_jobs;
    wire_decoded_free(message);
    return GORCTL_EXIT_OK;
}

static int put_table(struct top *top)
{
    static const struct gorctl_column columns[] = {
        {"ID", true, false},   {"STATE", false, false},  {"TIME", true, false},
        {"NAME", false, true}, {"COMMAND", false, true}, {"WHY", false, true}};
    static Gor__V1__JobState active[] = {GOR__V1__JOB_STATE__RUNNING, GOR__V1__JOB_STATE__WAITING};
    static Gor__V1__JobState queued[] = {GOR__V1__JOB_STATE__RUNNABLE, GOR__V1__JOB_STATE__CREATED};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    unsigned count = 0;
    int code = add_jobs(top, table, active, 2, top->rows, &count);
    if (code == GORCTL_EXIT_OK && count < top->rows) {
        code = add_jobs(top, table, queued, 2, top->rows - count, &count);
    }
    if (code == GORCTL_EXIT_OK) {
        gorctl_table_print(table, top->out, top->screen.width, top->screen.colour);
    }
    gorctl_table_free(table);
    return code;
}

/* The whole picture as text, the caller's. */
static int make_picture(struct top *top, char **out_text, size_t *out_length)
{
    Gor__V1__StatsRequest request = GOR__V1__STATS_REQUEST__INIT;
    ProtobufCMessage *stats;
    int code =
        ask(top, "/gor.v1.Runtime/Stats", &request.base, &gor__v1__stats_reply__descriptor, &stats);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    top->out = gorctl_memory_stream(out_text, out_length);
    put_head(top, (const Gor__V1__StatsReply *)stats);
    wire_decoded_free(stats);
    code = put_table(top);
    fclose(top->out);
    if (code != GORCTL_EXIT_OK) {
        free(*out_text);
    }
    return code;
}

/* -------------------------------------------------------------- terminal */

struct terminal {
    struct termios former;
    struct gorctl_interrupt *interrupt; /* owned */
    uv_loop_t *loop;                    /* borrowed; signals come through it */
    bool raw;
    bool resized, ending; /* a signal says so */
};

static void on_signal(int number, void *user)
{
    struct terminal *terminal = user;
    *(number == SIGWINCH ? &terminal->resized : &terminal->ending) = true;
}

static void put_text(const char *text)
{
    (void)fputs(text, stdout);
    (void)fflush(stdout);
}

static void terminal_begin(struct terminal *terminal, struct gorctl *ctl)
{
    static const int signals[] = {GORCTL_ENDING_SIGNALS, SIGWINCH, 0};
    terminal->loop = gorctl_loop(ctl);
    terminal->interrupt = gorctl_interrupt_start(ctl, signals, on_signal, terminal);
    if (tcgetattr(STDIN_FILENO, &terminal->former) == 0) {
        struct termios raw = terminal->former;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        terminal->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    }
    put_text("\x1b[?1049h\x1b[?25l\x1b[?7l"); /* the other screen, no cursor, no wrapping */
}

static void terminal_end(const struct terminal *terminal)
{
    put_text("\x1b[?7h\x1b[?25h\x1b[?1049l");
    if (terminal->raw) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->former);
    }
    gorctl_interrupt_stop(terminal->interrupt);
}

/* Wait for the next look; false: it is to end. */
static bool wait_for_next(struct terminal *terminal, int64_t delay_ns)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = uv_backend_fd(terminal->loop), .events = POLLIN}};
    int64_t until_ns = gorctl_until(delay_ns);
    char key = 0;
    while (!terminal->ending && !terminal->resized && (int64_t)uv_hrtime() < until_ns) {
        int64_t left_ns = gorctl_time_left(until_ns);
        struct timespec delay = {left_ns / 1000000000, left_ns % 1000000000};
        int ready = ppoll(fds, 2, &delay, NULL);
        (void)uv_run(terminal->loop, UV_RUN_NOWAIT);
        if (ready > 0 && fds[0].revents != 0) {
            /* It ends also when nobody can press a key any more. */
            return read(STDIN_FILENO, &key, 1) > 0 && key != 'q' && key != 'Q' && !terminal->ending;
        }
    }
    terminal->resized = false;
    return !terminal->ending;
}

static unsigned terminal_rows(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
        return size.ws_row;
    }
    return 24;
}

/* Each line up to its end, then the rest of the screen, is wiped: no clearing, no flicker. */
static void show_picture(const char *text)
{
    put_text("\x1b[H");
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        printf("%.*s\x1b[K\n", (int)(end - text), text);
    }
    put_text("\x1b[J");
}

/* The last picture, with a word in place of its first line. */
static void show_away(struct top *top)
{
    char *text;
    size_t length;
    char since[GORCTL_WHEN_ROOM];
    const char *rest = top->picture != NULL ? strchr(top->picture, '\n') : NULL;
    gorctl_duration_text((int64_t)uv_hrtime() - top->away_ns, since);
    top->out = open_memstream(&text, &length);
    if (top->out == NULL) {
        gorctl_out_of_memory();
    }
    put_line(top, "gord", "at %s is away for %s; trying again", gorctl_address(top->ctl), since);
    fputs(rest != NULL ? rest + 1 : "", top->out);
    fclose(top->out);
    show_picture(text);
    free(text);
}

/* Look once, and show it. */
static int look(struct top *top)
{
    char *text;
    size_t length;
    if (top->away_ns != 0) {
        int code = gorctl_try_to_come_back(top->ctl, AWAY_TRY_NS);
        if (code != GORCTL_EXIT_OK) {
            show_away(top);
            return code == GORCTL_EXIT_TIMED_OUT ? GORCTL_EXIT_OK : code;
        }
        top->away_ns = 0;
        top->looked_ns = 0; /* no rate over that */
    }
    int code = make_picture(top, &text, &length);
    if (code == GORCTL_EXIT_OK) {
        show_picture(text);
        free(top->picture);
        top->picture = text;
    } else if (gorctl_went_away(top->ctl->channel, top->status)) {
        top->away_ns = (int64_t)uv_hrtime();
        show_away(top);
        code = GORCTL_EXIT_OK;
    }
    return code;
}

static int run_on_terminal(struct top *top, int64_t delay_ns)
{
    struct terminal terminal = {0};
    int code = gorctl_connect(top->ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    terminal_begin(&terminal, top->ctl);
    top->on_terminal = true;
    do {
        unsigned rows = terminal_rows();
        top->screen = gorctl_screen_of(STDOUT_FILENO);
        top->rows = rows > HEAD_LINES + 1 ? rows - HEAD_LINES - 1 : 1;
        top->rows = top->rows < ROWS_MOST ? top->rows : ROWS_MOST;
        code = look(top);
    } while (code == GORCTL_EXIT_OK &&
             wait_for_next(&terminal, top->away_ns != 0 ? AWAY_PAUSE_NS : delay_ns));
    terminal_end(&terminal);
    free(top->picture);
    if (code != GORCTL_EXIT_OK) {
        /* What was said about it went with the other screen. */
        gorctl_say("the daemon at %s does not answer any more; `gorctl top` again when it is back",
                   gorctl_address(top->ctl));
    }
    return code;
}

static int run_once(struct top *top)
{
    char *text;
    size_t length;
    top->rows = ROWS_ONCE;
    top->screen = gorctl_screen_of(STDOUT_FILENO);
    int code = make_picture(top, &text, &length);
    if (code == GORCTL_EXIT_OK) {
        (void)fwrite(text, 1, length, stdout);
        free(text);
    }
    return code;
}

int gorctl_cmd_top(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_connection_children};
    struct arguments arguments = {.ctl = ctl, .delay_ns = 1000000000};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct top top = {.ctl = ctl};
    if (arguments.once || !gorctl_screen_of(STDOUT_FILENO).terminal) {
        return run_once(&top);
    }
    return run_on_terminal(&top, arguments.delay_ns);
}
