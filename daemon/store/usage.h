/* SPDX-License-Identifier: MIT */
/* usage.h - how much of the disk the output of all jobs takes, and the removal of it.
 *
 * What lay there at the start is measured folder by folder, in steps; what jobs write since is added
 * as they end.
 * Threads     the writer's. Ownership: init/fini.
 */
#ifndef GORD_STORE_USAGE_H
#define GORD_STORE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gord_usage {
    char *root;         /* owned: the folder of all output */
    bool counts;        /* is asked for bytes at all */
    uint64_t old_below; /* ids below it may have had output at the start */
    uint64_t *folders;  /* owned, ascending; what there was at the start */
    size_t folder_count;
    size_t measured; /* of them */
    uint64_t bytes;
    uint64_t last_folder; /* of which something was removed last */
};

/* `counts`: bytes will be asked for. 0 or -errno. */
int gord_usage_init(struct gord_usage *usage, const char *root, bool counts, uint64_t next_id);
void gord_usage_fini(struct gord_usage *usage);

/* Measure one folder more; false: all are. */
bool gord_usage_measure(struct gord_usage *usage);

/* A job has ended, and writes no more. */
void gord_usage_add(struct gord_usage *usage, uint64_t id);

/* A job that has ended goes on, and is added when it ends again. */
void gord_usage_take_back(struct gord_usage *usage, uint64_t id);

/* Remove the output of a job, and its folder if that is empty then. What cannot be removed stays. */
void gord_usage_remove(struct gord_usage *usage, uint64_t id);

#endif
