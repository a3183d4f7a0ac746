/* SPDX-License-Identifier: MIT */
/* How plug-ins come, and take the place of others; see plugins.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/runner/plugins_inside.h"

/* ------------------------------------------------------------------ what comes */

static struct gord_plugin *current_of(const struct gord_plugins *plugins, const char *path)
{
    struct gord_plugin *plugin = plugins->first;

    while (plugin != NULL && (plugin->retired || strcmp(plugin->path, path) != 0)) {
        plugin = plugin->next;
    }
    return plugin;
}

static uint64_t last_generation(const struct gord_plugins *plugins, const char *module)
{
    uint64_t last = 0;

    for (const struct gord_plugin *p = plugins->first; p != NULL; p = p->next) {
        if (strcmp(p->module->name, module) == 0 && p->generation > last) {
            last = p->generation;
        }
    }
    return last;
}

/* It takes the place of what was loaded from the same file; another file's module it may not take. */
static enum gord_plugin_change_kind install(struct gord_plugins *plugins,
                                            struct gord_plugin_found *found)
{
    struct gord_plugin *plugin = found->plugin;
    const char *name = plugin->module->name;
    struct gord_plugin *former = current_of(plugins, plugin->path);
    struct gord_plugin *rival = gord_plugins_module(plugins, name, strlen(name));

    if (rival != NULL && rival != former) {
        if (asprintf(&found->error, "%s: there is a module '%s' already, from %s", plugin->path,
                     name, rival->path) < 0) {
            found->error = NULL;
        }
        gord_plugin_unload(plugin);
        found->plugin = NULL;
        return GORD_PLUGIN_FAILED;
    }
    plugin->generation = last_generation(plugins, name) + 1;
    if (former != NULL) {
        former->retired = true;
    }
    plugin->next = plugins->first;
    plugins->first = plugin;
    found->plugin = NULL; /* it is ours */
    return former != NULL ? GORD_PLUGIN_RELOADED : GORD_PLUGIN_LOADED;
}

static struct gord_plugin_change integrate(struct gord_plugins *plugins,
                                           struct gord_plugin_found *found)
{
    struct gord_plugin_change change = {.path = found->path, .module = "", .error = ""};

    if (found->plugin != NULL) {
        change.kind = install(plugins, found);
    } else if (found->error != NULL) {
        change.kind = GORD_PLUGIN_FAILED;
    }
    const struct gord_plugin *current = current_of(plugins, found->path);
    if (current != NULL) {
        change.module = current->module->name;
        change.generation = current->generation;
    }
    if (change.kind == GORD_PLUGIN_FAILED) {
        change.error = found->error != NULL ? found->error : "out of memory";
        gord_log(GORD_LOG_ERROR, 0, "a plug-in is not taken: %s%s", change.error,
                 current != NULL ? "; its last generation goes on" : "");
    } else if (current != NULL && change.kind != GORD_PLUGIN_UNCHANGED) {
        gord_log(GORD_LOG_NOTICE, 0, "plug-in %s %s, generation %" PRIu64 ", from %s",
                 change.module, current->module->version != NULL ? current->module->version : "",
                 change.generation, change.path);
    }
    return change;
}

static bool is_found(const struct gord_plugin_scan *scan, const char *path)
{
    for (size_t i = 0; i < scan->found_count; i++) {
        if (strcmp(scan->found[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* First those whose files are gone, so that a module may move to another file. Answers how many. */
static size_t retire_gone(struct gord_plugins *plugins, const struct gord_plugin_scan *scan,
                          struct gord_plugin_change *changes)
{
    size_t count = 0;

    for (struct gord_plugin *p = plugins->first; p != NULL; p = p->next) {
        if (!p->retired && !is_found(scan, p->path)) {
            p->retired = true;
            changes[count++] = (struct gord_plugin_change){GORD_PLUGIN_REMOVED, p->path,
                                                           p->module->name, p->generation, ""};
            gord_log(GORD_LOG_NOTICE, 0, "plug-in %s is gone with its file %s", p->module->name,
                     p->path);
        }
    }
    return count;
}

void gord_plugins_remember(struct gord_plugins *plugins, const struct gord_plugin_change *changes,
                           size_t count)
{
    for (size_t i = 0; i < plugins->refused_count; i++) {
        free(plugins->refused[i]);
    }
    free(plugins->refused);
    plugins->refused = count > 0 ? calloc(count, sizeof(*plugins->refused)) : NULL;
    plugins->refused_count = 0;
    for (size_t i = 0; plugins->refused != NULL && i < count; i++) {
        char *text = changes[i].kind == GORD_PLUGIN_FAILED ? strdup(changes[i].error) : NULL;
        if (text != NULL) {
            plugins->refused[plugins->refused_count++] = text;
        }
    }
}

char *const *gord_plugins_refused(const struct gord_plugins *plugins, size_t *out_count)
{
    *out_count = plugins->refused_count;
    return plugins->refused;
}

static size_t count_plugins(const struct gord_plugins *plugins)
{
    size_t count = 0;

    for (const struct gord_plugin *p = plugins->first; p != NULL; p = p->next) {
        count++;
    }
    return count;
}

/* Take over what a scan has found, and tell whoever asked. */
static void finish(struct gord_plugins *plugins, struct gord_plugin_scan *scan,
                   gord_plugins_done_fn *done, void *arg)
{
    size_t room = scan->found_count + count_plugins(plugins) + 1;
    struct gord_plugin_change *changes = calloc(room, sizeof(*changes));
    struct gord_plugin_change failed = {GORD_PLUGIN_FAILED, plugins->folder, "", 0, scan->text};
    int error = scan->error;
    size_t count = 0;

    plugins->serial = scan->serial;
    if (changes == NULL) {
        error = -ENOMEM;
        failed.error = "out of memory";
    }
    if (error != 0) {
        gord_log(GORD_LOG_ERROR, 0, "plug-ins stay as they are: %s", failed.error);
        gord_plugins_remember(plugins, &failed, 1);
        done(arg, error, &failed, 1);
    } else {
        count = retire_gone(plugins, scan, changes);
        for (size_t i = 0; i < scan->found_count; i++) {
            changes[count++] = integrate(plugins, &scan->found[i]);
        }
        gord_plugins_remember(plugins, changes, count);
        done(arg, 0, changes, count);
        gord_plugins_drop(plugins);
    }
    free(changes);
}

static void begin_scan(const struct gord_plugins *plugins, struct gord_plugin_scan *scan)
{
    *scan = (struct gord_plugin_scan){
        .folder = plugins->folder, .copies = plugins->copies, .serial = plugins->serial};
}

/* ------------------------------------------------------------------ reloading */

static void *run_reload(void *arg)
{
    struct gord_plugins *plugins = arg;

    gord_plugin_scan_run(&plugins->reload->scan);
    (void)uv_async_send(&plugins->reloaded);
    return NULL;
}

static void end_reload(struct gord_plugins *plugins)
{
    struct gord_plugin_reload *reload = plugins->reload;

    pthread_join(reload->thread, NULL);
    plugins->reload = NULL;
    finish(plugins, &reload->scan, reload->done, reload->arg);
    gord_plugin_scan_fini(&reload->scan);
    free(reload);
}

void gord_plugins_on_reloaded(uv_async_t *handle)
{
    struct gord_plugins *plugins = handle->data;

    if (plugins->reload != NULL) {
        end_reload(plugins);
    }
}

int gord_plugins_reload(struct gord_plugins *plugins, gord_plugins_done_fn *done, void *arg)
{
    if (plugins->folder == NULL) {
        return -ENOENT;
    }
    if (plugins->reload != NULL) {
        return -EALREADY;
    }
    struct gord_plugin_reload *reload = calloc(1, sizeof(*reload));
    int result = reload != NULL ? 0 : -ENOMEM;
    if (result == 0) {
        begin_scan(plugins, &reload->scan);
        reload->done = done;
        reload->arg = arg;
    }
    for (const struct gord_plugin *p = plugins->first; result == 0 && p != NULL; p = p->next) {
        result = p->retired ? 0 : gord_plugin_scan_know(&reload->scan, p);
    }
    if (result == 0) {
        plugins->reload = reload;
        result = -pthread_create(&reload->thread, NULL, run_reload, plugins);
    }
    if (result != 0) {
        plugins->reload = NULL;
        if (reload != NULL) {
            gord_plugin_scan_fini(&reload->scan);
        }
        free(reload);
    }
    return result;
}

static void ignore_changes(void *arg, int error, const struct gord_plugin_change *changes,
                           size_t count)
{
    (void)arg;
    (void)error;
    (void)changes;
    (void)count;
}

void gord_plugins_load_first(struct gord_plugins *plugins)
{
    struct gord_plugin_scan scan;

    begin_scan(plugins, &scan);
    gord_plugin_scan_run(&scan);
    finish(plugins, &scan, ignore_changes, NULL);
    gord_plugin_scan_fini(&scan);
}

void gord_plugins_end_reload(struct gord_plugins *plugins)
{
    if (plugins->reload != NULL) {
        end_reload(plugins);
    }
}
