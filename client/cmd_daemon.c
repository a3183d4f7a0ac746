/* SPDX-License-Identifier: MIT */
/* cmd_daemon.c - `gorctl daemon`: what is done to the daemon as a whole, while it runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/text.h"
#include "client/upgrade.h"
#include "client/verbs.h"
#include "gor/v1/runtime.pb-c.h"

/* ---------------------------------------------------------------- reload */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_INIT) {
        gorctl_options_share(state, state->input, 2);
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected", arg);
    }
    return ARGP_ERR_UNKNOWN;
}

static void show_change(const Gor__V1__OptionChange *change)
{
    char *before = gorctl_text_escape(change->before, strlen(change->before));
    char *after = gorctl_text_escape(change->after, strlen(change->after));
    printf("%s: %s -> %s", change->option, before, after);
    if (change->stays[0] != '\0') {
        char *why = gorctl_text_escape(change->stays, strlen(change->stays));
        printf("  (not yet: %s)", why);
        free(why);
    }
    putchar('\n');
    free(before);
    free(after);
}

static void show_reload(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__ReloadReply *reply = (const Gor__V1__ReloadReply *)message;
    (void)arg;
    for (size_t i = 0; i < reply->n_changes; i++) {
        show_change(reply->changes[i]);
    }
    if (reply->n_changes == 0) {
        puts("no option has another value");
    }
    if (reply->certificates) {
        puts("certificates were read again, for connections to come");
    }
}

static int reload(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .doc = "Have the daemon read its configuration file and certificates again, as on SIGHUP, "
               "and print which options have another value now.\v"
               "It is all or nothing: if anything is wrong, each fault is told, nothing\n"
               "changes, and the exit code is 64. An option that needs a restart keeps its\n"
               "value, and is marked.",
        .children = gorctl_read_children};
    Gor__V1__ReloadRequest request = GOR__V1__RELOAD_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Runtime/Reload",
                               .request = &request.base,
                               .reply = &gor__v1__reload_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    (void)argp_parse(&argp, argc, argv, 0, NULL, ctl);
    return gorctl_call_show(ctl, &call, show_reload, NULL);
}

/* ---------------------------------------------------------------- which word */

static int without(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse,
                                     .args_doc = "reload | upgrade",
                                     .doc = "What is done to the daemon as a whole, while it "
                                            "runs.",
                                     .children = gorctl_read_children};
    (void)argp_parse(&argp, argc, argv, 0, NULL, ctl);
    gorctl_say("daemon: what is to be done? `gorctl daemon --help` lists what there is");
    return GORCTL_EXIT_USAGE;
}

int gorctl_cmd_daemon(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_verb verbs[] = {
        {"reload", "read configuration and certificates again", reload},
        {"upgrade", "become the binary that is installed", gorctl_daemon_upgrade},
        {0},
    };
    static const struct gorctl_verbs daemon = {.command = "daemon",
                                               .about = "What is done to the daemon as a whole, "
                                                        "while it runs.",
                                               .verbs = verbs,
                                               .without = without};
    return gorctl_verbs_run(ctl, &daemon, argc, argv);
}
