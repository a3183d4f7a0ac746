/* SPDX-License-Identifier: MIT */
/* usage.c - see usage.h. */
#include "daemon/store/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/grow.h"
#include "daemon/base/order.h"
#include "daemon/store/output.h"

static int add_folder(struct gord_usage *usage, size_t *room, uint64_t folder)
{
    if (gord_grow(&usage->folders, usage->folder_count, room, sizeof *usage->folders) != 0) {
        return -ENOMEM;
    }
    usage->folders[usage->folder_count++] = folder;
    return 0;
}

static int list_folders(struct gord_usage *usage)
{
    size_t room = 0;
    int err = 0;
    DIR *dir = opendir(usage->root);
    if (dir == NULL) {
        return errno == ENOENT ? 0 : -errno;
    }
    for (struct dirent *entry; err == 0 && (entry = readdir(dir)) != NULL;) {
        char *end;
        unsigned long long folder = strtoull(entry->d_name, &end, 10);
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && *end == '\0') {
            err = add_folder(usage, &room, folder);
        }
    }
    closedir(dir);
    if (usage->folder_count > 0) {
        qsort(usage->folders, usage->folder_count, sizeof *usage->folders, gord_by_rising_id);
    }
    return err;
}

int gord_usage_init(struct gord_usage *usage, const char *root, bool counts, uint64_t next_id)
{
    memset(usage, 0, sizeof *usage);
    usage->root = strdup(root);
    if (usage->root == NULL) {
        return -ENOMEM;
    }
    usage->counts = counts;
    usage->old_below = next_id;
    usage->last_folder = UINT64_MAX;
    return counts ? list_folders(usage) : 0;
}

void gord_usage_fini(struct gord_usage *usage)
{
    free(usage->root);
    free(usage->folders);
    memset(usage, 0, sizeof *usage);
}

bool gord_usage_measure(struct gord_usage *usage)
{
    char path[PATH_MAX];
    if (usage->measured == usage->folder_count) {
        return false;
    }
    uint64_t folder = usage->folders[usage->measured++];
    (void)snprintf(path, sizeof path, "%s/%" PRIu64, usage->root, folder);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        uint64_t id;
        enum gord_output_part part;
        struct stat found;
        if (gord_output_parse(entry->d_name, &id, &part) == 0 && id < usage->old_below &&
            fstatat(dirfd(dir), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) == 0) {
            usage->bytes += (uint64_t)found.st_blocks * 512;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return usage->measured < usage->folder_count;
}

/* Whether the job's output is in `bytes`. */
static bool is_counted(const struct gord_usage *usage, uint64_t id)
{
    return usage->counts && (id >= usage->old_below || usage->measured == usage->folder_count ||
                             id / GORD_OUTPUT_FOLDER_JOBS < usage->folders[usage->measured]);
}

void gord_usage_add(struct gord_usage *usage, uint64_t id)
{
    if (usage->counts && id >= usage->old_below) {
        usage->bytes += gord_output_bytes(usage->root, id);
    }
}

void gord_usage_take_back(struct gord_usage *usage, uint64_t id)
{
    if (usage->counts && id >= usage->old_below) {
        uint64_t bytes = gord_output_bytes(usage->root, id);
        usage->bytes -= bytes < usage->bytes ? bytes : usage->bytes;
    }
}

/* Jobs go about in the order of their ids, so a folder is left when the next one's turn has come. */
static void leave_folder(struct gord_usage *usage, uint64_t folder)
{
    char path[PATH_MAX];
    if (usage->last_folder != folder && usage->last_folder != UINT64_MAX) {
        (void)snprintf(path, sizeof path, "%s/%" PRIu64, usage->root, usage->last_folder);
        (void)rmdir(path); /* as long as something is there it stays */
    }
    usage->last_folder = folder;
}

void gord_usage_remove(struct gord_usage *usage, uint64_t id)
{
    uint64_t bytes = is_counted(usage, id) ? gord_output_bytes(usage->root, id) : 0;
    if (gord_output_remove(usage->root, id) == 0) {
        usage->bytes -= bytes < usage->bytes ? bytes : usage->bytes;
    }
    leave_folder(usage, id / GORD_OUTPUT_FOLDER_JOBS);
}
