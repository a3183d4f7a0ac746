/* SPDX-License-Identifier: MIT */
/* turn.c - whose turn it is, and why it is not somebody's; see lane.h. */
#include "daemon/event/clock.h"
#include "daemon/job/lane.h"

enum verdict { STARTS, PASSED };

static struct gord_resource *wanted(struct gord_lanes *lanes, const struct gord_lane *lane,
                                    size_t i)
{
    return &lanes->resources.items[lane->wants[i].resource];
}

void gord_lanes_count(struct gord_lanes *lanes, const struct gord_lane *lane, uint64_t by)
{
    for (size_t i = 0; i < lane->want_count; i++) {
        wanted(lanes, lane, i)->queued += by;
    }
    if (lane->seat != NULL) {
        lane->seat->share->queued += by;
    }
}

void gord_lanes_count_waiting(struct gord_lanes *lanes, const struct gord_lane *lane, uint64_t by)
{
    wanted(lanes, lane, WANT_OWNER)->waiting += by;
}

void gord_lanes_acquire(struct gord_lanes *lanes, const struct gord_lane *lane)
{
    for (size_t i = 0; i < lane->want_count; i++) {
        wanted(lanes, lane, i)->used += lane->wants[i].amount;
        wanted(lanes, lane, i)->running++;
    }
}

void gord_lanes_release(struct gord_lanes *lanes, const struct gord_lane *lane)
{
    for (size_t i = 0; i < lane->want_count; i++) {
        wanted(lanes, lane, i)->used -= lane->wants[i].amount;
        wanted(lanes, lane, i)->running--;
    }
    struct gord_resource *owner = wanted(lanes, lane, WANT_OWNER);
    if (owner->used < owner->capacity) {
        gord_lanes_unpark(lanes, owner);
    }
    gord_lanes_touch(lanes);
}

void gord_lanes_spend(struct gord_lanes *lanes, struct gord_lane *lane)
{
    if (lane->seat != NULL) {
        gord_seat_pay(&lanes->heap, &lanes->shares, lane->seat);
    }
    for (size_t i = 0; i < lane->want_count; i++) {
        struct gord_resource *resource = wanted(lanes, lane, i);
        if (gord_resource_has_rate(resource)) {
            gord_rate_take(&resource->rate,
                           gord_resource_rate_amount(resource, lane->wants[i].amount),
                           gord_clock_boot());
        }
    }
}

/* The first rate that has not the tokens, and when it has; NOTHING_LACKS. The clock is read only if
 * there is a rate. */
static uint32_t find_rate(struct gord_lanes *lanes, const struct gord_lane *lane,
                          int64_t *out_ready)
{
    uint32_t lacks = NOTHING_LACKS;
    int64_t now_ns = 0;
    *out_ready = 0;
    for (size_t i = 0; i < lane->want_count; i++) {
        const struct gord_resource *resource = wanted(lanes, lane, i);
        if (!gord_resource_has_rate(resource)) {
            continue;
        }
        uint32_t amount = gord_resource_rate_amount(resource, lane->wants[i].amount);
        int64_t ready_ns = gord_rate_when(&resource->rate, resource->rate_aside + amount);
        now_ns = now_ns != 0 ? now_ns : gord_clock_boot();
        if (ready_ns > now_ns && ready_ns > *out_ready) {
            lacks = lane->wants[i].resource;
            *out_ready = ready_ns;
        }
    }
    return lacks;
}

/* There will not be so much of it, however long one waits. */
static bool is_too_much(const struct gord_resource *resource, uint32_t amount)
{
    return amount > resource->capacity ||
           (gord_resource_has_rate(resource) &&
            gord_resource_rate_amount(resource, amount) > resource->rate.limit.burst);
}

/* Of what only jobs of the same array, or of the same owner, have: others cannot take it from them. */
static bool is_among_themselves(const struct gord_resource *resource)
{
    return resource->what == GORD_ARRAY || resource->what == GORD_OWNER;
}

/* The first want that is not there, tokens of rates before all else; NOTHING_LACKS. *out_never: there
 * is not so much of it at all, or it is its array's or its owner's, who has others that run; so nobody
 * need wait for its sake. */
static uint32_t find_lack(struct gord_lanes *lanes, struct gord_lane *lane, bool *out_never)
{
    uint32_t lacks = NOTHING_LACKS;
    *out_never = false;
    lane->ready_ns = 0;
    for (size_t i = 0; i < lane->want_count; i++) {
        const struct gord_resource *resource = wanted(lanes, lane, i);
        if (is_too_much(resource, lane->wants[i].amount) ||
            (is_among_themselves(resource) && gord_resource_free(resource) == 0)) {
            *out_never = true;
            return lane->wants[i].resource;
        }
        if (lacks == NOTHING_LACKS && gord_resource_free(resource) < lane->wants[i].amount) {
            lacks = lane->wants[i].resource;
        }
    }
    uint32_t rate = find_rate(lanes, lane, &lane->ready_ns);
    return rate != NOTHING_LACKS ? rate : lacks;
}

bool gord_lanes_has_all(struct gord_lanes *lanes, const struct gord_lane *lane)
{
    int64_t ready_ns = 0;
    if (gord_resource_is_paused(wanted(lanes, lane, WANT_QUEUE))) {
        return false;
    }
    for (size_t i = 0; i < lane->want_count; i++) {
        const struct gord_resource *resource = wanted(lanes, lane, i);
        uint32_t amount = lane->wants[i].amount;
        if (is_too_much(resource, amount) || resource->used > resource->capacity - amount) {
            return false;
        }
        if (gord_resource_has_rate(resource)) {
            int64_t when_ns =
                gord_rate_when(&resource->rate, gord_resource_rate_amount(resource, amount));
            ready_ns = when_ns > ready_ns ? when_ns : ready_ns;
        }
    }
    if (ready_ns <= gord_clock_boot()) {
        return true;
    }
    lanes->ready_ns =
        lanes->ready_ns == 0 || ready_ns < lanes->ready_ns ? ready_ns : lanes->ready_ns;
    return false;
}

static void set_rates_aside(struct gord_lanes *lanes, const struct gord_lane *lane)
{
    for (size_t i = 0; i < lane->want_count; i++) {
        struct gord_resource *resource = wanted(lanes, lane, i);
        if (gord_resource_has_rate(resource)) {
            resource->rate_aside += gord_resource_rate_amount(resource, lane->wants[i].amount);
        }
    }
}

static void set_aside(struct gord_lanes *lanes, const struct gord_lane *lane)
{
    for (size_t i = 0; i < lane->want_count; i++) {
        struct gord_resource *resource = wanted(lanes, lane, i);
        uint64_t left = gord_resource_free(resource), amount = lane->wants[i].amount;
        if (resource->capacity == GORD_UNLIMITED || (left >= amount && !lane->insists)) {
            continue;
        }
        resource->set_aside += left < amount ? left : amount;
        resource->for_job = resource->for_job != 0 ? resource->for_job : lane->jobs.first->id;
    }
    if (lane->insists) {
        set_rates_aside(lanes, lane);
    }
}

/* It lacks tokens of a rate: the round after they have come is its next chance. */
static void await_rate(struct gord_lanes *lanes, const struct gord_lane *lane)
{
    set_rates_aside(lanes, lane);
    if (lanes->ready_ns == 0 || lane->ready_ns < lanes->ready_ns) {
        lanes->ready_ns = lane->ready_ns;
    }
}

/* The lane's turn: does its first job start? */
static enum verdict look(struct gord_lanes *lanes, struct gord_lane *lane, unsigned kinds,
                         uint64_t committed)
{
    const struct gord_job *job = lane->jobs.first;
    uint32_t lacked = lane->looked_at == job->id ? lane->lacks : NOTHING_LACKS;
    bool never;
    lane->insists = lane->insists && lane->looked_at == job->id;
    lane->round = lanes->round;
    lane->looked_at = job->id;
    lane->lacks = NOTHING_LACKS;
    if ((kinds & 1U << lane->kind) == 0 || job->last_seq > committed ||
        gord_resource_is_paused(wanted(lanes, lane, WANT_QUEUE))) {
        return PASSED;
    }
    lane->lacks = find_lack(lanes, lane, &never);
    if (lane->lacks == NOTHING_LACKS) {
        return STARTS;
    }
    lane->lost_to = lane->ready_ns == 0 ? lanes->resources.items[lane->lacks].for_job : 0;
    if (!never) {
        lane->insists = lane->insists || (lacked != NOTHING_LACKS && lacked != lane->lacks &&
                                          !is_among_themselves(&lanes->resources.items[lacked]));
        if (lane->ready_ns != 0) {
            await_rate(lanes, lane);
        } else {
            set_aside(lanes, lane);
        }
    }
    return PASSED;
}

static void begin_round(struct gord_lanes *lanes)
{
    for (size_t i = 0; i < lanes->resources.count; i++) {
        lanes->resources.items[i].set_aside = 0;
        lanes->resources.items[i].for_job = 0;
        lanes->resources.items[i].rate_aside = 0;
    }
    lanes->ready_ns = 0;
    lanes->round++;
    lanes->in_round = true;
}

static void pass(struct gord_lanes *lanes, struct gord_lane *lane)
{
    const struct gord_resource *owner = wanted(lanes, lane, WANT_OWNER);
    gord_lanes_drop(lanes, lane);
    if (lane->lacks == lane->wants[WANT_OWNER].resource && owner->used >= owner->capacity) {
        gord_lanes_park(lanes, lane);
    } else {
        lanes->passed[lanes->passed_count++] = lane;
    }
}

/* Nothing can start any more in this round, whoever asks. */
static bool is_over(struct gord_lanes *lanes, unsigned kinds)
{
    for (int kind = 0; kind < GORD_KIND_COUNT; kind++) {
        if ((kinds & 1U << kind) != 0 &&
            gord_resource_free(wanted(lanes, lanes->items[kind], WANT_KIND)) > 0) {
            return false;
        }
    }
    return true;
}

struct gord_lane *gord_lanes_next(struct gord_lanes *lanes, unsigned kinds, uint64_t committed)
{
    if (!lanes->changed) {
        return NULL;
    }
    if (!lanes->in_round) {
        begin_round(lanes);
    }
    for (struct gord_lane *lane;
         (lane = gord_lanes_first(lanes)) != NULL && !is_over(lanes, kinds);) {
        if (look(lanes, lane, kinds, committed) == STARTS) {
            return lane;
        }
        pass(lanes, lane);
    }
    gord_lanes_touch(lanes);
    /* A kind that had no turn wants one as soon as it may. */
    lanes->changed = kinds != (1U << GORD_KIND_COUNT) - 1;
    return NULL;
}
