/* SPDX-License-Identifier: MIT */
/* plugins_inside.h - what plugins.c and plugin_exchange.c share. */
#ifndef GORD_RUNNER_PLUGINS_INSIDE_H
#define GORD_RUNNER_PLUGINS_INSIDE_H

#include <pthread.h>

#include "daemon/runner/plugin_scan.h"
#include "daemon/runner/plugins.h"

/* A reload under way. */
struct gord_plugin_reload {
    struct gord_plugin_scan scan;
    pthread_t thread;
    gord_plugins_done_fn *done;
    void *arg;
};

struct gord_plugins {
    const char *folder;        /* borrowed; NULL: none */
    const char *copies;        /* borrowed */
    struct gord_plugin *first; /* owned list */
    struct gor_job *ended;     /* owned list: jobs of which something runs, perhaps */
    char **refused;            /* owned: why files were, when the folder was looked at last */
    size_t refused_count;
    uint64_t serial;                   /* of copies */
    struct gord_plugin_reload *reload; /* owned; NULL: none */
    uv_async_t reloaded;
    uv_timer_t look;
    uint64_t look_ms;
    bool closed;
};

/* The current generation of the module of that name; NULL: there is none. */
struct gord_plugin *gord_plugins_module(const struct gord_plugins *plugins, const char *name,
                                        size_t length);

/* Unload what was retired and nothing runs. */
void gord_plugins_drop(struct gord_plugins *plugins);

/* Keep why some were refused, instead of what was kept; without memory, fewer of them. */
void gord_plugins_remember(struct gord_plugins *plugins, const struct gord_plugin_change *changes,
                           size_t count);

/* Load what there is, now, for nobody waits yet. What fails is in the log. */
void gord_plugins_load_first(struct gord_plugins *plugins);

/* Wait for a reload under way and tell nobody; on the loop, for close. */
void gord_plugins_end_reload(struct gord_plugins *plugins);

/* A reload is done; of `reloaded`. */
void gord_plugins_on_reloaded(uv_async_t *handle);

#endif
