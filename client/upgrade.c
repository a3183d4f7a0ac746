/* SPDX-License-Identifier: MIT */
/* upgrade.c - see upgrade.h. */
#include "client/upgrade.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/away.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/json.h"
#include "client/options.h"
#include "client/text.h"
#include "client/when.h"
#include "gor/v1/runtime.pb-c.h"
#include "proto/decode.h"

static const struct argp_option options[] = {
    {"yes", 'y', NULL, 0, "Do not ask, whatever ends with that", 0},
    {"wait", 'w', NULL, 0, "Let native jobs and scripts end by themselves first", 0},
    {0},
};

static const char doc[] =
    "Have the daemon become the binary that is installed, as on SIGUSR2, wait until that serves, "
    "and "
    "print which versions these are.\v"
    "Programs that run go on. Native jobs and scripts cannot: they are cancelled, queued again or "
    "awaited, as their --on-stop or gord's --stop-policy says. If there are any, that is told, and "
    "asked on a terminal; elsewhere it needs --yes. What became of them is told afterwards.\n"
    "With --wait they are awaited whatever their policies say, for as long as gord's "
    "--stop-timeout leaves; what has not ended then is treated as without it. What they wait for "
    "is told, also when that changes. New jobs are refused meanwhile, and what is queued starts "
    "with the new gord, but for jobs below those that are awaited: these are taken and start. "
    "What keeps one of them is as ever: `gorctl resume`, `release` and `cancel` are answered.\n"
    "\n"
    "If the new binary cannot take over, or does not answer within 10 s, the daemon says why and "
    "nothing stops. --patience is how long to wait for the new one, beside the time for jobs "
    "that are awaited. JSON has \"plan\", \"before\" and \"now\".\n"
    "\n"
    "Examples:\n"
    "  gorctl daemon upgrade --wait\n"
    "  gorctl daemon upgrade --yes\n";

struct arguments {
    struct gorctl *ctl;
    bool yes;
    bool wait;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case 'y':
        arguments->yes = true;
        return 0;
    case 'w':
        arguments->wait = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ------------------------------------------------------------------ before */

static uint64_t total_of(const Gor__V1__UpgradeEnds *ends)
{
    return ends != NULL ? ends->cancelled + ends->requeued + ends->awaited : 0;
}

/* "native jobs: 1 cancelled, 1 queued again", as far as there are any; `awaited` is the word for those
 * that are. */
static void tell_ends(FILE *to, const char *what, const Gor__V1__UpgradeEnds *ends,
                      const char *awaited)
{
    const char *comma = "";
    if (total_of(ends) == 0) {
        return;
    }
    fprintf(to, "%s: ", what);
    if (ends->cancelled > 0) {
        fprintf(to, "%" PRIu64 " cancelled", ends->cancelled);
        comma = ", ";
    }
    if (ends->requeued > 0) {
        fprintf(to, "%s%" PRIu64 " queued again", comma, ends->requeued);
        comma = ", ";
    }
    if (ends->awaited > 0) {
        fprintf(to, "%s%" PRIu64 " %s", comma, ends->awaited, awaited);
    }
    fputc('\n', to);
}

enum { INSIDE_SHOWN = 5 };

#define LOOK_NS 200000000  /* how often what is awaited is looked at */
#define TOLD_NS 3000000000 /* and after it was told */

/* "  job 7 'report': waits for job 8, which runs", for some of those that are awaited. */
static void tell_inside(const Gor__V1__PlanUpgradeReply *plan)
{
    uint64_t count = total_of(plan->natives) + total_of(plan->scripts);
    size_t shown = plan->n_inside < INSIDE_SHOWN ? plan->n_inside : INSIDE_SHOWN;
    for (size_t i = 0; i < shown; i++) {
        const Gor__V1__UpgradeAwaited *job = plan->inside[i];
        char *name = gorctl_text_escape(job->name, strlen(job->name));
        char *what = gorctl_text_escape(job->what, strlen(job->what));
        fprintf(stderr, "  job %" PRIu64 "%s%s%s: %s\n", job->id, name[0] != '\0' ? " '" : "", name,
                name[0] != '\0' ? "'" : "", what);
        free(name);
        free(what);
    }
    if (count > shown && shown > 0) {
        fprintf(stderr, "  and %" PRIu64 " more\n", count - shown);
    }
}

static void tell_plan(const Gor__V1__PlanUpgradeReply *plan, bool wait)
{
    char most[GORCTL_WHEN_ROOM];
    gorctl_duration_text(plan->await_ns, most);
    char *awaited = plan->await_ns > 0 ? gorctl_format("awaited for up to %s, then cancelled", most)
                                       : gorctl_format("cancelled, for --stop-timeout leaves no "
                                                       "time to await them");
    if (wait) {
        fprintf(stderr,
                "native jobs and scripts are awaited for up to %s; what becomes of those "
                "that still run then:\n",
                most);
    } else {
        fprintf(stderr,
                "what runs within the daemon ends with it (programs that go on: %" PRIu64 "):\n",
                plan->programs);
    }
    tell_ends(stderr, "  native jobs", plan->natives, wait ? "cancelled" : awaited);
    tell_ends(stderr, "  scripts", plan->scripts, wait ? "cancelled" : awaited);
    free(awaited);
    if (wait && plan->n_inside > 0) {
        fputs("they are:\n", stderr);
        tell_inside(plan);
    }
}

/* Whether to go on with what that plan says. An exit code. */
static int agree(const struct arguments *arguments, const Gor__V1__PlanUpgradeReply *plan)
{
    if (arguments->wait && plan->await_ns == 0) {
        gorctl_say("--wait: gord's --stop-timeout leaves no time to await jobs; nothing was done. "
                   "Raise it (`gorctl daemon reload` makes it count), or go without --wait");
        return GORCTL_EXIT_USAGE;
    }
    if (total_of(plan->natives) + total_of(plan->scripts) == 0) {
        return GORCTL_EXIT_OK;
    }
    tell_plan(plan, arguments->wait);
    if (arguments->yes || arguments->wait || (isatty(STDIN_FILENO) && gorctl_asks("Go on?"))) {
        return GORCTL_EXIT_OK;
    }
    gorctl_say("nothing was done; say --yes if you mean it, or --wait to let them end first");
    return GORCTL_EXIT_USAGE;
}

static int ask_plan(struct gorctl *ctl, bool again, enum wire_status *out_status,
                    Gor__V1__PlanUpgradeReply **out_plan)
{
    Gor__V1__PlanUpgradeRequest request = GOR__V1__PLAN_UPGRADE_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Runtime/PlanUpgrade",
                               .request = &request.base,
                               .reply = &gor__v1__plan_upgrade_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS,
                               .again = again};
    ProtobufCMessage *message = NULL;
    int code = gorctl_call(ctl, &call, out_status, &message);
    if (code == GORCTL_EXIT_OK) {
        *out_plan = (Gor__V1__PlanUpgradeReply *)message;
    }
    return code;
}

/* What the daemon would do, into *out_plan; NULL: it cannot tell, and --yes is there. An exit code. */
static int make_plan(const struct arguments *arguments, Gor__V1__PlanUpgradeReply **out_plan)
{
    enum wire_status status = WIRE_OK;
    int code = ask_plan(arguments->ctl, false, &status, out_plan);
    if (code == GORCTL_EXIT_OK) {
        return agree(arguments, *out_plan);
    }
    if (status == WIRE_UNIMPLEMENTED && arguments->yes && !arguments->wait) {
        return GORCTL_EXIT_OK;
    }
    if (status == WIRE_UNIMPLEMENTED) {
        gorctl_say("so it cannot say which native jobs and scripts would end: nothing was done; "
                   "look at `gorctl ls`, and say --yes%s",
                   arguments->wait ? " without --wait" : "");
    }
    return code;
}

/* ------------------------------------------------------------------ doing it */

static int ask_version(struct gorctl *ctl, Gor__V1__VersionReply **out_reply)
{
    Gor__V1__VersionRequest request = GOR__V1__VERSION_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Runtime/Version",
                               .request = &request.base,
                               .reply = &gor__v1__version_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS,
                               .again = true};
    ProtobufCMessage *message = NULL;
    int code = gorctl_call(ctl, &call, NULL, &message);
    if (code == GORCTL_EXIT_OK) {
        *out_reply = (Gor__V1__VersionReply *)message;
    }
    return code;
}

/* What is awaited. */
struct told_inside {
    const Gor__V1__PlanUpgradeReply
        *plan;                        /* borrowed: as it was told last; NULL: nothing is awaited */
    Gor__V1__PlanUpgradeReply *newer; /* owned: `plan`, if that is not the first */
    int64_t next_ns;                  /* when it is looked at again */
};

static void told_inside_fini(struct told_inside *told)
{
    if (told->newer != NULL) {
        wire_decoded_free(&told->newer->base);
    }
}

static bool is_as_told(const Gor__V1__PlanUpgradeReply *now, const Gor__V1__PlanUpgradeReply *told)
{
    bool same = now->n_inside == told->n_inside;
    for (size_t i = 0; same && i < now->n_inside; i++) {
        same = now->inside[i]->id == told->inside[i]->id &&
               now->inside[i]->waits_for == told->inside[i]->waits_for;
    }
    return same;
}

/* Another look, if it is time for one; else NULL, as from a new daemon that cannot tell. */
static Gor__V1__PlanUpgradeReply *look_inside(struct gorctl *ctl, struct told_inside *told)
{
    Gor__V1__PlanUpgradeReply *now = NULL;
    if (told->plan != NULL && (int64_t)uv_hrtime() >= told->next_ns) {
        told->next_ns = (int64_t)uv_hrtime() + LOOK_NS;
        (void)ask_plan(ctl, true, NULL, &now);
    }
    return now;
}

/* It is of the daemon that awaits: tell what has changed, for a while. */
static void tell_look(struct told_inside *told, Gor__V1__PlanUpgradeReply *now)
{
    if (is_as_told(now, told->plan)) {
        wire_decoded_free(&now->base);
        return;
    }
    if (now->n_inside > 0) {
        fputs("still awaited:\n", stderr);
        tell_inside(now);
        told->next_ns = (int64_t)uv_hrtime() + TOLD_NS;
    }
    told_inside_fini(told);
    told->plan = told->newer = now;
}

/* Until another daemon answers than the one that was asked, or patience ends. */
static int await_other(struct gorctl *ctl, int64_t started_ns, int64_t until_ns,
                       struct told_inside *told, Gor__V1__VersionReply **out_reply)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    for (;;) {
        Gor__V1__PlanUpgradeReply *now = look_inside(ctl, told);
        int code = ask_version(ctl, out_reply);
        bool is_other = code == GORCTL_EXIT_OK && (*out_reply)->started_ns != started_ns;
        if (now != NULL && code == GORCTL_EXIT_OK && !is_other) {
            tell_look(told, now);
        } else if (now != NULL) {
            wire_decoded_free(&now->base);
        }
        if (code != GORCTL_EXIT_OK || is_other) {
            return code;
        }
        ProtobufCMessage *message = &(*out_reply)->base;
        wire_decoded_free(message);
        if ((int64_t)uv_hrtime() > until_ns) {
            gorctl_say("the daemon agreed to be replaced, but the former one still answers; see "
                       "its log, or have --patience wait for longer");
            return GORCTL_EXIT_TIMED_OUT;
        }
        (void)nanosleep(&pause, NULL);
    }
}

/* ------------------------------------------------------------------ afterwards */

static void show_json(const Gor__V1__PlanUpgradeReply *plan, const Gor__V1__UpgradeReply *before,
                      const Gor__V1__VersionReply *now)
{
    json_t *document = json_object();
    if (plan != NULL) {
        json_object_set_new(document, "plan", gorctl_json_message(&plan->base));
    }
    json_object_set_new(document, "before", gorctl_json_message(&before->base));
    json_object_set_new(document, "now", gorctl_json_message(&now->base));
    gorctl_json_print(stdout, document, true);
}

static int show(const struct gorctl *ctl, const Gor__V1__PlanUpgradeReply *plan,
                const Gor__V1__UpgradeReply *before, const Gor__V1__VersionReply *now)
{
    if (now->upgrade_failure[0] != '\0') {
        char *why = gorctl_text_escape(now->upgrade_failure, strlen(now->upgrade_failure));
        gorctl_say("no upgrade: %s; gord %s goes on, and so do its programs", why, now->version);
        tell_ends(stderr, "native jobs that ended with it", now->natives_ended, "awaited");
        tell_ends(stderr, "scripts that ended with it", now->scripts_ended, "awaited");
        free(why);
        return GORCTL_EXIT_INTERNAL;
    }
    if (ctl->json) {
        show_json(plan, before, now);
        return GORCTL_EXIT_OK;
    }
    printf("gord %s, process %u -> gord %s, process %u\n", before->version, before->pid,
           now->version, now->pid);
    tell_ends(stdout, "native jobs", now->natives_ended, "ended by themselves");
    tell_ends(stdout, "scripts", now->scripts_ended, "ended by themselves");
    return GORCTL_EXIT_OK;
}

/* It has been agreed to. */
static int carry_out(const struct arguments *arguments, int64_t patience_ns,
                     const Gor__V1__PlanUpgradeReply *plan)
{
    Gor__V1__UpgradeRequest request = GOR__V1__UPGRADE_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Runtime/Upgrade",
                               .request = &request.base,
                               .reply = &gor__v1__upgrade_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *before = NULL;
    Gor__V1__VersionReply *now = NULL;
    struct told_inside told = {.plan = arguments->wait ? plan : NULL};
    request.await = arguments->wait;
    int code = gorctl_call(arguments->ctl, &call, NULL, &before);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__UpgradeReply *former = (const Gor__V1__UpgradeReply *)before;
    int64_t until_ns = (int64_t)uv_hrtime() + patience_ns + (plan != NULL ? plan->await_ns : 0);
    code = await_other(arguments->ctl, former->started_ns, until_ns, &told, &now);
    told_inside_fini(&told);
    if (code == GORCTL_EXIT_OK) {
        code = show(arguments->ctl, plan, former, now);
        wire_decoded_free(&now->base);
    }
    wire_decoded_free(before);
    return code;
}

int gorctl_daemon_upgrade(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    Gor__V1__PlanUpgradeReply *plan = NULL;
    int64_t patience_ns;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = gorctl_patience_find(ctl, &patience_ns);
    if (code == GORCTL_EXIT_OK) {
        code = make_plan(&arguments, &plan);
    }
    if (code == GORCTL_EXIT_OK) {
        code = carry_out(&arguments, patience_ns, plan);
    }
    if (plan != NULL) {
        wire_decoded_free(&plan->base);
    }
    return code;
}
