/* SPDX-License-Identifier: MIT */
/* gorctl.h - one run of the command line: what all commands share, and the table of them.
 *
 * A command parses its words with argp, talks through channel.h, prints data on stdout and talk on
 * stderr, and answers with an exit code (exits.h).
 * Threads     one.
 */
#ifndef GOR_CLIENT_GORCTL_H
#define GOR_CLIENT_GORCTL_H

#include <argp.h>
#include <stdbool.h>

struct gorctl_bar;
struct gorctl_channel;
struct gorctl_choice;
struct gorctl_completion;

struct gorctl {
    const char *host;       /* -H, else $GOR_HOST; borrowed; NULL: look in the usual places */
    const char *token_file; /* --token-file; borrowed; NULL: $GOR_TOKEN */
    const char *tls_ca;     /* --tls-ca, as the next two; borrowed; NULL: $GOR_TLS_CA, ... */
    const char *tls_cert;
    const char *tls_key;
    const char *patience; /* --patience; borrowed; NULL: $GOR_PATIENCE */
    const char *context;  /* --context; borrowed; NULL: $GOR_CONTEXT, else the current one */
    bool json;            /* --json */
    const char *command;  /* the name of the one that runs; borrowed; NULL: none does */
    struct gorctl_channel *channel;       /* owned; NULL until the first call */
    struct gorctl_bar *bar;               /* owned by whoever waits; NULL: none */
    struct gorctl_choice *choice;         /* owned; NULL until it is made; see choice.h */
    struct gorctl_completion *completion; /* borrowed; NULL: the words are to be obeyed */
};

struct gorctl_command {
    const char *name;
    const char *summary;                                   /* for the list; NULL: not in it */
    int (*run)(struct gorctl *ctl, int argc, char **argv); /* argv[0] is "gorctl NAME" */
    bool new_group;                                        /* blank line before it in the list */
};

/* Sorted by what people do, ended by a NULL name. */
extern const struct gorctl_command gorctl_commands[];

/* NULL: there is none of that name. */
const struct gorctl_command *gorctl_find_command(const char *name);

/* Says so, with the one that may be meant. The exit code. */
int gorctl_unknown_command(const char *name);

/* Words before the command. */
extern const struct argp gorctl_front_argp;

/* The whole program but for main(). */
int gorctl_main(int argc, char **argv);

/* "gorctl: ..." and a newline on stderr. */
void gorctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ask on stderr; true if the line on stdin says yes. Blocks. Whether that is a terminal is the caller's to see. */
bool gorctl_asks(const char *question);

/* Flush stdout. `code`, or GORCTL_EXIT_OUTPUT with a word on stderr when something was not written.
 * A reader that has gone ends the process quietly, by SIGPIPE, as it would any other tool. */
int gorctl_finish_output(int code);

/* Whoever read our stdout has gone: end by SIGPIPE. */
void gorctl_broken_pipe(void) __attribute__((noreturn));

int gorctl_cmd_submit(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_run(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_lua(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_cron(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_ls(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_show(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_why(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_queues(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_queue(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_pool(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_rate(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_quota(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_tree(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_logs(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_result(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_progress(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_cancel(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_wait(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_watch(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_count(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_history(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_top(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_plugins(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_daemon(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_stats(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_gomaxprocs(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_goroutines(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_dump(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_metrics(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_profile(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_trace(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_export(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_import(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_audit(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_backup(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_terminate(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_rerun(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_retry(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_update(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_rm(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_hold(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_release(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_pause(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_resume(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_drain(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_undrain(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_token(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_tls(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_send(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_signal(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_version(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_context(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_doctor(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_completion(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_complete(struct gorctl *ctl, int argc, char **argv);
int gorctl_cmd_help(struct gorctl *ctl, int argc, char **argv);

#endif
