/* SPDX-License-Identifier: MIT */
/* queues.c - see queues.h. */
#include "daemon/job/queues.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/event/clock.h"
#include "daemon/job/lane.h"
#include "daemon/job/latency.h"
#include "daemon/job/table.h"

/* ----------------------------------------------------------- set and see */

int gord_queues_set(struct gord_job_table *table, enum gord_resource_kind what, const char *name,
                    uint64_t capacity)
{
    int index = gord_resources_need(&table->lanes.resources, what, name, true);
    if (index < 0) {
        return index;
    }
    table->lanes.resources.items[index].capacity = capacity;
    gord_lanes_touch(&table->lanes);
    return 0;
}

/* What counts by a key in the rate that changes. */
static void change_keyed(struct gord_job_table *table, const char *name,
                         const struct gord_rate_limit *limit, uint64_t capacity)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < table->lanes.resources.count; i++) {
        struct gord_resource *keyed = &table->lanes.resources.items[i];
        if (keyed->what == GORD_RATE && strncmp(keyed->name, name, length) == 0 &&
            keyed->name[length] == '/') {
            gord_rate_change(&keyed->rate, limit, gord_clock_boot());
            keyed->capacity = capacity;
        }
    }
}

int gord_queues_limit(struct gord_job_table *table, enum gord_resource_kind what, const char *name,
                      const struct gord_rate_limit *limit)
{
    int index = gord_resources_need(&table->lanes.resources, what, name, true);
    if (index < 0) {
        return index;
    }
    gord_rate_change(&table->lanes.resources.items[index].rate, limit, gord_clock_boot());
    if (what == GORD_RATE) {
        change_keyed(table, name, limit, GORD_UNLIMITED);
    }
    gord_lanes_touch(&table->lanes);
    return 0;
}

int gord_queues_set_fair(struct gord_job_table *table, const char *name, const char *fair)
{
    int index = gord_resources_find(&table->lanes.resources, GORD_QUEUE, name);
    if (index < 0) {
        return index;
    }
    struct gord_resource *queue = &table->lanes.resources.items[index];
    snprintf(queue->fair, sizeof queue->fair, "%s", fair);
    return 0;
}

int gord_queues_weigh(struct gord_job_table *table, const char *name, const char *key,
                      uint32_t weight)
{
    if (gord_queues_find(table, GORD_QUEUE, name) == NULL) {
        return -ENOENT;
    }
    gord_lanes_touch(&table->lanes);
    return gord_shares_weigh(&table->lanes.heap, &table->lanes.shares, name, key, weight);
}

size_t gord_queues_weights(const struct gord_job_table *table)
{
    return table->lanes.shares.weighed;
}

uint32_t gord_queues_weight(const struct gord_job_table *table, const char *name, const char *key)
{
    return gord_shares_weight(&table->lanes.shares, name, key);
}

struct weight_visit {
    void (*visit)(void *arg, const struct gord_weighed *weighed);
    void *arg;
};

static void visit_weight(void *arg, const struct gord_share *share)
{
    const struct weight_visit *to = arg;
    to->visit(to->arg,
              &(struct gord_weighed){share->queue, share->key, share->weight, share->queued});
}

void gord_queues_each_weight(const struct gord_job_table *table, const char *name,
                             void (*visit)(void *arg, const struct gord_weighed *weighed),
                             void *arg)
{
    struct weight_visit to = {visit, arg};
    gord_shares_each(&table->lanes.shares, name, visit_weight, &to);
}

static void forget_weight(void *arg, const struct gord_share *share)
{
    struct gord_lanes *lanes = arg;
    (void)gord_shares_weigh(&lanes->heap, &lanes->shares, share->queue, share->key, 0);
}

int64_t gord_queues_next_token(const struct gord_job_table *table)
{
    return table->lanes.ready_ns;
}

static struct gord_resource *slots_of(const struct gord_job_table *table, enum gord_job_kind kind)
{
    const struct gord_lane *lane = table->lanes.items[kind];
    return &table->lanes.resources.items[lane->wants[WANT_KIND].resource];
}

void gord_queues_set_slots(struct gord_job_table *table, enum gord_job_kind kind, uint64_t capacity)
{
    slots_of(table, kind)->capacity = capacity;
    gord_lanes_touch(&table->lanes);
}

static struct gord_resource *find(const struct gord_job_table *table, enum gord_resource_kind what,
                                  const char *name)
{
    int index = gord_resources_find(&table->lanes.resources, what, name);
    struct gord_resource *resource = index >= 0 ? &table->lanes.resources.items[index] : NULL;
    return resource != NULL && resource->there ? resource : NULL;
}

/* A group stands in no lane of its own; its spec is always there. */
const char *gord_queues_of(const struct gord_job_table *table, uint64_t id)
{
    const struct gord_job *job = gord_job_find(table, id);
    if (job == NULL) {
        return NULL;
    }
    if (job->kind == GORD_GROUP) {
        return gord_job_has_spec(job) ? gord_ask_queue(job->body->spec->lane) : NULL;
    }
    return gord_ask_queue(gord_job_lane(table, job)->text);
}

const struct gord_resource *gord_queues_find(const struct gord_job_table *table,
                                             enum gord_resource_kind what, const char *name)
{
    return find(table, what, name);
}

int gord_queues_pause(struct gord_job_table *table, const char *name, bool paused, int64_t until_ns)
{
    struct gord_resource *queue = find(table, GORD_QUEUE, name);
    if (queue == NULL) {
        return -ENOENT;
    }
    queue->paused = paused;
    queue->paused_until_ns = paused ? until_ns : 0;
    gord_lanes_touch(&table->lanes);
    return 0;
}

int gord_queues_remove(struct gord_job_table *table, enum gord_resource_kind what, const char *name)
{
    struct gord_resource *resource = find(table, what, name);
    if (resource == NULL) {
        return -ENOENT;
    }
    if (what == GORD_QUEUE && strcmp(name, GORD_DEFAULT_QUEUE) == 0) {
        return -EPERM;
    }
    uint64_t running, queued = gord_queues_count(table, resource, &running);
    if (queued + running > 0) {
        return -EBUSY;
    }
    resource->there = false;
    resource->capacity = 0;
    resource->rate.limit.count = 0;
    if (what == GORD_QUEUE) {
        gord_latency_leave(&table->lanes.resources, resource);
        resource->fair[0] = '\0';
        gord_shares_each(&table->lanes.shares, name, forget_weight, &table->lanes);
    }
    if (what == GORD_RATE) {
        change_keyed(table, name, &resource->rate.limit, 0);
    }
    return 0;
}

uint64_t gord_queues_count(const struct gord_job_table *table, const struct gord_resource *resource,
                           uint64_t *out_running)
{
    uint64_t queued = resource->queued;
    size_t length = strlen(resource->name);
    *out_running = resource->running;
    for (size_t i = 0; resource->what == GORD_RATE && i < table->lanes.resources.count; i++) {
        const struct gord_resource *keyed = &table->lanes.resources.items[i];
        if (keyed->what == GORD_RATE && strncmp(keyed->name, resource->name, length) == 0 &&
            keyed->name[length] == '/') {
            queued += keyed->queued;
            *out_running += keyed->running;
        }
    }
    return queued;
}

void gord_queues_each(const struct gord_job_table *table, enum gord_resource_kind what,
                      void (*visit)(void *arg, const struct gord_resource *resource), void *arg)
{
    for (size_t i = 0; i < table->lanes.resources.count; i++) {
        const struct gord_resource *resource = &table->lanes.resources.items[i];
        if (resource->what == what && resource->there) {
            visit(arg, resource);
        }
    }
}

int64_t gord_queues_next_resume(const struct gord_job_table *table)
{
    int64_t next = 0;
    for (size_t i = 0; i < table->lanes.resources.count; i++) {
        const struct gord_resource *resource = &table->lanes.resources.items[i];
        if (resource->paused_until_ns != 0 && gord_resource_is_paused(resource) &&
            (next == 0 || resource->paused_until_ns < next)) {
            next = resource->paused_until_ns;
        }
    }
    return next;
}

void gord_queues_touch(struct gord_job_table *table)
{
    gord_lanes_touch(&table->lanes);
}

/* -------------------------------------------------------------- checking */

struct names {
    char *at;
    size_t left;
};

static void add_name(void *arg, const struct gord_resource *resource)
{
    struct names *names = arg;
    int length = snprintf(names->at, names->left, " %s", resource->name);
    if (length > 0 && (size_t)length < names->left) {
        names->at += length;
        names->left -= (size_t)length;
    } else {
        *names->at = '\0';
    }
}

static int unknown(const struct gord_job_table *table, enum gord_resource_kind what,
                   const char *name, char *error, size_t bytes)
{
    char list[512] = "";
    struct names names = {list, sizeof list};
    gord_queues_each(table, what, add_name, &names);
    static const char *const fields[] = {
        [GORD_QUEUE] = "spec.queue", [GORD_POOL] = "spec.tokens", [GORD_RATE] = "spec.rates"};
    static const char *const nouns[] = {
        [GORD_QUEUE] = "queue", [GORD_POOL] = "pool", [GORD_RATE] = "rate"};
    if (list[0] != '\0') {
        snprintf(error, bytes, "%s: there is no %s '%s'; there are:%s", fields[what], nouns[what],
                 name, list);
    } else {
        snprintf(error, bytes,
                 "%s: there is no %s '%s'; there are none; `gorctl %s create` makes one",
                 fields[what], nouns[what], name, nouns[what]);
    }
    return -ENOENT;
}

static int too_many(const struct gord_resource *resource, uint32_t amount, const char *field,
                    const char *what, char *error, size_t bytes)
{
    snprintf(error, bytes, "%s: %" PRIu32 " is more than the %" PRIu64 " %s", field, amount,
             resource->capacity, what);
    return -EINVAL;
}

static const char *const slots_words[GORD_KIND_COUNT] = {
    [GORD_EXEC] = "slots for processes (--exec-slots)",
    [GORD_NATIVE] = "slots for native jobs (--native-slots)",
    [GORD_LUA] = "slots for Lua jobs (--lua-slots)",
};

static int check_slots(const struct gord_job_table *table, enum gord_job_kind kind,
                       const struct gord_ask *ask, char *error, size_t bytes)
{
    const struct gord_resource *queue = find(table, GORD_QUEUE, ask->queue);
    const struct gord_resource *slots = slots_of(table, kind);
    if (queue == NULL) {
        return unknown(table, GORD_QUEUE, ask->queue, error, bytes);
    }
    if (ask->slots > 1 && ask->slots > slots->capacity) {
        return too_many(slots, ask->slots, "spec.slots", slots_words[kind], error, bytes);
    }
    if (ask->slots > 1 && ask->slots > queue->capacity) {
        return too_many(queue, ask->slots, "spec.slots", "slots of its queue", error, bytes);
    }
    return 0;
}

/* A start that counts for more than the bucket holds would never come. */
static int check_rates(const struct gord_job_table *table, const struct gord_ask *ask, char *error,
                       size_t bytes)
{
    for (size_t i = 0; i < ask->rate_count; i++) {
        const struct gord_token_ask *asked = &ask->rates[i];
        char name[GORD_WORD_MAX + 1];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(asked->pool, "/"), asked->pool);
        const struct gord_resource *rate = find(table, GORD_RATE, name);
        if (rate == NULL) {
            return unknown(table, GORD_RATE, name, error, bytes);
        }
        if (asked->amount > rate->rate.limit.burst) {
            snprintf(error, bytes,
                     "spec.rates: %" PRIu32 " is more than rate '%s' has at once, which is %" PRIu32
                     "; `gorctl rate set %s ... --burst %" PRIu32 "` lets it have as much",
                     asked->amount, name, rate->rate.limit.burst, name, asked->amount);
            return -EINVAL;
        }
    }
    return 0;
}

int gord_queues_check(const struct gord_job_table *table, enum gord_job_kind kind,
                      const struct gord_ask *ask, char *error, size_t error_bytes)
{
    int err = check_slots(table, kind, ask, error, error_bytes);
    for (size_t i = 0; i < ask->token_count && err == 0; i++) {
        const struct gord_token_ask *token = &ask->tokens[i];
        const struct gord_resource *pool = find(table, GORD_POOL, token->pool);
        if (pool == NULL) {
            return unknown(table, GORD_POOL, token->pool, error, error_bytes);
        }
        if (token->amount > pool->capacity) {
            char what[96];
            snprintf(what, sizeof what, "tokens of pool '%s'", token->pool);
            err = too_many(pool, token->amount, "spec.tokens", what, error, error_bytes);
        }
    }
    return err != 0 ? err : check_rates(table, ask, error, error_bytes);
}
