/* SPDX-License-Identifier: MIT */
/* resource.c - see resource.h. There are few, so they are looked through. */
#include "daemon/job/resource.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"
#include "daemon/event/clock.h"
#include "daemon/event/event.h"
#include "daemon/job/latency.h"

uint64_t gord_resource_free(const struct gord_resource *resource)
{
    if (resource->capacity == GORD_UNLIMITED) {
        return GORD_UNLIMITED;
    }
    uint64_t spoken_for = resource->used + resource->set_aside;
    return resource->capacity > spoken_for ? resource->capacity - spoken_for : 0;
}

bool gord_resource_has_rate(const struct gord_resource *resource)
{
    return resource->rate.limit.count > 0;
}

uint32_t gord_resource_rate_amount(const struct gord_resource *resource, uint32_t amount)
{
    return resource->what == GORD_RATE ? amount : 1;
}

bool gord_resource_is_paused(const struct gord_resource *resource)
{
    return resource->paused &&
           (resource->paused_until_ns == 0 || gord_event_clock() < resource->paused_until_ns);
}

int gord_resources_find(const struct gord_resources *resources, enum gord_resource_kind what,
                        const char *name)
{
    for (size_t i = 0; i < resources->count; i++) {
        const struct gord_resource *resource = &resources->items[i];
        if (resource->what == what && strcmp(resource->name, name) == 0) {
            return (int)i;
        }
    }
    return -ENOENT;
}

/* Nobody would miss it: nothing refers to it, and its bucket is as full as that of a new one. */
static bool is_idle(const struct gord_resource *resource)
{
    return !resource->there && resource->lanes == 0 && resource->used == 0 &&
           (!gord_resource_has_rate(resource) || resource->rate.full_at_ns <= gord_clock_boot());
}

/* A place that nothing refers to any more, or a new one. */
static struct gord_resource *find_place(struct gord_resources *resources)
{
    for (size_t i = 0; i < resources->count; i++) {
        struct gord_resource *resource = &resources->items[i];
        if (is_idle(resource)) {
            return resource;
        }
    }
    if (gord_grow(&resources->items, resources->count, &resources->room,
                  sizeof *resources->items) != 0) {
        return NULL;
    }
    return &resources->items[resources->count++];
}

/* One that counts by a key has the limit of the rate it belongs to, if that is there. */
static void take_limit(const struct gord_resources *resources, struct gord_resource *keyed)
{
    char name[GORD_WORD_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(keyed->name, "/"), keyed->name);
    int index = gord_resources_find(resources, GORD_RATE, name);
    if (index >= 0 && resources->items[index].there) {
        keyed->capacity = GORD_UNLIMITED;
        gord_rate_change(&keyed->rate, &resources->items[index].rate.limit, gord_clock_boot());
    }
}

int gord_resources_need(struct gord_resources *resources, enum gord_resource_kind what,
                        const char *name, bool there)
{
    int index = gord_resources_find(resources, what, name);
    struct gord_resource *resource;
    if (index >= 0) {
        resource = &resources->items[index];
    } else {
        resource = find_place(resources);
        if (resource == NULL) {
            return -ENOMEM;
        }
        memset(resource, 0, sizeof *resource);
        snprintf(resource->name, sizeof resource->name, "%s", name);
        resource->what = (uint8_t)what;
        if (what == GORD_RATE && strchr(name, '/') != NULL) {
            take_limit(resources, resource);
        }
    }
    if (there && !resource->there) {
        resource->there = true;
        resource->capacity = GORD_UNLIMITED;
        if (what == GORD_QUEUE) {
            gord_latency_enter(resources, resource);
        }
    }
    return (int)(resource - resources->items);
}

void gord_resources_fini(struct gord_resources *resources)
{
    for (size_t i = 0; i < resources->count; i++) {
        free(resources->items[i].latency);
    }
    free(resources->rest);
    free(resources->items);
    *resources = (struct gord_resources){0};
}
