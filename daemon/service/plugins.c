/* SPDX-License-Identifier: MIT */
/* The service Plugins: which functions there are, and their exchange. */
#include "daemon/runner/plugins.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/state.h"
#include "gor/v1/plugins.pb-c.h"

static char *text(const char *text_or_null)
{
    return (char *)(uintptr_t)(text_or_null != NULL ? text_or_null : "");
}

/* ------------------------------------------------------------------ list */

/* One plug-in for the wire, which borrows all texts. */
struct shown {
    Gor__V1__Plugin plugin;
    Gor__V1__PluginFunction *functions; /* owned */
    Gor__V1__PluginFunction **pointers; /* owned */
    char *names;                        /* owned: whole names, one after the other */
};

static void free_shown(struct shown *shown)
{
    free(shown->functions);
    free(shown->pointers);
    free(shown->names);
}

enum { NAME_ROOM = 128 };

static int show_functions(const struct gor_job_module *module, struct shown *shown)
{
    size_t count = 0;

    while (module->functions[count].name != NULL) {
        count++;
    }
    shown->functions = calloc(count, sizeof(*shown->functions));
    shown->pointers = calloc(count, sizeof(*shown->pointers));
    shown->names = calloc(count, NAME_ROOM);
    if (shown->functions == NULL || shown->pointers == NULL || shown->names == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        char *name = shown->names + i * NAME_ROOM;
        snprintf(name, NAME_ROOM, "%s.%s", module->name, module->functions[i].name);
        gor__v1__plugin_function__init(&shown->functions[i]);
        shown->functions[i].name = name;
        shown->functions[i].usage = text(module->functions[i].usage);
        shown->functions[i].about = text(module->functions[i].about);
        shown->pointers[i] = &shown->functions[i];
    }
    shown->plugin.n_functions = count;
    shown->plugin.functions = shown->pointers;
    return 0;
}

/* `plugin` NULL: builtin. */
static int show(const struct gord_plugin *plugin, struct shown *shown)
{
    const struct gor_job_module *module = plugin != NULL ? plugin->module : &gord_builtin_module;
    Gor__V1__Plugin *out = &shown->plugin;

    gor__v1__plugin__init(out);
    out->module = text(module->name);
    out->version = text(module->version);
    out->current = plugin == NULL || !plugin->retired;
    out->resident = plugin == NULL || (module->flags & GOR_JOB_RESIDENT) != 0;
    if (plugin != NULL) {
        out->file = plugin->path;
        out->generation = plugin->generation;
        out->loaded_ns = plugin->loaded_ns;
        out->jobs = plugin->jobs - plugin->left_behind;
        out->left_behind = plugin->left_behind;
    }
    return show_functions(module, shown);
}

GORD_METHOD(gord_plugins_list_all)
{
    struct gord_service *service = user;
    struct gord_plugins *plugins = gord_runner_plugins(service->runner);
    Gor__V1__ListPluginsReply reply = GOR__V1__LIST_PLUGINS_REPLY__INIT;
    const struct gord_plugin *plugin = gord_plugins_first(plugins);
    size_t room = 1;
    int result = 0;

    (void)message;
    for (const struct gord_plugin *p = plugin; p != NULL; p = p->next) {
        room++;
    }
    struct shown *shown = calloc(room, sizeof(*shown));
    Gor__V1__Plugin **pointers = calloc(room, sizeof(*pointers));
    for (; shown != NULL && pointers != NULL && result == 0 &&
                   reply.n_plugins<room; plugin = reply.n_plugins> 1
               ? plugin->next
               : plugin) {
        size_t at = reply.n_plugins++;
        result = show(at > 0 ? plugin : NULL, &shown[at]);
        pointers[at] = &shown[at].plugin;
    }
    reply.plugins = pointers;
    reply.folder = text(gord_plugins_folder(plugins));
    if (shown == NULL || pointers == NULL || result != 0) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        rpc_call_reply(call, &reply.base);
    }
    for (size_t i = 0; shown != NULL && i < reply.n_plugins; i++) {
        free_shown(&shown[i]);
    }
    free(shown);
    free(pointers);
}

/* ------------------------------------------------------------------ reload */

/* One call that waits. */
struct waiting {
    struct rpc_call *call; /* NULL: it has ended meanwhile */
};

static Gor__V1__PluginChange__Kind kind_of(enum gord_plugin_change_kind kind)
{
    switch (kind) {
    case GORD_PLUGIN_LOADED:
        return GOR__V1__PLUGIN_CHANGE__KIND__LOADED;
    case GORD_PLUGIN_RELOADED:
        return GOR__V1__PLUGIN_CHANGE__KIND__RELOADED;
    case GORD_PLUGIN_REMOVED:
        return GOR__V1__PLUGIN_CHANGE__KIND__REMOVED;
    case GORD_PLUGIN_FAILED:
        return GOR__V1__PLUGIN_CHANGE__KIND__REFUSED;
    default:
        return GOR__V1__PLUGIN_CHANGE__KIND__UNCHANGED;
    }
}

static void answer(struct rpc_call *call, const struct gord_plugin_change *changes, size_t count)
{
    Gor__V1__ReloadPluginsReply reply = GOR__V1__RELOAD_PLUGINS_REPLY__INIT;
    Gor__V1__PluginChange *items = calloc(count + 1, sizeof(*items));
    Gor__V1__PluginChange **pointers = calloc(count + 1, sizeof(*pointers));

    for (size_t i = 0; items != NULL && pointers != NULL && i < count; i++) {
        gor__v1__plugin_change__init(&items[i]);
        items[i].file = text(changes[i].path);
        items[i].kind = kind_of(changes[i].kind);
        items[i].module = text(changes[i].module);
        items[i].generation = changes[i].generation;
        items[i].error = text(changes[i].error);
        pointers[i] = &items[i];
    }
    reply.n_changes = count;
    reply.changes = pointers;
    if (items != NULL && pointers != NULL) {
        rpc_call_reply(call, &reply.base);
    } else {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED,
                  "the plug-ins are exchanged, but there is no memory to "
                  "tell how");
    }
    free(items);
    free(pointers);
}

static void on_done(void *arg, int error, const struct gord_plugin_change *changes, size_t count)
{
    struct waiting *waiting = arg;

    if (waiting->call != NULL) {
        rpc_call_on(waiting->call, NULL, NULL, NULL);
        if (error != 0) {
            gord_fail(waiting->call, wire_status_from_errno(error),
                      "the plug-ins stay as they are: %s", changes[0].error);
        } else {
            answer(waiting->call, changes, count);
        }
    }
    free(waiting);
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    ((struct waiting *)user)->call = NULL;
}

static void refuse(struct rpc_call *call, int error)
{
    if (error == -ENOENT) {
        gord_fail(call, WIRE_FAILED_PRECONDITION,
                  "this gord was started without --plugin-dir, so there is nothing to load from");
    } else if (error == -EALREADY) {
        gord_fail(call, WIRE_UNAVAILABLE,
                  "plug-ins are being loaded already; try again in a moment");
    } else {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "cannot load plug-ins: %s", strerror(-error));
    }
}

GORD_METHOD(gord_plugins_reload_all)
{
    struct gord_service *service = user;
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    int result = -ENOMEM;

    (void)message;
    if (waiting != NULL) {
        waiting->call = call;
        rpc_call_on(call, NULL, on_end, waiting);
        result = gord_plugins_reload(gord_runner_plugins(service->runner), on_done, waiting);
    }
    if (result != 0) {
        rpc_call_on(call, NULL, NULL, NULL);
        refuse(call, result);
        free(waiting);
    }
}
