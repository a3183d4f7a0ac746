/* SPDX-License-Identifier: MIT */
/* cmd_submit.c - `gorctl submit`: hand in one job, or many from a file, and print the ids. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/spec.h"
#include "client/stream.h"
#include "client/submit.h"
#include "client/text.h"
#include "client/when.h"
#include "proto/decode.h"

enum { KEY_FROM = 0x3000, KEY_STREAM, KEY_DRY_RUN };

static const struct argp_option options[] = {
    {"from", KEY_FROM, "FILE", 0,
     "Hand in many jobs in one transaction: FILE (- is standard input) has one JSON object a line",
     0},
    {"stream", KEY_STREAM, NULL, 0,
     "With --from: hand in each line as it comes, by itself, and go on behind one that is refused",
     0},
    {"dry-run", KEY_DRY_RUN, NULL, 0,
     "Check everything and tell whether it would start now, and why not; submit nothing", 0},
    {0},
};

static const char doc[] =
    "Hand in a job. Prints its id once the daemon has it on disk; the job runs whether you stay or "
    "not.\v"
    "Words are given to the program byte for byte; there is no shell unless you ask for one.\n"
    "Environment (without GOR_TOKEN), directory, umask and resource limits are yours.\n"
    "\n"
    "Examples:\n"
    "  gorctl submit make -j4\n"
    "  gorctl submit --name backup --timeout 1h -- rsync -a /home /mnt\n"
    "  gorctl submit --shell 'sort big.txt | uniq -c > counts.txt'\n"
    "  gorctl submit --native builtin.fib 30\n"
    "  gorctl submit --lua report.lua 2026-11\n"
    "  id=$(gorctl submit sleep 10) && gorctl wait \"$id\"\n"
    "  gorctl submit --array 0-99%4 --shell 'convert \"$GOR_ARRAY_INDEX.png\" ...'\n"
    "\n"
    "With --from, each line is a job; with --stream, each by itself as it comes:\n"
    "  {\"argv\": [\"convert\", \"a.png\", \"a.jpg\"], \"name\": \"a\", \"timeout\": \"1m\"}\n"
    "  {\"shell\": \"date > now.txt\", \"cwd\": \"/tmp\", \"env\": {\"TZ\": \"UTC\"}}\n"
    "  {\"native\": \"builtin.sleep\", \"args\": [\"1s\"], \"labels\": {\"of\": \"demo\"}}\n"
    "  {\"lua\": \"return 2 + #args\", \"args\": [\"a\"], \"max_memory\": \"1M\"}\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_spec spec;
    const char *from;
    bool stream;
    bool dry_run;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->spec;
        return 0;
    case KEY_FROM:
        arguments->from = arg;
        return 0;
    case KEY_STREAM:
        arguments->stream = true;
        return 0;
    case KEY_DRY_RUN:
        arguments->dry_run = true;
        return 0;
    case ARGP_KEY_END:
        if (arguments->dry_run && arguments->from != NULL) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--dry-run is about one job, not --from");
        }
        if (arguments->stream && arguments->from == NULL) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--stream is about many jobs; it needs --from");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_ids(const Gor__V1__SubmitManyReply *reply)
{
    for (uint64_t i = 0; i < reply->count; i++) {
        printf("%" PRIu64 "\n", reply->first_id + i);
    }
}

/* The environment is most of a program's job, and every job brings it. */
static void say_size(const Gor__V1__SubmitManyRequest *request)
{
    char bytes[GORCTL_WHEN_ROOM];
    gorctl_bytes_text(gor__v1__submit_many_request__get_packed_size(request), bytes);
    fprintf(stderr,
            "  No job was submitted. %zu job%s %s; if that is too much for one transaction, split\n"
            "  the file, or leave the environment out with \"clear_env\": true.\n",
            request->n_specs, request->n_specs == 1 ? " is" : "s are", bytes);
}

static int submit_many(struct gorctl *ctl, Gor__V1__SubmitManyRequest *request,
                       struct gorctl_request id)
{
    struct gorctl_call call = {.path = "/gor.v1.Jobs/SubmitMany",
                               .request = &request->base,
                               .reply = &gor__v1__submit_many_reply__descriptor,
                               .timeout_ns = 4 * GORCTL_CALL_NS};
    ProtobufCMessage *reply;
    enum wire_status status = WIRE_OK;
    gorctl_request_make(&id);
    if (id.set) {
        request->request_id = (ProtobufCBinaryData){sizeof(id.bytes), id.bytes};
        call.again = true;
    }
    int code = gorctl_call(ctl, &call, &status, &reply);
    request->request_id = (ProtobufCBinaryData){0, NULL};
    if (id.set && gorctl_is_unknown(ctl, status)) {
        gorctl_request_say(&id);
    }
    if (status == WIRE_RESOURCE_EXHAUSTED) {
        say_size(request);
    }
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (ctl->json) {
        gorctl_json_show(reply);
    } else {
        print_ids((const Gor__V1__SubmitManyReply *)reply);
    }
    wire_decoded_free(reply);
    return GORCTL_EXIT_OK;
}

static int submit_from(struct gorctl *ctl, const char *from, bool stream,
                       const struct gorctl_request *id)
{
    bool standard = strcmp(from, "-") == 0;
    FILE *in = standard ? stdin : fopen(from, "re");
    if (in == NULL) {
        gorctl_say("cannot read '%s': %s", from, strerror(errno));
        return GORCTL_EXIT_NOT_FOUND;
    }
    const char *name = standard ? "standard input" : from;
    Gor__V1__SubmitManyRequest *request;
    int code = stream ? gorctl_submit_stream(ctl, fileno(in), name)
                      : gorctl_batch_read(in, name, &request);
    if (!standard) {
        fclose(in);
    }
    if (code == GORCTL_EXIT_OK && !stream) {
        code = submit_many(ctl, request, *id);
        gor__v1__submit_many_request__free_unpacked(request, NULL);
    }
    return code;
}

static void show_dry(const Gor__V1__SubmitReply *reply)
{
    const char *text = reply->would != NULL ? reply->would->text : "";
    if (reply->existing) {
        printf("no new job would be made: job %" PRIu64 " has its unique key\n", reply->id);
        return;
    }
    char *clean = gorctl_text_escape(text, strlen(text));
    if (reply->tasks > 0) {
        printf("would be taken as an array of %" PRIu64 " task%s; ", reply->tasks,
               reply->tasks == 1 ? "" : "s");
    } else {
        printf("would be taken; ");
    }
    printf("%s%s\n", clean[0] != '\0' ? "not started now: " : "would start now", clean);
    free(clean);
}

static int try_one(struct gorctl *ctl, const struct gorctl_spec *spec)
{
    Gor__V1__SubmitReply *reply;
    int code = gorctl_submit(ctl, spec, GORCTL_SUBMIT_DRY, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (ctl->json) {
        gorctl_json_show(&reply->base);
    } else {
        show_dry(reply);
    }
    wire_decoded_free(&reply->base);
    return GORCTL_EXIT_OK;
}

int gorctl_cmd_submit(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                                 {&gorctl_format_argp, 0, NULL, 0},
                                                 {&gorctl_spec_argp, 0, NULL, 1},
                                                 {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "[--] COMMAND [ARGUMENT...]\n"
                                                 "--shell TEXT [ARGUMENT...]\n"
                                                 "--native FUNCTION [ARGUMENT...]\n"
                                                 "--lua FILE [ARGUMENT...]\n"
                                                 "--from FILE",
                                     .doc = doc,
                                     .children = children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments);
    int code;
    if (arguments.from == NULL) {
        code = arguments.dry_run ? try_one(ctl, &arguments.spec)
                                 : gorctl_submit_print(ctl, &arguments.spec);
    } else if (arguments.spec.word_count > 0 || arguments.spec.shell != NULL ||
               arguments.spec.function != NULL || arguments.spec.script != NULL) {
        gorctl_say("--from takes the jobs from a file; leave the command out");
        code = GORCTL_EXIT_USAGE;
    } else {
        code = submit_from(ctl, arguments.from, arguments.stream, &arguments.spec.request);
    }
    gorctl_spec_fini(&arguments.spec);
    return code;
}
