/* SPDX-License-Identifier: MIT */
/* gorctl.c - see gorctl.h: the list of commands, finding one, and how the program ends. */
#include "client/gorctl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/choice.h"
#include "client/exits.h"
#include "client/options.h"
#include "client/text.h"

const struct gorctl_command gorctl_commands[] = {
    {"submit", "hand in a job and print its id", gorctl_cmd_submit, false},
    {"run", "hand in a job, follow its output, end with its exit code", gorctl_cmd_run, false},
    {"lua", "hand in a Lua script and print its id", gorctl_cmd_lua, false},
    {"cron", "hand in jobs again and again, by the calendar", gorctl_cmd_cron, false},
    {"ls", "list jobs that have not ended", gorctl_cmd_ls, true},
    {"show", "everything about jobs", gorctl_cmd_show, false},
    {"why", "the one reason why a job does not run", gorctl_cmd_why, false},
    {"tree", "jobs, their parents and those below them", gorctl_cmd_tree, false},
    {"logs", "what a job wrote", gorctl_cmd_logs, false},
    {"wait", "wait until jobs have ended", gorctl_cmd_wait, false},
    {"watch", "print every change as it happens", gorctl_cmd_watch, false},
    {"history", "list jobs that have ended", gorctl_cmd_history, false},
    {"count", "how many jobs there are, by state", gorctl_cmd_count, false},
    {"queues", "queues, pools of tokens and rates", gorctl_cmd_queues, false},
    {"quota", "how many jobs each owner has, and may have", gorctl_cmd_quota, false},
    {"result", "the bytes a job left as its result", gorctl_cmd_result, false},
    {"progress", "in a job: tell how far it is", gorctl_cmd_progress, false},
    {"cancel", "ask jobs to end", gorctl_cmd_cancel, true},
    {"pause", "stop running jobs where they are, or start no more", gorctl_cmd_pause, false},
    {"resume", "let jobs go on, or start queued ones again", gorctl_cmd_resume, false},
    {"send", "write to the standard input of a job", gorctl_cmd_send, false},
    {"signal", "send a signal to running jobs", gorctl_cmd_signal, false},
    {"terminate", "end jobs by force", gorctl_cmd_terminate, false},
    {"rerun", "hand in again what jobs were to do", gorctl_cmd_rerun, false},
    {"update", "change jobs that have not started", gorctl_cmd_update, false},
    {"retry", "run jobs again that have ended", gorctl_cmd_retry, false},
    {"rm", "remove jobs that have ended", gorctl_cmd_rm, false},
    {"hold", "keep jobs from starting", gorctl_cmd_hold, false},
    {"release", "let held jobs go", gorctl_cmd_release, false},
    {"queue", "make, change and remove queues", gorctl_cmd_queue, false},
    {"pool", "make, change and remove pools of tokens", gorctl_cmd_pool, false},
    {"rate", "make, change and remove rates that starts keep to", gorctl_cmd_rate, false},
    {"drain", "take no new jobs", gorctl_cmd_drain, false},
    {"undrain", "take new jobs again", gorctl_cmd_undrain, false},
    {"top", "what the daemon does, on the whole terminal", gorctl_cmd_top, true},
    {"plugins", "native functions there are; load them anew", gorctl_cmd_plugins, false},
    {"daemon", "read the configuration again, or become another version", gorctl_cmd_daemon, false},
    {"stats", "numbers about scheduler, jobs, store and daemon", gorctl_cmd_stats, false},
    {"gomaxprocs", "show or set how many goroutines run at once", gorctl_cmd_gomaxprocs, false},
    {"goroutines", "every goroutine of the daemon, and where it waits", gorctl_cmd_goroutines,
     false},
    {"dump", "every goroutine with its stack, as text", gorctl_cmd_dump, false},
    {"profile", "where CPU time goes, or goroutines wait, for pprof", gorctl_cmd_profile, false},
    {"trace", "what the scheduler does, for Perfetto", gorctl_cmd_trace, false},
    {"export", "every job with its history, as lines of JSON", gorctl_cmd_export, false},
    {"import", "take jobs that another daemon exported", gorctl_cmd_import, false},
    {"backup", "a copy of all that the daemon keeps", gorctl_cmd_backup, false},
    {"audit", "who asked for which change, and what came of it", gorctl_cmd_audit, false},
    {"metrics", "what Prometheus reads: of daemon, jobs and runtime", gorctl_cmd_metrics, false},
    {"token", "make, list and revoke tokens for callers over TCP", gorctl_cmd_token, true},
    {"tls", "make certificates for daemon and clients", gorctl_cmd_tls, false},
    {"doctor", "look for what is usually wrong, and say what to type", gorctl_cmd_doctor, true},
    {"context", "names for daemons, here and elsewhere", gorctl_cmd_context, false},
    {"completion", "what makes a shell complete our words", gorctl_cmd_completion, false},
    {"complete", NULL, gorctl_cmd_complete, false},
    {"version", "versions of gorctl and of the daemon", gorctl_cmd_version, false},
    {"help", "help, also about one command", gorctl_cmd_help, false},
    {0},
};

void gorctl_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("gorctl: ", stderr);
    vfprintf(stderr, format, args);
    putc('\n', stderr);
    va_end(args);
}

bool gorctl_asks(const char *question)
{
    char answer[16] = "";
    fprintf(stderr, "%s [y/N] ", question);
    (void)fflush(stderr);
    return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

void gorctl_broken_pipe(void)
{
    (void)signal(SIGPIPE, SIG_DFL);
    (void)raise(SIGPIPE);
    _exit(GORCTL_EXIT_OUTPUT); /* it is blocked */
}

int gorctl_finish_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return code;
    }
    if (errno == EPIPE) {
        gorctl_broken_pipe();
    }
    gorctl_say("cannot write the output: %s", strerror(errno));
    return GORCTL_EXIT_OUTPUT;
}

/* A socket must not become descriptor 1 or 2, where talk would be written into it. What was closed
 * is opened the wrong way round, so that using it still fails. */
static void fill_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) {
            _exit(GORCTL_EXIT_INTERNAL);
        }
    }
}

const struct gorctl_command *gorctl_find_command(const char *name)
{
    for (const struct gorctl_command *command = gorctl_commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}

/* The only command that begins so; NULL: none does, or several do, or it is hardly a word. */
static const struct gorctl_command *find_begun(const char *name)
{
    const struct gorctl_command *found = NULL;
    size_t count = 0;
    for (const struct gorctl_command *command = gorctl_commands; command->name != NULL; command++) {
        if (command->summary != NULL && strncmp(command->name, name, strlen(name)) == 0) {
            found = command;
            count++;
        }
    }
    return count == 1 && strlen(name) > 1 ? found : NULL;
}

static const struct gorctl_command *find_nearest(const char *name)
{
    const struct gorctl_command *nearest = NULL;
    unsigned least = 3; /* further away it is no typing error */
    for (const struct gorctl_command *command = gorctl_commands; command->name != NULL; command++) {
        unsigned distance = gorctl_text_distance(name, command->name);
        if (command->summary != NULL && distance < least && distance < strlen(command->name)) {
            least = distance;
            nearest = command;
        }
    }
    return nearest;
}

int gorctl_unknown_command(const char *name)
{
    const struct gorctl_command *nearest = find_begun(name);
    nearest = nearest != NULL ? nearest : find_nearest(name);
    char *shown = gorctl_text_escape(name, strlen(name));
    if (nearest != NULL) {
        gorctl_say("there is no command '%s'; did you mean '%s'?", shown, nearest->name);
    } else {
        gorctl_say("there is no command '%s'; `gorctl help` lists them", shown);
    }
    free(shown);
    return GORCTL_EXIT_USAGE;
}

/* Options before the command; the command's own words are left alone. */
struct front {
    struct gorctl *ctl;
    int command; /* index of its name in argv; 0: none */
    bool version;
};

static error_t parse_front(int key, char *arg, struct argp_state *state)
{
    struct front *front = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, front->ctl, 2);
        return 0;
    case 'V':
        front->version = true;
        return 0;
    case '?':
    case 'h':
        (void)gorctl_cmd_help(front->ctl, 1, (char *[]){(char *)"gorctl help", NULL});
        exit(gorctl_finish_output(GORCTL_EXIT_OK));
    case ARGP_KEY_ARG:
        front->command = state->next - 1;
        state->next = state->argc;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option front_options[] = {
    {"help", 'h', NULL, 0, "Show this help", -1},
    {"help", '?', NULL, OPTION_HIDDEN, NULL, -1},
    {"version", 'V', NULL, 0, "Show gorctl's version", -1},
    {0},
};

const struct argp gorctl_front_argp = {.options = front_options,
                                       .parser = parse_front,
                                       .args_doc = "COMMAND [ARGUMENT...]",
                                       .children = gorctl_read_children};

static int dispatch(struct gorctl *ctl, int argc, char **argv)
{
    const struct gorctl_command *command = gorctl_find_command(argv[0]);
    if (command == NULL) {
        return gorctl_unknown_command(argv[0]);
    }
    char *name = gorctl_format("gorctl %s", command->name);
    argv[0] = name;
    ctl->command = command->name;
    int code = command->run(ctl, argc, argv);
    free(name);
    return code;
}

static int run(struct gorctl *ctl, int argc, char **argv)
{
    struct front front = {.ctl = ctl};
    (void)argp_parse(&gorctl_front_argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_HELP, NULL, &front);
    if (front.version) {
        /* Asked before there is a daemon, often; `gorctl version` asks that too. */
        return gorctl_cmd_version(ctl, 2,
                                  (char *[]){(char *)"gorctl version", (char *)"--client", NULL});
    }
    if (front.command == 0) {
        return gorctl_cmd_help(ctl, 1, (char *[]){(char *)"gorctl help", NULL});
    }
    return dispatch(ctl, argc - front.command, argv + front.command);
}

int gorctl_main(int argc, char **argv)
{
    fill_standard_descriptors();
    (void)signal(SIGPIPE, SIG_IGN);
    gorctl_text_setup();
    struct gorctl ctl = {0};
    int code = run(&ctl, argc, argv);
    gorctl_disconnect(&ctl);
    gorctl_choice_fini(&ctl);
    return gorctl_finish_output(code);
}
