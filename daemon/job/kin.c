/* SPDX-License-Identifier: MIT */
/* kin.c - see kin.h. */
#include "daemon/job/kin.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/assert.h"
#include "daemon/job/job.h"

enum { FIRST_BUCKETS = 64 };

/* Where the entry of the parent is linked, or would be. */
static struct gord_kin **find_link(const struct gord_kin_table *kin, uint64_t parent_id)
{
    struct gord_kin **link = &kin->buckets[parent_id & (kin->bucket_count - 1)];
    while (*link != NULL && (*link)->parent_id != parent_id) {
        link = &(*link)->next;
    }
    return link;
}

static int grow(struct gord_kin_table *kin)
{
    size_t count = kin->bucket_count == 0 ? FIRST_BUCKETS : 2 * kin->bucket_count;
    struct gord_kin_table bigger = {calloc(count, sizeof(struct gord_kin *)), count, kin->count};
    if (bigger.buckets == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < kin->bucket_count; i++) {
        for (struct gord_kin *entry = kin->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            entry->next = NULL;
            *find_link(&bigger, entry->parent_id) = entry;
        }
    }
    free(kin->buckets);
    *kin = bigger;
    return 0;
}

int gord_kin_add(struct gord_kin_table *kin, uint64_t parent_id, struct gord_job *child)
{
    if (kin->count >= kin->bucket_count && grow(kin) != 0) {
        return -ENOMEM;
    }
    struct gord_kin **link = find_link(kin, parent_id);
    if (*link == NULL) {
        struct gord_kin *entry = calloc(1, sizeof *entry);
        if (entry == NULL) {
            return -ENOMEM;
        }
        entry->parent_id = parent_id;
        *link = entry;
        kin->count++;
    }
    struct gord_kin *entry = *link;
    child->body->newer_child = NULL;
    child->body->older_child = entry->newest;
    if (entry->newest != NULL) {
        entry->newest->body->newer_child = child;
    }
    entry->newest = child;
    return 0;
}

void gord_kin_remove(struct gord_kin_table *kin, uint64_t parent_id, struct gord_job *child)
{
    GORD_ASSERT(kin->bucket_count != 0);
    struct gord_kin **link = find_link(kin, parent_id), *entry = *link;
    GORD_ASSERT(entry != NULL);
    struct gord_job *newer = child->body->newer_child, *older = child->body->older_child;
    if (older != NULL) {
        older->body->newer_child = newer;
    }
    if (newer != NULL) {
        newer->body->older_child = older;
        return;
    }
    GORD_ASSERT(entry->newest == child);
    entry->newest = older;
    if (older == NULL) {
        *link = entry->next;
        free(entry);
        kin->count--;
    }
}

struct gord_job *gord_kin_first(const struct gord_kin_table *kin, uint64_t parent_id)
{
    if (kin->bucket_count == 0) {
        return NULL;
    }
    const struct gord_kin *entry = *find_link(kin, parent_id);
    return entry != NULL ? entry->newest : NULL;
}

void gord_kin_fini(struct gord_kin_table *kin)
{
    for (size_t i = 0; i < kin->bucket_count; i++) {
        for (struct gord_kin *entry = kin->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    free(kin->buckets);
    *kin = (struct gord_kin_table){NULL, 0, 0};
}
