/* SPDX-License-Identifier: MIT */
/* cmd_plugins.c - `gorctl plugins`: the native functions there are, and loading them anew. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/table.h"
#include "client/text.h"
#include "gor/v1/plugins.pb-c.h"
#include "proto/decode.h"

static const char doc[] =
    "The modules of native functions that the daemon has, and how many jobs run their code; with "
    "`reload`, look at its --plugin-dir again and load what is new or has changed. Jobs that run "
    "go on "
    "with what they began with.\v"
    "A module that was loaded again has another generation; the former one is listed\n"
    "as long as something runs it. LEFT counts jobs that have ended, but left\n"
    "goroutines behind that still run. What cannot be loaded is said, what was\n"
    "there goes on, and the exit code is 75.\n"
    "\n"
    "Examples:\n"
    "  gorctl plugins\n"
    "  gorctl plugins --functions\n"
    "  gorctl plugins reload\n";

enum { KEY_FUNCTIONS = 0x3000 };

static const struct argp_option options[] = {
    {"functions", KEY_FUNCTIONS, NULL, 0, "Their functions, and what each takes", 0},
    {0},
};

struct arguments {
    struct gorctl *ctl;
    bool functions;
    bool reload;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case KEY_FUNCTIONS:
        arguments->functions = true;
        return 0;
    case ARGP_KEY_ARG:
        if (strcmp(arg, "reload") != 0 || arguments->reload) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "'%s' is not expected; `reload` is all there is", arg);
        }
        arguments->reload = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---------------------------------------------------------------- listing */

static void show_modules(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__ListPluginsReply *reply = (const Gor__V1__ListPluginsReply *)message;
    (void)arg;
    static const struct gorctl_column columns[] = {
        {"MODULE", false, false},   {"VERSION", false, false}, {"GENERATION", true, false},
        {"FUNCTIONS", true, false}, {"JOBS", true, false},     {"LEFT", true, false},
        {"FILE", false, true}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_plugins; i++) {
        const Gor__V1__Plugin *plugin = reply->plugins[i];
        bool builtin = plugin->file[0] == '\0';
        gorctl_table_text(table, plugin->module);
        gorctl_table_text(table, plugin->version);
        char *generation = builtin ? gorctl_format("-")
                                   : gorctl_format("%" PRIu64 "%s", plugin->generation,
                                                   plugin->current ? "" : " (old)");
        gorctl_table_cell(table, generation, NULL);
        free(generation);
        gorctl_table_number(table, plugin->n_functions);
        gorctl_table_number(table, plugin->jobs);
        gorctl_table_number(table, plugin->left_behind);
        gorctl_table_text(table, builtin ? "-" : plugin->file);
    }
    gorctl_table_show(table);
}

static void show_functions(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__ListPluginsReply *reply = (const Gor__V1__ListPluginsReply *)message;
    (void)arg;
    static const struct gorctl_column columns[] = {
        {"FUNCTION", false, false}, {"ARGUMENTS", false, false}, {"ABOUT", false, true}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_plugins; i++) {
        const Gor__V1__Plugin *plugin = reply->plugins[i];
        for (size_t j = 0; plugin->current && j < plugin->n_functions; j++) {
            gorctl_table_text(table, plugin->functions[j]->name);
            gorctl_table_text(table, plugin->functions[j]->usage);
            gorctl_table_text(table, plugin->functions[j]->about);
        }
    }
    gorctl_table_show(table);
}

static int list(const struct arguments *arguments)
{
    Gor__V1__ListPluginsRequest request = GOR__V1__LIST_PLUGINS_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Plugins/ListPlugins",
                               .request = &request.base,
                               .reply = &gor__v1__list_plugins_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(arguments->ctl, &call,
                            arguments->functions ? show_functions : show_modules, NULL);
}

/* ---------------------------------------------------------------- loading */

static const char *word_of(Gor__V1__PluginChange__Kind kind)
{
    switch (kind) {
    case GOR__V1__PLUGIN_CHANGE__KIND__LOADED:
        return "loaded";
    case GOR__V1__PLUGIN_CHANGE__KIND__RELOADED:
        return "reloaded";
    case GOR__V1__PLUGIN_CHANGE__KIND__REMOVED:
        return "gone";
    default:
        return "unchanged";
    }
}

static void show_change(const Gor__V1__PluginChange *change)
{
    char *file = gorctl_text_escape(change->file, strlen(change->file));
    printf("%s: %s, generation %" PRIu64 " (%s)\n", change->module, word_of(change->kind),
           change->generation, file);
    free(file);
}

/* A file that was refused: why, and what goes on without it. */
static void say_refused(const Gor__V1__PluginChange *change)
{
    char *why = gorctl_text_escape(change->error, strlen(change->error));
    gorctl_say("%s", why);
    if (change->module[0] != '\0') {
        fprintf(stderr, "  %s goes on with generation %" PRIu64 ".\n", change->module,
                change->generation);
    }
    free(why);
}

/* An exit code. */
static int show_changes(struct gorctl *ctl, const Gor__V1__ReloadPluginsReply *reply)
{
    int code = GORCTL_EXIT_OK;
    if (ctl->json) {
        gorctl_json_show(&reply->base);
    }
    for (size_t i = 0; i < reply->n_changes; i++) {
        const Gor__V1__PluginChange *change = reply->changes[i];
        bool refused = change->kind == GOR__V1__PLUGIN_CHANGE__KIND__REFUSED;
        if (refused) {
            code = GORCTL_EXIT_REFUSED;
            (void)fflush(stdout);
            say_refused(change);
        } else if (!ctl->json) {
            show_change(change);
        }
    }
    return code;
}

static int reload(struct gorctl *ctl)
{
    Gor__V1__ReloadPluginsRequest request = GOR__V1__RELOAD_PLUGINS_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Plugins/ReloadPlugins",
                               .request = &request.base,
                               .reply = &gor__v1__reload_plugins_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message;
    int code = gorctl_call(ctl, &call, NULL, &message);
    if (code == GORCTL_EXIT_OK) {
        code = show_changes(ctl, (const Gor__V1__ReloadPluginsReply *)message);
        wire_decoded_free(message);
    }
    return code;
}

int gorctl_cmd_plugins(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "[reload]",
                                     .doc = doc,
                                     .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    return arguments.reload ? reload(ctl) : list(&arguments);
}
