/* SPDX-License-Identifier: MIT */
/* cmd_daemon.c - `gorctl daemon`: what is done to the daemon as a whole, while it runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/alloc.h"
#include "client/answer.h"
#include "client/away.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/text.h"
#include "client/verbs.h"
#include "gor/v1/runtime.pb-c.h"
#include "proto/decode.h"

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

/* ---------------------------------------------------------------- upgrade */

/* Until another daemon answers than the one that was asked, or patience ends. */
static int await_other(struct gorctl *ctl, int64_t started_ns, int64_t until_ns,
                       Gor__V1__VersionReply **out_reply)
{
    Gor__V1__VersionRequest request = GOR__V1__VERSION_REQUEST__INIT;
    const struct timespec pause = {.tv_nsec = 20000000};
    struct gorctl_call call = {.path = "/gor.v1.Runtime/Version",
                               .request = &request.base,
                               .reply = &gor__v1__version_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS,
                               .again = true};
    for (;;) {
        ProtobufCMessage *message = NULL;
        int code = gorctl_call(ctl, &call, NULL, &message);
        if (code != GORCTL_EXIT_OK) {
            return code;
        }
        *out_reply = (Gor__V1__VersionReply *)message;
        if ((*out_reply)->started_ns != started_ns) {
            return GORCTL_EXIT_OK;
        }
        wire_decoded_free(message);
        if ((int64_t)uv_hrtime() > until_ns) {
            gorctl_say("the daemon agreed to be replaced, but the former one still answers; see "
                       "its log, or have --patience wait for longer");
            return GORCTL_EXIT_TIMED_OUT;
        }
        (void)nanosleep(&pause, NULL);
    }
}

static int show_upgrade(const struct gorctl *ctl, const Gor__V1__UpgradeReply *before,
                        const Gor__V1__VersionReply *now)
{
    if (now->upgrade_failure[0] != '\0') {
        char *why = gorctl_text_escape(now->upgrade_failure, strlen(now->upgrade_failure));
        gorctl_say("no upgrade: %s; gord %s goes on, and so do its programs", why, now->version);
        free(why);
        return GORCTL_EXIT_INTERNAL;
    }
    if (ctl->json) {
        json_t *document = json_object();
        json_object_set_new(document, "before", gorctl_json_message(&before->base));
        json_object_set_new(document, "now", gorctl_json_message(&now->base));
        gorctl_json_print(stdout, document, true);
        return GORCTL_EXIT_OK;
    }
    printf("gord %s, process %u -> gord %s, process %u\n", before->version, before->pid,
           now->version, now->pid);
    return GORCTL_EXIT_OK;
}

static int upgrade(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .doc = "Have the daemon become the binary that is installed, as on SIGUSR2, wait until "
               "that serves, and print which versions these are.\v"
               "Programs that run go on. If the new binary cannot take over, or does not\n"
               "answer within 10 s, the daemon says why and nothing stops. --patience is how\n"
               "long to wait for the new one. JSON has \"before\" and \"now\".",
        .children = gorctl_read_children};
    Gor__V1__UpgradeRequest request = GOR__V1__UPGRADE_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Runtime/Upgrade",
                               .request = &request.base,
                               .reply = &gor__v1__upgrade_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *before = NULL;
    Gor__V1__VersionReply *now = NULL;
    int64_t patience_ns;
    (void)argp_parse(&argp, argc, argv, 0, NULL, ctl);
    int code = gorctl_patience_find(ctl, &patience_ns);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    code = gorctl_call(ctl, &call, NULL, &before);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__UpgradeReply *former = (const Gor__V1__UpgradeReply *)before;
    code = await_other(ctl, former->started_ns, (int64_t)uv_hrtime() + patience_ns, &now);
    if (code == GORCTL_EXIT_OK) {
        code = show_upgrade(ctl, former, now);
        wire_decoded_free(&now->base);
    }
    wire_decoded_free(before);
    return code;
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
        {"upgrade", "become the binary that is installed", upgrade},
        {0},
    };
    static const struct gorctl_verbs daemon = {.command = "daemon",
                                               .about = "What is done to the daemon as a whole, "
                                                        "while it runs.",
                                               .verbs = verbs,
                                               .without = without};
    return gorctl_verbs_run(ctl, &daemon, argc, argv);
}
