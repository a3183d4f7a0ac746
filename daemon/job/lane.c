/* SPDX-License-Identifier: MIT */
/* lane.c - lanes found by what they want, and their place among those that wait; see lane.h. Turns are in turn.c.
 *
 * Rejected: one heap of jobs. It costs each job a logarithm and a key of its own, and almost all jobs
 * of a daemon ask for the same.
 */
#include "daemon/job/lane.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "daemon/base/assert.h"
#include "daemon/base/grow.h"

/* ----------------------------------------------------------------- heap */

struct gord_lane *gord_lanes_first(const struct gord_lanes *lanes)
{
    struct gord_heap_item *first = gord_heap_first(&lanes->heap);
    if (first != NULL && ((const struct gord_turn *)first)->is_line) {
        first = gord_line_first((const struct gord_line *)first);
    }
    return (struct gord_lane *)first;
}

void gord_lanes_drop(struct gord_lanes *lanes, struct gord_lane *lane)
{
    if (lane->seat != NULL) {
        gord_seat_drop(&lanes->heap, lane->seat, &lane->turn.item);
    } else {
        gord_heap_remove(&lanes->heap, &lane->turn.item);
    }
}

/* Does it have jobs? */
static void enter_or_leave(struct gord_lane *lane, bool stands)
{
    if (lane->seat != NULL && stands && !lane->stands) {
        gord_seat_enter(lane->seat);
    } else if (lane->seat != NULL && !stands && lane->stands) {
        gord_seat_leave(lane->seat);
    }
    lane->stands = stands;
}

static struct gord_resource *owner_of(struct gord_lanes *lanes, const struct gord_lane *lane)
{
    return &lanes->resources.items[lane->wants[WANT_OWNER].resource];
}

void gord_lanes_park(struct gord_lanes *lanes, struct gord_lane *lane)
{
    struct gord_resource *owner = owner_of(lanes, lane);
    lane->parked = true;
    lane->parked_prev = NULL;
    lane->parked_next = owner->parked;
    if (owner->parked != NULL) {
        owner->parked->parked_prev = lane;
    }
    owner->parked = lane;
}

static void leave_parked(struct gord_lanes *lanes, struct gord_lane *lane)
{
    *(lane->parked_prev != NULL ? &lane->parked_prev->parked_next
                                : &owner_of(lanes, lane)->parked) = lane->parked_next;
    if (lane->parked_next != NULL) {
        lane->parked_next->parked_prev = lane->parked_prev;
    }
    lane->parked = false;
}

void gord_lanes_rekey(struct gord_lanes *lanes, struct gord_lane *lane)
{
    if (lane->parked) {
        leave_parked(lanes, lane); /* the next round looks at it anew */
    }
    const struct gord_job *first = lane->jobs.first;
    enter_or_leave(lane, first != NULL);
    if (first == NULL) {
        gord_lanes_drop(lanes, lane);
        return;
    }
    if (lane->seat != NULL) {
        int64_t since_ns = gord_timeline_at(&lanes->timeline, first->last_seq);
        gord_seat_put(&lanes->heap, lane->seat, &lane->turn.item, since_ns, first->id);
    } else {
        int64_t since_ns = gord_timeline_place(&lanes->timeline, first->last_seq);
        gord_heap_put(
            &lanes->heap, &lane->turn.item,
            (struct gord_heap_key){since_ns - lane->priority * GORD_AGE_NS, 0, first->id});
    }
}

static void put_back(struct gord_lanes *lanes, struct gord_lane *lane)
{
    if (lane->seat != NULL) {
        gord_seat_put_back(&lanes->heap, lane->seat, &lane->turn.item);
    } else {
        gord_heap_put(&lanes->heap, &lane->turn.item, lane->turn.item.key);
    }
}

void gord_lanes_unpark(struct gord_lanes *lanes, struct gord_resource *owner)
{
    for (struct gord_lane *lane; (lane = owner->parked) != NULL;) {
        leave_parked(lanes, lane);
        put_back(lanes, lane);
    }
}

void gord_lanes_touch(struct gord_lanes *lanes)
{
    lanes->changed = true;
    if (!lanes->in_round) {
        return;
    }
    lanes->in_round = false;
    for (size_t i = 0; i < lanes->passed_count; i++) {
        if (lanes->passed[i]->jobs.first != NULL && lanes->passed[i]->turn.item.at == 0) {
            put_back(lanes, lanes->passed[i]);
        }
    }
    lanes->passed_count = 0;
}

/* ---------------------------------------------------------------- lanes */

static struct gord_lane **bucket_of(struct gord_lanes *lanes, enum gord_job_kind kind, uint32_t uid,
                                    const char *text)
{
    uint32_t hash = hash_fnv1a32(HASH_FNV1A32_BASIS ^ (uint32_t)kind, &uid, sizeof uid);
    hash = hash_fnv1a32(hash, text, strlen(text));
    return &lanes->buckets[hash % LANE_BUCKETS];
}

static int grow(struct gord_lanes *lanes)
{
    size_t room = lanes->room, passed_room = lanes->room;
    int err = gord_grow(&lanes->items, room, &room, sizeof *lanes->items);
    if (err == 0) {
        err = gord_grow(&lanes->passed, passed_room, &passed_room, sizeof *lanes->passed);
    }
    if (err == 0) {
        err = gord_heap_reserve(&lanes->heap, room);
    }
    lanes->room = err == 0 ? room : lanes->room;
    return err;
}

/* Index of a free place; -ENOMEM. */
static int find_place(struct gord_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        if (lanes->items[i] == NULL) {
            return (int)i;
        }
    }
    if (lanes->count == lanes->room && grow(lanes) != 0) {
        return -ENOMEM;
    }
    lanes->items[lanes->count] = NULL;
    return (int)lanes->count++;
}

static int add_want(struct gord_lanes *lanes, struct gord_lane *lane, enum gord_resource_kind what,
                    const char *name, uint32_t amount)
{
    int index = gord_resources_need(&lanes->resources, what, name, what == GORD_SLOTS);
    if (index < 0) {
        return index;
    }
    lanes->resources.items[index].lanes++;
    lane->wants[lane->want_count++] = (struct gord_want){(uint32_t)index, amount};
    return 0;
}

/* One of what the tasks of its array have among themselves, which is there as long as their lane. */
static int want_array(struct gord_lanes *lanes, struct gord_lane *lane, const struct gord_ask *ask)
{
    char name[GORD_WORD_MAX + 1];
    snprintf(name, sizeof name, "%" PRIu64, ask->array_id);
    int err = add_want(lanes, lane, GORD_ARRAY, name, 1);
    if (err == 0) {
        lanes->resources.items[lane->wants[lane->want_count - 1].resource].capacity =
            ask->array_limit;
    }
    return err;
}

uint64_t gord_lanes_owner_capacity(const struct gord_lanes *lanes, uint32_t uid)
{
    unsigned running = gord_owner_limits_of(&lanes->owners, uid).running;
    return running != 0 ? running : GORD_UNLIMITED;
}

/* One of what its owner may run, who is there as long as his jobs. */
static int want_owner(struct gord_lanes *lanes, struct gord_lane *lane)
{
    char name[GORD_WORD_MAX + 1];
    snprintf(name, sizeof name, "%" PRIu32, lane->uid);
    int err = add_want(lanes, lane, GORD_OWNER, name, 1);
    if (err == 0) {
        struct gord_resource *owner = &lanes->resources.items[lane->wants[WANT_OWNER].resource];
        owner->uid = lane->uid;
        owner->capacity = gord_lanes_owner_capacity(lanes, lane->uid);
    }
    return err;
}

static void free_lane(struct gord_lanes *lanes, struct gord_lane *lane)
{
    for (size_t i = 0; i < lane->want_count; i++) {
        lanes->resources.items[lane->wants[i].resource].lanes--;
    }
    if (lane->seat != NULL) {
        gord_seat_unref(&lanes->shares, lane->seat);
    }
    free(lane->text);
    free(lane);
}

static const char *kind_name(enum gord_job_kind kind)
{
    static const char *const names[GORD_KIND_COUNT] = {
        [GORD_EXEC] = "exec", [GORD_NATIVE] = "native", [GORD_LUA] = "lua"};
    return names[kind];
}

/* A lane with its wants, known to nobody yet. */
static int make_lane(struct gord_lanes *lanes, enum gord_job_kind kind, uint32_t uid,
                     const char *text, struct gord_lane **out_lane)
{
    struct gord_ask ask;
    int err = gord_ask_parse(text, &ask);
    struct gord_lane *lane = err == 0 ? calloc(1, sizeof *lane) : NULL;
    if (lane == NULL || (lane->text = strdup(text)) == NULL) {
        free(lane);
        return err != 0 ? err : -ENOMEM;
    }
    lane->kind = (uint8_t)kind;
    lane->uid = uid;
    lane->priority = ask.priority;
    lane->lacks = NOTHING_LACKS;
    err = add_want(lanes, lane, GORD_SLOTS, kind_name(kind), ask.slots);
    err = err != 0 ? err : add_want(lanes, lane, GORD_QUEUE, ask.queue, ask.slots);
    err = err != 0 ? err : want_owner(lanes, lane);
    for (size_t i = 0; i < ask.token_count && err == 0; i++) {
        err = add_want(lanes, lane, GORD_POOL, ask.tokens[i].pool, ask.tokens[i].amount);
    }
    for (size_t i = 0; i < ask.rate_count && err == 0; i++) {
        err = add_want(lanes, lane, GORD_RATE, ask.rates[i].pool, ask.rates[i].amount);
    }
    if (err == 0 && ask.array_limit != 0) {
        err = want_array(lanes, lane, &ask);
    }
    if (err == 0 && ask.share[0] != '\0') {
        err = gord_seat_ref(&lanes->shares, ask.queue, ask.share, ask.priority, &lane->seat);
    }
    if (err != 0) {
        free_lane(lanes, lane);
        return err;
    }
    *out_lane = lane;
    return 0;
}

/* The first lanes, by kind, are never looked for; they are root's. */
static bool is_plain(const struct gord_lane *lane)
{
    return lane->index < GORD_KIND_COUNT;
}

int gord_lanes_ref(struct gord_lanes *lanes, enum gord_job_kind kind, uint32_t uid,
                   const char *text, struct gord_lane **out_lane)
{
    if (text[0] == '\0' && uid == 0 && lanes->count >= GORD_KIND_COUNT) {
        *out_lane = lanes->items[kind];
        (*out_lane)->refs++;
        return 0;
    }
    struct gord_lane **bucket = bucket_of(lanes, kind, uid, text), *lane = *bucket;
    while (lane != NULL &&
           (lane->kind != kind || lane->uid != uid || strcmp(lane->text, text) != 0)) {
        lane = lane->hash_next;
    }
    if (lane == NULL) {
        int index = find_place(lanes);
        int err = index < 0 ? index : make_lane(lanes, kind, uid, text, &lane);
        if (err != 0) {
            return err;
        }
        lane->index = (uint32_t)index;
        lanes->items[index] = lane;
        lane->hash_next = *bucket;
        *bucket = lane;
    }
    lane->refs++;
    *out_lane = lane;
    return 0;
}

/* Its last job has gone elsewhere before it was committed. */
static void unlist_fresh(struct gord_lanes *lanes, struct gord_lane *lane)
{
    struct gord_lane **link = &lanes->fresh;
    while (lane->fresh_listed && *link != lane) {
        link = &(*link)->fresh_next;
    }
    if (lane->fresh_listed) {
        *link = lane->fresh_next;
        lane->fresh_listed = false;
    }
}

void gord_lanes_unref(struct gord_lanes *lanes, struct gord_lane *lane)
{
    GORD_ASSERT(lane->refs > 0);
    if (--lane->refs > 0 || is_plain(lane)) {
        return;
    }
    GORD_ASSERT(lane->jobs.first == NULL && lane->turn.item.at == 0 && !lane->parked &&
                lane->fresh == NULL);
    unlist_fresh(lanes, lane);
    gord_lanes_touch(lanes); /* it may be among those that were passed */
    struct gord_lane **link =
        bucket_of(lanes, (enum gord_job_kind)lane->kind, lane->uid, lane->text);
    while (*link != lane) {
        link = &(*link)->hash_next;
    }
    *link = lane->hash_next;
    lanes->items[lane->index] = NULL;
    free_lane(lanes, lane);
}

int gord_lanes_init(struct gord_lanes *lanes)
{
    memset(lanes, 0, sizeof *lanes);
    int err = gord_resources_need(&lanes->resources, GORD_QUEUE, GORD_DEFAULT_QUEUE, true);
    for (int kind = 0; kind < GORD_KIND_COUNT && err >= 0; kind++) {
        struct gord_lane *lane;
        err = gord_lanes_ref(lanes, (enum gord_job_kind)kind, 0, "", &lane);
    }
    if (err < 0) {
        gord_lanes_fini(lanes);
    }
    return err < 0 ? err : 0;
}

void gord_lanes_fini(struct gord_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        if (lanes->items[i] != NULL) {
            gord_lanes_drop(lanes, lanes->items[i]);
            enter_or_leave(lanes->items[i], false);
            free_lane(lanes, lanes->items[i]);
        }
    }
    free(lanes->items);
    free(lanes->passed);
    gord_heap_fini(&lanes->heap);
    gord_shares_fini(&lanes->shares);
    gord_resources_fini(&lanes->resources);
    gord_owner_limits_fini(&lanes->owners);
}
