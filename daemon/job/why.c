/* SPDX-License-Identifier: MIT */
/* why.c - why a job is not started, as far as lanes decide it; see queues.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/event/clock.h"
#include "daemon/job/lane.h"
#include "daemon/job/queues.h"
#include "daemon/job/table.h"

enum { COUNTED = 100000 };

struct lack {
    uint32_t resource; /* NOTHING_LACKS: it has all */
    uint64_t lost_to;  /* the job that has it set aside; 0: it is used up */
    bool is_rate;      /* its tokens are meant, which are there at: */
    int64_t ready_ns;
};

static uint32_t amount_of(const struct gord_lane *lane, uint32_t resource)
{
    uint32_t amount = 0;
    for (size_t i = 0; i < lane->want_count; i++) {
        amount = lane->wants[i].resource == resource ? lane->wants[i].amount : amount;
    }
    return amount;
}

static const char *const kind_words[GORD_KIND_COUNT] = {
    [GORD_EXEC] = "exec", [GORD_NATIVE] = "native", [GORD_LUA] = "Lua"};

/* "rate: waits for 2 of rate 'api' (10/s, burst 20), the next at 2026-03-01 12:30:00.250 +0100" */
static void say_rate(const struct gord_resource *resource, uint32_t amount, int64_t ready_ns,
                     struct gord_why *out)
{
    char what[128], limit[GORD_RATE_TEXT];
    uint32_t wants = gord_resource_rate_amount(resource, amount);
    gord_rate_text(&resource->rate.limit, limit);
    if (resource->what == GORD_QUEUE) {
        snprintf(what, sizeof what, "the rate of queue '%s'", resource->name);
    } else {
        snprintf(what, sizeof what, "%" PRIu32 " of rate '%s'", wants, resource->name);
    }
    out->resource = resource;
    out->wants = wants;
    if (!gord_resource_has_rate(resource)) {
        snprintf(out->text, sizeof out->text, "rate: waits for %s, which was removed", what);
    } else if (wants > resource->rate.limit.burst) {
        snprintf(out->text, sizeof out->text,
                 "rate: waits for %s (%s), which is never there at once: a burst is too small",
                 what, limit);
    } else {
        int64_t left_ns = ready_ns - gord_clock_boot();
        out->ready_ns = gord_event_clock() + (left_ns > 0 ? left_ns : 0);
        snprintf(out->text, sizeof out->text, "rate: waits for %s (%s), its turn comes in %.3f s",
                 what, limit, left_ns > 0 ? (double)left_ns / 1e9 : 0.0);
    }
}

/* "waits while owner alice runs 4 of at most 4 jobs" */
static void say_owner(const struct gord_lanes *lanes, const struct gord_resource *resource,
                      struct gord_why *out)
{
    struct gord_owner_limit limit = gord_owner_limits_of(&lanes->owners, resource->uid);
    out->resource = resource;
    out->wants = 1;
    snprintf(out->text, sizeof out->text,
             "waits while owner %s runs %" PRIu64 " of at most %" PRIu64 " job%s",
             limit.name[0] != '\0' ? limit.name : resource->name, resource->used,
             resource->capacity, resource->capacity == 1 ? "" : "s");
}

static void say_resource(const struct gord_lane *lane, uint32_t index,
                         const struct gord_resource *resource, struct gord_why *out)
{
    uint32_t wants = amount_of(lane, index);
    char what[128], slots[32];
    if (resource->what == GORD_ARRAY) {
        out->resource = resource;
        out->wants = wants;
        snprintf(out->text, sizeof out->text,
                 "waits for other tasks of its array (%" PRIu64 " of at most %" PRIu64 " run)",
                 resource->used, resource->capacity);
        return;
    }
    snprintf(slots, sizeof slots, wants == 1 ? "a slot" : "%" PRIu32 " slots", wants);
    if (resource->what == GORD_SLOTS) {
        if (wants == 1) {
            snprintf(what, sizeof what, "%s %s slot", lane->kind == GORD_EXEC ? "an" : "a",
                     kind_words[lane->kind]);
        } else {
            snprintf(what, sizeof what, "%" PRIu32 " %s slots", wants, kind_words[lane->kind]);
        }
    } else if (resource->what == GORD_QUEUE) {
        snprintf(what, sizeof what, "%s of queue '%s'", slots, resource->name);
    } else {
        snprintf(what, sizeof what, "%" PRIu32 " of pool '%s'", wants, resource->name);
    }
    out->resource = resource;
    out->wants = wants;
    if (wants > resource->capacity) {
        snprintf(out->text, sizeof out->text, "waits for %s, which has only %" PRIu64, what,
                 resource->capacity);
    } else {
        snprintf(out->text, sizeof out->text, "waits for %s (%" PRIu64 " of %" PRIu64 " busy)",
                 what, resource->used, resource->capacity);
    }
}

/* What keeps the lane's first job. */
static void say_lane(const struct gord_lanes *lanes, const struct gord_lane *lane,
                     const struct lack *lack, struct gord_why *out)
{
    const struct gord_resource *queue = &lanes->resources.items[lane->wants[WANT_QUEUE].resource];
    if (gord_resource_is_paused(queue)) {
        snprintf(out->text, sizeof out->text, "queue '%s' is paused", queue->name);
        return;
    }
    if (lack->resource == NOTHING_LACKS) {
        return;
    }
    const struct gord_resource *resource = &lanes->resources.items[lack->resource];
    if (lack->is_rate) {
        say_rate(resource, amount_of(lane, lack->resource), lack->ready_ns, out);
        return;
    }
    if (resource->what == GORD_OWNER) {
        say_owner(lanes, resource, out);
        return;
    }
    say_resource(lane, lack->resource, resource, out);
    if (lack->lost_to != 0 && out->wants <= resource->capacity) {
        size_t used = strlen(out->text);
        snprintf(out->text + used, sizeof out->text - used,
                 "; what is left is kept for job %" PRIu64 ", which is before it", lack->lost_to);
        out->before_id = lack->lost_to;
    }
}

/* What of its wants is not there now, rates first as in turns; see lane.h. */
static void find_lack(const struct gord_lanes *lanes, const struct gord_lane *lane,
                      struct lack *out_lack)
{
    const struct gord_resource *owner = &lanes->resources.items[lane->wants[WANT_OWNER].resource];
    *out_lack = (struct lack){.resource = NOTHING_LACKS};
    if (gord_resource_free(owner) == 0) {
        out_lack->resource = lane->wants[WANT_OWNER].resource;
        return;
    }
    for (size_t i = 0; i < lane->want_count && !out_lack->is_rate; i++) {
        const struct gord_resource *resource = &lanes->resources.items[lane->wants[i].resource];
        uint32_t amount = lane->wants[i].amount;
        uint32_t tokens = gord_resource_rate_amount(resource, amount);
        if (gord_resource_has_rate(resource)) {
            out_lack->ready_ns = gord_rate_when(&resource->rate, resource->rate_aside + tokens);
            out_lack->is_rate =
                tokens > resource->rate.limit.burst || out_lack->ready_ns > gord_clock_boot();
        } else {
            out_lack->is_rate = resource->what == GORD_RATE && amount > resource->capacity;
        }
        if (out_lack->is_rate ||
            (out_lack->resource == NOTHING_LACKS && gord_resource_free(resource) < amount)) {
            out_lack->resource = lane->wants[i].resource;
            out_lack->lost_to = resource->for_job;
        }
    }
}

/* What the lane lacks: as the last round saw it, or, if it did not come so far, as it is. */
static void lack_of(const struct gord_lanes *lanes, const struct gord_lane *lane,
                    struct lack *out_lack)
{
    if (lane->jobs.count > 0 && lane->round == lanes->round &&
        lane->looked_at == lane->jobs.first->id && lane->lacks != NOTHING_LACKS) {
        bool is_rate = lane->ready_ns != 0 || lanes->resources.items[lane->lacks].what == GORD_RATE;
        *out_lack = (struct lack){lane->lacks, lane->lost_to, is_rate, lane->ready_ns};
    } else {
        find_lack(lanes, lane, out_lack);
    }
}

static void say_ahead(struct gord_why *out)
{
    char rest[sizeof out->text];
    char who[128];

    if (out->ahead == 0) {
        return;
    }
    if (out->ahead == 1) {
        snprintf(who, sizeof who, "job %" PRIu64 " is before it and wants the same",
                 out->before_id);
    } else {
        snprintf(who, sizeof who,
                 "%" PRIu64 " jobs are before it that want the same, the last of them job %" PRIu64,
                 out->ahead, out->before_id);
    }
    memcpy(rest, out->text, sizeof rest);
    if (strncmp(rest, "waits ", 6) == 0) { /* so does the first */
        snprintf(out->text, sizeof out->text, "%s; %s %.180s", who,
                 out->ahead == 1 ? "that" : "the first", rest);
    } else { /* keeps all of them, or is not known */
        snprintf(out->text, sizeof out->text, "%.180s%s%s", rest, rest[0] != '\0' ? "; " : "", who);
    }
}

/* Whose share it counts in, and when that has its turn. */
static void say_share(const struct gord_lane *lane, struct gord_why *out)
{
    size_t used = strlen(out->text);
    if (lane->seat == NULL || used == 0) {
        return;
    }
    const struct gord_share *share = lane->seat->share;
    size_t before = gord_seat_before(lane->seat);
    used += (size_t)snprintf(out->text + used, sizeof out->text - used,
                             "; its share, '%.63s' of weight %" PRIu32 ", ",
                             share->key != NULL ? share->key : share->name, share->weight);
    if (used >= sizeof out->text) {
        return;
    }
    if (before == 0) {
        snprintf(out->text + used, sizeof out->text - used, "has the next turn");
    } else {
        snprintf(out->text + used, sizeof out->text - used, "has its turn after %zu other%s",
                 before, before == 1 ? "" : "s");
    }
}

void gord_queues_why_short(struct gord_job_table *table, const struct gord_job *job,
                           struct gord_why *out_why)
{
    const struct gord_lane *lane = table->lanes.items[job->lane];
    struct lack lack;
    *out_why = (struct gord_why){.resource = NULL};
    lack_of(&table->lanes, lane, &lack);
    say_lane(&table->lanes, lane, &lack, out_why);
}

void gord_queues_why(struct gord_job_table *table, const struct gord_job *job,
                     struct gord_why *out_why)
{
    gord_queues_why_short(table, job, out_why);
    for (const struct gord_job *other = job->prev; other != NULL && out_why->ahead < COUNTED;
         other = other->prev) {
        out_why->before_id = out_why->ahead == 0 ? other->id : out_why->before_id;
        out_why->ahead++;
    }
    say_ahead(out_why);
    say_share(table->lanes.items[job->lane], out_why);
}

int gord_queues_why_new(struct gord_job_table *table, enum gord_job_kind kind, uint32_t uid,
                        const struct gord_ask *ask, struct gord_why *out_why)
{
    char text[GORD_ASK_BYTES];
    struct gord_lane *lane;
    struct lack lack;
    *out_why = (struct gord_why){.resource = NULL};
    int err = gord_lanes_ref(&table->lanes, kind, uid, gord_ask_text(ask, text), &lane);
    if (err != 0) {
        return err;
    }
    lack_of(&table->lanes, lane, &lack);
    say_lane(&table->lanes, lane, &lack, out_why);
    out_why->ahead = lane->jobs.count;
    out_why->before_id = lane->jobs.last != NULL ? lane->jobs.last->id : out_why->before_id;
    say_ahead(out_why);
    say_share(lane, out_why);
    gord_lanes_unref(&table->lanes, lane);
    return 0;
}
