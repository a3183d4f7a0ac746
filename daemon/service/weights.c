/* SPDX-License-Identifier: MIT */
/* weights.c - see weights.h. */
#include "daemon/service/weights.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job/queues.h"

/* --------------------------------------------------------------- requests */

static bool is_uid(const char *text)
{
    char plain[16];
    unsigned long long uid = strtoull(text, NULL, 10);

    snprintf(plain, sizeof(plain), "%llu", uid);
    return uid < UINT32_MAX && strcmp(plain, text) == 0;
}

static bool one_is_ok(struct rpc_call *call, const Gor__V1__Share *share, const char *queue,
                      const char *fair)
{
    if (strlen(share->key) > GORD_SHARE_KEY_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "shares: '%.40s...' has %zu bytes, at most %d fit",
                  share->key, strlen(share->key), (int)GORD_SHARE_KEY_MAX);
    } else if (share->weight > GORD_WEIGHT_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "shares: the weight of '%s' is %" PRIu32 "; it is 1 to %d, or 0 to take it away",
                  share->key, share->weight, (int)GORD_WEIGHT_MAX);
    } else if (share->weight > 0 && fair[0] == '\0') {
        gord_fail(call, WIRE_FAILED_PRECONDITION,
                  "shares: queue '%s' has none; with --fair owner or --fair label:KEY it has some",
                  queue);
    } else if (share->weight > 0 && strcmp(fair, "owner") == 0 && !is_uid(share->key)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "shares: '%s' is no user id, by which shares of queue '%s' go", share->key,
                  queue);
    } else {
        return true;
    }
    return false;
}

bool gord_weights_ok(struct gord_service *service, struct rpc_call *call,
                     const Gor__V1__SetQueueRequest *request, const char *fair)
{
    const struct gord_job_table *table = gord_bus_table(service->bus);
    size_t count = gord_queues_weights(table);

    for (size_t i = 0; i < request->n_shares; i++) {
        const Gor__V1__Share *share = request->shares[i];
        if (!one_is_ok(call, share, request->name, fair)) {
            return false;
        }
        count +=
            share->weight > 0 && gord_queues_weight(table, request->name, share->key) == 0 ? 1 : 0;
        if (count > GORD_WEIGHTS_MAX) {
            gord_fail(
                call, WIRE_RESOURCE_EXHAUSTED,
                "shares: %d have weights, which is the most; `--share KEY=none` takes one away",
                (int)GORD_WEIGHTS_MAX);
            return false;
        }
    }
    return true;
}

int gord_weights_set(struct gord_service *service, const char *queue, Gor__V1__Share *const *shares,
                     size_t count)
{
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        result = gord_queues_weigh(gord_bus_table(service->bus), queue, shares[i]->key,
                                   shares[i]->weight);
    }
    return result;
}

int gord_weights_keep(Gor__V1__Share *const *shares, size_t count, struct gord_setting *out)
{
    struct gord_weight *weights = count > 0 ? calloc(count, sizeof(*weights)) : NULL;

    if (count > 0 && weights == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(weights[i].key, sizeof(weights[i].key), "%s", shares[i]->key);
        weights[i].weight = shares[i]->weight;
    }
    out->weights = weights;
    out->weight_count = count;
    return 0;
}

/* ---------------------------------------------------------------- replies */

struct collection {
    struct gord_weighed *ones; /* room for all */
    size_t count;
};

static void collect(void *arg, const struct gord_weighed *weighed)
{
    struct collection *collection = arg;

    collection->ones[collection->count++] = *weighed;
}

static int compare(const void *left, const void *right)
{
    const struct gord_weighed *a = left, *b = right;
    int order = strcmp(a->queue, b->queue);

    return order != 0 ? order : strcmp(a->key, b->key);
}

static int allocate(struct gord_weight_list *list, size_t count)
{
    list->queues = calloc(count, sizeof(*list->queues));
    list->shares = calloc(count, sizeof(*list->shares));
    list->pointers = calloc(count, sizeof(Gor__V1__Share *));
    if (list->queues == NULL || list->shares == NULL || list->pointers == NULL) {
        gord_weights_fini(list);
        return -ENOMEM;
    }
    return 0;
}

int gord_weights_list(const struct gord_job_table *table, const char *queue,
                      struct gord_weight_list *out_list)
{
    size_t most = gord_queues_weights(table);
    struct collection collection = {calloc(most + 1, sizeof(struct gord_weighed)), 0};
    struct gord_weight_list list = {.count = 0};
    int result = collection.ones != NULL ? allocate(&list, most + 1) : -ENOMEM;

    if (result == 0) {
        gord_queues_each_weight(table, queue, collect, &collection);
        qsort(collection.ones, collection.count, sizeof(*collection.ones), compare);
        for (; list.count < collection.count; list.count++) {
            const struct gord_weighed *one = &collection.ones[list.count];
            Gor__V1__Share *share = &list.shares[list.count];
            gor__v1__share__init(share);
            share->key = (char *)(uintptr_t)one->key;
            share->weight = one->weight;
            share->queued = one->queued;
            list.queues[list.count] = one->queue;
            list.pointers[list.count] = share;
        }
        *out_list = list;
    }
    free(collection.ones);
    return result;
}

void gord_weights_fini(struct gord_weight_list *list)
{
    free((void *)list->queues);
    free(list->shares);
    free((void *)list->pointers);
    *list = (struct gord_weight_list){.count = 0};
}

/* The first that is not before that queue's. */
static size_t find(const struct gord_weight_list *list, const char *queue)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(list->queues[middle], queue) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void gord_weights_fill(const struct gord_weight_list *list, Gor__V1__Queue *out)
{
    size_t first = find(list, out->name), end = first;

    while (end < list->count && strcmp(list->queues[end], out->name) == 0) {
        end++;
    }
    out->n_shares = end - first;
    out->shares = &list->pointers[first];
}
