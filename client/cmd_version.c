/* SPDX-License-Identifier: MIT */
/* cmd_version.c - `gorctl version`: of this program and of the daemon. */
#include <stdio.h>
#include <stdlib.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "gor/v1/runtime.pb-c.h"
#include "proto/decode.h"

enum { KEY_CLIENT = 0x3000 };

static const struct argp_option options[] = {
    {"client", KEY_CLIENT, NULL, 0, "Only gorctl's; needs no daemon", 0},
    {0},
};

struct arguments {
    struct gorctl *ctl;
    bool client_only;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case KEY_CLIENT:
        arguments->client_only = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int ask(struct gorctl *ctl, ProtobufCMessage **out_reply)
{
    Gor__V1__VersionRequest request = GOR__V1__VERSION_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Runtime/Version",
                               .request = &request.base,
                               .reply = &gor__v1__version_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call(ctl, &call, NULL, out_reply);
}

static void show(struct gorctl *ctl, const Gor__V1__VersionReply *reply)
{
    if (ctl->json) {
        json_t *document = json_pack("{s:s}", "client", GORCTL_VERSION);
        json_object_set_new(document, "daemon",
                            reply != NULL ? gorctl_json_message(&reply->base) : json_null());
        gorctl_json_print(stdout, document, true);
        return;
    }
    printf("gorctl %s\n", GORCTL_VERSION);
    if (reply != NULL) {
        printf("gord %s at %s (pid %u, store: %s, %s)\n", reply->version, gorctl_address(ctl),
               (unsigned)reply->pid, reply->durability, reply->state_dir);
        if (reply->store_error[0] != '\0') {
            printf("it takes no new jobs: %s\n", reply->store_error);
        }
    }
}

int gorctl_cmd_version(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .doc = "Versions of gorctl and of the daemon it talks to.",
                                     .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.client_only) {
        show(ctl, NULL);
        return GORCTL_EXIT_OK;
    }
    ProtobufCMessage *reply = NULL;
    int code = ask(ctl, &reply);
    show(ctl, (const Gor__V1__VersionReply *)reply);
    if (reply != NULL) {
        wire_decoded_free(reply);
    }
    return code;
}
