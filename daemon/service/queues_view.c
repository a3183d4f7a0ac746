/* SPDX-License-Identifier: MIT */
/* queues_view.c - see queues_view.h; and Queues.List. */
#include "daemon/service/queues_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/event/clock.h"
#include "daemon/service/state.h"
#include "daemon/service/weights.h"

void gord_queues_fill_setting(const struct gord_resource *resource, struct gord_setting *out)
{
    *out = (struct gord_setting){.what = resource->what,
                                 .capacity = resource->capacity,
                                 .paused = resource->paused,
                                 .paused_until_ns = resource->paused_until_ns,
                                 .rate_count = resource->rate.limit.count,
                                 .rate_per_ns = resource->rate.limit.per_ns,
                                 .rate_burst = resource->rate.limit.burst};
    snprintf(out->name, sizeof(out->name), "%s", resource->name);
    snprintf(out->fair, sizeof(out->fair), "%s", resource->fair);
}

bool gord_queues_is_fair(const char *fair)
{
    size_t length = strlen(fair);

    return length == 0 || strcmp(fair, "owner") == 0 ||
           (strncmp(fair, "label:", 6) == 0 && length > 6 && length <= GORD_FAIR_MAX);
}

static Gor__V1__RateLimit *fill_limit(const struct gord_resource *resource, Gor__V1__RateLimit *out)
{
    gor__v1__rate_limit__init(out);
    out->count = resource->rate.limit.count;
    out->per_ns = resource->rate.limit.per_ns;
    out->burst = resource->rate.limit.burst;
    return out;
}

void gord_queues_fill_queue(const struct gord_resource *resource, Gor__V1__RateLimit *limit,
                            Gor__V1__Queue *out)
{
    gor__v1__queue__init(out);
    out->name = (char *)(uintptr_t)resource->name;
    out->slots = resource->capacity == GORD_UNLIMITED ? 0 : resource->capacity;
    out->paused = gord_resource_is_paused(resource);
    out->paused_until_ns = out->paused ? resource->paused_until_ns : 0;
    out->used = resource->used;
    out->queued = resource->queued;
    out->running = resource->running;
    out->fair = (char *)(uintptr_t)resource->fair;
    if (gord_resource_has_rate(resource)) {
        out->rate = fill_limit(resource, limit);
        out->rate_tokens = gord_rate_tokens(&resource->rate, gord_clock_boot());
    }
}

void gord_queues_fill_rate(const struct gord_job_table *table, const struct gord_resource *resource,
                           Gor__V1__RateLimit *limit, Gor__V1__Rate *out)
{
    gor__v1__rate__init(out);
    out->name = (char *)(uintptr_t)resource->name;
    out->limit = fill_limit(resource, limit);
    out->tokens = gord_rate_tokens(&resource->rate, gord_clock_boot());
    out->queued = gord_queues_count(table, resource, &out->running);
}

void gord_queues_fill_pool(const struct gord_resource *resource, Gor__V1__Pool *out)
{
    gor__v1__pool__init(out);
    out->name = (char *)(uintptr_t)resource->name;
    out->tokens = resource->capacity;
    out->used = resource->used;
    out->queued = resource->queued;
    out->running = resource->running;
}

struct listing {
    const struct gord_job_table *table;
    Gor__V1__Queue queues[GORD_RESOURCES_MAX];
    Gor__V1__Pool pools[GORD_RESOURCES_MAX];
    Gor__V1__Rate rates[GORD_RESOURCES_MAX];
    Gor__V1__RateLimit queue_limits[GORD_RESOURCES_MAX];
    Gor__V1__RateLimit rate_limits[GORD_RESOURCES_MAX];
    Gor__V1__Queue *queue_list[GORD_RESOURCES_MAX];
    Gor__V1__Pool *pool_list[GORD_RESOURCES_MAX];
    Gor__V1__Rate *rate_list[GORD_RESOURCES_MAX];
    struct gord_weight_list weights;
    Gor__V1__ListQueuesReply reply;
};

static void list_queue(void *arg, const struct gord_resource *resource)
{
    struct listing *listing = arg;
    size_t i = listing->reply.n_queues++;

    gord_queues_fill_queue(resource, &listing->queue_limits[i], &listing->queues[i]);
    gord_weights_fill(&listing->weights, &listing->queues[i]);
    listing->queue_list[i] = &listing->queues[i];
}

static void list_pool(void *arg, const struct gord_resource *resource)
{
    struct listing *listing = arg;
    size_t i = listing->reply.n_pools++;

    gord_queues_fill_pool(resource, &listing->pools[i]);
    listing->pool_list[i] = &listing->pools[i];
}

static void list_rate(void *arg, const struct gord_resource *resource)
{
    struct listing *listing = arg;
    size_t i = listing->reply.n_rates++;

    gord_queues_fill_rate(listing->table, resource, &listing->rate_limits[i], &listing->rates[i]);
    listing->rate_list[i] = &listing->rates[i];
}

static int compare_queues(const void *left, const void *right)
{
    return strcmp((*(Gor__V1__Queue *const *)left)->name, (*(Gor__V1__Queue *const *)right)->name);
}

static int compare_pools(const void *left, const void *right)
{
    return strcmp((*(Gor__V1__Pool *const *)left)->name, (*(Gor__V1__Pool *const *)right)->name);
}

static int compare_rates(const void *left, const void *right)
{
    return strcmp((*(Gor__V1__Rate *const *)left)->name, (*(Gor__V1__Rate *const *)right)->name);
}

GORD_METHOD(gord_queues_list)
{
    struct gord_service *service = user;
    const struct gord_job_table *table = gord_bus_table(service->bus);
    struct listing *listing = malloc(sizeof(*listing));

    (void)message;
    if (listing == NULL || gord_weights_list(table, NULL, &listing->weights) != 0) {
        free(listing);
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    gor__v1__list_queues_reply__init(&listing->reply);
    listing->reply.queues = listing->queue_list;
    listing->reply.pools = listing->pool_list;
    listing->reply.rates = listing->rate_list;
    listing->table = table;
    gord_queues_each(table, GORD_QUEUE, list_queue, listing);
    gord_queues_each(table, GORD_POOL, list_pool, listing);
    gord_queues_each(table, GORD_RATE, list_rate, listing);
    qsort(listing->queue_list, listing->reply.n_queues, sizeof(Gor__V1__Queue *), compare_queues);
    qsort(listing->pool_list, listing->reply.n_pools, sizeof(Gor__V1__Pool *), compare_pools);
    qsort(listing->rate_list, listing->reply.n_rates, sizeof(Gor__V1__Rate *), compare_rates);
    rpc_call_reply(call, &listing->reply.base);
    gord_weights_fini(&listing->weights);
    free(listing);
}
