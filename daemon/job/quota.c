/* SPDX-License-Identifier: MIT */
/* quota.c - see quota.h.
 *
 * Rejected: a count in the job's body, looked at when its turn has come. A job that may not start would
 * then hold up those behind it in its lane, or have to be taken out and put back in its place.
 */
#include "daemon/job/quota.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/job/table.h"

int gord_quota_set(struct gord_job_table *table, const struct gord_owner_limits *limits)
{
    struct gord_lanes *lanes = &table->lanes;
    struct gord_owner_limits copy;

    int err = gord_owner_limits_copy(limits, &copy);
    if (err != 0) {
        return err;
    }
    gord_owner_limits_fini(&lanes->owners);
    lanes->owners = copy;
    for (size_t i = 0; i < lanes->resources.count; i++) {
        struct gord_resource *resource = &lanes->resources.items[i];
        if (resource->what == GORD_OWNER) {
            resource->capacity = gord_lanes_owner_capacity(lanes, resource->uid);
            gord_lanes_unpark(lanes, resource);
        }
    }
    gord_lanes_touch(lanes);
    return 0;
}

static void fill(const struct gord_lanes *lanes, uint32_t uid, const struct gord_resource *resource,
                 struct gord_quota *out_quota)
{
    *out_quota = (struct gord_quota){.limit = gord_owner_limits_of(&lanes->owners, uid)};
    out_quota->limit.uid = uid;
    if (resource != NULL) {
        out_quota->queued = resource->waiting;
        out_quota->running = resource->running;
    }
}

void gord_quota_of(const struct gord_job_table *table, uint32_t uid, struct gord_quota *out_quota)
{
    const struct gord_resources *resources = &table->lanes.resources;
    size_t i = 0;

    while (i < resources->count &&
           (resources->items[i].what != GORD_OWNER || resources->items[i].uid != uid)) {
        i++;
    }
    fill(&table->lanes, uid, i < resources->count ? &resources->items[i] : NULL, out_quota);
}

bool gord_quota_fits(const struct gord_job_table *table, uint32_t uid, uint64_t count,
                     struct gord_quota *out_quota)
{
    if (gord_owner_limits_of(&table->lanes.owners, uid).queued == 0) {
        return true; /* the usual case, in which nobody looks for him */
    }
    gord_quota_of(table, uid, out_quota);
    return out_quota->queued + count <= out_quota->limit.queued;
}

bool gord_quota_counts(const struct gord_job *job)
{
    enum gord_job_list_id list = gord_job_list_of(job);
    return (list == LIST_PARKED || list == LIST_QUEUED) && job->kind != GORD_GROUP;
}

static int compare(const void *a, const void *b)
{
    const struct gord_quota *one = a, *other = b;
    return one->limit.uid < other->limit.uid ? -1 : one->limit.uid > other->limit.uid;
}

int gord_quota_each(const struct gord_job_table *table,
                    int (*visit)(void *arg, const struct gord_quota *quota), void *arg)
{
    const struct gord_lanes *lanes = &table->lanes;
    size_t count = 0;
    struct gord_quota *all = calloc(lanes->resources.count + lanes->owners.count + 1, sizeof *all);
    if (all == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < lanes->resources.count; i++) {
        const struct gord_resource *resource = &lanes->resources.items[i];
        if (resource->what == GORD_OWNER && resource->waiting + resource->running > 0) {
            fill(lanes, resource->uid, resource, &all[count++]);
        }
    }
    for (size_t i = 0; i < lanes->owners.count; i++) {
        gord_quota_of(table, lanes->owners.items[i].uid, &all[count]);
        count += all[count].queued + all[count].running == 0; /* else he is there already */
    }
    qsort(all, count, sizeof *all, compare);
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        err = visit(arg, &all[i]);
    }
    free(all);
    return err;
}
