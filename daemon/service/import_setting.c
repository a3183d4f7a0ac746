/* SPDX-License-Identifier: MIT */
/* Queues, pools and rates that come on an import, without which jobs that ask for them are not taken.
 * What is here already stays as it is, but for the queue that is always there: that one is taken if
 * nobody has set anything about it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/import_inside.h"
#include "daemon/service/owner.h"
#include "daemon/service/queues_view.h"
#include "daemon/service/weights.h"

static const char *noun(uint8_t what)
{
    return what == GORD_QUEUE ? "queue" : what == GORD_POOL ? "pool" : "rate";
}

/* ------------------------------------------------------------------ as told */

static bool read_limit(const Gor__V1__RateLimit *wire, struct gord_setting *out,
                       struct gord_refusal *why)
{
    char error[128];

    if (wire == NULL) {
        return true;
    }
    struct gord_rate_limit limit = {wire->count, wire->burst > 0 ? wire->burst : 1, wire->per_ns};
    if (gord_rate_check(&limit, error, sizeof(error)) != 0) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "its rate: %s", error);
    }
    out->rate_count = limit.count;
    out->rate_burst = limit.count > 0 ? limit.burst : 0;
    out->rate_per_ns = limit.count > 0 ? limit.per_ns : 0;
    return true;
}

/* Those of a queue without shares wait for it to have some, so they are taken as well. out->weights is
 * the caller's to free. */
static bool read_weights(const Gor__V1__Queue *wire, struct gord_setting *out,
                         struct gord_refusal *why)
{
    for (size_t i = 0; i < wire->n_shares; i++) {
        const Gor__V1__Share *share = wire->shares[i];
        if (strlen(share->key) > GORD_SHARE_KEY_MAX) {
            return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                               "shares: '%.40s...' has %zu bytes, at most %d fit", share->key,
                               strlen(share->key), (int)GORD_SHARE_KEY_MAX);
        }
        if (share->weight == 0 || share->weight > GORD_WEIGHT_MAX) {
            return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                               "shares: the weight of '%s' is %" PRIu32 "; it is 1 to %d",
                               share->key, share->weight, (int)GORD_WEIGHT_MAX);
        }
    }
    return gord_weights_keep(wire->shares, wire->n_shares, out) == 0 ||
           gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "out of memory");
}

static bool name_it(struct gord_import_answer *answer, const char *name, struct gord_setting *out,
                    struct gord_refusal *why)
{
    gord_import_name(answer, noun(out->what), name);
    snprintf(out->name, sizeof(out->name), "%s", name);
    return gord_word_ok(name) ||
           gord_refuse(why, WIRE_INVALID_ARGUMENT,
                       "name: it has 1 to 63 of a-z, 0-9, '.', '_', '-' and begins with a letter "
                       "or digit");
}

/* ------------------------------------------------------------------ as here */

static bool same_limit(const struct gord_setting *a, const struct gord_setting *b)
{
    return a->rate_count == b->rate_count &&
           (a->rate_count == 0 ||
            (a->rate_per_ns == b->rate_per_ns && a->rate_burst == b->rate_burst));
}

static bool is_same(const struct gord_setting *a, const struct gord_setting *b)
{
    return a->capacity == b->capacity && a->paused == b->paused &&
           (!a->paused || a->paused_until_ns == b->paused_until_ns) && same_limit(a, b) &&
           strcmp(a->fair, b->fair) == 0;
}

static void count_weight(void *arg, const struct gord_weighed *weighed)
{
    (void)weighed;
    ++*(size_t *)arg;
}

static bool has_weights(const struct gord_job_table *table, const struct gord_setting *setting)
{
    size_t count = 0;

    if (setting->what != GORD_QUEUE) {
        return true;
    }
    gord_queues_each_weight(table, setting->name, count_weight, &count);
    for (size_t i = 0; count == setting->weight_count && i < count; i++) {
        const struct gord_weight *one = &setting->weights[i];
        if (gord_queues_weight(table, setting->name, one->key) != one->weight) {
            return false;
        }
    }
    return count == setting->weight_count;
}

static bool is_untouched(const struct gord_setting *setting)
{
    static const struct gord_setting nothing = {.capacity = GORD_UNLIMITED};

    return setting->what == GORD_QUEUE && strcmp(setting->name, GORD_DEFAULT_QUEUE) == 0 &&
           is_same(setting, &nothing);
}

static void count_one(void *arg, const struct gord_resource *resource)
{
    (void)resource;
    ++*(size_t *)arg;
}

static bool has_place(const struct gord_job_table *table, uint8_t what, struct gord_refusal *why)
{
    size_t count = 0;

    gord_queues_each(table, (enum gord_resource_kind)what, count_one, &count);
    return count < GORD_RESOURCES_MAX ||
           gord_refuse(why, WIRE_FAILED_PRECONDITION, "there are %d %ss, which is the most",
                       (int)GORD_RESOURCES_MAX, noun(what));
}

static bool has_place_for_weights(const struct gord_job_table *table, size_t count,
                                  struct gord_refusal *why)
{
    return gord_queues_weights(table) + count <= GORD_WEIGHTS_MAX ||
           gord_refuse(why, WIRE_RESOURCE_EXHAUSTED,
                       "with its shares more than %d would have weights, which is the most",
                       (int)GORD_WEIGHTS_MAX);
}

/* ------------------------------------------------------------------ making it */

static int apply(struct gord_job_table *table, const struct gord_setting *setting)
{
    enum gord_resource_kind what = (enum gord_resource_kind)setting->what;
    struct gord_rate_limit limit = {setting->rate_count, setting->rate_burst, setting->rate_per_ns};
    int result = gord_queues_set(table, what, setting->name, setting->capacity);

    if (result == 0 && setting->rate_count > 0) {
        result = gord_queues_limit(table, what, setting->name, &limit);
    }
    if (result == 0 && what == GORD_QUEUE) {
        result = gord_queues_set_fair(table, setting->name, setting->fair);
    }
    for (size_t i = 0; i < setting->weight_count && result == 0; i++) {
        result = gord_queues_weigh(table, setting->name, setting->weights[i].key,
                                   setting->weights[i].weight);
    }
    if (result == 0 && what == GORD_QUEUE) {
        result = gord_queues_pause(table, setting->name, setting->paused, setting->paused_until_ns);
    }
    return result;
}

static void stored(void *arg, int error)
{
    struct gord_refusal why;

    if (error != 0) {
        (void)gord_refuse(&why, gord_store_status_code(error),
                          "done for now, but after a restart it will be forgotten: %s",
                          strerror(-error));
    }
    gord_import_settled(arg, error != 0 ? &why : NULL);
}

static bool enter(struct gord_import *import, const struct gord_setting *setting,
                  struct gord_import_answer *answer, struct gord_refusal *why)
{
    struct gord_bus *bus = import->service->bus;
    int result = apply(gord_bus_table(bus), setting);

    gord_runner_queues_changed(import->service->runner);
    if (result == 0) {
        result = gord_store_set(gord_bus_store(bus), setting, stored, answer);
    }
    if (result != 0) {
        return gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "it is not kept: %s", strerror(-result));
    }
    import->pending++;
    return true;
}

static bool take(struct gord_import *import, const struct gord_setting *setting,
                 struct gord_import_answer *answer, struct gord_refusal *why)
{
    struct gord_job_table *table = gord_bus_table(import->service->bus);
    const struct gord_resource *there =
        gord_queues_find(table, (enum gord_resource_kind)setting->what, setting->name);
    struct gord_setting here = {.what = setting->what};

    if (there != NULL) {
        gord_queues_fill_setting(there, &here);
        here.paused = gord_resource_is_paused(there);
    }
    if (there != NULL && is_same(&here, setting) && has_weights(table, setting)) {
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__EXISTS;
        return true;
    }
    if (there != NULL && !(is_untouched(&here) && has_weights(table, &here))) {
        return gord_refuse(why, WIRE_FAILED_PRECONDITION,
                           "%s '%s' is here already with other settings, and stays so; `gorctl %s "
                           "set` changes it",
                           noun(setting->what), setting->name, noun(setting->what));
    }
    if (!gord_owner_may_all(import->call)) {
        return gord_refuse(why, WIRE_PERMISSION_DENIED,
                           "%s '%s' is not here, and it takes an operator or admin to make one",
                           noun(setting->what), setting->name);
    }
    if ((there == NULL && !has_place(table, setting->what, why)) ||
        !has_place_for_weights(table, setting->weight_count, why) ||
        !gord_submit_is_open(import->service, 0, why)) {
        return false;
    }
    answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__TAKEN;
    import->dry_settings |= import->dry_run;
    return import->dry_run || enter(import, setting, answer, why);
}

/* ------------------------------------------------------------------ each kind */

bool gord_import_take_queue(struct gord_import *import, const Gor__V1__Queue *wire,
                            struct gord_import_answer *answer, struct gord_refusal *why)
{
    struct gord_setting setting = {.what = GORD_QUEUE};

    if (!name_it(answer, wire->name, &setting, why) || !read_limit(wire->rate, &setting, why)) {
        return false;
    }
    if (wire->slots > GORD_CAPACITY_MAX || wire->paused_until_ns < 0 ||
        !gord_queues_is_fair(wire->fair)) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "slots or paused_until_ns is out of range, or fair is not empty, "
                           "\"owner\" or \"label:KEY\"");
    }
    setting.capacity = wire->slots != 0 ? wire->slots : GORD_UNLIMITED;
    setting.paused =
        wire->paused && (wire->paused_until_ns == 0 || wire->paused_until_ns > gord_event_clock());
    setting.paused_until_ns = setting.paused ? wire->paused_until_ns : 0;
    snprintf(setting.fair, sizeof(setting.fair), "%s", wire->fair);
    bool taken = read_weights(wire, &setting, why) && take(import, &setting, answer, why);
    free((void *)(uintptr_t)setting.weights);
    return taken;
}

bool gord_import_take_pool(struct gord_import *import, const Gor__V1__Pool *wire,
                           struct gord_import_answer *answer, struct gord_refusal *why)
{
    struct gord_setting setting = {.what = GORD_POOL, .capacity = wire->tokens};

    if (!name_it(answer, wire->name, &setting, why)) {
        return false;
    }
    if (wire->tokens > GORD_CAPACITY_MAX) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "tokens is out of range: 0 to %d",
                           (int)GORD_CAPACITY_MAX);
    }
    return take(import, &setting, answer, why);
}

bool gord_import_take_rate(struct gord_import *import, const Gor__V1__Rate *wire,
                           struct gord_import_answer *answer, struct gord_refusal *why)
{
    struct gord_setting setting = {.what = GORD_RATE, .capacity = GORD_UNLIMITED};

    if (!name_it(answer, wire->name, &setting, why) || !read_limit(wire->limit, &setting, why)) {
        return false;
    }
    if (setting.rate_count == 0) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT, "limit is missing");
    }
    return take(import, &setting, answer, why);
}
