/* SPDX-License-Identifier: MIT */
/* plugin_scan.h - what has changed in the folder of plug-ins: new files are loaded, the rest only looked at.
 *
 * Threads     any but a goroutine; knows nothing of the plug-ins in use but what it is given.
 * Ownership   init/fini; found plug-ins are the scan's until somebody takes them (and sets NULL).
 */
#ifndef GORD_RUNNER_PLUGIN_SCAN_H
#define GORD_RUNNER_PLUGIN_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/runner/plugin.h"

/* A file that is loaded already. */
struct gord_plugin_known {
    char *path; /* owned */
    struct gord_plugin_stamp stamp;
};

/* A file that is there. */
struct gord_plugin_found {
    char *path;                 /* owned */
    struct gord_plugin *plugin; /* owned; NULL: nothing new, or it failed */
    char *error;                /* owned; NULL: it did not fail */
};

struct gord_plugin_scan {
    const char *folder;              /* borrowed */
    const char *copies;              /* borrowed */
    uint64_t serial;                 /* of the next copy's name */
    struct gord_plugin_known *known; /* owned */
    size_t known_count;
    struct gord_plugin_found *found; /* owned; by name */
    size_t found_count;
    int error; /* of the folder */
    char text[GORD_PLUGIN_ERROR];
};

/* Remember a loaded file. -ENOMEM. */
int gord_plugin_scan_know(struct gord_plugin_scan *scan, const struct gord_plugin *plugin);

/* Look, and load: fills found, or error and text. */
void gord_plugin_scan_run(struct gord_plugin_scan *scan);

void gord_plugin_scan_fini(struct gord_plugin_scan *scan);

#endif
