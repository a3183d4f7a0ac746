/* SPDX-License-Identifier: MIT */
/* quota.c - see quota.h; and Queues.ListOwners. */
#include "daemon/service/quota.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"
#include "daemon/job/quota.h"
#include "daemon/service/idmap.h"
#include "daemon/service/import.h"
#include "gor/v1/queues.pb-c.h"

/* With the tasks that are on their way to him. */
static bool fits(struct gord_service *service, uint32_t uid, uint64_t count,
                 struct gord_quota *out_quota)
{
    const struct gord_job_table *table = gord_bus_table(service->bus);
    uint64_t coming = gord_import_promised(service, uid);
    bool good = gord_quota_fits(table, uid, coming + count, out_quota);

    if (!good) {
        out_quota->queued += coming;
    }
    return good;
}

bool gord_submit_fits_quota(struct gord_service *service, uint32_t uid, uint64_t count,
                            struct gord_refusal *out_why)
{
    struct gord_quota quota;
    char more[64] = "";

    if (fits(service, uid, count, &quota)) {
        return true;
    }
    service->over_quota++;
    bool one = quota.limit.queued == 1;
    const char *option = "owner-limits";
    if (quota.limit.name[0] == '\0') {
        option = "max-owner-queued";
        snprintf(quota.limit.name, sizeof(quota.limit.name), "%" PRIu32, uid);
    }
    if (count > 1) {
        snprintf(more, sizeof(more), ", and these are %" PRIu64 " more", count);
    }
    return gord_refuse(out_why, WIRE_RESOURCE_EXHAUSTED,
                       "not submitted: owner %s has %" PRIu64
                       " of at most %u job%s wait%s (%s)%s; try again when some have started, or "
                       "cancel some",
                       quota.limit.name, quota.queued, quota.limit.queued, one ? " that" : "s that",
                       one ? "s" : "", option, more);
}

/* ------------------------------------------------------------------ replacing */

/* How many jobs no longer wait when that one is cancelled: it, or the tasks of an array. */
static uint64_t waiting_of(const struct gord_job_table *table, const struct gord_job *job)
{
    if (job == NULL || job->kind != GORD_GROUP) {
        return job != NULL && gord_quota_counts(job);
    }
    size_t count = gord_job_children(table, job->id, NULL, 0);
    uint64_t *ids = calloc(count + 1, sizeof(*ids));
    uint64_t waiting = 0;

    if (ids == NULL) {
        return 0;
    }
    gord_job_children(table, job->id, ids, count);
    for (size_t i = 0; i < count; i++) {
        waiting += waiting_of(table, gord_job_find(table, ids[i]));
    }
    free(ids);
    return waiting;
}

/* Of the jobs that have its key. Each is counted once: `seen` has them. */
static uint64_t replaced_by(struct gord_service *service, uint32_t uid,
                            const Gor__V1__JobSpec *spec, struct gord_idmap *seen)
{
    const struct gord_job_table *table = gord_bus_table(service->bus);
    size_t count = gord_unique_find(&service->unique, uid, spec->unique_key, NULL, 0);
    uint64_t *ids = calloc(count + 1, sizeof(*ids));
    uint64_t waiting = 0;

    if (ids == NULL) {
        return 0;
    }
    gord_unique_find(&service->unique, uid, spec->unique_key, ids, count);
    for (size_t i = 0; i < count; i++) {
        if (gord_idmap_get(seen, ids[i]) == 0 && gord_idmap_put(seen, ids[i], 1) == 0) {
            waiting += waiting_of(table, gord_job_find(table, ids[i]));
        }
    }
    free(ids);
    return waiting;
}

bool gord_submit_fits_replacing(struct gord_service *service, uint32_t uid,
                                const Gor__V1__JobSpec *const *specs, size_t spec_count,
                                uint64_t count, struct gord_refusal *out_why)
{
    struct gord_idmap seen = {0};
    struct gord_quota quota;
    uint64_t replaced = 0;

    if (fits(service, uid, count, &quota)) {
        return true;
    }
    for (size_t i = 0; i < spec_count; i++) {
        if (specs[i]->unique_key[0] != '\0' &&
            specs[i]->on_conflict == GOR__V1__ON_CONFLICT__REPLACE) {
            replaced += replaced_by(service, uid, specs[i], &seen);
        }
    }
    gord_idmap_fini(&seen);
    return count <= replaced || gord_submit_fits_quota(service, uid, count - replaced, out_why);
}

/* ------------------------------------------------------------------ listing */

struct listing {
    Gor__V1__OwnerQuota *items; /* owned */
    size_t count;
    size_t room;
};

static int add(void *arg, const struct gord_quota *quota)
{
    struct listing *listing = arg;

    if (gord_grow(&listing->items, listing->count, &listing->room, sizeof(*listing->items)) != 0) {
        return -ENOMEM;
    }
    Gor__V1__OwnerQuota *item = &listing->items[listing->count];
    gor__v1__owner_quota__init(item);
    item->name = strdup(quota->limit.name);
    if (item->name == NULL) {
        return -ENOMEM;
    }
    listing->count++;
    item->uid = quota->limit.uid;
    item->queued = quota->queued;
    item->queued_limit = quota->limit.queued;
    item->running = quota->running;
    item->running_limit = quota->limit.running;
    return 0;
}

GORD_METHOD(gord_queues_list_owners)
{
    struct gord_service *service = user;
    struct listing listing = {0};
    Gor__V1__ListOwnersReply reply = GOR__V1__LIST_OWNERS_REPLY__INIT;
    int result = gord_quota_each(gord_bus_table(service->bus), add, &listing);
    Gor__V1__OwnerQuota **pointers = calloc(listing.count + 1, sizeof(*pointers));

    (void)message;
    if (result != 0 || pointers == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        for (size_t i = 0; i < listing.count; i++) {
            pointers[i] = &listing.items[i];
        }
        reply.owners = pointers;
        reply.n_owners = listing.count;
        rpc_call_reply(call, &reply.base);
    }
    for (size_t i = 0; i < listing.count; i++) {
        free(listing.items[i].name);
    }
    free(listing.items);
    free(pointers);
}
