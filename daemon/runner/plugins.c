/* SPDX-License-Identifier: MIT */
#include "daemon/runner/plugins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/assert.h"
#include "daemon/base/log.h"
#include "daemon/runner/plugins_inside.h"

/* How soon, and how seldom, it is looked whether those that were left behind have ended. */
#define LOOK_FIRST_MS 10
#define LOOK_LAST_MS 1000

/* ------------------------------------------------------------------ functions */

struct gord_plugin *gord_plugins_module(const struct gord_plugins *plugins, const char *name,
                                        size_t length)
{
    struct gord_plugin *plugin = plugins != NULL ? plugins->first : NULL;

    while (plugin != NULL && (plugin->retired || strncmp(plugin->module->name, name, length) != 0 ||
                              plugin->module->name[length] != '\0')) {
        plugin = plugin->next;
    }
    return plugin;
}

static const struct gor_job_function *find(const struct gord_plugins *plugins, const char *name,
                                           struct gord_plugin **out_plugin)
{
    const char *dot = strchr(name, '.');
    struct gord_plugin *plugin =
        dot != NULL ? gord_plugins_module(plugins, name, (size_t)(dot - name)) : NULL;

    *out_plugin = plugin;
    return plugin != NULL ? gord_native_function(plugin->module, dot + 1) : NULL;
}

const struct gor_job_function *gord_plugins_find(const struct gord_plugins *plugins,
                                                 const char *name)
{
    const struct gor_job_function *function = gord_native_builtin(name);
    struct gord_plugin *plugin;

    return function != NULL ? function : find(plugins, name, &plugin);
}

static size_t list_module(const struct gor_job_module *module, char *out, size_t out_bytes,
                          size_t at)
{
    for (const struct gor_job_function *f = module->functions; f->name != NULL; f++) {
        int n = snprintf(out + at, out_bytes - at, "%s%s.%s", at > 0 ? ", " : "", module->name,
                         f->name);
        if (n < 0 || (size_t)n >= out_bytes - at) {
            out[at] = '\0'; /* none is named by half */
            break;
        }
        at += (size_t)n;
    }
    return at;
}

const char *gord_plugins_list(const struct gord_plugins *plugins, const char *unknown, char *out,
                              size_t out_bytes)
{
    const struct gord_plugin *own = gord_plugins_module(plugins, unknown, strcspn(unknown, "."));
    bool builtin = strncmp(unknown, GORD_BUILTIN_PREFIX, strlen(GORD_BUILTIN_PREFIX)) == 0;
    size_t at = 0;

    out[0] = '\0';
    if (own == NULL) {
        at = list_module(&gord_builtin_module, out, out_bytes, at);
    }
    for (const struct gord_plugin *p = plugins != NULL && !builtin ? plugins->first : NULL;
         p != NULL; p = p->next) {
        if (p == own || (own == NULL && !p->retired)) {
            at = list_module(p->module, out, out_bytes, at);
        }
    }
    return out;
}

/* ------------------------------------------------------------------ jobs */

static void free_job(struct gor_job *job)
{
    gord_native_fini(job);
    gor_quota_unref(job->quota);
    gord_run_unref(job->run);
    job->plugin->jobs--;
    free(job);
}

int gord_plugins_begin(struct gord_plugins *plugins, struct gord_run *run, struct gor_quota *above)
{
    Gor__V1__JobSpec *spec = gord_spec_to_wire(run->spec, 0);
    struct gord_plugin *plugin = NULL;

    if (spec == NULL) {
        return -ENOMEM;
    }
    const struct gor_job_function *function = find(plugins, spec->native->function, &plugin);
    struct gor_job *job = function != NULL ? calloc(1, sizeof(*job)) : NULL;
    struct gor_quota *quota = job != NULL ? gor_quota_new_below(above, UINT64_MAX) : NULL;
    if (quota == NULL) {
        free(job);
        gor__v1__job_spec__free_unpacked(spec, NULL);
        return function != NULL ? -ENOMEM : 0;
    }
    job->run = gord_run_ref(run);
    job->spec = spec;
    job->function = function;
    job->plugin = plugin;
    job->quota = quota;
    plugin->jobs++;
    run->job = job;
    return 0;
}

void gord_plugins_withdraw(struct gord_plugins *plugins, struct gor_job *job)
{
    (void)plugins;
    if (job != NULL) {
        job->run->job = NULL;
        free_job(job);
    }
}

/* Does a goroutine live that may run its code, or get at it? */
static bool is_running(const struct gor_job *job)
{
    struct gor_quota_stats stats;

    gor_quota_stats_get(job->quota, &stats);
    return stats.goroutines > 0;
}

/* ------------------------------------------------------------------ what goes */

static void drop_jobs(struct gord_plugins *plugins)
{
    struct gor_job **place = &plugins->ended;

    while (*place != NULL) {
        struct gor_job *job = *place;
        if (is_running(job)) {
            place = &job->next;
        } else {
            *place = job->next;
            job->plugin->left_behind--;
            free_job(job);
        }
    }
}

void gord_plugins_drop(struct gord_plugins *plugins)
{
    struct gord_plugin **place = &plugins->first;

    while (*place != NULL) {
        struct gord_plugin *plugin = *place;
        if (!plugin->retired || plugin->jobs > 0) {
            place = &plugin->next;
            continue;
        }
        *place = plugin->next;
        gord_log(GORD_LOG_INFO, 0,
                 "%s, generation %" PRIu64 ", is unloaded: nothing runs it any more", plugin->path,
                 plugin->generation);
        gord_plugin_unload(plugin);
    }
}

static void on_look(uv_timer_t *timer)
{
    struct gord_plugins *plugins = timer->data;

    drop_jobs(plugins);
    gord_plugins_drop(plugins);
    if (plugins->ended != NULL) {
        plugins->look_ms =
            plugins->look_ms < LOOK_LAST_MS / 2 ? 2 * plugins->look_ms : LOOK_LAST_MS;
        uv_timer_start(timer, on_look, plugins->look_ms, 0);
    }
}

void gord_plugins_end(struct gord_plugins *plugins, struct gor_job *job)
{
    if (job == NULL) {
        return;
    }
    job->next = plugins->ended;
    plugins->ended = job;
    job->plugin->left_behind++;
    plugins->look_ms = LOOK_FIRST_MS;
    if (!plugins->closed) {
        uv_timer_start(&plugins->look, on_look, LOOK_FIRST_MS, 0);
    }
}

/* ------------------------------------------------------------------ looking */

const struct gord_plugin *gord_plugins_first(const struct gord_plugins *plugins)
{
    return plugins->first;
}

const char *gord_plugins_folder(const struct gord_plugins *plugins)
{
    return plugins->folder;
}

/* ------------------------------------------------------------------ life cycle */

/* A folder of ours without what a former daemon may have left there. */
static int empty_folder(const char *path)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return -errno;
    }
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return -errno;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
    return 0;
}

int gord_plugins_open(const struct gord_plugins_opts *opts, struct gord_plugins **out_plugins)
{
    struct gord_plugins *plugins = calloc(1, sizeof(*plugins));

    if (plugins == NULL) {
        return -ENOMEM;
    }
    plugins->folder = opts->folder;
    plugins->copies = opts->copies;
    int result = plugins->folder != NULL ? empty_folder(plugins->copies) : 0;
    if (result == 0) {
        result = uv_async_init(opts->loop, &plugins->reloaded, gord_plugins_on_reloaded);
    }
    if (result != 0) {
        if (plugins->folder != NULL) {
            gord_log(GORD_LOG_ERROR, 0, "cannot keep copies of plug-ins in %s: %s", plugins->copies,
                     strerror(-result));
        }
        free(plugins);
        return result;
    }
    uv_timer_init(opts->loop, &plugins->look);
    plugins->reloaded.data = plugins;
    plugins->look.data = plugins;
    if (plugins->folder != NULL) {
        gord_plugins_load_first(plugins);
    }
    *out_plugins = plugins;
    return 0;
}

void gord_plugins_close(struct gord_plugins *plugins)
{
    if (plugins == NULL || plugins->closed) {
        return;
    }
    plugins->closed = true;
    gord_plugins_end_reload(plugins);
    uv_close((uv_handle_t *)&plugins->reloaded, NULL);
    uv_close((uv_handle_t *)&plugins->look, NULL);
}

void gord_plugins_free(struct gord_plugins *plugins)
{
    if (plugins == NULL) {
        return;
    }
    GORD_ASSERT(plugins->closed);
    while (plugins->ended != NULL) {
        struct gor_job *job = plugins->ended;
        plugins->ended = job->next;
        if (!atomic_load(&job->over)) {
            gord_run_unref(job->run); /* its goroutine's: it did not end, and never runs again */
        }
        free_job(job);
    }
    while (plugins->first != NULL) {
        struct gord_plugin *plugin = plugins->first;
        plugins->first = plugin->next;
        gord_plugin_unload(plugin);
    }
    gord_plugins_remember(plugins, NULL, 0);
    free(plugins);
}
