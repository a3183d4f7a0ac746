/* SPDX-License-Identifier: MIT */
#include "daemon/runner/plugin_scan.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int gord_plugin_scan_know(struct gord_plugin_scan *scan, const struct gord_plugin *plugin)
{
    struct gord_plugin_known *known =
        realloc(scan->known, (scan->known_count + 1) * sizeof(*known));

    if (known == NULL) {
        return -ENOMEM;
    }
    scan->known = known;
    known[scan->known_count] =
        (struct gord_plugin_known){.path = strdup(plugin->path), .stamp = plugin->stamp};
    if (known[scan->known_count].path == NULL) {
        return -ENOMEM;
    }
    scan->known_count++;
    return 0;
}

void gord_plugin_scan_fini(struct gord_plugin_scan *scan)
{
    for (size_t i = 0; i < scan->known_count; i++) {
        free(scan->known[i].path);
    }
    for (size_t i = 0; i < scan->found_count; i++) {
        gord_plugin_unload(scan->found[i].plugin);
        free(scan->found[i].path);
        free(scan->found[i].error);
    }
    free(scan->known);
    free(scan->found);
}

/* ------------------------------------------------------------------ one file */

static bool is_unchanged(const struct gord_plugin_scan *scan, const char *path)
{
    struct gord_plugin_stamp stamp;
    char error[GORD_PLUGIN_ERROR];

    for (size_t i = 0; i < scan->known_count; i++) {
        if (strcmp(scan->known[i].path, path) == 0) {
            int fd = gord_plugin_file_open(path, &stamp, error);
            if (fd >= 0) {
                close(fd);
            }
            return fd >= 0 && gord_plugin_stamp_equal(&stamp, &scan->known[i].stamp);
        }
    }
    return false;
}

static void load(struct gord_plugin_scan *scan, struct gord_plugin_found *found)
{
    char error[GORD_PLUGIN_ERROR] = "";
    char *copy = NULL;
    const char *name = strrchr(found->path, '/') + 1;

    if (asprintf(&copy, "%s/%" PRIu64 "-%s", scan->copies, scan->serial++, name) < 0) {
        found->error = strdup("out of memory");
        return;
    }
    if (gord_plugin_load(found->path, copy, error, &found->plugin) != 0) {
        found->error = strdup(error);
    }
    free(copy);
}

/* ------------------------------------------------------------------ the folder */

static int is_plugin_name(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return entry->d_name[0] != '.' && dot != NULL && strcmp(dot, ".so") == 0;
}

static int add_found(struct gord_plugin_scan *scan, const char *name)
{
    struct gord_plugin_found *found = &scan->found[scan->found_count];

    *found = (struct gord_plugin_found){0};
    if (asprintf(&found->path, "%s/%s", scan->folder, name) < 0) {
        return -ENOMEM;
    }
    scan->found_count++;
    if (!is_unchanged(scan, found->path)) {
        load(scan, found);
    }
    return 0;
}

void gord_plugin_scan_run(struct gord_plugin_scan *scan)
{
    struct dirent **entries = NULL;

    scan->error = gord_plugin_check_folder(scan->folder, scan->text);
    if (scan->error != 0) {
        return;
    }
    int count = scandir(scan->folder, &entries, is_plugin_name, alphasort);
    if (count < 0) {
        scan->error = -errno;
        snprintf(scan->text, sizeof(scan->text), "%s cannot be read: %s", scan->folder,
                 strerror(errno));
        return;
    }
    scan->found = calloc((size_t)count + 1, sizeof(*scan->found));
    for (int i = 0; i < count; i++) {
        if (scan->found == NULL || (scan->error == 0 && add_found(scan, entries[i]->d_name) != 0)) {
            scan->error = -ENOMEM;
            snprintf(scan->text, sizeof(scan->text), "%s: out of memory", scan->folder);
        }
        free(entries[i]);
    }
    free(entries);
}
