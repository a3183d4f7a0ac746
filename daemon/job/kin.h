/* SPDX-License-Identifier: MIT */
/* kin.h - which live jobs are whose children, so that a cancellation flows down.
 *
 * Only parents that have live children are here; a job without a parent costs nothing. The children
 * are linked through their bodies, which jobs with a parent therefore always keep.
 * Threads     loop thread.
 */
#ifndef GORD_JOB_KIN_H
#define GORD_JOB_KIN_H

#include <stddef.h>
#include <stdint.h>

struct gord_job;

struct gord_kin {
    uint64_t parent_id;
    struct gord_job
        *newest;           /* first of its live children, linked by body->older_child; never NULL */
    struct gord_kin *next; /* list link of its bucket */
};

struct gord_kin_table {
    struct gord_kin **buckets; /* owned; NULL while there has been no child */
    size_t bucket_count;       /* a power of two, or 0 */
    size_t count;
};

/* Enter `child` (its body has links, not in use) under the parent. -ENOMEM with nothing changed. */
int gord_kin_add(struct gord_kin_table *kin, uint64_t parent_id, struct gord_job *child);

/* Take it out again. */
void gord_kin_remove(struct gord_kin_table *kin, uint64_t parent_id, struct gord_job *child);

/* First live child of the parent, or NULL. */
struct gord_job *gord_kin_first(const struct gord_kin_table *kin, uint64_t parent_id);

void gord_kin_fini(struct gord_kin_table *kin);

#endif
